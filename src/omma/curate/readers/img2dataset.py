"""img2dataset: `00000.parquet` with a status for each address beside `00000.tar`, or a folder of pictures → samples.

An address that failed is a broken row with the reason; so is one that is said to have succeeded and whose picture is not
there. Formats `webdataset`, `files` and `parquet`. Layout: rom1504/img2dataset `img2dataset/writer.py`, `downloader.py`.
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
from omma.curate.listing import Listing, is_picture
from omma.curate.reader import Broken, Names, Reader, attempt, relative
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
        place = self.place(root)
        shards = sorted(place.glob("*.parquet")) if place.is_dir() else [place]
        if not shards:
            raise DataError(self.path, "no .parquet in this folder", "what img2dataset leaves", "give the folder of its shards")
        names = Names()
        for shard in shards:
            name = (PurePosixPath(self.path) / shard.name).as_posix() if place.is_dir() else self.path
            number = 0
            try:
                for ending in (".parquet", ".tar"):
                    inside(root, PurePosixPath(name).with_suffix(ending).as_posix())
                yield from self._unlisted(shard, root)
                table = pq.ParquetFile(shard)
                _check(table.schema_arrow.names, name)
                pictures = _pictures(shard, root, table.schema_arrow.names)
                wanted = [column for column in table.schema_arrow.names if column not in ENCODED]
                for batch in table.iter_batches(BATCH, columns=wanted):
                    for row in batch.to_pylist():
                        uri = pictures.get(row["key"]) if isinstance(pictures, dict) else f"{name}#{number}:{pictures}"
                        yield attempt(partial(self._sample, row, uri, names), f"{name}#{number}")
                        number += 1
            except (pa.ArrowException, OSError) as error:
                yield Broken(f"{name}#{number}", f"cannot be read from here on: {' '.join(str(error).split())}")
            except DataError as error:
                yield Broken(name, f"{error.where}: {error.got}")

    def _unlisted(self, shard: Path, root: Path) -> Iterator[Broken]:
        """A tar that breaks off is told once, besides the rows whose pictures it lost."""
        tar = shard.with_suffix(".tar")
        if tar.is_file() and (cut := index_tar(tar).cut):
            yield Broken(relative(tar, root), f"the tar {cut}")

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


def _check(columns: list[str], name: str) -> None:
    missing = [column for column in COLUMNS if column not in columns]
    if missing:
        raise DataError(name, f"no column {', '.join(missing)}", "key, status and url, as img2dataset writes them")


def _pictures(shard: Path, root: Path, columns: list[str]) -> dict[str, str] | str:
    """Shard → the uri of each picture by its key; or the column that holds their bytes."""
    held = next((column for column in ENCODED if column in columns), "")
    if held:
        return held
    tar, folder = shard.with_suffix(".tar"), shard.with_suffix("")
    if tar.is_file():
        name = relative(tar, root)  # leaves the root if the link does, and is refused when read
        return {
            PurePosixPath(member).name.partition(".")[0]: f"{name}#{member}"
            for member in index_tar(tar).spans
            if is_picture(member)
        }
    if folder.is_dir():
        found = (file for file in sorted(folder.iterdir()) if is_picture(file.name))
        return {file.stem: relative(file, root) for file in found if file.resolve().is_relative_to(root.resolve())}
    return {}
