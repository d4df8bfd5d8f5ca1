"""Pairs: captioned samples → pictures with all that is said of each, and the batch of any step as a pure function of the seed.

What is drawn is a picture, never a sample, so that no two samples of one picture can stand in a batch as each other's negatives:
samples are joined by the hash of the picture's bytes (by its name where there is none), and a batch lies within one order of all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from omma.core.errors import DataError
from omma.core.files import bytes_hash
from omma.core.ledger import Entry
from omma.core.seeds import generator
from omma.schema.sample import Media, Sample


@dataclass(slots=True)
class Pictured:
    """A picture, the first sample that shows it, and its different captions in order."""

    media: Media
    sample_id: str
    captions: list[str] = field(default_factory=list)


def pictured(samples: Sequence[Sample]) -> tuple[list[Pictured], list[Entry]]:
    """Samples → pictures in order of first appearance, and a ledger row for each sample that is no pair."""
    found: dict[str, Pictured] = {}
    left: list[Entry] = []
    for sample in samples:
        texts = [caption.text.strip() for caption in sample.captions if caption.text.strip()]
        if reason := _no_pair(sample, texts):
            left.append(Entry(sample.id, sample.source, "pairs", "1", "leftover", reason))
            continue
        (media,) = sample.media
        one = found.setdefault(media.sha256 or media.uri, Pictured(media, sample.id))
        one.captions += [text for text in texts if text not in one.captions]
    return list(found.values()), left


def _no_pair(sample: Sample, texts: Sequence[str]) -> str:
    if len(sample.media) != 1:
        return f"{len(sample.media)} pictures; a pair has one"
    if sample.media[0].kind != "image":
        return "a video; a pair has a picture"
    return "" if texts else "no caption"


@dataclass(frozen=True, slots=True)
class Draw:
    """The places of a step's pictures, and which caption of each is read."""

    pictures: np.ndarray  # (N,)
    captions: np.ndarray  # (N,)


class Draws:
    """Batches of `batch` different pictures. An order of all is gone through from its start; the rest behind its last whole batch
    waits for the next order, which is another one."""

    def __init__(self, pairs: Sequence[Pictured], batch: int, seed: int) -> None:
        if len(pairs) < batch:
            fix = "set a smaller batch, or look at what curation dropped"
            raise DataError("stage.batch", f"{len(pairs)} different pictures with captions", f"at least {batch}", fix)
        self.counts = np.array([len(one.captions) for one in pairs])
        self.batch, self.seed = batch, seed
        told = "\n".join("\t".join((one.media.sha256 or one.media.uri, *one.captions)) for one in pairs)
        self.hash = bytes_hash(f"{seed} {batch}\n{told}".encode())[:16]

    def of(self, step: int) -> Draw:
        """Step → what it reads."""
        epoch, place = divmod(step, len(self.counts) // self.batch)
        chosen = _order(self.seed, epoch, len(self.counts))[place * self.batch : (place + 1) * self.batch]
        numbers = generator(self.seed, "captions", step).integers(0, np.iinfo(np.int64).max, self.batch)
        return Draw(chosen, numbers % self.counts[chosen])


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> np.ndarray:
    return generator(seed, "pictures", epoch).permutation(count)
