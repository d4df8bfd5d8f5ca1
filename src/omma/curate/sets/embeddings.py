"""Embeddings: pictures → vectors whose cosine says how alike they are, from a file or from a description of colours and edges."""

from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Bool, Float, Int64, Shaped

from omma.core.config import Config, config
from omma.core.errors import DataError
from omma.core.files import bytes_hash
from omma.curate.operator import Candidate, Look
from omma.curate.operators.agreement import Agreement, features
from omma.curate.picture import Picture
from omma.curate.sets.columns import Rows
from omma.curate.sets.kmeans import unit

FEWEST = 20  # pictures that have a mean


@dataclass(frozen=True, slots=True)
class Shown:
    """Distinct pictures, ordered by content, and what an embedding's look made of each, which may be overwritten.

    `contents` are hashes of their bytes, names where those are unknown. `heldout`: a held-out sample shows it. `names` are
    uris, of several the first by alphabet.
    """

    contents: tuple[str, ...]
    names: tuple[str, ...]
    looks: Shaped[np.ndarray, "pictures values"]
    heldout: Bool[np.ndarray, "pictures"]


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

    def vectors(self, pictures: Shown) -> Float[np.ndarray, "pictures d"]:
        """Pictures → vectors of length one; NaN where there is none."""
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

    def vectors(self, pictures: Shown) -> Float[np.ndarray, "pictures d"]:
        """Features around their mean."""
        table = pictures.looks
        if len(table) < FEWEST:
            return np.full_like(table, np.nan)
        table -= table.mean(axis=0, dtype=np.float64)
        return unit(table)


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

    def vectors(self, pictures: Shown) -> Float[np.ndarray, "pictures d"]:
        """Rows of the file. DataError if it lacks a column or lists differ in length."""
        table = pq.read_table(self._file())
        for name in (self.key, self.column):
            if name not in table.column_names:
                raise DataError(self.path, f"no column {name!r}", f"one of {', '.join(table.column_names)}")
        table = table.filter(pc.is_valid(table[self.column]))
        sizes = pc.unique(pc.list_value_length(table[self.column])).to_pylist()
        if len(sizes) != 1:
            raise DataError(self.path, f"embeddings of {len(sizes)} lengths {sorted(sizes)}", "lists of one length")
        keys = pc.cast(table[self.key], pa.string()).combine_chunks()
        rows = pc.index_in(pa.array(pictures.contents, pa.string()), value_set=keys).to_numpy(zero_copy_only=False)
        known = ~np.isnan(rows)
        found = table[self.column].take(pa.array(rows[known].astype(np.int64)))
        result = np.full((len(rows), sizes[0]), np.nan, np.float32)
        if known.any():
            result[known] = pc.list_flatten(found).to_numpy().reshape(-1, sizes[0])
        return unit(result)

    def _file(self) -> Path:
        file = Path(self.path)
        if not file.is_file():
            raise DataError(self.path, "no such file", "a Parquet file of embeddings")
        return file


class Gallery:
    """The distinct pictures of candidates that are added one by one, each look once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._heldout = array("b")
        self._looks = Rows()

    def __len__(self) -> int:
        return len(self._names)

    def add(self, candidate: Candidate) -> list[int]:
        """The next candidate → numbers of the pictures that it shows."""
        images = [item for item in candidate.sample.media if item.kind == "image"]
        found = []
        for item, look in zip(images, candidate.looks, strict=True):
            number = self._numbers.setdefault(item.sha256 or item.uri, len(self._names))
            if number == len(self._names):
                self._names.append(item.uri)
                self._heldout.append(candidate.heldout)
                self._looks.add(look)
            self._names[number] = min(self._names[number], item.uri)
            self._heldout[number] |= candidate.heldout
            found.append(number)
        return found

    def ordered(self) -> tuple[Shown, Int64[np.ndarray, "pictures"]]:
        """The pictures, and for each number the place where it stands among them."""
        contents = sorted(self._numbers)
        order = np.array([self._numbers[content] for content in contents], np.int64)
        places = np.empty(len(order), np.int64)
        places[order] = np.arange(len(order))
        names = tuple(self._names[number] for number in order)
        return Shown(tuple(contents), names, self._looks.table[order], np.array(self._heldout, bool)[order]), places


class Showing:
    """Candidates gone through once: the distinct pictures of all, in order, and which of them each shows."""

    def __init__(self, candidates: Collection[Candidate]) -> None:
        gallery, self._shown, self._counts = Gallery(), array("q"), array("q")
        for candidate in candidates:
            numbers = gallery.add(candidate)
            self._shown.extend(numbers)
            self._counts.append(len(numbers))
        self.pictures, self._places = gallery.ordered()

    def __len__(self) -> int:
        return len(self._counts)

    def __iter__(self) -> Iterator[list[int]]:
        """For each candidate the places of its pictures."""
        start = 0
        for count in self._counts:
            yield [int(self._places[number]) for number in self._shown[start : start + count]]
            start += count
