"""Store: a data root; `uri` of a picture → its stored bytes. Plain files, members of tars and zips, cells of Parquet and TSV.

    photos/cat.jpg              a file
    shard-3.tar#cat_0412.jpg    a member of an uncompressed tar, read at its offset
    part-0.parquet#17:image     row 17 of column `image`: bytes, or the struct {bytes, path} of Hugging Face data sets
    part-0.parquet#17:images/0  the first of a list of them
    pictures.zip#a/b.jpg        a member of a zip
    paper.pdf#3:Im1             the picture Im1 of the fourth page (extra `pdf`)
    table.tsv#17:image          row 17 of column `image` in base64; `/0` behind it as above
    cat.jpg#xywh=20,10,320,240  a window of any of these: x, y, width and height in px, as PNG
    https://a.org/cat.jpg       what curation fetched from there, in the annex
    made://5fd1...              what curation made, in the annex, by the hash of its bytes

Nothing outside the root and the annex is ever read, and nothing is ever written.
"""

import errno
import re
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from omma.core.errors import DataError
from omma.core.files import bytes_hash, inside
from omma.media.parquet_cells import ParquetCells
from omma.media.pdf_pictures import pdf_picture
from omma.media.tar_index import Places, index_tar
from omma.media.tsv_cells import TsvCells
from omma.media.window import MARK, window

MADE = "made://"
WEB = ("http://", "https://")
SCHEMES = (MADE, *WEB)
MEMBERS = 20_000_000  # of tars whose places are kept in memory: half a gigabyte
OPEN = 64  # tables, and as many zips, that are kept open
UNPACKED = 1 << 30  # bytes of a member of a zip, which may be told to be anything
Opened = TypeVar("Opened")
HOLDS_OTHERS = re.compile(r"\.(?:tar|zip|parquet|tsv|pdf)#", re.IGNORECASE)
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".ppm")


class Lately(Generic[Opened]):
    """What was opened lately by path: as much as `most`, each counting as `size` says; the rest is let go."""

    def __init__(self, most: int, open: Callable[[Path], Opened], size: Callable[[Opened], int] = lambda _: 1) -> None:
        self.most, self.open, self.size = most, open, size
        self._kept: OrderedDict[Path, Opened] = OrderedDict()
        self._sum = 0

    def get(self, path: Path) -> Opened:
        """Path → what was made of it, perhaps anew."""
        if path in self._kept:
            self._kept.move_to_end(path)
            return self._kept[path]
        found = self._kept[path] = self.open(path)
        self._sum += self.size(found)
        while self._sum > self.most and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._sum -= self.size(old)
        return found


class Store:
    """Reader of one data root. Indexes of shards are built on first use; the latest stay in memory, the latest files open.

    A pickled store starts without them.
    """

    def __init__(self, root: Path, annex: Path | None = None) -> None:
        self.root, self.annex = root, annex
        self._tars = Lately(MEMBERS, lambda path: Places(index_tar(path)), lambda places: len(places) + 1)
        self._tables = Lately(OPEN, _table)
        self._zips = Lately(OPEN, zipfile.ZipFile)

    def __reduce__(self) -> tuple[type["Store"], tuple[Any, ...]]:
        return type(self), (self.root, self.annex)

    def read(self, uri: str) -> bytes:
        """Picture name → its bytes, never empty. DataError if it leaves the root, does not exist or is empty."""
        whole, mark, box = uri.rpartition(MARK)
        if mark:
            return window(self.read(whole), box, name=uri)
        name, mark, inner = split_uri(uri)
        path = self._path(name, uri)
        try:
            if not mark:
                data = _plain(path, uri)
            elif name.lower().endswith(".tar"):
                data = self._member(path, inner, uri)
            elif name.lower().endswith(".zip"):
                data = self._zipped(path, inner, uri)
            elif name.lower().endswith(".pdf"):
                data = pdf_picture(path, inner, uri)
            else:
                data = self._cell(path, inner, uri)
        except OSError as error:
            raise self._unreadable(uri, name, error) from None
        if not data:
            raise DataError(uri, "the file is empty (0 bytes)", "a picture")
        return data

    def members(self, name: str) -> tuple[str, ...]:
        """Tar name → its members' names in order; DataError as in `read`, also for a tar that breaks off."""
        try:
            index = index_tar(self._path(name, name))
        except OSError as error:
            raise self._unreadable(name, name, error) from None
        if index.cut:
            raise DataError(name, f"the tar {index.cut}", "a whole tar", "fetch or pack it again")
        return tuple(index.spans)

    def folder(self, name: str) -> tuple[str, ...]:
        """Name → names of the pictures in that folder, sorted (a video kept as frames); none if it is no folder."""
        if split_uri(name)[1]:
            return ()
        path = self._path(name, name)
        if not path.is_dir():
            return ()
        names = tuple(f"{name.rstrip('/')}/{file.name}" for file in sorted(path.iterdir()) if file.suffix.lower() in PICTURES)
        if not names:
            raise DataError(name, "a folder without pictures", f"frames named *{', *'.join(PICTURES)}")
        return names

    def _path(self, name: str, uri: str) -> Path:
        if "://" in name:
            return self._annexed(name)
        try:
            return inside(self.root, name)
        except (ValueError, OSError) as error:
            raise DataError(uri, f"no file name: {error}", f"a path below {self.root}") from None

    def _annexed(self, uri: str) -> Path:
        if not uri.startswith(SCHEMES):
            raise DataError(uri, "an address of another kind", f"one that begins with {', '.join(SCHEMES)}")
        path = self.annex / annexed(uri) if self.annex is not None else None
        if path is None or not path.is_file():
            what, fix = ("made by curation", "curate again") if uri.startswith(MADE) else ("fetched", "let data.fetch fetch it")
            raise DataError(uri, f"has not been {what}", f"a file in {self.annex or 'an annex'}", fix)
        return path

    def _unreadable(self, uri: str, name: str, error: OSError) -> DataError:
        if error.errno == errno.ENOENT:
            return DataError(uri, f"no file {name}", f"one below {self.root}")
        return DataError(uri, f"cannot be read: {error.strerror or error}", "a readable file")

    def _member(self, path: Path, member: str, uri: str) -> bytes:
        places = self._tars.get(path)
        found = places.find(member)
        if found is None:
            why = f", which {places.cut}" if places.cut else ""
            raise DataError(uri, f"no member {member!r} in {path.name}{why}", f"one of its {len(places):,} members")
        offset, size = found
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(size)
        if len(data) < size:
            raise DataError(
                uri, f"the tar ends after {len(data):,} of the member's {size:,} bytes", "a whole tar", "fetch it again"
            )
        return data

    def _zipped(self, path: Path, member: str, uri: str) -> bytes:
        try:
            file = self._zips.get(path)
            if member not in file.NameToInfo:
                raise DataError(uri, f"no member {member!r} in {path.name}", f"one of its {len(file.NameToInfo):,} members")
            if (size := file.NameToInfo[member].file_size) > UNPACKED:
                raise DataError(uri, f"unpacks to {size:,} bytes", f"at most {UNPACKED:,}")
            return file.read(member)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
            raise DataError(uri, f"cannot be unpacked: {error}", "a whole zip without a password", "fetch it again") from None

    def _cell(self, path: Path, inner: str, uri: str) -> bytes:
        row, _, column = inner.partition(":")
        if not (row.isascii() and row.isdigit() and column):
            raise DataError(uri, f"{inner!r} behind the #", "row:column, such as 17:image")
        cells = self._tables.get(path)
        column, _, item = column.rpartition("/") if column.rpartition("/")[2].isdigit() else (column, "", "")
        value = cells.cell(int(row), column)
        if item:
            if not isinstance(value, list) or int(item) >= len(value):
                got = f"{len(value)} items" if isinstance(value, list) else type(value).__name__
                raise DataError(uri, f"the cell holds {got}", f"a list with an item {item}")
            value = value[int(item)]
        return self._bytes(value, uri)

    def _bytes(self, value: Any, uri: str) -> bytes:
        if isinstance(value, bytes):
            return value
        if isinstance(value, dict) and isinstance(value.get("bytes"), bytes):
            return value["bytes"]
        if isinstance(value, dict) and isinstance(value.get("path"), str):
            return _plain(self._path(value["path"], uri), uri)
        raise DataError(uri, f"the cell holds {type(value).__name__}", "bytes or a struct of bytes and path")


def _plain(path: Path, uri: str) -> bytes:
    """File → its bytes; what is none, such as a pipe, would be waited for."""
    if not (path.is_file() or path.is_dir() or not path.exists()):
        raise DataError(uri, "neither a file nor a folder", "a picture")
    return path.read_bytes()


def _table(path: Path) -> ParquetCells | TsvCells:
    return (TsvCells if path.suffix.lower() == ".tsv" else ParquetCells)(path, path.name)


def annexed(uri: str) -> str:
    """`made://` or web address → name of its file in the annex: made ones by their hash, fetched ones by their address."""
    if uri.startswith(MADE):
        name = uri.removeprefix(MADE)
        return f"made/{name[:2]}/{name}" if re.fullmatch("[0-9a-f]{64}", name) else "made/none"
    name = bytes_hash(uri.encode("utf-8", errors="surrogatepass"))
    return f"web/{name[:2]}/{name}"


def made(data: bytes) -> str:
    """Bytes of a picture that curation made → its uri."""
    return MADE + bytes_hash(data)


def split_uri(uri: str) -> tuple[str, str, str]:
    """Name of a picture → (file, "#" or "", what stands behind it). A # counts only behind a file that holds others."""
    found = None if "://" in uri else HOLDS_OTHERS.search(uri)
    return (uri[: found.end() - 1], "#", uri[found.end() :]) if found else (uri, "", "")
