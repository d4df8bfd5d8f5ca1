"""img2dataset: `00000.parquet` with a status for each address beside `00000.tar`, or a folder of pictures → samples.

An address that failed is a broken row with the reason; so is one that is said to have succeeded and whose picture is not
there. Formats `webdataset`, `files` and `parquet`. Layout: rom1504/img2dataset `img2dataset/writer.py`, `downloader.py`.
"""

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.config import config
from omma.core.errors import DataError
from omma.core.files import inside
from omma.curate.formats.fields import texts
from omma.curate.formats.listing import Listing, is_picture
from omma.curate.formats.parquet_rows import parquet_rows
from omma.curate.reader import Broken, Names, Reader, attempt, below, closed
from omma.media.tar_index import index_tar
from omma.schema.sample import Caption, Media, Sample

COLUMNS = ("key", "status", "url")
ENCODED = ("jpg", "png", "webp")  # columns that hold the bytes of pictures where the format is parquet
TOLD = {"caption", "text", "key", "status", "error_message", "exif", "sha256", "width", "height", *ENCODED}
BATCH = 4096


@config
class Img2dataset(Reader):
    """`path` is the folder of shards, or one `.parquet` of it. Captions are the web's own (`origin` alt)."""

    task: str = "caption"

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """One sample or broken row an address, shard after shard by name."""
        for shard in self._shards(root):
            yield from self._shard(shard, root)

    def parts(self, root: Path) -> tuple[Reader, ...]:
        """A shard each."""
        return tuple(replace(self, path=below(shard, root)) for shard in self._shards(root))

    def files(self, root: Path) -> tuple[Path, ...]:
        """Of each shard the table and the tar or folder beside it."""
        beside = (file for shard in self._shards(root) for file in (shard, shard.with_suffix(".tar"), shard.with_suffix("")))
        return tuple(dict.fromkeys(file for file in beside if file.exists()))

    def _shards(self, root: Path) -> list[Path]:
        """Tables of the folder, and tars that no table tells of."""
        found = self.shards(root, ".parquet", ".tar")
        home = root / posixpath.normpath(self.path)
        return [file for file in found if file == home or (file.parent == home and not file.is_dir() and not _told_of(file))]

    def _shard(self, shard: Path, root: Path) -> Iterator[Sample | Broken]:
        name = below(shard, root)
        gone = closed(shard, root)
        if gone or shard.suffix == ".tar":
            yield gone or Broken(name, "no .parquet beside it says what the pictures in it are")
            return
        try:
            inside(root, below(shard.with_suffix(".tar"), root))
            yield from _cut(shard, root)
            table = pq.ParquetFile(shard)
        except (pa.ArrowException, OSError) as error:
            yield Broken(f"{name}#0", f"cannot be read: {' '.join(str(error).split())}")
            return
        except DataError as error:
            yield Broken(name, f"{error.where}: {error.got}")
            return
        with table:
            yield from self._rows(table, shard, root)

    def _rows(self, table: pq.ParquetFile, shard: Path, root: Path) -> Iterator[Sample | Broken]:
        name, names, columns = below(shard, root), Names(), table.schema_arrow.names
        missing = [column for column in COLUMNS if column not in columns]
        if missing:
            yield Broken(name, f"no column {', '.join(missing)}; expected key, status and url, as img2dataset writes them")
            return
        held = next((column for column in ENCODED if column in columns), "")
        pictures = {} if held else _pictures(shard, root)
        for row in parquet_rows(table, name, [column for column in columns if column not in ENCODED], BATCH):
            if isinstance(row, Broken):
                yield row
            else:
                uri = f"{row.where}:{held}" if held else pictures.get(row.fields["key"])
                yield attempt(partial(self._sample, row.fields, uri, names), row.where)

    def _sample(self, row: dict[str, Any], uri: str | None, names: Names) -> Sample:
        if row["status"] != "success":
            why = f": {row['error_message']}" if row.get("error_message") else ""
            raise DataError("download", f"{row['status']}{why} ({row['url']})")
        if uri is None:
            raise DataError("picture", f"none of key {row['key']}, though its status is success", "one in the shard")
        said = next((row[name] for name in ("caption", "text", "alt") if name in row), None)
        captions = tuple(Caption(text, "alt") for text in texts(said, "caption"))
        meta = {name: value for name, value in row.items() if name not in TOLD and isinstance(value, (str, int, float, bool))}
        return Sample(names.next(uri), "", self.task, (Media(uri),), captions=captions, meta=meta)

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Folders with Parquet files that give each address a key and a status."""
        folders = (PurePosixPath(name).parent.as_posix() for name in listing.ending(".parquet") if told(listing.root / name))
        for folder in sorted(set(folders)):
            yield cls(path=folder)


def told(path: Path) -> bool:
    """Parquet file → whether it says what became of addresses, as img2dataset writes it."""
    try:
        return set(COLUMNS) <= set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError):
        return False


def _told_of(file: Path) -> bool:
    return file.suffix == ".tar" and file.with_suffix(".parquet").exists()


def _cut(shard: Path, root: Path) -> Iterator[Broken]:
    """A tar that breaks off is told once, besides the rows whose pictures it lost."""
    tar = shard.with_suffix(".tar")
    if tar.is_file() and (cut := index_tar(tar).cut):
        yield Broken(below(tar, root), f"the tar {cut}")


def _pictures(shard: Path, root: Path) -> dict[str, str]:
    """Shard → the uri of each picture by its key."""
    tar, folder = shard.with_suffix(".tar"), shard.with_suffix("")
    if tar.is_file():
        name, members = below(tar, root), (member for member in index_tar(tar).spans if is_picture(member))
        return {PurePosixPath(member).name.partition(".")[0]: f"{name}#{member}" for member in members}
    if folder.is_dir() and folder.resolve().is_relative_to(root.resolve()):
        found = (file for file in sorted(folder.iterdir()) if is_picture(file.name))
        return {file.stem: below(file, root) for file in found if closed(file, root) is None}
    return {}
