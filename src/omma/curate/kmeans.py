"""k-means: vectors → clusters (Lloyd), and whitening by principal components. A pure function of vectors, their order and a seed.

Callers put vectors into an order of their own (by content), so that the input's order changes nothing.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64

CHUNK = 4096  # vectors measured against all centres at a time


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
    vectors = np.asarray(vectors, np.float64)
    count = min(num_clusters, len(vectors))
    centres = vectors[np.sort(np.random.default_rng(seed).permutation(len(vectors))[:count])].copy()
    cluster, distance = _nearest(vectors, centres)
    for _ in range(iterations if count else 0):
        sizes = np.bincount(cluster, minlength=count)
        sums = np.zeros_like(centres)
        np.add.at(sums, cluster, vectors)
        filled = sizes > 0
        centres[filled] = sums[filled] / sizes[filled, None]
        worst = np.argsort(-distance, kind="stable")[: count - int(filled.sum())]
        centres[~filled] = vectors[worst]
        before = cluster
        cluster, distance = _nearest(vectors, centres)
        if filled.all() and np.array_equal(before, cluster):
            break
    return Clusters(cluster, distance, centres)


def whiten(vectors: Float[np.ndarray, "n d"], components: int) -> Float[np.ndarray, "n c"]:
    """Vectors → their first principal components at unit variance; directions without variance are left out."""
    centred = np.asarray(vectors, np.float64) - np.mean(vectors, axis=0)
    variance, axes = np.linalg.eigh(centred.T @ centred / max(len(centred) - 1, 1))
    largest = np.argsort(-variance, kind="stable")[:components]
    largest = largest[variance[largest] > 1e-9 * max(variance.max(), 1e-30)]
    return centred @ axes[:, largest] / np.sqrt(variance[largest])


def unit(vectors: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """Vectors → the same of length one; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _nearest(
    vectors: Float[np.ndarray, "n d"], centres: Float[np.ndarray, "k d"]
) -> tuple[Int64[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Index of, and squared distance to, the nearest centre; of equally near ones the first."""
    cluster, distance = np.zeros(len(vectors), np.int64), np.zeros(len(vectors))
    norms = (centres**2).sum(axis=1)
    for start in range(0, len(vectors), CHUNK):
        part = vectors[start : start + CHUNK]
        apart = norms - 2 * part @ centres.T
        best = apart.argmin(axis=1)
        cluster[start : start + CHUNK] = best
        distance[start : start + CHUNK] = np.maximum(apart[np.arange(len(part)), best] + (part**2).sum(axis=1), 0)
    return cluster, distance
