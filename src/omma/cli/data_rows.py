"""Rows: a folder of data + a part + a condition → how many samples fit, and the samples one by one, in their order."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import pyarrow.parquet as pq
from jaxtyping import Bool

from omma.core.errors import ConfigError
from omma.report.browse.folder import Folder
from omma.report.browse.tables import parquet
from omma.schema.manifest import iter_manifest
from omma.schema.sample import Sample

Part = Literal["train", "heldout", "gone"]
MEMORY = "1GB"  # that DuckDB may hold; beyond it, it writes to the scratch folder
FACTS = ("id", "source", "task", "uri", "sha256", "width", "height")  # what a manifest says of a row beside its sample
WRONG = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException, duckdb.ConversionException)


@dataclass(frozen=True)
class Rows:
    """Chosen rows of manifests: of each file which of its rows. Memory holds a byte for every row there is."""

    files: tuple[tuple[Path, Bool[np.ndarray, "rows"]], ...]

    def __len__(self) -> int:
        return sum(int(wanted.sum()) for _, wanted in self.files)

    def __iter__(self) -> Iterator[Sample]:
        for path, wanted in self.files:
            yield from iter_manifest(path, wanted)


def choose(folder: Folder, part: Part | None, where: str, scratch: Path) -> Rows:
    """Folder → its rows of a part (a run's `train` if none is named) for which the condition holds, if there is one.

    A condition is DuckDB's SQL over what the manifest says of a row and, in a run, its scores. ConfigError for one that
    makes no sense, or for a part where nothing was curated.
    """
    if part and not folder.is_run:
        raise ConfigError("--part", part, "nothing: only a run has parts", "leave it out, or give the run's folder")
    files = [path for name, path in folder.manifests if name in ("raw", part or "train")]
    if not where:
        return Rows(tuple((path, np.ones(pq.read_metadata(path).num_rows, bool)) for path in files))
    settings: dict[str, Any] = {"memory_limit": MEMORY, "temp_directory": str(scratch / "spill")}
    with duckdb.connect(config=settings) as connection:
        connection.execute("SET enable_progress_bar = false")
        return Rows(tuple((path, _fitting(connection, path, folder.scores, where)) for path in files))


def _fitting(connection: duckdb.DuckDBPyConnection, path: Path, scores: Path | None, where: str) -> Bool[np.ndarray, "rows"]:
    """Manifest → for each row whether the condition holds."""
    rows = f"SELECT {', '.join(FACTS)}, file_row_number AS place FROM {parquet([path])}"
    if scores:
        rows = f"SELECT * FROM ({rows}) LEFT JOIN (SELECT * EXCLUDE (sha256, file_row_number) FROM {parquet([scores])}) USING (id)"
    try:
        found = connection.execute(f"SELECT place FROM ({rows}) WHERE (\n{where}\n)").fetchnumpy()["place"]
    except WRONG as error:
        columns = [*FACTS, *(name for name in (pq.read_schema(scores).names if scores else ()) if name not in FACTS)]
        got = f"{where!r}: {str(error).splitlines()[0]}"
        raise ConfigError("--where", got, "a condition over " + ", ".join(columns), 'such as "width >= 200"') from None
    wanted = np.zeros(pq.read_metadata(path).num_rows, bool)
    wanted[found.astype(np.int64)] = True
    return wanted
