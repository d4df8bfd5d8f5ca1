"""Columns: candidates, one by one → what set operators keep of them: numbers, rows, and the order in which ties are broken."""

import hashlib
import math
from array import array

import numpy as np
from jaxtyping import Float, Int64, Shaped, UInt64

from omma.core.errors import DataError
from omma.curate.operator import Candidate
from omma.schema.sample import Sample

ODD = np.uint64(0x9E3779B97F4A7C15)
BITS = np.uint64(32)


class Places:
    """The order in which ties are broken: by a hash of what samples show and say, then by one of their ids.

    It knows nothing of the order in which samples are added. 24 bytes each are kept.
    """

    def __init__(self) -> None:
        self._bytes = bytearray()

    def add(self, sample: Sample) -> None:
        """The next one."""
        self._bytes += place(sample)

    @property
    def table(self) -> UInt64[np.ndarray, "samples 3"]:
        """First and second half of the content's hash, and the id's."""
        return np.frombuffer(self._bytes, ">u8").reshape(-1, 3).astype(np.uint64)

    def order(self, *before: Shaped[np.ndarray, "samples"]) -> Int64[np.ndarray, "samples"]:
        """Numbers of the samples by the given keys, the first above all, then by content, then by id."""
        high, low, name = self.table.T
        return np.lexsort((name, low, high, *reversed(before)))

    def contents(self) -> tuple[list[str], Int64[np.ndarray, "samples"]]:
        """Hashes of the distinct contents in hexadecimal digits, in order, and the number of each sample's."""
        rows = np.frombuffer(self._bytes, np.uint8).reshape(-1, 24)[:, :16]
        distinct, numbers = np.unique(np.ascontiguousarray(rows).view("V16").reshape(-1), return_inverse=True)
        return [content.tobytes().hex() for content in distinct], numbers

    def draws(self, seed: int) -> UInt64[np.ndarray, "samples"]:
        """A number for each content that looks drawn at random, another for each seed."""
        salt = np.frombuffer(hashlib.sha256(f"draw {seed}".encode()).digest()[:8], np.uint64)
        mixed = (self.table[:, 0] ^ salt) * ODD
        return (mixed ^ (mixed >> BITS)) * ODD


class Numbers:
    """Scores of the operator `name` that ran before, else the samples' `meta[name]`; NaN where there is neither."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._values = array("d")
        self._known: set[str] = set()

    def add(self, candidate: Candidate) -> float:
        """The next one's."""
        value: object = candidate.scores.get(self.name)
        self._known.update(candidate.scores)
        if value is None:  # samples are made when they are asked for
            value = candidate.sample.meta.get(self.name)
            self._known.update(candidate.sample.meta)
        self._values.append(float(value) if isinstance(value, int | float) else math.nan)
        return self._values[-1]

    def values(self) -> Float[np.ndarray, "samples"]:
        """All of them. DataError if none has such a number."""
        values = np.array(self._values, np.float64)
        if len(values) and np.isnan(values).all():
            got, expected = f"no sample has a score {self.name!r}", "the name of an operator before, or a field of meta"
            raise DataError("curate", got, expected, f"there is {', '.join(sorted(self._known)) or 'nothing'}")
        return values


class Rows:
    """Rows of one length in a block that grows where it lies."""

    def __init__(self) -> None:
        self._block: np.ndarray = np.zeros((0, 0))
        self._count = 0

    def add(self, row: Shaped[np.ndarray, "values"]) -> None:
        """The next one."""
        if not self._count:
            self._block = np.empty((64, len(row)), row.dtype)
        elif self._count == len(self._block):
            self._block.resize((self._count * 5 // 4, self._block.shape[1]), refcheck=False)
        self._block[self._count] = row
        self._count += 1

    @property
    def table(self) -> Shaped[np.ndarray, "rows values"]:
        """All rows. None may be added while it is in use."""
        return self._block[: self._count]


def word(candidate: Candidate, name: str) -> str:
    """The sample's `task`, `source` or `meta[name]`; empty where it has none."""
    if name in ("task", "source"):
        return candidate.sample.task if name == "task" else candidate.sample.source
    return str(candidate.sample.meta.get(name, ""))


def digest(sample: Sample) -> bytes:
    """Sample → 16 bytes: hash of what it shows and says, whatever its files and ids are called."""
    said = (sample.captions, sample.turns, sample.regions, sample.answer, sample.chosen, sample.rejected)
    shown = [item.sha256 or item.uri for item in sample.media]
    return hashlib.sha256(repr((shown, said)).encode("utf-8", "surrogatepass")).digest()[:16]


def place(sample: Sample) -> bytes:
    """Sample → 24 bytes by which it stands in line: the digest, then a hash of its id."""
    return digest(sample) + hashlib.sha256(sample.id.encode("utf-8", "surrogatepass")).digest()[:8]


def standing(groups: Int64[np.ndarray, "n"]) -> Int64[np.ndarray, "n"]:
    """Group of each in order → how many of the same group stand before it."""
    order = np.argsort(groups, kind="stable")
    ranked = groups[order]
    places = np.empty(len(groups), np.int64)
    places[order] = np.arange(len(groups)) - np.searchsorted(ranked, ranked)
    return places
