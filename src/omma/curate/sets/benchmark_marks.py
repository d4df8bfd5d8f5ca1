"""Benchmark marks: what benchmarks say and show → one Parquet file by which operators know it again, and that file read.

`omma data marks` writes it. A row is a text (a line of what is asked, offered or right, of four words or more) or a distinct
picture (hash of its bytes, hashes of its windows and its colour thumbnail as `crop_hash` makes them and, where a model was
given, its place in that model's space), with its benchmark and the questions that it belongs to. No pixels are in it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from omma.core.errors import DataError
from omma.core.files import bytes_hash, file_hash, replaced_path
from omma.curate.operator import Look
from omma.curate.operators.crop_hash import CropHash

ABOUT = b"omma.marks"  # key of the file's own facts: version of the looks, and the model of the vectors
ROWS = 1024  # written at a time
SCHEMA = pa.schema(
    [
        ("benchmark", pa.string()),
        ("questions", pa.list_(pa.string())),
        ("text", pa.string()),
        ("picture", pa.string()),
        ("sha256", pa.string()),
        ("look", pa.binary()),
        ("vector", pa.list_(pa.float32())),
    ]
)
AGAIN = "make it again with `omma data marks`"


@dataclass(frozen=True, slots=True)
class BenchmarkMark:
    """A text, or a picture (its name, hash and look), of a benchmark; ids of the questions that it stands in."""

    benchmark: str
    questions: tuple[str, ...]
    text: str = ""
    picture: str = ""
    sha256: str = ""
    look: bytes = b""
    vector: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """Benchmark and question, as reasons name them."""
        more = f" and {len(self.questions) - 1:,} more" if len(self.questions) > 1 else ""
        return f"{self.benchmark} {self.questions[0]}{more}"


def write_marks(path: Path, marks: Iterable[BenchmarkMark], space: str = "") -> None:
    """Marks → a file, whole or not at all. `space` is the mark of the model that placed the pictures."""
    about = {ABOUT: json.dumps({"look": CropHash.version, "space": space}).encode()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_path(path) as temporary, pq.ParquetWriter(temporary, SCHEMA.with_metadata(about)) as writer:
        rest = iter(marks)
        while rows := list(islice(rest, ROWS)):
            writer.write_table(pa.Table.from_pylist([asdict(row) for row in rows], SCHEMA.with_metadata(about)))


def read_texts(path: str) -> Iterator[BenchmarkMark]:
    """File → its texts, those of a benchmark one after the other. DataError if it is none."""
    table = _open(path).read(columns=["benchmark", "questions", "text"])
    yield from _rows(table.filter(pc.not_equal(table["text"], "")))


def read_pictures(path: str) -> tuple[list[BenchmarkMark], list[Look]]:
    """File → its pictures and their looks. DataError if it is none, or another version of `crop_hash` made it."""
    file = _open(path)
    version = _about(file)["look"]
    if version != CropHash.version:
        raise DataError(path, f"hashes of version {version}", f"version {CropHash.version}", AGAIN)
    table = file.read(columns=["benchmark", "questions", "picture", "sha256", "look"])
    marks = list(_rows(table.filter(pc.not_equal(table["picture"], ""))))
    return marks, [np.frombuffer(mark.look, np.uint8) for mark in marks]


def read_vectors(path: str) -> tuple[list[BenchmarkMark], np.ndarray, str]:
    """File → its pictures, their vectors (pictures, d) and the mark of the model. DataError if it has no vectors."""
    file = _open(path)
    table = file.read(columns=["benchmark", "questions", "picture", "vector"])
    marks = list(_rows(table.filter(pc.not_equal(table["picture"], ""))))
    sizes = {len(mark.vector) for mark in marks}
    if len(sizes) != 1 or 0 in sizes:
        raise DataError(path, "no vectors of its pictures", "the place of each in a model's space", f"{AGAIN} --model FOLDER")
    return marks, np.array([mark.vector for mark in marks], np.float32), str(_about(file)["space"])


def contents(paths: Sequence[str]) -> str:
    """Files → 8 hex digits over what is in them, for keys; nothing without files. DataError for one that is not there."""
    if not paths:
        return ""
    return bytes_hash("".join(_content(path) for path in paths).encode())[:8]


def _content(path: str) -> str:
    if not Path(path).is_file():
        raise DataError(path, "no such file", "marks of benchmarks", AGAIN)
    facts = Path(path).stat()
    return _hash(path, facts.st_size, facts.st_mtime_ns)


@cache
def _hash(path: str, size: int, changed: int) -> str:
    """A file is read once in a process for each of its states."""
    return file_hash(Path(path))


def _open(path: str) -> pq.ParquetFile:
    try:
        file = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(path, f"cannot be read: {error}", "marks of benchmarks", AGAIN) from None
    if ABOUT not in (file.schema_arrow.metadata or {}):
        raise DataError(path, "a Parquet file of something else", "marks of benchmarks", AGAIN)
    return file


def _about(file: pq.ParquetFile) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.schema_arrow.metadata[ABOUT])
    return found


def _rows(table: pa.Table) -> Iterator[BenchmarkMark]:
    for batch in table.to_batches(ROWS):
        for row in batch.to_pylist():
            lists = {name: tuple(row[name]) for name in ("questions", "vector") if name in row}
            yield BenchmarkMark(**(row | lists))
