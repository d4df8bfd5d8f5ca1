"""Writer: samples + the store of their pictures → a folder in some format, and a ledger row for every sample.

What was written is read again with the format's own reader and compared: a row says `keep` (under which id), `rewrite`
(what the format could not hold) or `error` (why the sample is not there). Pictures keep their bytes.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from omma.core.config import Config, config
from omma.core.errors import DataError
from omma.core.files import atomic_path, bytes_hash
from omma.core.ledger import Entry
from omma.core.progress import track
from omma.curate.formats.conversation import talk
from omma.curate.formats.listing import is_picture
from omma.curate.formats.spill import Spill
from omma.curate.formats.telling import Fields, fields_of, joined_text
from omma.curate.reader import Broken, Reader
from omma.media.store import Store
from omma.schema.sample import Media, Sample

VERSION = "1"
MAGIC = ((b"\x89PNG", ".png"), (b"GIF8", ".gif"), (b"BM", ".bmp"), (b"II*\0", ".tif"), (b"MM\0*", ".tif"))
COMPARED = ("task", "turns", "captions", "regions", "answer", "chosen", "rejected", "meta")


@dataclass(frozen=True, slots=True)
class Kept:
    """A picture or video as it is stored: its bytes, and the ending that its file gets."""

    media: Media
    data: bytes
    ending: str


@dataclass(frozen=True, slots=True)
class Written:
    """What became of every sample, in their order and kept on disk; `reader` reads the folder."""

    reader: Reader
    entries: Spill[Entry]


@dataclass(frozen=True, slots=True)
class _Put:
    """A sample that was written, with the hashes of its pictures, or why it was not."""

    sample: Sample
    hashes: tuple[str, ...] = ()
    fault: str = ""


Add = Callable[[Fields, list[Kept]], None]


@config
class Writer(Config):
    """One format. Subclasses implement `begin` and `reader`, and `check_sample` where there is something that they never hold."""

    @abstractmethod
    def begin(self, folder: Path) -> AbstractContextManager[Add]:
        """Empty folder → what adds one sample, from its fields (`telling.fields_of`) and pictures; files are whole at its end."""

    @abstractmethod
    def reader(self) -> Reader:
        """The reader of a folder that was written, with the folder as its root."""

    def check_sample(self, sample: Sample) -> None:
        """DataError for a sample that the format cannot hold at all."""

    def write(self, samples: Iterable[Sample], store: Store, folder: Path) -> Written:
        """Samples → the folder, whole or not at all. DataError if it holds something already, or if no sample can be written.

        Samples are taken one by one, and memory holds one at a time beside what the format gathers.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise DataError(str(folder), "is there already", "a new or an empty folder", "give another one, or remove it")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            put = self._put(samples, store, temporary)
            entries = Spill[Entry](folder.parent)
            for entry in track(self._read_again(put, temporary), "read again", len(put)):
                entries.add(entry)
        return Written(self.reader(), entries)

    def _put(self, samples: Iterable[Sample], store: Store, folder: Path) -> Spill[_Put]:
        """Writes what can be written. DataError if nothing can."""
        put, first, count = Spill[_Put](folder.parent), "there are none", 0
        with self.begin(folder) as add:
            for sample in samples:
                try:
                    fields, kept = self._prepared(sample, store)
                    add(fields, kept)
                except DataError as error:
                    first = first if len(put) > count else str(error)
                    put.add(_Put(sample, fault=str(error)))
                    continue
                count += 1
                put.add(_Put(sample, tuple(bytes_hash(one.data) for one in kept)))
        if not count:
            raise DataError(type(self).__name__, f"none of {len(put):,} samples can be written: {first}", "at least one")
        return put

    def _prepared(self, sample: Sample, store: Store) -> tuple[Fields, list[Kept]]:
        """Sample → its fields, which a reader understands, and its pictures."""
        self.check_sample(sample)
        fields = fields_of(sample)
        talk(fields, list(sample.media), "", lambda name: name)
        kept = []
        for item in sample.media:
            if store.folder(item.uri):
                raise DataError(item.uri, "a video kept as a folder of frames", "one file", "make a film of it first")
            data = store.read(item.uri)
            kept.append(Kept(item, data, _ending(item.uri, data)))
        return fields, kept

    def _read_again(self, put: Spill[_Put], folder: Path) -> Iterator[Entry]:
        """What the format made of each sample, as its reader finds it."""
        store, rows = Store(folder), self.reader().read(folder)
        for one in put:
            if one.fault:
                yield self._entry(one.sample, "error", one.fault)
                continue
            row = next(rows, None)
            if row is None or isinstance(row, Broken):
                reason = f"cannot be read again: {row.reason}" if row else "is not found again"
                yield self._entry(one.sample, "error", reason)
                continue
            lost = _differences(one.sample, row)
            if tuple(bytes_hash(store.read(item.uri)) for item in row.media) != one.hashes:
                lost.append("media")
            said = f"as {row.id}" + f", other than it was: {', '.join(lost)}" * bool(lost)
            yield self._entry(one.sample, "rewrite" if lost else "keep", said)

    def _entry(self, sample: Sample, verdict: str, reason: str) -> Entry:
        return Entry(sample.id, sample.source, type(self).__name__, VERSION, verdict, reason)  # type: ignore[arg-type]


def _differences(sample: Sample, row: Sample) -> list[str]:
    """Sample + what was read again → the names of fields that say something else."""
    lost = [name for name in COMPARED if _plain(sample, name) != _plain(row, name)]
    kinds = [item.kind for item in sample.media] == [item.kind for item in row.media]
    return lost if kinds else [*lost, "media"]


def _plain(sample: Sample, name: str) -> object:
    value = getattr(sample, name)
    return joined_text(value) if name in ("turns", "chosen", "rejected") else value


def _ending(uri: str, data: bytes) -> str:
    """Name and bytes → the ending of the file: that of the name where it is one, else what the bytes begin as."""
    suffix = PurePosixPath(uri).suffix.lower()
    if is_picture(uri) or suffix in (".mp4", ".webm", ".mkv", ".avi", ".mov"):
        return suffix
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    return next((ending for magic, ending in MAGIC if data.startswith(magic)), ".jpg")
