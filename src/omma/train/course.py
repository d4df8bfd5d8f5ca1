"""Course: what a stage reads, as the loop sees it: steps of micro-batches from any step on, and held-out batches."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from omma.media.store import Store
from omma.pack.codec import Codec
from omma.schema.batch import Batch
from omma.schema.sample import Sample
from omma.schema.talk import Eye


@dataclass(frozen=True, slots=True)
class Materials:
    """What all stages of a run read: curated samples, held-out ones, how they become tokens, and where pictures lie."""

    samples: Sequence[Sample]
    heldout: Sequence[Sample]
    codec: Codec
    eye: Eye
    store: Store


@dataclass(frozen=True, slots=True)
class Course:
    """`feed(step)` yields this rank's micro-batches of each step from `step` on; `heldout()` its share of what validates."""

    plan: str
    steps: int
    sources: tuple[str, ...]
    feed: Callable[[int], Iterable[tuple[Batch, ...]]]
    heldout: Callable[[], Iterable[Batch]]
