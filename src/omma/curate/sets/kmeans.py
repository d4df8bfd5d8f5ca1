"""k-means: vectors → clusters (Lloyd), and whitening by principal components. A pure function of vectors, their order and a seed.

Callers put vectors into an order of their own (by content), so that the input's order changes nothing. Centres are fitted on
at most 256 vectors each, as in github.com/facebookresearch/faiss (`Clustering.h`, `max_points_per_centroid`); then
all vectors go to their nearest. Sums and products are of the vectors' own precision: single halves memory and time.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

CHUNK = 4096  # vectors measured against all centres at a time
SEEN = 256  # vectors a centre that it is fitted on


@dataclass(frozen=True, slots=True)
class Clusters:
    """The cluster of each vector, its squared distance to that centre, and the centres."""

    cluster: Int64[np.ndarray, "n"]
    distance: Float[np.ndarray, "n"]
    centres: Float[np.ndarray, "k d"]


def kmeans(vectors: Float[np.ndarray, "n d"], num_clusters: int, iterations: int, seed: int) -> Clusters:
    """Vectors → at most `num_clusters` clusters. Centres begin at vectors drawn by seed.

    A centre without vectors moves to the vector farthest from its own.
    """
    count = min(num_clusters, len(vectors))
    drawn = np.random.default_rng(seed).permutation(len(vectors))
    centres = vectors[np.sort(drawn[:count])].copy()
    fitted = vectors if len(vectors) <= count * SEEN else vectors[np.sort(drawn[: count * SEEN])]
    cluster, distance = _nearest(fitted, centres)
    for _ in range(iterations if count else 0):
        empty = _move(centres, fitted, cluster)
        centres[empty] = fitted[np.argsort(-distance, kind="stable")[: len(empty)]]
        before = cluster
        cluster, distance = _nearest(fitted, centres)
        if not len(empty) and np.array_equal(before, cluster):
            break
    if fitted is not vectors:
        cluster, distance = _nearest(vectors, centres)
    return Clusters(cluster, distance, centres)


def whiten(vectors: Float[np.ndarray, "n d"], components: int) -> Float[np.ndarray, "n c"]:
    """Vectors → their first principal components at unit variance; directions without variance are left out."""
    size, width = vectors.shape
    mean, squares = np.mean(vectors, axis=0, dtype=np.float64), np.zeros((width, width))
    for start in range(0, size, CHUNK):
        part = vectors[start : start + CHUNK] - mean
        squares += part.T @ part
    variance, axes = np.linalg.eigh(squares / max(size - 1, 1))
    largest = np.argsort(-variance, kind="stable")[:components]
    largest = largest[variance[largest] > 1e-9 * max(variance.max(), 1e-30)]
    turn = axes[:, largest] / np.sqrt(variance[largest])
    result = np.empty((size, len(largest)), vectors.dtype)
    for start in range(0, size, CHUNK):
        result[start : start + CHUNK] = (vectors[start : start + CHUNK] - mean) @ turn
    return result


def unit(vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Vectors → the same of length one; zero stays zero."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    return vectors / np.maximum(lengths, 1e-12)[:, None]


def _move(centres: Float[np.ndarray, "k d"], vectors: Float[np.ndarray, "n d"], cluster: Int64[np.ndarray, "n"]) -> np.ndarray:
    """Each centre to the mean of its vectors; numbers of those that have none."""
    sizes = np.bincount(cluster, minlength=len(centres))
    order = np.argsort(cluster, kind="stable")
    for number, members in enumerate(np.split(order, np.cumsum(sizes)[:-1])):
        if len(members):
            centres[number] = vectors[members].mean(axis=0, dtype=np.float64)
    return np.flatnonzero(sizes == 0)


def _nearest(
    vectors: Float[np.ndarray, "n d"], centres: Float[np.ndarray, "k d"]
) -> tuple[Int64[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Index of, and squared distance to, the nearest centre; of equally near ones the first."""
    cluster, distance = np.zeros(len(vectors), np.int64), np.zeros(len(vectors))
    norms = (centres**2).sum(axis=1)
    for start in range(0, len(vectors), CHUNK):
        part = vectors[start : start + CHUNK]
        best = (norms - 2 * part @ centres.T).argmin(axis=1)
        cluster[start : start + CHUNK] = best
        distance[start : start + CHUNK] = ((part - centres[best]) ** 2).sum(axis=1)
    return cluster, distance
