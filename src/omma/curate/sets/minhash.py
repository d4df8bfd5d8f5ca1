"""MinHash: texts → runs of letters, signatures, and pairs that share a band of their signatures (locality-sensitive hashing).

Broder, "On the resemblance and containment of documents" (1997): two sets share the minimum of a random hash with the
probability of their Jaccard similarity s, so that of `bands` bands of `rows` minima each at least one is shared with
probability 1 - (1 - s^rows)^bands. The random hashes are multiplications of well-mixed numbers by random odd ones.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int64, Shaped, UInt64

FIRST = 16  # texts of those that share a band with which all others are paired
BASE, ODD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
BLOCK = 1 << 15  # runs hashed anew at a time: what stays in a core's cache
COMPARED = 1 << 21  # runs of pairs compared at a time: some 100 MB
KEPT = np.uint64(48)  # bits of a hash by which runs are told apart there
MARKS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Runs:
    """Hashes of all runs of letters of some texts, text after text; `starts` has one more than there are texts."""

    hashes: UInt64[np.ndarray, "runs"]
    starts: Int64[np.ndarray, "texts1"]


def plain(text: str) -> str:
    """Text → its words in small letters with single spaces, without punctuation and marks of width."""
    return MARKS.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()


def runs(texts: Sequence[str], width: int) -> Runs:
    """Texts → hashes of all runs of `width` letters; of the whole text, filled up with zeros, where it is shorter."""
    filled = "".join(text.ljust(width, "\0") for text in texts)
    letters = np.frombuffer(filled.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    lengths = np.array([max(len(text), width) for text in texts], np.int64)
    hashes = np.zeros(max(len(letters) - width + 1, 0), np.uint64)
    for shift in range(width):
        hashes = _mixed(hashes * BASE + letters[shift : shift + len(hashes)])
    whole = np.ones(len(hashes), bool)
    for shift in range(1, width):  # runs that begin in one text and end in the next
        whole[np.cumsum(lengths)[:-1] - shift] = False
    return Runs(hashes[whole], np.concatenate([[0], np.cumsum(lengths - width + 1)]))


def signatures(found: Runs, size: int, seed: int) -> UInt64[np.ndarray, "texts size"]:
    """Runs of at least one each → the minimum of each text under each of `size` random hashes."""
    factors = np.random.default_rng(seed).integers(0, 2**63, size, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    texts = len(found.starts) - 1
    result = np.empty((size, texts), np.uint64)
    edges = np.searchsorted(found.starts, np.arange(0, found.starts[-1], BLOCK))
    edges = np.unique([0, *edges, texts])
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        values = found.hashes[found.starts[first] : found.starts[last]]
        starts = found.starts[first:last] - found.starts[first]
        product = np.empty_like(values)
        for number, factor in enumerate(factors):
            result[number, first:last] = np.minimum.reduceat(np.multiply(values, factor, out=product), starts)
    return result.T


def band_keys(signs: UInt64[np.ndarray, "texts size"], bands: int) -> UInt64[np.ndarray, "texts bands"]:
    """Signatures → a number for each band: equal for equal bands, and for others once in 2^64, which costs a comparison."""
    keys = np.zeros((len(signs), bands), np.uint64)
    for row in range(signs.shape[1] // bands):
        keys = _mixed(keys * BASE + signs[:, row :: signs.shape[1] // bands])
    return keys


def candidate_pairs(bands: Iterable[UInt64[np.ndarray, "texts"]]) -> Int64[np.ndarray, "pairs 2"]:
    """The texts' keys, band by band → pairs (first < second) that are equal in at least one band, each once, ordered.

    Of many that share a band each is paired with the first 16 of them alone: texts of one template would all be pairs.
    """
    size, found = 0, np.zeros(0, np.int64)
    for key in bands:
        size = len(key)
        order = np.argsort(key, kind="stable")
        ranked = key[order]
        starts = np.searchsorted(ranked, ranked)
        place = np.arange(size) - starts
        fresh = []
        for step in range(FIRST):
            later = np.flatnonzero(place > step)
            fresh.append(order[starts[later] + step] * size + order[later])
        found = _distinct(np.concatenate([found, *fresh]))
    return np.stack([found // max(size, 1), found % max(size, 1)], axis=1)


def chance(similarity: float, bands: int, rows: int) -> float:
    """Jaccard similarity of a pair → probability that it shares a band."""
    return 1 - (1 - similarity**rows) ** bands


def jaccards(texts: Sequence[str], width: int, pairs: Int64[np.ndarray, "pairs 2"]) -> Float[np.ndarray, "pairs"]:
    """Texts and pairs of their numbers → runs of `width` letters shared by both, over those of either.

    Every run counts; two of a pair are taken for one in 10^10 cases (48 bits).
    """
    lengths = np.array([max(len(text) - width + 1, 1) for text in texts], np.int64)
    total = np.cumsum(lengths[pairs].sum(axis=1))
    edges = np.searchsorted(total, np.arange(COMPARED, total[-1] if len(total) else 0, COMPARED))
    edges = np.unique([*edges, *range(0, len(pairs), 1 << 15), len(pairs)])  # a pair's number has 16 bits, and one to spare
    parts = [_jaccards(texts, width, pairs[first:last]) for first, last in pairwise(edges.tolist())]
    return np.concatenate([np.zeros(0), *parts])


def _jaccards(texts: Sequence[str], width: int, pairs: Int64[np.ndarray, "pairs 2"]) -> Float[np.ndarray, "pairs"]:
    """A pair's number and a run's hash are one number, which stands twice where the run is shared."""
    used, pairs = np.unique(pairs, return_inverse=True)
    pairs = pairs.reshape(-1, 2)
    found = runs([texts[number] for number in used.tolist()], width)
    owner = np.repeat(np.arange(len(used), dtype=np.uint64), np.diff(found.starts))
    distinct = _distinct(owner << KEPT | found.hashes >> (np.uint64(64) - KEPT))  # by text, then by hash, each once
    sizes = np.bincount((distinct >> KEPT).astype(np.int64), minlength=len(used))
    starts, both = np.cumsum(sizes) - sizes, pairs.reshape(-1)
    lengths = sizes[both]
    place = np.arange(lengths.sum()) + np.repeat(starts[both] - np.cumsum(lengths) + lengths, lengths)
    number = np.repeat(np.arange(len(both), dtype=np.uint64) >> np.uint64(1), lengths)
    met = np.sort(number << KEPT | distinct[place] & ((np.uint64(1) << KEPT) - np.uint64(1)))
    shared = np.bincount((met[1:][met[1:] == met[:-1]] >> KEPT).astype(np.int64), minlength=len(pairs))
    return shared / (sizes[pairs].sum(axis=1) - shared)


def _distinct(values: Shaped[np.ndarray, "n"]) -> Shaped[np.ndarray, "m"]:
    """Numbers → each once, in order. numpy's `unique` puts them into a table of hashes first, at four times the time."""
    values = np.sort(values)
    return values[np.concatenate([[True], values[1:] != values[:-1]])] if len(values) else values


def _mixed(values: UInt64[np.ndarray, "n"]) -> UInt64[np.ndarray, "n"]:
    """Each number spread over all 64 bits."""
    values = (values ^ (values >> np.uint64(30))) * ODD
    return values ^ (values >> np.uint64(31))
