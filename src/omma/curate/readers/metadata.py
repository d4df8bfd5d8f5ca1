"""Metadata of a pool, as DataComp, MetaCLIP and LAION publish it: Parquet with `uid`, `url`, text and scores by column → samples.

Pictures are looked for in `pictures` by uid (`UID.jpg`); one that is not there is named by its address, so that curation tells
what is still to be downloaded. Layout: mlfoundations/datacomp, README.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.config import config
from omma.core.errors import DataError
from omma.core.files import inside
from omma.curate.fields import texts
from omma.curate.listing import Listing
from omma.curate.reader import Broken, Names, Reader, attempt, relative
from omma.curate.readers.img2dataset import told
from omma.curate.sniff import beside
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
        """One sample a row, file after file by name; ids are uids."""
        place = self.place(root)
        files = sorted(place.rglob("*.parquet")) if place.is_dir() else [place]
        if not files:
            raise DataError(self.path, "no .parquet in this folder", "metadata of a pool", "give a file or a folder of them")
        names = Names()
        for file in files:
            name, number = file.relative_to(root.resolve()).as_posix(), 0
            try:
                inside(root, name)
                table = pq.ParquetFile(file)
                uid, url, text = _columns(table.schema_arrow.names, name)
                for batch in table.iter_batches(BATCH):
                    for row in batch.to_pylist():
                        yield attempt(partial(self._sample, row, (uid, url, text), root, names), f"{name}#{number}")
                        number += 1
            except (pa.ArrowException, OSError) as error:
                yield Broken(f"{name}#{number}", f"cannot be read from here on: {' '.join(str(error).split())}")
            except DataError as error:
                yield Broken(name, f"{error.got}; expected {error.expected}")

    def _sample(self, row: dict[str, Any], columns: tuple[str, str, str], root: Path, names: Names) -> Sample:
        uid, url, text = columns
        key = str(row[uid] or "").strip()
        if not key or not isinstance(row[url], str) or not row[url].strip():
            raise DataError("row", f"{uid} {row[uid]!r}, {url} {row[url]!r}"[:80], "an id and an address")
        captions = tuple(Caption(said, "alt") for said in texts(row[text], text))
        meta = {name: value for name, value in row.items() if name != text and isinstance(value, (str, int, float, bool))}
        media = Media(self._picture(key, root) or row[url])
        return Sample(names.next(key), "", self.task, (media,), captions=captions, meta=meta)

    def _picture(self, key: str, root: Path) -> str:
        """Uid → the file that is called so, or nothing."""
        if "/" in key or "\\" in key or "\0" in key:
            return ""
        folder = self.path if (root / self.path).is_dir() else PurePosixPath(self.path).parent.as_posix()
        for ending in ENDINGS:
            name = self.picture(key + ending, folder)
            file = root / name
            if file.is_file() and file.resolve().is_relative_to(root.resolve()):
                return relative(file, root)
        return ""

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
