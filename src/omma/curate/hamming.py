"""Hamming: 64-bit hashes → all pairs that differ in at most `radius` bits, exactly.

Of `radius` + 1 bands of bits, two hashes that differ in at most `radius` bits share at least one whole band (pigeonhole),
so only hashes that are equal in some band are compared. Nothing is approximate; a larger radius means shorter bands and
more comparisons.
"""

import numpy as np
from jaxtyping import Bool, Int64, UInt64

BLOCK = 1 << 22  # pairs compared at once: some 150 MB


def near_pairs(hashes: UInt64[np.ndarray, "n"], radius: int) -> tuple[Int64[np.ndarray, "pairs"], Int64[np.ndarray, "pairs"]]:
    """Distinct hashes → indices (first < second) of every pair within `radius` bits, ordered by first, then second."""
    bands = _bands(hashes, radius)
    firsts, seconds = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for number, band in enumerate(bands):
        order = np.argsort(band, kind="stable")
        for step in range(1, len(order)):
            left, right = order[:-step], order[step:]
            same = band[left] == band[right]
            if not same.any():
                break  # neighbours in sorted order: no equal pair this far apart means none farther
            left, right = left[same], right[same]
            near = np.bitwise_count(hashes[left] ^ hashes[right]) <= radius
            near &= _first_shared(bands[:number], left, right)
            firsts.append(np.minimum(left[near], right[near]))
            seconds.append(np.maximum(left[near], right[near]))
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    order = np.lexsort((second, first))
    return first[order], second[order]


def crossing_pairs(
    left: UInt64[np.ndarray, "m"], right: UInt64[np.ndarray, "n"], radius: int
) -> tuple[Int64[np.ndarray, "pairs"], Int64[np.ndarray, "pairs"]]:
    """Two sets of hashes → indices (of left, of right) of every pair within `radius` bits, ordered by first, then second."""
    found = [np.zeros(0, np.int64)]
    for ours, theirs in zip(_bands(left, radius), _bands(right, radius), strict=True):
        order = np.argsort(theirs, kind="stable")
        starts, ends = (np.searchsorted(theirs[order], ours, side) for side in ("left", "right"))
        for part in np.array_split(np.arange(len(left)), int((ends - starts).sum()) // BLOCK + 1):
            counts = (ends - starts)[part]
            first = np.repeat(part, counts)
            within = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
            second = order[starts[first] + within]
            near = np.bitwise_count(left[first] ^ right[second]) <= radius
            found.append(first[near] * len(right) + second[near])
    pairs = np.unique(np.concatenate(found))
    return (pairs // len(right), pairs % len(right)) if len(right) else (pairs, pairs)


def _bands(hashes: UInt64[np.ndarray, "n"], radius: int) -> list[UInt64[np.ndarray, "n"]]:
    """The same hashes cut into `radius` + 1 bands of 64 / (radius + 1) bits, shorter or longer by one."""
    edges = np.linspace(0, 64, radius + 2).round().astype(int)
    widths = np.diff(edges)
    return [(hashes >> np.uint64(edge)) & np.uint64((1 << int(width)) - 1) for edge, width in zip(edges[:-1], widths, strict=True)]


def _first_shared(
    earlier: list[UInt64[np.ndarray, "n"]], left: Int64[np.ndarray, "m"], right: Int64[np.ndarray, "m"]
) -> Bool[np.ndarray, "m"]:
    """Which pairs share none of the earlier bands, and so have not been met yet."""
    fresh = np.ones(len(left), bool)
    for band in earlier:
        fresh &= band[left] != band[right]
    return fresh
