"""Attaching: rows → rows that know what they show: facts of pictures, their side of the split, operators' looks.

Every name is seen once (`seeing`), then DuckDB joins names in rows with what was seen, sorted by row, and each shard is
completed on its own.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Bool

from omma.core.progress import Bar
from omma.curate.machine.budget import Streak
from omma.curate.machine.seeing import Looker, See, see, shards
from omma.curate.machine.shards import RAW, READ, SEEN, Rows, content_hash, read_table, write_table
from omma.curate.machine.site import Site, quoted, table_of
from omma.curate.operator import PictureOperator
from omma.curate.split import falls_out
from omma.media.store import WEB

Facts = dict[str, Any]
BLANK = {"uri": "", "sha256": "", "width": None, "height": None, "unread": ""}  # of rows that show nothing; other columns are lists
COPIED = ("sha256", "width", "height", "frames")  # from what was seen to a picture or video of a sample


@dataclass(frozen=True, slots=True)
class Attach:
    """A shard of rows and the facts of what they show, row by row. `share` of all content is held out (0: what is, is settled)."""

    rows: Path
    facts: pa.Table
    lookers: tuple[Looker, ...]
    share: float
    out: Path


@dataclass(frozen=True, slots=True)
class Attached:
    """What is known of a shard: which rows are out before any operator, and the hash of what it says."""

    gone: Bool[np.ndarray, "rows"]
    hash: str


@dataclass(frozen=True)
class Known:
    """A generation whose rows know what they show; the files of what was seen of it; shards as `Attached`."""

    rows: Rows
    seen: tuple[Path, ...]
    gone: list[Bool[np.ndarray, "rows"]]
    hashes: tuple[str, ...]


def media_sql(rows: Rows) -> str:
    """Rows → SQL of (shard, row, pos, uri, kind) of all that they show."""
    places = ", ".join(f"({quoted(str(file))}, {number})" for number, file in enumerate(rows.files))
    return (
        "SELECT shard, file_row_number AS row, unnest(range(len(uris))) AS pos, unnest(uris) AS uri, unnest(kinds) AS kind "
        f"FROM {table_of(rows.files, 'filename', 'file_row_number')} "
        f"JOIN (VALUES {places}) AS places(filename, shard) USING (filename)"
    )


def addresses(site: Site, rows: Rows) -> Iterator[str]:
    """Rows → web addresses of what they show, each once, in order."""
    web = " OR ".join(f"starts_with(uri, '{scheme}')" for scheme in WEB)
    query = f"SELECT uri FROM ({media_sql(rows)}) WHERE {web} GROUP BY uri"
    return _names(site, f"{query} ORDER BY min((shard, row, pos))")


def see_all(
    site: Site, rows: Rows, lookers: tuple[Looker, ...], folder: Path, streak: int, seen: tuple[Path, ...]
) -> tuple[tuple[Path, ...], str]:
    """Rows → files of what was seen of all that they show, those in `seen` first, and a hash over which names could not be read.

    DataError after `streak` failures in a row.
    """
    files, digest = list(seen), hashlib.sha256()
    for kind, title in (("image", "look at pictures"), ("video", "read videos")):
        unseen = _unseen_sql(rows, kind, seen)
        total = site.number(f"SELECT count(*) FROM ({unseen})")
        if not total:
            continue
        jobs: list[See] = []
        current = Streak(streak)
        with Bar(title, total) as bar:
            for failed in site.crew.run(see, _noted(shards(site, kind, _names(site, unseen), lookers, folder), jobs)):
                job = jobs.pop(0)
                files.append(job.out)
                bar.advance(len(failed))
                digest.update(np.packbits(failed).tobytes())
                current.add(job.uris.__getitem__, failed, "pictures" if kind == "image" else "videos")
    return tuple(files), digest.hexdigest()


def attach_all(site: Site, rows: Rows, seen: tuple[Path, ...], lookers: tuple[Looker, ...], share: float, folder: Path) -> Known:
    """Rows + what was seen → the same rows that know what they show."""
    outs = rows.files_in(folder)
    jobs = (
        Attach(path, facts, lookers, share, out)
        for path, facts, out in zip(rows.files, _slices(site, rows, seen, lookers), outs, strict=True)
    )
    found = list(site.crew.run(attach, jobs))
    return Known(Rows(outs, rows.counts), seen, [item.gone for item in found], tuple(item.hash for item in found))


def attach(job: Attach) -> Attached:
    """Job → its file: pictures' facts in the samples, and the columns that operators need."""
    if not job.out.exists():
        write_table(job.out, _complete(read_table(job.rows), job))
    table = read_table(job.out, "gone", "sample")
    return Attached(np.array([bool(name) for name in table["gone"].to_pylist()], bool), content_hash(table))


def _unseen_sql(rows: Rows, kind: str, seen: tuple[Path, ...]) -> str:
    """SQL of names that are in no seen file, each once, in the order of the rows."""
    without = f"AND uri NOT IN (SELECT uri FROM {table_of(seen)} WHERE kind = '{kind}')" if seen else ""
    return f"SELECT uri FROM ({media_sql(rows)}) WHERE kind = '{kind}' {without} GROUP BY uri ORDER BY min((shard, row, pos))"


def _names(site: Site, query: str) -> Iterator[str]:
    for batch in site.batches(query):
        yield from batch.column(0).to_pylist()


def _noted(jobs: Iterator[See], made: list[See]) -> Iterator[See]:
    for job in jobs:
        made.append(job)
        yield job


def _slices(site: Site, rows: Rows, seen: tuple[Path, ...], lookers: tuple[Looker, ...]) -> Iterator[pa.Table]:
    """For each shard in order the facts of what its rows show, sorted by row and place."""
    columns = [f'"{name}"' for name in _look_columns(lookers)]
    wanted = ", ".join(("shard", "row", "sha256", "width", "height", "frames", "fps", "error", "kind", "uri", *columns))
    query = f"SELECT {wanted} FROM ({media_sql(rows)}) JOIN {table_of(seen)} USING (uri, kind) ORDER BY shard, row, pos"
    if not seen:
        yield from (pa.table({}) for _ in rows.files)
        return
    yield from by_shard(site.batches(query), len(rows.files))


def by_shard(batches: Iterable[pa.RecordBatch], shards: int) -> Iterator[pa.Table]:
    """Record batches sorted by their column `shard` → a table for each shard; one without columns where there is nothing."""
    pending: list[pa.Table] = []
    current = 0
    for batch in batches:
        table = pa.Table.from_batches([batch])
        numbers = table["shard"].to_numpy()
        cuts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        for start, end in pairwise(cuts):
            if start == end:
                continue
            while current < numbers[start]:
                yield pa.concat_tables(pending) if pending else pa.table({})
                pending, current = [], current + 1
            pending.append(table.slice(start, end - start))
    while current < shards:
        yield pa.concat_tables(pending) if pending else pa.table({})
        pending, current = [], current + 1


def _look_columns(lookers: tuple[Looker, ...]) -> dict[str, pa.DataType]:
    """Operators → the columns of what they made of a row's pictures, which sets' looks are no part of."""
    columns = {}
    for op in lookers:
        columns[f"fault:{op.name}"] = pa.list_(pa.string())
        if isinstance(op, PictureOperator):
            columns[f"value:{op.name}"] = pa.list_(pa.float64())
    return columns


def _schema(lookers: tuple[Looker, ...]) -> pa.Schema:
    return pa.schema([*RAW, *(pa.field(*item) for item in (*SEEN, *_look_columns(lookers).items()))])


def _complete(table: pa.Table, job: Attach) -> pa.Table:
    """Raw rows + facts → rows with facts; rows that show nothing cost next to nothing."""
    facts: dict[int, list[Facts]] = {
        row: list(items) for row, items in groupby(job.facts.to_pylist(), key=lambda item: item["row"])
    }
    schema = _schema(job.lookers)
    columns: dict[str, Any] = {name: table[name] for name in RAW.names}
    columns |= {name: table[name].to_pylist() for name in ("id", "heldout", "broken", "gone", "failed", "reason", "sample")}
    columns |= {name: [BLANK.get(name, [])] * len(table) for name in schema.names if name not in columns}
    for row, broken in enumerate(columns["broken"]):
        shown = facts.get(row, [])
        if broken:
            columns["gone"][row], columns["failed"][row], columns["reason"][row] = READ, True, f"error:{READ}: {broken}"
            continue
        if shown:
            _fill(columns, row, shown, job.lookers)
        if job.share and not columns["heldout"][row]:
            columns["heldout"][row] = falls_out([item["sha256"] for item in shown] or [columns["id"][row]], job.share)
    return pa.table(columns, schema)


def _fill(columns: dict[str, Any], row: int, shown: list[Facts], lookers: tuple[Looker, ...]) -> None:
    """What a row shows → its columns of `SEEN` and of the operators; it is out at once if a film is none."""
    images = [item for item in shown if item["kind"] == "image"]
    columns["sample"][row] = _sample(columns["sample"][row], shown)
    for name in ("uri", "sha256", "width", "height"):
        columns[name][row] = shown[0][name]
    columns["marks"][row] = [
        int.from_bytes(bytes.fromhex(item["sha256"][:16]), "big", signed=True) for item in shown if item["sha256"]
    ]
    columns["unread"][row] = next((item["error"] for item in images if item["error"]), "")
    film = next((item["error"] for item in shown if item["kind"] == "video" and item["error"]), "")
    if film and not columns["gone"][row]:
        columns["gone"][row], columns["failed"][row], columns["reason"][row] = READ, True, f"error:{READ}: {film}"
    for name in _look_columns(lookers):
        columns[name][row] = [item[name] for item in images]


def _sample(text: str, shown: list[Facts]) -> str:
    """JSON of a sample → the same with the facts of its media; a pace that a reader knows stays."""
    sample = json.loads(text)
    for item, facts in zip(sample.get("media", ()), shown, strict=True):
        for name in COPIED:
            item.pop(name, None)
            if facts[name]:
                item[name] = facts[name]
        if facts["fps"] and not item.get("fps"):
            item["fps"] = facts["fps"]
    return json.dumps(sample, sort_keys=True, ensure_ascii=False)
