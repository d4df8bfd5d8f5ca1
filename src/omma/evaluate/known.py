"""Known: training samples → what someone knows who learnt the answers by heart and sees no picture.

Per task: the best constant answer, the answers there are, and the best constant box. Small, saved beside the records,
so that scores can be worked out again from files alone.
"""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from omma.evaluate.gold import gold_box, unit_box
from omma.metrics.guess import best_box, majority
from omma.metrics.text import normalise
from omma.schema.sample import Sample

CLOSED = 256  # a task with more distinct answers is open: any words are an answer to it


@dataclass(frozen=True, slots=True)
class Known:
    """Per task: `guess` the most common answer, `answers` all of them (normal form; none for open tasks), `box` in unit frame.

    `overall` is the most common answer over all tasks.
    """

    overall: str = ""
    guess: dict[str, str] = field(default_factory=dict)
    answers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    box: dict[str, tuple[float, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return dataclasses.asdict(self)

    @staticmethod
    def from_dict(data: dict[str, Any]) -> "Known":
        """Inverse of `to_dict`. KeyError or AttributeError if it is not one."""
        answers, box = ({task: tuple(items) for task, items in data[name].items()} for name in ("answers", "box"))
        return Known(str(data["overall"]), dict(data["guess"]), answers, box)


def learn(samples: Iterable[Sample]) -> Known:
    """Training samples with answers → what is known of each task."""
    texts: dict[str, list[str]] = {}
    boxes: dict[str, list[tuple[float, ...]]] = {}
    for sample in samples:
        if sample.answer is None:
            continue
        if sample.answer.region is not None:
            boxes.setdefault(sample.task, []).append(unit_box(gold_box(sample), sample))
        elif sample.answer.texts:
            texts.setdefault(sample.task, []).extend(sorted({normalise(text) for text in sample.answer.texts}))
    answers = {task: tuple(sorted(set(items))) for task, items in sorted(texts.items())}
    return Known(
        overall=majority({"": [text for items in texts.values() for text in items]}).get("", ""),
        guess=dict(sorted(majority(texts).items())),
        answers={task: items for task, items in answers.items() if len(items) <= CLOSED},
        box={task: best_box(np.array(items))[0] for task, items in sorted(boxes.items())},
    )
