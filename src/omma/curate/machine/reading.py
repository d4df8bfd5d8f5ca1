"""Reading: data config + root → every row of every reader in shards, file by file, and what is wrong with those that are none."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from omma.core.config import show
from omma.core.errors import DataError
from omma.core.files import replaced_path
from omma.core.progress import Bar
from omma.curate.data import Data
from omma.curate.machine.shards import Raw, Rows, read_table, text_of, write_raw
from omma.curate.machine.site import Site, fingerprint, table_of
from omma.curate.reader import Broken, Reader, check_root
from omma.schema.sample import Sample

HALF = "text with half a surrogate pair"  # as JSON's `\ud83d` alone; it is in no encoding
COUNTS = "counts.json"  # written last in the folder of a part: how many rows each of its shards has


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a source, such as one file, and the folder its shards go into. `prefix` begins the ids."""

    reader: Reader
    root: Path
    source: str
    prefix: str
    heldout: bool
    size: int
    out: Path


def read_all(data: Data, site: Site) -> tuple[Rows, str]:
    """All rows of all readers in order, and the key of what was read.

    DataError if there is no root, no sample, or two samples share an id.
    """
    check_root(site.root)
    readers = [(source, source, False, reader) for source, reader in data.sources.items()]
    readers += [(source, f"heldout/{source}", True, reader) for source, reader in data.heldout.items()]
    key = "\n".join((fingerprint(site.root), str(site.engine.rows), *(f"{prefix}: {show(r)}" for _, prefix, _, r in readers)))
    folder = site.step("read", key)
    parts = [
        Part(part, site.root, source, prefix, heldout, site.engine.rows, folder / f"{number:03d}-{place:06d}")
        for number, (source, prefix, heldout, reader) in enumerate(readers)
        for place, part in enumerate(reader.parts(site.root))
    ]
    with Bar("read rows", None) as bar:
        for counts in site.crew.run(read_part, parts):
            bar.advance(sum(counts))
    files = [file for part in parts for file in sorted(part.out.glob("*.parquet"))]
    rows = Rows(tuple(files), tuple(pq.read_metadata(file).num_rows for file in files))
    _check(rows, site)
    return rows, key


def read_part(part: Part) -> list[int]:
    """Part → its shards in its folder, all or none; the number of rows of each."""
    done = part.out / COUNTS
    if not done.exists():
        with replaced_path(part.out) as folder:
            folder.mkdir()
            rows, counts = _rows(part), list[int]()
            while chunk := list(islice(rows, part.size)):
                write_raw(folder / f"{len(counts):06d}.parquet", chunk)
                counts.append(len(chunk))
            (folder / COUNTS).write_text(json.dumps(counts))
    found: list[int] = json.loads(done.read_text())
    return found


def check_ids(rows: Rows, site: Site) -> None:
    """DataError if two rows share an id."""
    with site.database() as database:
        query = f"SELECT id FROM {table_of(rows.files)} GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT 1"
        twice = database.execute(query).fetchall()
    if twice:
        raise DataError(twice[0][0], "two samples with this id", "each id once", "give readers of the same file other names")


def _check(rows: Rows, site: Site) -> None:
    if not rows.total:
        fix = "look at the folder with `omma new`"
        raise DataError(str(site.root), "an empty data set: the readers found no row", "samples", fix)
    table = read_table(rows.files[0], "id", "broken")
    if all(table["broken"].to_pylist()) and _all_broken(rows, site):
        first = table.slice(0, 1).to_pylist()[0]
        got = f"{first['broken']}; so it is with all {rows.total:,} rows"
        raise DataError(first["id"], got, "samples", "is it the right reader?")
    check_ids(rows, site)


def _all_broken(rows: Rows, site: Site) -> bool:
    return site.number(f"SELECT count(*) FROM {table_of(rows.files)} WHERE broken = ''") == 0


def _rows(part: Part) -> Iterator[Raw]:
    for item in part.reader.read(part.root):
        if isinstance(item, Broken):
            yield _broken(part, item.where, item.reason)
            continue
        sample = replace(item, id=f"{part.prefix}/{item.id}", source=part.source)
        text = text_of(sample)
        yield Raw(sample, part.heldout, text=text) if _can_be_written(text) else _broken(part, item.id, HALF)


def _broken(part: Part, where: str, reason: str) -> Raw:
    return Raw(Sample(f"{part.prefix}/{_plain(where)}", part.source), part.heldout, _plain(reason))


def _can_be_written(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(text: str) -> str:
    return text.encode("utf-8", errors="replace").decode()
