"""Draws: weighted sources → an endless (or counted) stream of units, in blocks. Each pass of a source is shuffled anew."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from omma.core.seeds import generator


@dataclass(slots=True)
class Source:
    """One source of the mixture: its units, its share of the draws, and how many were drawn so far."""

    name: str
    units: np.ndarray
    share: float
    drawn: int = 0
    shuffled: tuple[int, np.ndarray] = (-1, np.zeros(0, np.int64))  # the pass that was shuffled last, and its order


@dataclass(slots=True)
class Draws:
    """A stream that is a function of sources and seed. `total` 0 means endless; else sources share it by largest remainder."""

    sources: Sequence[Source]
    seed: int
    total: int = 0
    drawn: int = 0
    blocks: int = field(default=0)

    def block(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Next `size` draws (fewer at the end) → units and their pass numbers, mixed at random; a source's passes in order."""
        size = min(size, self.total - self.drawn) if self.total else size
        self.drawn += size
        counts = self._targets() - np.array([source.drawn for source in self.sources])
        labels = np.repeat(np.arange(len(self.sources)), counts)
        generator(self.seed, "mix", self.blocks).shuffle(labels)
        self.blocks += 1
        units, passes = np.empty(len(labels), np.int64), np.empty(len(labels), np.int64)
        for number, (source, count) in enumerate(zip(self.sources, counts.tolist(), strict=True)):
            units[labels == number], passes[labels == number] = self._take(source, count)
        return units, passes

    def _targets(self) -> np.ndarray:
        """How many each source has given when `drawn` are drawn in all."""
        exact = np.array([source.share for source in self.sources]) * self.drawn
        whole = np.floor(exact + 1e-9).astype(np.int64)
        if self.drawn == self.total:
            order = np.argsort(whole - exact, kind="stable")
            whole[order[: self.drawn - int(whole.sum())]] += 1
        return whole

    def _take(self, source: Source, count: int) -> tuple[np.ndarray, np.ndarray]:
        first, last, size = source.drawn, source.drawn + count, len(source.units)
        source.drawn = last
        units = [np.zeros(0, np.int64)]
        for number in range(first // size, -(-last // size)):
            if source.shuffled[0] != number:
                source.shuffled = number, generator(self.seed, "pass", source.name, number).permutation(source.units)
            units.append(source.shuffled[1][max(first - number * size, 0) : last - number * size])
        return np.concatenate(units), np.arange(first, last) // size
