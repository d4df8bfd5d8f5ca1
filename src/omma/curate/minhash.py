"""MinHash: texts → shingles, signatures, and pairs of texts that share a band of their signatures (locality-sensitive hashing).

Broder, "On the resemblance and containment of documents" (1997): two sets share the minimum of a random hash with the
probability of their Jaccard similarity s, so that of `bands` bands of `rows` minima each at least one is shared with
probability 1 - (1 - s^rows)^bands.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64, UInt64

FIRST = 16  # texts of those that share a band with which all others are paired
BASE, ODD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


def plain(text: str) -> str:
    """Text → its words in small letters with single spaces, without punctuation and marks of width."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(letter if letter.isalnum() else " " for letter in folded).split())


def shingles(text: str, width: int) -> UInt64[np.ndarray, "shingles"]:
    """Text → sorted distinct hashes of all runs of `width` letters; of the whole text where it is shorter."""
    letters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    width = min(width, len(letters))
    if not width:
        return np.zeros(0, np.uint64)
    count = len(letters) - width + 1
    hashes = np.zeros(count, np.uint64)
    for shift in range(width):
        hashes = _mixed(hashes * BASE + letters[shift : shift + count])
    return np.unique(hashes)


def signatures(sets: Sequence[UInt64[np.ndarray, "_"]], size: int, seed: int) -> UInt64[np.ndarray, "sets size"]:
    """Sets of at least one hash each → the minimum of each set under each of `size` random hashes."""
    salts = np.random.default_rng(seed).integers(0, 2**63, size, dtype=np.uint64)
    result = np.empty((len(sets), size), np.uint64)
    if not len(sets):
        return result
    values = np.concatenate(sets)
    starts = np.concatenate([[0], np.cumsum([len(one) for one in sets])[:-1]])
    for number, salt in enumerate(salts):
        result[:, number] = np.minimum.reduceat(_mixed(values ^ salt), starts)
    return result


def candidate_pairs(signs: UInt64[np.ndarray, "sets size"], bands: int) -> Int64[np.ndarray, "pairs 2"]:
    """Signatures → pairs (first < second) that are equal in at least one band, each once, ordered.

    Of many that share a band each is paired with the first 16 of them alone: texts of one template would all be pairs.
    """
    size, found = len(signs), [np.zeros(0, np.int64)]
    for band in np.split(signs, bands, axis=1):
        key = np.zeros(size, np.uint64)  # of equal bands equal; of others equal once in 2^64, which costs a comparison
        for column in band.T:
            key = _mixed(key * BASE + column)
        order = np.argsort(key, kind="stable")
        ranked = key[order]
        starts = np.searchsorted(ranked, ranked)
        place = np.arange(size) - starts
        for step in range(FIRST):
            later = np.flatnonzero(place > step)
            found.append(order[starts[later] + step] * size + order[later])
    pairs = np.unique(np.concatenate(found))
    return np.stack([pairs // max(size, 1), pairs % max(size, 1)], axis=1)


def chance(similarity: float, bands: int, rows: int) -> float:
    """Jaccard similarity of a pair → probability that it shares a band."""
    return 1 - (1 - similarity**rows) ** bands


def jaccard(one: UInt64[np.ndarray, "n"], other: UInt64[np.ndarray, "m"]) -> float:
    """Two sorted sets → shared over all."""
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / max(len(one) + len(other) - shared, 1)


def _mixed(values: UInt64[np.ndarray, "n"]) -> UInt64[np.ndarray, "n"]:
    """Each number spread over all 64 bits."""
    values = (values ^ (values >> np.uint64(30))) * ODD
    return values ^ (values >> np.uint64(31))
