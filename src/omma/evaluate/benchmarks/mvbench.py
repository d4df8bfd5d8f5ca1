"""MVBench: twenty tasks about short clips that no single frame settles (arXiv 2311.17005). 200 questions each.

    mvbench/json/action_antonym.json                 one file a task: [{"video", "question", "candidates", "answer"}, …]
    mvbench/video/ssv2_video_mp4/166583.mp4          the clips, in the folders of the hub's revision "video"

or folders of frames named as the clips. Five tasks ask about a part of a longer film; the revision "video" holds these parts
cut out (star/Charades_segment, sta/sta_video_segment, tvqa/video_fps3_hq_segment), and whole films are not read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import letter_by_text, options_of
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.choice.mvbench import LmmsEvalMvBench, MvBench, VlmEvalKitMvBench
from omma.metrics.metric import Metric

# EvolvingLMMs-Lab/lmms-eval, lmms_eval/tasks/mvbench/utils.py: where the clips of a task lie
CLIPS = {
    "action_antonym": "ssv2_video_mp4",
    "action_count": "perception/videos",
    "action_localization": "sta/sta_video_segment",
    "action_prediction": "star/Charades_segment",
    "action_sequence": "star/Charades_segment",
    "character_order": "perception/videos",
    "counterfactual_inference": "clevrer/video_validation",
    "egocentric_navigation": "vlnqa",
    "episodic_reasoning": "tvqa/video_fps3_hq_segment",
    "fine_grained_action": "Moments_in_Time_Raw/videos",
    "fine_grained_pose": "nturgbd_convert",
    "moving_attribute": "clevrer/video_validation",
    "moving_count": "clevrer/video_validation",
    "moving_direction": "clevrer/video_validation",
    "object_existence": "clevrer/video_validation",
    "object_interaction": "star/Charades_segment",
    "object_shuffle": "perception/videos",
    "scene_transition": "scene_qa/video",
    "state_change": "perception/videos",
    "unexpected_action": "FunQA_test/test",
}
PLACES = ("video/", "", "data0613/")
SYSTEM = (
    "Carefully watch the video and pay attention to the cause and sequence of events, the detail and movement of objects, and the "
    "action and pose of persons. Based on your observations, select the best option that accurately addresses the question.\n"
)  # OpenGVLab/Ask-Anything, video_chat2/mvbench.ipynb
BEST = "\nOnly give the best option."


@config
class MvBenchQuestions(Published):
    """The official words and 100 tokens; the script's opening of the reply, "Best option:(", is left to the model.

    The script's average is that over questions; with 200 of each task it is the mean over tasks, too.
    """

    about: ClassVar[str] = "twenty tasks about motion and order in clips"
    abilities: ClassVar[tuple[str, ...]] = ("video", "time")
    size: ClassVar[int] = 4000
    layout: ClassVar[str] = "a folder with json (a file a task) and video (the clips)"

    path: str = "mvbench"
    prompt: Prompt = Prompt(
        before=SYSTEM, question="Question: {question}", choices="\nOptions:\n", choice="({letter}) {choice}", after=BEST
    )
    sampling: Sampling = Sampling(max_tokens=100)
    metrics: tuple[Metric, ...] = (MvBench(), LmmsEvalMvBench(), VlmEvalKitMvBench())
    subsets: tuple[str, ...] = ("sub_task",)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → the questions of the tasks that are there, in the order of the tasks' names."""
        there = [task for task in CLIPS if (file / f"json/{task}.json").is_file()]
        if not there:
            raise DataError(uri, "no json/action_antonym.json and the like", self.layout, "take the folders json and video")
        for task in there:
            name = f"{uri}/json/{task}.json"
            for number, row in enumerate(read_rows(file / f"json/{task}.json", name, ())):
                where = f"{name}:{number}"
                choices = options_of(row)
                words = self.prompt.words(str(need(row, "question", where)), choices)
                clip = f"{uri}/{_clip(file, task, str(need(row, 'video', where)))}"
                sample = asking(f"{task}:{number}", words, [clip], task=task, kind="video")
                yield Question(sample, letter_by_text(row, choices, where), {"choices": choices, "sub_task": task})


def _clip(folder: Path, task: str, video: str) -> str:
    """Where the clip is: a file or a folder of frames; as in the hub's release if it is nowhere."""
    names = [f"{place}{CLIPS[task]}/{video}{end}" for place in PLACES for end in ("", ".mp4")]
    return next((name for name in names if (folder / name).exists()), names[0])
