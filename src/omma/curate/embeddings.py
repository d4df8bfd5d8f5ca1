"""Embeddings: pictures → vectors whose cosine says how alike they are, from a file or from a description of colours and edges."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from jaxtyping import Float

from omma.core.config import Config, config
from omma.core.errors import DataError
from omma.core.files import bytes_hash
from omma.curate.kmeans import unit
from omma.curate.operator import Candidate, Look
from omma.curate.operators.agreement import Agreement, features
from omma.curate.picture import Picture

FEWEST = 20  # pictures that have a mean


@dataclass(slots=True)
class Shown:
    """A picture by content, and what an embedding's look made of it. `heldout`: a held-out sample shows it."""

    content: str
    look: Look
    heldout: bool


@config
class Embedding(Config):
    """Where vectors come from."""

    @property
    def mark(self) -> str:
        """Changes with anything outside of the config that vectors depend on."""
        return ""

    def look(self, picture: Picture) -> Look:
        """Picture → what vectors are made of; DataError becomes a row state."""
        raise NotImplementedError(f"{type(self).__name__} has no look")

    def vectors(self, pictures: Sequence[Shown]) -> Float[np.ndarray, "pictures d"]:
        """Pictures, ordered by content → vectors of length one; NaN where there is none."""
        raise NotImplementedError(f"{type(self).__name__} has no vectors")


@config
class PictureDescriptor(Embedding):
    """Colours and edges by place, less the mean of the set. It knows nothing of meaning: copies are near, two dogs are not.

    The mean of fewer than 20 pictures says nothing: such sets have no vectors, and are not judged.
    """

    @property
    def mark(self) -> str:
        """Version of the features."""
        return f"features{Agreement.version}"

    def look(self, picture: Picture) -> Look:
        """The features that `agreement` fits."""
        return features(picture.small)

    def vectors(self, pictures: Sequence[Shown]) -> Float[np.ndarray, "pictures d"]:
        """Features around their mean."""
        table = np.stack([picture.look for picture in pictures]).astype(np.float64)
        if len(table) < FEWEST:
            return np.full_like(table, np.nan)
        return unit(table - table.mean(axis=0))


@config
class EmbeddingFile(Embedding):
    """A Parquet file with a row a picture: column `key` holds the hash of its bytes, column `column` a list of numbers."""

    path: str = "embeddings.parquet"
    key: str = "sha256"
    column: str = "embedding"

    @property
    def mark(self) -> str:
        """Hash of the file."""
        return bytes_hash(self._file().read_bytes())[:16]

    def look(self, picture: Picture) -> Look:
        """Nothing: the file has it."""
        return np.zeros(0)

    def vectors(self, pictures: Sequence[Shown]) -> Float[np.ndarray, "pictures d"]:
        """Rows of the file. DataError if it lacks a column or lists differ in length."""
        table = pq.read_table(self._file())
        for name in (self.key, self.column):
            if name not in table.column_names:
                raise DataError(self.path, f"no column {name!r}", f"one of {', '.join(table.column_names)}")
        rows = dict(zip(table[self.key].to_pylist(), table[self.column].to_pylist(), strict=True))
        sizes = {len(row) for row in rows.values() if row is not None}
        if len(sizes) != 1:
            raise DataError(self.path, f"embeddings of {len(sizes)} lengths {sorted(sizes)}", "lists of one length")
        missing = [np.nan] * sizes.pop()
        return unit(np.array([rows.get(picture.content) or missing for picture in pictures], np.float64))

    def _file(self) -> Path:
        file = Path(self.path)
        if not file.is_file():
            raise DataError(self.path, "no such file", "a Parquet file of embeddings")
        return file


def distinct(candidates: Sequence[Candidate]) -> list[Shown]:
    """Candidates with their looks → the pictures that they show, each content once, ordered by content."""
    shown: dict[str, Shown] = {}
    for candidate in candidates:
        for content, look in zip(pictures_of(candidate), candidate.looks, strict=True):
            known = shown.setdefault(content, Shown(content, look, candidate.heldout))
            known.heldout |= candidate.heldout
    return [shown[content] for content in sorted(shown)]


def pictures_of(candidate: Candidate) -> list[str]:
    """Contents of a sample's pictures: hashes of their bytes, names where those are unknown."""
    return [item.sha256 or item.uri for item in candidate.sample.media if item.kind == "image"]
