"""Winoground: scores of two captions against two pictures → text, image and group score (Thrush et al. 2022, equations 1–3)."""

from collections.abc import Sequence

from omma.core.config import config
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, number
from omma.metrics.structured import as_numbers, parse

Table = Sequence[Sequence[float]]


def text_right(scores: Table) -> bool:
    """Scores [caption][picture] → whether each picture prefers its own caption, strictly."""
    return scores[0][0] > scores[1][0] and scores[1][1] > scores[0][1]


def image_right(scores: Table) -> bool:
    """Scores [caption][picture] → whether each caption prefers its own picture, strictly."""
    return scores[0][0] > scores[0][1] and scores[1][1] > scores[1][0]


@config
class Winoground(Metric):
    """Group score first, then text and image score. A reply is JSON: [[c0 i0, c0 i1], [c1 i0, c1 i1]]. Gold is not read.

    Scores drawn at random give 1/6, 1/4 and 1/4.
    """

    label = "group score"
    source = "facebookresearch/unibench unibench/benchmarks_zoo (relation, strict)"
    ties = "wrong"

    def extract(self, raw: str, facts: Facts) -> list[list[float]] | None:
        rows = parse(raw)
        table = [as_numbers(row) for row in rows] if isinstance(rows, list) and len(rows) == 2 else []
        found = [row for row in table if row is not None and len(row) == 2]
        return found if len(found) == 2 else None

    def match(self, said: list[list[float]], gold: object, facts: Facts) -> Mark:
        text, image = text_right(said), image_right(said)
        return Mark(said, float(text and image), {"text": float(text), "image": float(image)})

    def unread(self, gold: object, facts: Facts) -> Mark:
        return Mark(None, 0.0, {"text": 0.0, "image": 0.0})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        terms = [(one.mark.score, one.mark.details["text"], one.mark.details["image"], 1.0) for one in marked]
        labels = (self.label, "text score", "image score")
        return tuple(
            number(label, marked, terms, lambda sums, at=at: sums[..., at] / sums[..., 3]) for at, label in enumerate(labels)
        )
