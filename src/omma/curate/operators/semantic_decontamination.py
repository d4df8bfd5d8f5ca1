"""semantic_decontamination: a picture whose embedding lies near one of a benchmark's → dropped. Score: the highest cosine.

Finds what hashes do not: mirrored copies, other crops, another photograph of the same thing. Cosines of two models don't compare,
so that a threshold belongs to its model: look at `data/scores.parquet` first. All pairs are compared, none is approximate.
One contaminated picture takes its sample out.
"""

from collections.abc import Collection
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, Int64

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.curate.models.space_embedding import SpaceEmbedding
from omma.curate.operator import Candidate, Drops, Look, Scores, SetOperator
from omma.curate.picture import Picture
from omma.curate.sets.benchmark_marks import BenchmarkMark, contents, read_vectors
from omma.curate.sets.embeddings import Embedding, EmbeddingFile, Showing
from omma.curate.sets.kmeans import unit

BLOCK = 1024  # pictures compared with all of the benchmarks' at a time


@config
class SemanticDecontamination(SetOperator):
    """`marks` are files of `omma data marks … --model FOLDER`, `embedding` the same model, or a file of its vectors.

    Without marks nothing is looked at.
    """

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    scope: ClassVar[Literal["all", "train"]] = "train"
    scored_by: ClassVar[tuple[str, ...]] = ("embedding",)
    marks: tuple[str, ...] = ()
    embedding: Embedding = SpaceEmbedding()
    max_cosine: float = 0.95

    def check(self) -> None:
        if not isinstance(self.embedding, SpaceEmbedding | EmbeddingFile):
            got = type(self.embedding).__name__
            raise ConfigError("SemanticDecontamination.embedding", got, "SpaceEmbedding or EmbeddingFile, which know no set's mean")
        if not -1 <= self.max_cosine <= 1:
            raise ConfigError("SemanticDecontamination.max_cosine", str(self.max_cosine), "a cosine from -1 to 1")

    @property
    def key(self) -> str:
        """As for all operators, the content of the marks, and the version or the content of what embeddings come from."""
        return f"{super().key}-{contents(self.marks)}-{self.embedding.mark if self.marks else ''}"

    @property
    def threshold(self) -> float:
        """Highest cosine that stays."""
        return self.max_cosine

    def look(self, picture: Picture) -> Look:
        """What the embedding needs."""
        return self.embedding.look(picture) if self.marks else np.zeros(0)

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """Cosine to the nearest picture of the benchmarks; NaN where a sample shows none that is embedded."""
        showing = Showing(candidates)
        values, notes = np.full(len(showing), np.nan), [""] * len(showing)
        if not showing.pictures.contents or not self.marks:
            return Scores(values, tuple(notes))
        marks, places = self._benchmark()
        cosine, nearest = near(self.embedding.vectors(showing.pictures), places, self.embedding)
        for i, found in enumerate(showing):
            best = max((place for place in found if not np.isnan(cosine[place])), key=lambda place: cosine[place], default=None)
            if best is not None:
                values[i] = cosine[best]
                notes[i] = f"{marks[nearest[best]].picture} ({marks[nearest[best]].name})"
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Samples any of whose pictures lies near one of the benchmarks'."""
        pairs = zip(scores.values, scores.notes, strict=True)
        told = "embedded near {} of a benchmark (cosine {:.3f})"
        return [told.format(note, value) if value > self.max_cosine else "" for value, note in pairs]

    def _benchmark(self) -> tuple[list[BenchmarkMark], Float[np.ndarray, "marks d"]]:
        """All pictures of the files. DataError where another model placed them."""
        marks: list[BenchmarkMark] = []
        tables = []
        for path in self.marks:
            found, vectors, space = read_vectors(path)
            if isinstance(self.embedding, SpaceEmbedding) and space != self.embedding.mark:
                raise DataError(path, "vectors of another model", "those of `embedding`", "make it again with --model")
            marks += found
            tables.append(unit(vectors))
        if len({table.shape[1] for table in tables}) > 1:
            raise DataError(", ".join(self.marks), "vectors of several lengths", "those of one model")
        return marks, np.concatenate(tables)


def near(
    vectors: Float[np.ndarray, "pictures d"], places: Float[np.ndarray, "marks d"], embedding: Embedding
) -> tuple[Float[np.ndarray, "pictures"], Int64[np.ndarray, "pictures"]]:
    """Unit vectors → the highest cosine of each to one of `places`, and which; NaN where there is no vector."""
    if vectors.shape[1] != places.shape[1]:
        got = f"marks of {places.shape[1]} numbers beside pictures of {vectors.shape[1]}"
        raise DataError(type(embedding).__name__, got, "vectors of one model")
    cosine, nearest = np.empty(len(vectors)), np.zeros(len(vectors), np.int64)
    for start in range(0, len(vectors), BLOCK):
        likeness = vectors[start : start + BLOCK] @ places.T
        best = likeness.argmax(axis=1)
        nearest[start : start + BLOCK] = best
        cosine[start : start + BLOCK] = np.minimum(likeness[np.arange(len(best)), best], 1.0)
    return cosine, nearest
