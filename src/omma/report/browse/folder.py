"""Folder: what a person wants to look at (a run, a manifest, a raw folder) → the Parquet files and pictures behind it.

A raw folder has no files of ours: its rows are read once, as curation would read them, into a scratch folder.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from omma.core.errors import DataError
from omma.core.files import read_text
from omma.core.progress import Bar
from omma.core.runs import ANNEX, RunFolder
from omma.curate.look import look
from omma.curate.reader import Broken
from omma.media.store import Store
from omma.schema.manifest import SCHEMA, write_manifest
from omma.schema.sample import Sample

PARTS = ("train", "heldout", "gone")
HELDOUT = "heldout/"  # before ids of samples that readers of their own read
CHUNK = 20_000  # rows of a raw folder that are held in memory
WANTED = "a run folder, a manifest (.parquet), or a folder of pictures with texts"


@dataclass(frozen=True)
class Folder:
    """What can be looked at. `manifests` are (part, file): part is one of `PARTS`, or `raw` where nothing was curated.

    `scores`, `ledger` and `summary` (what `done/curate.json` holds) are a run's; `failed` is a table (id, source, reason)
    of rows of a raw folder that are no samples. `sources` says by name how each was read, `heldout/` before
    those that are only held out.
    """

    path: Path
    title: str
    store: Store
    manifests: tuple[tuple[str, Path], ...]
    scores: Path | None = None
    ledger: tuple[Path, ...] = ()
    failed: Path | None = None
    summary: dict[str, Any] | None = None
    sources: dict[str, str] | None = None

    @property
    def is_run(self) -> bool:
        """Whether it was curated."""
        return self.scores is not None


def find_folder(path: Path, scratch: Path, data: Path | None = None) -> Folder:
    """Path → what is there. `data` is where the pictures lie, if not where the run or manifest says; `scratch` is written in.

    DataError if it is nothing that can be looked at, or a run that is not curated yet.
    """
    if path.is_file():
        return _manifest(path, data)
    if not path.is_dir():
        raise DataError(str(path), "no such file or folder", WANTED)
    begun = (path / "config.yaml").is_file() and (path / "log.jsonl").is_file()  # others have a config.yaml, too
    if begun or (path / "data/scores.parquet").is_file():
        return run_folder(path, data)
    return _raw(path, scratch)


def run_folder(path: Path, data: Path | None = None) -> Folder:
    """Run folder → what its curation left. DataError before that."""
    scores = path / "data/scores.parquet"
    if not scores.is_file():
        raise DataError(str(path), "nothing is curated yet: no data/scores.parquet", "", f"run `omma curate {path}` first")
    file = path / "config.yaml"
    config = yaml.safe_load(read_text(file)) if file.is_file() else {}
    tree = config.get("data", {}) if isinstance(config, dict) else {}
    root = data or (Path(tree["root"]) if tree.get("root") else path / "raw")
    run = RunFolder(path)
    return Folder(
        path=path,
        title=str(config.get("title") or path.name),
        store=Store(root, path / ANNEX),
        manifests=tuple((part, path / f"data/{part}.parquet") for part in PARTS if (path / f"data/{part}.parquet").is_file()),
        scores=scores,
        ledger=tuple(sorted((path / "ledger.parquet").glob("*.parquet"))),
        summary=run.done("curate") or {},
        sources={
            prefix + name: _reader(item)
            for kind, prefix in (("sources", ""), ("heldout", HELDOUT))
            for name, item in tree.get(kind, {}).items()
        },
    )


def _reader(item: dict[str, Any]) -> str:
    return f"{str(item.get('class', 'reader')).rpartition('.')[2]} at {item.get('path', '.')}"


def _manifest(path: Path, data: Path | None) -> Folder:
    """One manifest; the pictures of one that lies in a run are that run's."""
    try:
        columns = set(pq.read_schema(path).names)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(str(path), f"no Parquet: {' '.join(str(error).split())}", WANTED) from None
    if missing := set(SCHEMA.names) - columns:
        raise DataError(str(path), f"no manifest: it lacks {', '.join(sorted(missing))}", WANTED)
    run = path.parent.parent
    if data is None and path.parent.name == "data" and (run / "data/scores.parquet").is_file():
        return replace(run_folder(run), path=path, title=f"{path.stem} of {run.name}", manifests=(("raw", path),), **NOT_A_RUN)
    return Folder(path=path, title=path.name, store=Store(data or path.parent), manifests=(("raw", path),))


NOT_A_RUN: dict[str, Any] = {"scores": None, "ledger": (), "summary": None}


def _raw(path: Path, scratch: Path) -> Folder:
    """Every reader that fits, read to the end."""
    readers = look(path).sources
    with Bar("read rows", None) as bar:
        rows = (_named(item, source) for source, reader in readers.items() for item in reader.read(path))
        files, failed = _written(rows, scratch, bar)
    return Folder(
        path=path,
        title=path.resolve().name,
        store=Store(path),
        manifests=tuple(("raw", file) for file in files),
        failed=failed,
        sources={name: f"{type(reader).__name__} at {reader.path}" for name, reader in readers.items()},
    )


def _named(item: Sample | Broken, source: str) -> Sample | Broken:
    if isinstance(item, Broken):
        return replace(item, where=f"{source}/{item.where}")
    return replace(item, id=f"{source}/{item.id}", source=source)


def _written(rows: Iterable[Sample | Broken], scratch: Path, bar: Bar) -> tuple[list[Path], Path]:
    """Rows → manifests of so many each, and the broken ones apart."""
    files: list[Path] = []
    broken: list[dict[str, str]] = []
    iterator = iter(rows)
    while chunk := list(islice(iterator, CHUNK)):
        bar.advance(len(chunk))
        files.append(scratch / f"raw-{len(files):06d}.parquet")
        write_manifest(files[-1], (item for item in chunk if isinstance(item, Sample)))
        broken += [_failed(item) for item in chunk if isinstance(item, Broken)]
    failed = scratch / "failed.parquet"
    pq.write_table(pa.Table.from_pylist(broken, pa.schema([(name, pa.string()) for name in ("id", "source", "reason")])), failed)
    return files, failed


def _failed(item: Broken) -> dict[str, str]:
    return {"id": item.where, "source": item.where.partition("/")[0], "reason": item.reason}
