"""cluster_reduction: all but every N-th sample of each cluster that is among the best by a score → dropped.

TL;DR (Wang et al. 2023, arXiv 2305.20087): pictures are embedded, whitened by PCA (256), clustered by k-means (1,000
clusters, 20 iterations), every N-th of a cluster is taken, and of those the ones in the top half by image-text matching.
Here the place is by distance to the centre, then by content hash and id, so that those taken spread over the cluster.
The whole part of the score is the place (0: nearest), the rest the share of samples with a better score:
`WHERE floor(s) % 5 = 0 AND s - floor(s) < 0.5` is what another N and share would keep.
"""

from array import array
from collections.abc import Collection
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int64

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Candidate, Look, Scores, SetOperator
from omma.curate.operators.quantile import better_share
from omma.curate.picture import Picture
from omma.curate.sets.columns import Numbers, Places, standing
from omma.curate.sets.embeddings import Embedding, Gallery, PictureDescriptor
from omma.curate.sets.kmeans import kmeans, whiten

FINEST = 1e-9  # keeps a share of exactly 1 below the next place


@config
class ClusterReduction(SetOperator):
    """Every `every`-th training sample of a cluster, if it is in the `best_share` by `column` (higher is better).

    A sample's vector is its first picture's. Samples without a picture, embedding or score are not judged and stay.
    """

    version: ClassVar[str] = "2"
    scope: ClassVar[Literal["all", "train"]] = "train"
    scored_by: ClassVar[tuple[str, ...]] = ("column", "embedding", "components", "num_clusters", "iterations", "seed")
    every: int = 5
    best_share: float = 0.5
    column: str = "itm"
    embedding: Embedding = PictureDescriptor()
    components: int = 256
    num_clusters: int = 1000
    iterations: int = 20
    seed: int = 0

    def check(self) -> None:
        if min(self.every, self.num_clusters, self.components) < 1:
            got = f"every {self.every}, num_clusters {self.num_clusters}, components {self.components}"
            raise ConfigError("ClusterReduction", got, "1 or more of each")
        if not 0 < self.best_share <= 1:
            raise ConfigError("ClusterReduction.best_share", str(self.best_share), "a share above 0, at most 1")

    @property
    def columns(self) -> tuple[str, ...]:
        """The score that says which are best."""
        return (self.column,)

    @property
    def key(self) -> str:
        """As for all operators, and the version or the content of what embeddings come from."""
        return f"{super().key}-{self.embedding.mark}"

    @property
    def threshold(self) -> float:
        """N; the reason names the share."""
        return float(self.every)

    def look(self, picture: Picture) -> Look:
        """What the embedding needs."""
        return self.embedding.look(picture)

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """Place in the cluster plus share of better ones; NaN for samples that are not judged."""
        gallery, places, numbers, first = Gallery(), Places(), Numbers(self.column), array("q")
        for candidate in candidates:
            places.add(candidate.sample)
            numbers.add(candidate)
            shown = gallery.add(candidate)
            first.append(shown[0] if shown and not candidate.heldout else -1)
        rated = numbers.values()
        values, notes = np.full(len(rated), np.nan), np.full(len(rated), "", object)
        if not len(gallery):
            return Scores(values, tuple(notes))
        pictures, stands = gallery.ordered()
        table = self.embedding.vectors(pictures)
        number = np.array(first, np.int64)
        judged = places.order()
        judged = judged[(number[judged] >= 0) & ~np.isnan(rated[judged])]
        rows = stands[number[judged]]
        known = ~np.isnan(table).any(axis=1)[rows]
        judged, rows = judged[known], rows[known]
        if not len(judged):
            return Scores(values, tuple(notes))
        place, cluster = self._places(table[rows])
        better = np.minimum(better_share(rated[judged]), 1 - FINEST)
        values[judged] = place + better
        notes[judged] = np.array([f"cluster {number}" for number in range(cluster.max() + 1)], object)[cluster]
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Those between the N-th ones, and those below the best."""
        reasons = []
        for value, note in zip(scores.values, scores.notes, strict=True):
            place, better = (0.0, 0.0) if np.isnan(value) else (np.floor(value), value % 1)
            skipped = f"number {place:.0f} of {note}, not one in {self.every}" if place % self.every else ""
            reasons.append(skipped or (f"{better:.1%} have a better {self.column}" if better >= self.best_share else ""))
        return reasons

    def _places(self, table: Float[np.ndarray, "n d"]) -> tuple[Float[np.ndarray, "n"], Int64[np.ndarray, "n"]]:
        """Vectors, ordered by content → place of each in its cluster by distance to the centre, and the cluster."""
        clusters = kmeans(whiten(table, self.components), self.num_clusters, self.iterations, self.seed)
        order = np.lexsort((np.arange(len(table)), clusters.distance, clusters.cluster))
        place = np.empty(len(table))
        place[order] = standing(clusters.cluster[order])
        return place, clusters.cluster
