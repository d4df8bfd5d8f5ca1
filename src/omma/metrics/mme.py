"""MME: replies to two questions per picture, of which one is to be answered yes → accuracy, accuracy+ and score of each subtask."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from omma.core.config import config
from omma.core.errors import DataError
from omma.metrics.metric import Facts, Marked, Metric, Number, grouped, number
from omma.metrics.yesno import Sums, start_says, truth, words_say

PERCEPTION = ("existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark", "artwork", "OCR")
COGNITION = ("commonsense_reasoning", "numerical_calculation", "text_translation", "code_reasoning")
COLUMNS = 4  # right replies, replies, pictures with both right, pictures


@config
class Mme(Metric):
    """MME. `gold`: yes or no. Reads the facts `category` (the subtask) and `image` (the picture).

    A subtask scores 100 × (share of right replies + share of pictures with both right), at most 200. The sum over the ten
    subtasks of perception (at most 2,000) comes first, then that over the four of cognition (800), each only where all its
    subtasks are there; then every subtask's score, accuracy and accuracy+. What is drawn for intervals is a
    picture, and `count` counts pictures. Read are the first four characters of the reply (`start_says`).
    """

    label: ClassVar[str] = "perception"
    cognition: ClassVar[str] = "cognition"
    source: ClassVar[str] = "BradyFU/Awesome-Multimodal-Large-Language-Models branch Evaluation, tools/eval_tool.zip"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → "yes", "no" or None."""
        return _word(self.says(raw))

    def says(self, raw: str) -> bool | None:
        """Reply → whether it says yes; None if it says neither."""
        return start_says(raw)

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """What was read + what is right → 0.0 or 1.0."""
        return float((said == "yes") == truth(gold, "MME"))

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Perception, cognition, then the subtasks in the order of the tables. DataError if a picture lacks a question."""
        pictures = grouped(marked, "category", "image")
        names = sorted({category for category, _ in pictures}, key=_order)
        place = {name: COLUMNS * i for i, name in enumerate(names)}
        terms = np.zeros((len(pictures), COLUMNS * len(names)))
        for row, ((category, image), replies) in zip(terms, pictures.items(), strict=True):
            row[place[category] : place[category] + COLUMNS] = _of_picture(category, image, replies)
        totals = [
            number(label, marked, terms, _sum([place[name] for name in parts]), unit="points")
            for label, parts in ((self.label, PERCEPTION), (self.cognition, COGNITION))
            if set(parts) <= set(names)
        ]
        found = totals + [value for name in names for value in self._subtask(name, marked)]
        if not found:
            raise DataError("MME", "no answers to score", "at least one", "ask the questions first")
        return tuple(found)

    def _subtask(self, name: str, marked: Sequence[Marked]) -> tuple[Number, ...]:
        part = [one for one in marked if one.facts["category"] == name]
        terms = [_of_picture(name, image, replies) for (image,), replies in grouped(part, "image").items()]
        return (
            number(name, part, terms, _points, unit="points"),
            number(f"{name} acc", part, terms, lambda sums: sums[..., 0] / sums[..., 1]),
            number(f"{name} acc+", part, terms, lambda sums: sums[..., 2] / sums[..., 3]),
        )


@config
class LmmsEvalMme(Mme):
    """MME in lmms-eval: the reply is stripped and loses its periods first, and "y" and "n" alone are read too."""

    label: ClassVar[str] = "mme_perception_score"
    cognition: ClassVar[str] = "mme_cognition_score"
    variant: ClassVar[str] = "lmms-eval"
    source: ClassVar[str] = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/mme/utils.py at 75571cf"

    def says(self, raw: str) -> bool | None:
        """Reply → whether it says yes; None if it says neither."""
        reply = raw.strip().lower().strip().replace(".", "")
        return {"y": True, "n": False}.get(reply, start_says(reply))


@config
class VlmEvalKitMme(Mme):
    """MME in VLMEvalKit: one of the words yes and no anywhere in the reply, and not the other. Cognition is its "reasoning"."""

    cognition: ClassVar[str] = "reasoning"
    variant: ClassVar[str] = "vlmevalkit"
    source: ClassVar[str] = "open-compass/VLMEvalKit vlmeval/dataset/utils/yorn.py MME_rating at e8e78f0"

    def says(self, raw: str) -> bool | None:
        """Reply → whether it says yes; None if it says neither or both."""
        return words_say(raw)


def _word(yes: bool | None) -> str | None:
    return None if yes is None else "yes" if yes else "no"


def _order(name: str) -> tuple[int, str]:
    known = PERCEPTION + COGNITION
    return (known.index(name) if name in known else len(known), str(name))


def _of_picture(category: str, image: str, replies: Sequence[Marked]) -> tuple[float, float, float, float]:
    if len(replies) != 2:
        raise DataError(f"MME {category} {image}", f"{len(replies)} questions", "two for each picture", "score whole pictures")
    right = sum(one.mark.score for one in replies)
    return right, 2.0, float(right == 2), 1.0


def _points(sums: Sums) -> Sums:
    return 100 * (sums[..., 0] / sums[..., 1] + sums[..., 2] / sums[..., 3])


def _sum(places: Sequence[int]) -> Callable[[Sums], Sums]:
    return lambda sums: np.sum([_points(sums[..., place : place + COLUMNS]) for place in places], axis=0)
