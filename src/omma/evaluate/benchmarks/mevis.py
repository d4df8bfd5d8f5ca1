"""MeViS: segment what a sentence about motion refers to, in every frame of a video (arXiv 2308.08544).

    mevis/valid_u/meta_expressions.json    {"videos": {video: {"expressions": {id: {"exp", "anno_id"}}, "frames": […]}}}
    mevis/valid_u/mask_dict.json           {anno_id: [run lengths or null, a frame each]}
    mevis/valid_u/JPEGImages/VIDEO/….jpg   the frames

The gold of a frame is the union of the masks of all its objects. The masks of "valid" are not published: the benchmark's server
scores it.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.core.files import read_text
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.metrics.detection.annotations import read_mask
from omma.metrics.masks.davis import VideoObject
from omma.metrics.masks.rle import to_text, union
from omma.metrics.metric import Metric
from omma.schema.verdict import Record

WORDS, MASKS, FRAMES = "meta_expressions.json", "mask_dict.json", "JPEGImages"


@config
class MevisQuestions(Published):
    """Masks of all frames: recorded ones, as a rule. A reply is JSON, a list with a mask (run lengths, polygons, null) a frame."""

    about: ClassVar[str] = "the masks of what moves as a sentence says"
    abilities: ClassVar[tuple[str, ...]] = ("video", "grounding")
    layout: ClassVar[str] = f"a folder with {WORDS}, {MASKS} and {FRAMES}"

    name: str = "mevis"
    path: str = "mevis/valid_u"
    prompt: Prompt = Prompt(before="Please segment, in every frame, what this sentence describes: ", after=".")
    sampling: Sampling = Sampling(max_tokens=8192)
    metrics: tuple[Metric, ...] = (VideoObject(),)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → a question an expression, video by video. DataError for a split whose masks are not published."""
        if (file / WORDS).is_file() and not (file / MASKS).is_file():
            fix = "take valid_u: the masks of valid and test are with the benchmark's server"
            raise DataError(f"{uri}/{MASKS}", "no such file", "the masks of the objects", fix)
        videos, masks = need(_object(file / WORDS, f"{uri}/{WORDS}"), "videos", uri), _object(file / MASKS, f"{uri}/{MASKS}")
        for video, one in videos.items():
            where = f"{uri}/{WORDS}: {video}"
            frames = len(need(one, "frames", where))
            for name, said in need(one, "expressions", where).items():
                gold = _frames([_of(masks, part, frames, where) for part in need(said, "anno_id", where)], frames)
                words = self.prompt.words(" ".join(str(need(said, "exp", where)).lower().split()))
                sample = asking(f"{video}:{name}", words, [f"{uri}/{FRAMES}/{video}"], kind="video", task="segmentation")
                yield Question(sample, gold, _size(gold, where))

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """Nothing in any frame."""
        return ("[]",)


def _object(file: Path, where: str) -> dict[str, Any]:
    try:
        data = json.loads(read_text(file))
    except OSError:
        raise DataError(where, "no such file", f"the published {file.name}") from None
    except (ValueError, RecursionError) as error:
        raise DataError(where, f"no JSON: {error}", "one JSON object") from None
    if not isinstance(data, dict):
        raise DataError(where, f"a {type(data).__name__}", "one JSON object")
    return data


def _of(masks: dict[str, Any], part: Any, frames: int, where: str) -> list[Any]:
    found = masks.get(str(part))
    if not isinstance(found, list) or len(found) != frames:
        got = "no masks" if found is None else f"{len(found)} masks"
        raise DataError(where, f"{got} of annotation {part}", f"{frames}, one a frame, in {MASKS}")
    return found


def _frames(parts: Sequence[list[Any]], frames: int) -> list[dict[str, Any] | None]:
    """The masks of each object, frame by frame → their union in each frame, None where there is nothing."""
    found: list[dict[str, Any] | None] = []
    for number in range(frames):
        masks = [read_mask(part[number], None) for part in parts if part[number]]
        whole = union(masks) if masks else None
        found.append(None if whole is None else {"size": [whole.height, whole.width], "counts": to_text(whole)})
    return found


def _size(gold: Sequence[dict[str, Any] | None], where: str) -> dict[str, int]:
    """The size of the frames, as their masks state it."""
    shown = next((mask for mask in gold if mask is not None), None)
    if shown is None:
        raise DataError(where, "no mask in any frame", "at least one, that says the size of the frames")
    return {"height": shown["size"][0], "width": shown["size"][1]}
