"""Site: what all steps of one curation share: where things lie, who works, and the keys that say what was made of what.

work/<step>-<key>/          files of one step; the key is a hash of all that they depend on, so that a file found is right
looks/pictures, looks/scores, looks/sets       what operators made of things, by content: shared by runs if asked to
annex/                      pictures that were fetched or made
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow as pa

from omma.core.errors import ConfigError
from omma.curate.machine.engine import Crew, Engine
from omma.media.store import Store

VERSION = "1"  # of the files in `work`
BATCH = 10_000  # rows that DuckDB hands over at a time
MEMORY = "1GB"  # that DuckDB may hold; beyond it, it writes to `work/duckdb`


@dataclass(frozen=True)
class Site:
    """One curation's places and workers; `askers` are those that may hold a model."""

    root: Path
    work: Path
    looks: Path
    annex: Path
    engine: Engine
    workers: int
    crew: Crew
    askers: Crew

    @cached_property
    def store(self) -> Store:
        """The data root with the annex beside it."""
        return Store(self.root, self.annex)

    def step(self, name: str, *key: str) -> Path:
        """Name and all that a step depends on → its folder."""
        digest = hashlib.sha256("\n".join((VERSION, *key)).encode()).hexdigest()[:16]
        folder = self.work / f"{name}-{digest}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def database(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """DuckDB with little memory and room on disk, that opens nothing outside `work` and fetches nothing."""
        spill = self.work / "duckdb"
        spill.mkdir(parents=True, exist_ok=True)
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": MEMORY,
            "temp_directory": str(spill),
            "threads": str(max(1, min(self.workers, 8))),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        with duckdb.connect(config=settings) as connection:
            connection.execute("SET enable_progress_bar = false")
            connection.execute(f"SET allowed_directories = [{quoted(str(self.work))}, {quoted(_literal(self.work))}]")
            connection.execute("SET enable_external_access = false")
            yield connection

    def batches(self, query: str) -> Iterator[pa.RecordBatch]:
        """SQL → its rows, some thousands at a time, as they are asked for."""
        with self.database() as database:
            yield from database.sql(query).to_arrow_reader(BATCH)

    def number(self, query: str) -> int:
        """SQL of one number → it."""
        with self.database() as database:
            return int(database.execute(query).fetchall()[0][0])


def fingerprint(root: Path) -> str:
    """Data root → hash over the names, sizes and times of its files: equal for the same data, links not followed."""
    digest = hashlib.sha256()
    for folder, inner, names in os.walk(root):
        inner.sort()
        links = [name for name in inner if os.path.islink(os.path.join(folder, name))]
        for name in sorted(names + links):
            path = os.path.join(folder, name)
            facts = os.lstat(path)
            digest.update(os.fsencode(os.path.relpath(path, root)) + f"\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def table_of(files: Iterable[Path], *extra: str) -> str:
    """Parquet files → them as a table in SQL, with `extra` columns of DuckDB's, whatever the names of their folders say."""
    options = [f"{name} = true" for name in extra] + ["hive_partitioning = false"]  # a folder `id=5` is no column
    return f"read_parquet([{', '.join(quoted(_literal(file)) for file in files)}], {', '.join(options)})"


def quoted(text: str) -> str:
    """Text → it in SQL."""
    return "'" + text.replace("'", "''") + "'"


def _literal(path: Path) -> str:
    """Path → the pattern that only it fits: DuckDB takes every name for one. ConfigError where none does."""
    if any("\\" in part and re.search(r"[*?[]", part) for part in path.parts):
        raise ConfigError("run.folder", str(path), "no backslash beside * ? [ in one name", "give another one with run.folder=NAME")
    return re.sub(r"[*?[]", r"[\g<0>]", str(path))
