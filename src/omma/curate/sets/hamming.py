"""Hamming: 64-bit hashes → all pairs that differ in at most `radius` bits, exactly.

Hashes are cut into bands of bits, each with a radius of its own such that radii + 1 sum to `radius` + 1: two hashes within
`radius` bits lie within a band's own radius in at least one of them (pigeonhole; the multi-index hashing of Norouzi et al. 2012,
arXiv 1307.2982, with uneven radii). Per band, hashes of one side are sorted by it, and for each of the other side
those are looked up that differ from it in a pattern of few bits. Few wide bands mean many patterns, many short ones mean many
comparisons: the cheaper cut for the sizes at hand is taken. Nothing is approximate.

Of a million hashes of the spread of photographs all pairs within 8 bits take 29 s of one core and 0.2 GiB, of 100,000 2 s
(`benchmarks/set_operators.py`). Many hashes that lie within the radius of each other are as many pairs: they are told in blocks.
"""

from collections.abc import Iterator
from itertools import combinations, pairwise
from math import comb

import numpy as np
from jaxtyping import Int64, UInt64

BLOCK = 1 << 18  # pairs compared at once: some 12 MB
ROWS = 8  # of a table of starts for each hash that is sorted by the band, at most
LOOKUP, SORT = 2.0, 40.0  # costs of looking up a pattern and of sorting a hash into a band, in comparisons

Band = tuple[int, int, int]  # first bit, number of bits, radius
Pairs = tuple[Int64[np.ndarray, "pairs"], Int64[np.ndarray, "pairs"]]


def near_pairs(hashes: UInt64[np.ndarray, "n"], radius: int) -> Iterator[Pairs]:
    """Hashes → blocks of indices (first < second) of pairs within `radius` bits, each pair once, in no order."""
    for first, second in crossing_pairs(hashes, hashes, radius):
        once = first < second
        yield first[once], second[once]


def crossing_pairs(left: UInt64[np.ndarray, "m"], right: UInt64[np.ndarray, "n"], radius: int) -> Iterator[Pairs]:
    """Two sets of hashes → blocks of indices (of left, of right) of pairs within `radius` bits, each pair once, in no order."""
    if len(left) > len(right):
        yield from ((ours, theirs) for theirs, ours in crossing_pairs(right, left, radius))
        return
    bands = cut(len(left), len(right), radius)
    for number, band in enumerate(bands):
        for ours, theirs in _in_band(left, right, band):
            apart = left[ours] ^ right[theirs]
            near = np.flatnonzero(np.bitwise_count(apart) <= radius)
            for start, width, reach in bands[:number]:  # pairs that an earlier band has found
                near = near[np.bitwise_count(_bits(apart[near], start, width)) > reach]
            yield ours[near], theirs[near]


def cut(few: int, many: int, radius: int) -> tuple[Band, ...]:
    """Sizes of two sets → the bands that find all pairs at the least cost."""
    return min((_bands(count, radius) for count in range(1, 65)), key=lambda bands: _cost(few, many, bands))


def _bands(count: int, radius: int) -> tuple[Band, ...]:
    """Bands of nearly one width, radii of nearly one size; -1: nothing is sought there."""
    edges = np.linspace(0, 64, count + 1).round().astype(int).tolist()
    reach, more = divmod(radius + 1 - count, count)
    return tuple((start, end - start, reach + (number < more)) for number, (start, end) in enumerate(pairwise(edges)))


def _cost(few: int, many: int, bands: tuple[Band, ...]) -> float:
    total = 0.0
    for _, width, reach in bands:
        if reach < 0:
            continue
        if 2**width > max(ROWS * many, 2):
            return float("inf")
        patterns = sum(comb(width, bits) for bits in range(reach + 1))
        total += few * patterns * (LOOKUP + many / 2**width) + many * SORT + 2**width
    return total


def _in_band(left: UInt64[np.ndarray, "m"], right: UInt64[np.ndarray, "n"], band: Band) -> Iterator[Pairs]:
    """Pairs within the band's own radius there, each once."""
    start, width, reach = band
    if reach < 0:
        return
    theirs = _bits(right, start, width)
    order = np.argsort(theirs, kind="stable")
    starts = np.zeros(2**width + 1, np.int64)
    np.cumsum(np.bincount(theirs, minlength=2**width), out=starts[1:])
    ours = _bits(left, start, width)
    sorted_left = np.argsort(ours, kind="stable")  # neighbours in the table are looked up together
    ours = ours[sorted_left]
    for bits in range(reach + 1):
        for places in combinations(range(width), bits):
            sought = ours ^ sum(1 << place for place in places)
            begin = starts[sought]
            counts = starts[sought + 1] - begin
            for first, last in _blocks(counts):
                number = np.repeat(np.arange(first, last), counts[first:last])
                within = np.arange(len(number)) - np.repeat(np.cumsum(counts[first:last]) - counts[first:last], counts[first:last])
                yield sorted_left[number], order[begin[number] + within]


def _blocks(counts: Int64[np.ndarray, "m"]) -> Iterator[tuple[int, int]]:
    """Runs of left hashes that together meet some BLOCK right ones."""
    total = np.cumsum(counts)
    edges = np.searchsorted(total, np.arange(BLOCK, total[-1] if len(total) else 0, BLOCK))
    edges = np.unique([0, *edges, len(counts)])
    return zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)


def _bits(hashes: UInt64[np.ndarray, "n"], start: int, width: int) -> Int64[np.ndarray, "n"]:
    return ((hashes >> np.uint64(start)) & np.uint64((1 << width) - 1)).astype(np.int64)
