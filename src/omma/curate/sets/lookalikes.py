"""Look-alikes: what operators that drop copies of pictures share: which of the copies stays, which picture a sample copies.

Copies are between distinct files: many samples may speak of one picture. Of copies the held-out one stays, else the largest,
else the one that most samples show, else the first by content hash, then by name; a picture near a dropped one but near no kept
one stays. Candidates for copies are found by hashes, all pairs within a distance, and confirmed by colour thumbnails: equal in
every cell up to `max_difference` after the best common gain and offset (brightness, contrast).
"""

from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float, Int64, UInt8, UInt64

from omma.core.config import config
from omma.curate.operator import Candidate, Drops, Scores, SetOperator
from omma.curate.sets.columns import Rows

NONE = -1


@dataclass
class Files:
    """Distinct pictures by uri, numbered as they are met: what decides which of copies stays, and their looks."""

    numbers: dict[str, int] = field(default_factory=dict)
    contents: array = field(default_factory=lambda: array("Q"))
    areas: array = field(default_factory=lambda: array("q"))
    uses: array = field(default_factory=lambda: array("q"))
    heldout: array = field(default_factory=lambda: array("b"))
    looks: Rows = field(default_factory=Rows)

    def add(self, candidate: Candidate) -> list[int]:
        """The next candidate → numbers of the pictures that it shows."""
        images = [item for item in candidate.sample.media if item.kind == "image"]
        found = []
        for item, look in zip(images, candidate.looks, strict=True):
            number = self.numbers.setdefault(item.uri, len(self.areas))
            if number == len(self.areas):
                self.contents.append(int(item.sha256[:16] or "0", 16))
                self.areas.append(item.width * item.height)
                self.uses.append(0)
                self.heldout.append(candidate.heldout)
                self.looks.add(look)
            self.heldout[number] |= candidate.heldout
            self.uses[number] += 1
            found.append(number)
        return found

    def best_first(self) -> Int64[np.ndarray, "files"]:
        """Numbers: held out, then larger, then shown more often, then by content, then by name."""
        alphabet = np.empty(len(self.areas), np.int64)
        alphabet[[self.numbers[uri] for uri in sorted(self.numbers)]] = np.arange(len(alphabet))
        areas, uses = np.array(self.areas, np.int64), np.array(self.uses, np.int64)
        return np.lexsort((alphabet, np.array(self.contents, np.uint64), -uses, -areas, ~np.array(self.heldout, bool)))


@dataclass(frozen=True, slots=True)
class Copies:
    """For each file the number of the one that it copies and the bits between them; -1: it copies none."""

    original: Int64[np.ndarray, "files"]
    bits: Float[np.ndarray, "files"]


@config
class Lookalike(SetOperator):
    """Drops samples all of whose pictures are copies. Mirrored copies are not found."""

    drops: ClassVar[Drops] = "<="
    scope: ClassVar[Literal["all", "train"]] = "train"
    scored_by: ClassVar[tuple[str, ...]] = ("max_distance", "max_difference")
    num_hashes: ClassVar[int] = 1  # in a look, eight bytes each; the colour thumbnail follows
    likeness: ClassVar[str] = "looks like {}"
    max_distance: int
    max_difference: float

    @property
    def threshold(self) -> float:
        """Largest distance of copies, bits."""
        return float(self.max_distance)

    def near(self, hashes: UInt64[np.ndarray, "n hashes"]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Distinct rows of hashes → blocks of (number, other number, bits), each pair within `max_distance` at least once."""
        raise NotImplementedError(f"{type(self).__name__} has no near")

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """Distance to the kept picture that a sample's picture copies; NaN where it copies none."""
        files, shown, counts, heldout = Files(), array("q"), array("q"), array("b")
        for candidate in candidates:
            numbers = files.add(candidate)
            shown.extend(numbers)
            counts.append(len(numbers))
            heldout.append(candidate.heldout)
        copies, uris = self._copies(files), list(files.numbers)
        values, notes, start = np.full(len(counts), np.nan), [""] * len(counts), 0
        for i, (count, held) in enumerate(zip(counts, heldout, strict=True)):
            found = [_copy(number, files, copies, uris, bool(held)) for number in shown[start : start + count]]
            start += count
            if found and all(found):
                values[i], notes[i] = max(item for item in found if item)
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Samples all of whose pictures are copies."""
        pairs = zip(scores.values, scores.notes, strict=True)
        return [self.likeness.format(note) if value <= self.max_distance else "" for value, note in pairs]

    def _copies(self, files: Files) -> Copies:
        """Files, best first, are kept unless near one kept before; of several the nearest counts, then the best."""
        looks = files.looks.table
        order = files.best_first()
        copies = Copies(np.full(len(order), NONE), np.full(len(order), np.nan))
        if not len(order):
            return copies
        rows = np.ascontiguousarray(looks[:, : 8 * self.num_hashes]).view(f"V{8 * self.num_hashes}").reshape(-1)
        distinct, group_of = np.unique(rows, return_inverse=True)
        near = _Neighbours(self.near(distinct.view(np.uint64).reshape(-1, self.num_hashes)), len(distinct))
        kept: dict[int, list[int]] = {}  # by group of equal hashes, places in the order of files
        for place, number in enumerate(order.tolist()):
            group = int(group_of[number])
            rivals = [(bits, other) for there, bits in near.of(group) for other in kept.get(there, ())]
            alike = self._alike(looks, number, order[[other for _, other in rivals]]) if rivals else ()
            found = [rival for rival, same in zip(rivals, alike, strict=True) if same]
            if found:
                copies.bits[number], best = min(found)
                copies.original[number] = order[best]
            else:
                kept.setdefault(group, []).append(place)
        return copies

    def _alike(self, looks: UInt8[np.ndarray, "n values"], number: int, others: Int64[np.ndarray, "m"]) -> Bool[np.ndarray, "m"]:
        start = 8 * self.num_hashes
        cells = looks[number, start:].astype(np.float64)
        return differences(cells, looks[others, start:].astype(np.float64)) <= self.max_difference


class _Neighbours:
    """For each of some groups of hashes the groups near it, itself among them."""

    def __init__(self, blocks: Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]], size: int) -> None:
        codes = [np.arange(size) * (size + 1) << 7]
        for one, other, bits in blocks:
            codes += [(one * size + other << 7) | bits, (other * size + one << 7) | bits]
        found = np.sort(np.concatenate(codes))
        pairs, first = np.unique(found >> 7, return_index=True)  # of several distances of a pair the least
        self._bits = (found[first] & 127).astype(np.uint8)
        self._others = (pairs % max(size, 1)).astype(np.int32)
        self._starts = np.searchsorted(pairs, np.arange(size + 1) * size)

    def of(self, group: int) -> Iterator[tuple[int, int]]:
        """(group, bits)."""
        part = slice(self._starts[group], self._starts[group + 1])
        return zip(self._others[part].tolist(), self._bits[part].tolist(), strict=True)


def differences(cells: Float[np.ndarray, "values"], others: Float[np.ndarray, "n values"]) -> Float[np.ndarray, "n"]:
    """Colour thumbnail + others → the largest difference in any cell after the best common gain and offset."""
    centred, shifted = cells - cells.mean(), others - others.mean(axis=1, keepdims=True)
    energy = (shifted**2).sum(axis=1)
    gain = np.clip((shifted @ centred) / np.maximum(energy, 1e-9), 0.5, 2.0)
    return np.abs(shifted * gain[:, None] - centred).max(axis=1)


def _copy(number: int, files: Files, copies: Copies, uris: list[str], heldout: bool) -> tuple[float, str] | None:
    """A sample's picture → what it copies; a train sample of a held-out file copies that file."""
    if files.heldout[number] and not heldout:
        return 0.0, f"{uris[number]} (held out)"
    original = int(copies.original[number])
    return None if original == NONE else (float(copies.bits[number]), uris[original])
