"""Course: what a stage reads, as the loop sees it: steps of micro-batches from any step on, and held-out batches."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from omma.schema.batch import Batch


@dataclass(frozen=True, slots=True)
class Course:
    """`feed(step)` yields this rank's micro-batches of each step from `step` on; `heldout()` its share of what validates."""

    plan: str
    steps: int
    sources: tuple[str, ...]
    feed: Callable[[int], Iterable[tuple[Batch, ...]]]
    heldout: Callable[[], Iterable[Batch]]
