"""Video-MME: 2,700 questions about 900 films from eleven seconds to an hour, with and without subtitles (arXiv 2405.21075).

videomme/videomme/test-00000-of-00001.parquet    video_id, duration, domain, sub_category, videoID, question_id, task_type,
                                                 question, options ("A. …"), answer; the hub's
videomme/data/fFjv93ACGo8.mp4                    the films, or folders of frames of that name
videomme/subtitle/fFjv93ACGo8.srt                where there are some (744 films)
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.core.files import read_text
from omma.evaluate.layouts import several
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import numbered, right_letter
from omma.evaluate.subtitles import parse_srt, said_at, spread
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.media.video import measure_video
from omma.metrics.choice.videomme import LmmsEvalVideoMme, VideoMme, VlmEvalKitVideoMme
from omma.metrics.metric import Metric

FILMS = ("", ".mp4", ".MP4", ".mkv")
OPTION = re.compile(r"[A-D]\.\s*")
OFFICIAL = Prompt(
    hint="This video's subtitles are listed below:\n{hint}\n",
    question="Select the best answer to the following multiple-choice question based on the video. Respond with only the letter "
    "(A, B, C, or D) of the correct option.\n{question}",
    choice="{choice}",
    after="\nThe best answer is:",
)  # BradyFU/Video-MME, README.md
NONE = "No subtitles available"


@config
class VideoMmeQuestions(Published):
    """The official words; 16 tokens are lmms-eval's. Films without subtitles say so in lmms-eval's words."""

    about: ClassVar[str] = "questions about films, short to an hour"
    abilities: ClassVar[tuple[str, ...]] = ("video", "long video", "reasoning")
    size: ClassVar[int] = 2700
    layout: ClassVar[str] = "a folder with test-….parquet, data with the films, and subtitle"

    path: str = "videomme"
    prompt: Prompt = OFFICIAL
    sampling: Sampling = Sampling(max_tokens=16)
    metrics: tuple[Metric, ...] = (VideoMme(), LmmsEvalVideoMme(), VlmEvalKitVideoMme())
    subsets: tuple[str, ...] = ("domain", "task_type")

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions in order."""
        folder, above = (file, f"{uri}/") if file.is_dir() else (file.parent, "".join(uri.rpartition("/")[:2]))
        heard: tuple[str, str] = ("", "")
        for _, where, row in numbered(file, uri, (), ("test",)):
            name = str(need(row, "videoID", where))
            if heard[0] != name:
                heard = name, self.subtitles(folder, name)
            listed = several(need(row, "options", where))
            words = self.prompt.words(str(need(row, "question", where)), listed, heard[1])
            yield self._question(row, words, listed, f"{above}{_film(folder, name)}", where)

    def subtitles(self, folder: Path, name: str) -> str:
        """Folder of the benchmark + a film's name → what the prompt says of its subtitles: nothing."""
        return ""

    def _question(self, row: dict[str, Any], words: str, listed: list[str], film: str, where: str) -> Question:
        choices = [OPTION.sub("", option, count=1) for option in listed]
        facts = {name: str(row[name]) for name in ("duration", "domain", "sub_category", "task_type") if name in row}
        sample = asking(str(need(row, "question_id", where)), words, [film], task=facts.get("task_type", ""), kind="video")
        return Question(sample, right_letter(row, choices, where), facts | {"choices": choices})


@config
class SubtitledVideoMmeQuestions(VideoMmeQuestions):
    """The same with subtitles: those that are heard at `moments` moments spread over the film, or all of them with 0.

    Officially they are those of the frames that a model is shown: `moments` is to be that number; 32 is lmms-eval's.
    """

    moments: int = 32

    def subtitles(self, folder: Path, name: str) -> str:
        """Folder of the benchmark + a film's name → what is said in it, a line each."""
        file = folder / f"subtitle/{name}.srt"
        if not file.is_file():
            return NONE
        lines = parse_srt(read_text(file))
        if self.moments:
            try:
                facts = measure_video(Store(folder), _film(folder, name))
            except DataError:  # the film counts as unreadable when it is asked about
                return NONE
            lines = said_at(lines, spread(facts.frames, facts.fps, self.moments))
        return "\n".join(line.words for line in lines) or NONE


def _film(folder: Path, name: str) -> str:
    """Where the film of that name is: a folder of frames or a file."""
    return next((film for end in FILMS if (folder / (film := f"data/{name}{end}")).exists()), f"data/{name}.mp4")
