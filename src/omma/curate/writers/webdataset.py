"""WebDataset: samples → tar shards, each sample its pictures and a .txt (a caption) or .json (all else); equal bytes every time."""

import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.curate.formats.telling import Fields
from omma.curate.reader import Reader
from omma.curate.readers.webdataset import WebDataset as WebDatasetReader
from omma.curate.writer import Add, Kept, Writer
from omma.schema.sample import Sample

PLAIN = {"id", "task", "captions"}


@config
class WebDataset(Writer):
    """`shard` is how many samples a tar holds. Owner, time and mode of members are fixed."""

    shard: int = 10_000

    def check(self) -> None:
        if self.shard < 1:
            raise ConfigError("shard", str(self.shard), "at least 1 sample a tar")

    def check_sample(self, sample: Sample) -> None:
        """DataError for a sample without pictures, and for videos."""
        if not sample.media or any(item.kind != "image" for item in sample.media):
            got = "no picture" if not sample.media else "a video"
            raise DataError("media", got, "pictures alone: they are what the members of a key belong to", "write messages.jsonl")

    @contextmanager
    def begin(self, folder: Path) -> Iterator[Add]:
        """Tars `00000.tar`, ... with keys that count through all of them."""
        count, tar = 0, None

        def add(fields: Fields, kept: list[Kept]) -> None:
            nonlocal count, tar
            if count % self.shard == 0:
                if tar is not None:
                    tar.close()
                tar = tarfile.TarFile(folder / f"{count // self.shard:05d}.tar", "w", format=tarfile.USTAR_FORMAT)
            assert tar is not None
            key = f"{count:09d}"
            for number, one in enumerate(kept):
                _put(tar, f"{key}.{number}{one.ending}" if len(kept) > 1 else f"{key}{one.ending}", one.data)
            ending, text = _told(fields)
            _put(tar, key + ending, text.encode())
            count += 1

        try:
            yield add
        finally:
            if tar is not None:
                tar.close()

    def reader(self) -> Reader:
        """All tars of the folder."""
        return WebDatasetReader()


def _told(fields: Fields) -> tuple[str, str]:
    """Fields → ending and text of the member: a lone caption that loses nothing as plain text, else JSON."""
    captions = fields.get("captions", [])
    lone = set(fields) == PLAIN and fields["task"] == "caption" and len(captions) == 1 and isinstance(captions[0], str)
    if lone and captions[0] and captions[0] == captions[0].strip() and not captions[0].startswith("\ufeff"):
        return ".txt", captions[0]
    return ".json", json.dumps(fields, ensure_ascii=False)


def _put(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)  # time, owner and group are 0, the mode is 0o644
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
