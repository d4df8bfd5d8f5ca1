"""WebDataset: tar shards whose members share a key (`17.jpg`, `17.txt`, `17.json`) → samples, pictures as `shard.tar#member`."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Self

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.formats.conversation import TALKS, talk
from omma.curate.formats.fields import captions_of, mapping
from omma.curate.formats.listing import Listing, is_picture
from omma.curate.reader import Broken, Reader, attempt, below, closed
from omma.curate.readers.img2dataset import told
from omma.media.store import Store
from omma.media.tar_index import index_tar
from omma.schema.sample import Caption, Media, Sample

TEXTS = frozenset((".txt", ".caption", ".text"))


@config
class WebDataset(Reader):
    """`path` is a tar or a folder of tars. A .txt member is the caption; a .json member may hold caption or conversation."""

    captions: tuple[str, ...] = ("captions", "caption", "text")

    def read(self, root: Path) -> Iterator[Sample | Broken]:
        """One sample a key, shard after shard by name. A tar that breaks off gives what stands before the break."""
        store = Store(root)
        for shard in self.shards(root, ".tar"):
            gone = closed(shard, root)
            yield from [gone] if gone else self._shard(shard, below(shard, root), store)

    def parts(self, root: Path) -> tuple[Reader, ...]:
        """A tar each."""
        return tuple(replace(self, path=below(shard, root)) for shard in self.shards(root, ".tar"))

    def files(self, root: Path) -> tuple[Path, ...]:
        """The tars."""
        return tuple(self.shards(root, ".tar"))

    def _shard(self, shard: Path, name: str, store: Store) -> Iterator[Sample | Broken]:
        try:
            index = index_tar(shard)
        except DataError as error:
            yield Broken(name, error.got)
            return
        for key, members in _by_key(index.spans).items():
            yield attempt(partial(self._sample, name, members, store), f"{name}#{key}")
        if index.cut:
            yield Broken(name, f"the tar {index.cut}")

    def _sample(self, shard: str, members: list[str], store: Store) -> Sample:
        media = [Media(f"{shard}#{member}") for member in members if is_picture(member)]
        if not media:
            raise DataError("key", f"members {', '.join(members)}", "a picture among them")
        sample = Sample(f"{media[0].uri}:0", "", task=self.task or "caption", media=tuple(media))
        for member in members:
            ending = PurePosixPath(member).suffix.lower()
            if ending == ".json":
                return self._with_fields(sample, _json(store, f"{shard}#{member}"))
        for member in members:
            if PurePosixPath(member).suffix.lower() in TEXTS:
                text = _text(store, f"{shard}#{member}").strip()
                return replace(sample, captions=(Caption(text),) if text else ())
        return sample

    def _with_fields(self, sample: Sample, fields: dict[str, Any]) -> Sample:
        if not any(fields.get(name) is not None for name in (*TALKS, "captions")):
            return replace(sample, captions=captions_of(fields, self.captions))
        task = self.task if any(fields.get(name) is not None for name in TALKS) else sample.task
        return replace(talk(fields, list(sample.media), task, lambda name: name), id=sample.id)

    @classmethod
    def recognise(cls, listing: Listing) -> Iterator[Self]:
        """Tars that hold at least one picture; several in one folder are one set. Those that img2dataset tells of are its own."""
        named = (name for name in listing.ending(".tar") if not told((listing.root / name).with_suffix(".parquet")))
        tars = [name for name in named if _holds_pictures(listing.root / name)]
        folders = sorted({PurePosixPath(name).parent.as_posix() for name in tars})
        for folder in folders:
            inside = [name for name in tars if PurePosixPath(name).parent.as_posix() == folder]
            yield cls(path=inside[0] if len(inside) == 1 else folder)


def _by_key(members: Iterable[str]) -> dict[str, list[str]]:
    """Member names → names by key: the folder and what stands before the first dot of the file name."""
    keys: dict[str, list[str]] = {}
    for member in members:
        folder, _, file = member.rpartition("/")
        keys.setdefault(f"{folder}/{file.partition('.')[0]}" if folder else file.partition(".")[0], []).append(member)
    return keys


def _text(store: Store, uri: str) -> str:
    try:
        return store.read(uri).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(uri, f"not UTF-8 at byte {error.start}") from None


def _json(store: Store, uri: str) -> dict[str, Any]:
    try:
        return mapping(json.loads(_text(store, uri)))
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(uri, f"no JSON: {error}") from None


def _holds_pictures(path: Path) -> bool:
    try:
        return any(is_picture(member) for member in index_tar(path).spans)
    except DataError:
        return False
