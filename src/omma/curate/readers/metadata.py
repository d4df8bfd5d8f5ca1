"""Metadata of a pool, as DataComp, MetaCLIP and LAION publish it: Parquet with `uid`, `url`, text and scores by column → samples.

Pictures are looked for in `pictures` by uid (`UID.jpg`); one that is not there is named by its address, so that curation tells
what is still to be downloaded. Layout: mlfoundations/datacomp, README.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.formats.fields import texts
from omma.curate.formats.listing import Listing
from omma.curate.formats.parquet_rows import parquet_rows
from omma.curate.formats.rows import Row
from omma.curate.formats.sniff import beside
from omma.curate.reader import Broken, Names, Reader, attempt, below, closed
from omma.curate.readers.img2dataset import told
from omma.schema.sample import Caption, Media, Sample

UIDS = ("uid", "UID", "id", "hash")
URLS = ("url", "URL")
TEXTS = ("text", "caption", "TEXT", "alt_text")
ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
BATCH = 8192


@config
class Metadata(Reader):
    """`path` is a file or a folder of them. Every other column of plain values (sizes, scores) goes into `meta`."""

    path: str = "metadata.parquet"
    task: str = "caption"

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """One sample a row, file after file by name; ids are the file and the uid."""
        for file in self.shards(root, ".parquet"):
            gone = closed(file, root)
            yield from [gone] if gone else self._file(file, root)

    def parts(self, root: Path) -> tuple[Reader, ...]:
        """A file each, with pictures where they are for all of them."""
        home, names = self._home(root), [below(file, root) for file in self.shards(root, ".parquet")]
        return tuple(replace(self, path=name, pictures=posixpath.relpath(home, posixpath.dirname(name) or ".")) for name in names)

    def files(self, root: Path) -> tuple[Path, ...]:
        """The tables, and the folder of pictures."""
        return (*self.shards(root, ".parquet"), root / self._home(root))

    def _home(self, root: Path) -> str:
        """The folder of pictures, relative to the root."""
        folder = self.path if (root / self.path).is_dir() else posixpath.dirname(self.path)
        return posixpath.normpath(posixpath.join(folder, self.pictures))

    def _file(self, file: Path, root: Path) -> Iterator[Sample | Broken]:
        name, names, home = below(file, root), Names(), self._home(root)
        try:
            table = pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            yield Broken(f"{name}#0", f"cannot be read: {' '.join(str(error).split())}")
            return
        with table:
            try:
                columns = _columns(table.schema_arrow.names, name)
            except DataError as error:
                yield Broken(name, f"{error.got}; expected {error.expected}")
                return
            for row in parquet_rows(table, name, table.schema_arrow.names, BATCH):
                if isinstance(row, Broken):
                    yield row
                else:
                    yield attempt(partial(self._sample, row, columns, root, home, names), row.where)

    def _sample(self, row: Row, columns: tuple[str, str, str], root: Path, home: str, names: Names) -> Sample:
        (uid, url, text), fields = columns, row.fields
        key = str(fields[uid] or "").strip()
        if not key or not isinstance(fields[url], str) or not fields[url].strip():
            raise DataError("row", f"{uid} {fields[uid]!r}, {url} {fields[url]!r}"[:80], "an id and an address")
        captions = tuple(Caption(said, "alt") for said in texts(fields[text], text))
        meta = {name: value for name, value in fields.items() if name != text and isinstance(value, (str, int, float, bool))}
        media = Media(_picture(key, root, home) or fields[url])
        id = names.next(f"{row.where.rpartition('#')[0]}#{key}")
        return Sample(id, "", self.task, (media,), captions=captions, meta=meta)

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Parquet files with an id, an address and a text in each row, which say nothing of downloads."""
        found: dict[str, list[str]] = {}
        for name in listing.ending(".parquet"):
            if not told(listing.root / name) and _fits(listing.root / name):
                found.setdefault(PurePosixPath(name).parent.as_posix(), []).append(name)
        for folder, names in found.items():
            path = names[0] if len(names) == 1 else folder
            yield cls(path=path, pictures=beside(listing, names[0], _uids(listing, names[0])))


def _picture(key: str, root: Path, home: str) -> str:
    """Uid → the file in the folder `home` that is called so, or nothing."""
    if "/" in key or "\\" in key or "\0" in key:
        return ""
    for ending in ENDINGS:
        file = root / home / (key + ending)
        if file.is_file() and file.resolve().is_relative_to(root.resolve()):
            return posixpath.normpath(below(file, root))
    return ""


def _uids(listing: Listing, name: str) -> list[str]:
    """Parquet file → the names that pictures of its first rows may have."""
    table = pq.ParquetFile(listing.root / name)
    uid = _columns(table.schema_arrow.names, name)[0]
    first = next(table.iter_batches(50, columns=[uid]), None)
    return [f"{row[uid]}{ending}" for row in (first.to_pylist() if first else ()) for ending in ENDINGS]


def _columns(there: list[str], name: str) -> tuple[str, str, str]:
    found = [next((column for column in usual if column in there), "") for usual in (UIDS, URLS, TEXTS)]
    if not all(found):
        raise DataError(name, f"columns {', '.join(there[:8])}", "an id, an address and a text")
    return found[0], found[1], found[2]


def _fits(path: Path) -> bool:
    try:
        return bool(_columns(pq.read_schema(path).names, path.name))
    except (pa.ArrowException, OSError, DataError):
        return False
