"""Energon: samples → WebDataset shards and all that Megatron-Energon's `energon prepare` would add to them.

    00000.tar, 00000.tar.idx      the shard, and where each sample in it begins and the last ends: unsigned 64 bit, little end first
    .nv-meta/.info.json, .yaml    how many samples each shard holds
    .nv-meta/split.yaml           which shards are for training, validation, test
    .nv-meta/dataset.yaml         the class that reads them: `CrudeWebdataset`, whose samples are the members by ending
    .nv-meta/index.sqlite, .uuid  every sample's and member's place; the id is made of the contents, so that it is the same again

Layout: NVIDIA/Megatron-Energon `src/megatron/energon/flavors/webdataset/` (prepare.py, indexing.py, itar.py, structs.py)
at 2026-06-17.
"""

import json
import sqlite3
import struct
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from omma.core.config import config
from omma.core.files import bytes_hash, file_hash
from omma.curate.reader import Reader
from omma.curate.writer import Add, Writer
from omma.curate.writers.webdataset import WebDataset
from omma.schema.sample import Sample

META = ".nv-meta"
VERSION = "7.4.1"
TABLES = """
CREATE TABLE samples (tar_file_id INTEGER NOT NULL, sample_key TEXT NOT NULL UNIQUE, sample_index INTEGER NOT NULL,
    byte_offset INTEGER, byte_size INTEGER);
CREATE TABLE sample_parts (tar_file_id INTEGER, sample_index INTEGER, part_name TEXT, content_byte_offset INTEGER,
    content_byte_size INTEGER);
"""
INDEXES = """
CREATE INDEX idx_samples_by_tar_and_idx ON samples(tar_file_id, sample_index);
CREATE INDEX idx_sample_parts_seq ON sample_parts(tar_file_id, sample_index, content_byte_offset);
CREATE INDEX idx_sample_parts_full ON sample_parts(tar_file_id, sample_index, part_name, content_byte_offset, content_byte_size);
"""


@config
class Energon(Writer):
    """`shard` is how many samples a tar holds. All shards are of the split `train`."""

    shard: int = 10_000

    def check(self) -> None:
        self._shards()

    def check_sample(self, sample: Sample) -> None:
        """DataError for what WebDataset cannot hold."""
        self._shards().check_sample(sample)

    def _shards(self) -> WebDataset:
        return WebDataset(shard=self.shard)

    @contextmanager
    def begin(self, folder: Path) -> Iterator[Add]:
        """Shards first, then their index."""
        with self._shards().begin(folder) as add:
            yield add
        _index(folder)

    def reader(self) -> Reader:
        """The shards."""
        return self._shards().reader()


@dataclass(frozen=True, slots=True)
class Placed:
    """A sample in its tar: `start` and `end` in bytes, and of each member its ending, place and size."""

    key: str
    start: int
    end: int
    parts: tuple[tuple[str, int, int], ...]


def placed(tar_path: Path) -> list[Placed]:
    """Tar → its samples. One ends where the next begins, the last where the members end."""
    starts: dict[str, int] = {}
    parts: dict[str, list[tuple[str, int, int]]] = {}
    with tarfile.open(tar_path, "r:") as tar:
        for member in tar:
            key, _, ending = member.name.partition(".")
            starts.setdefault(key, member.offset)
            parts.setdefault(key, []).append((ending, member.offset_data, member.size))
        last = tar.offset
    ends = [*list(starts.values())[1:], last]
    return [Placed(key, start, end, tuple(parts[key])) for (key, start), end in zip(starts.items(), ends, strict=True)]


def _index(folder: Path) -> None:
    """Folder of tars → the files beside and below `.nv-meta`."""
    meta = folder / META
    meta.mkdir()
    tars = sorted(folder.glob("*.tar"))
    counts = _sqlite(meta / "index.sqlite", tars)
    info = {"energon_version": VERSION, "shard_counts": counts}
    (meta / ".info.json").write_text(json.dumps(info, indent=2), encoding="utf-8")
    _yaml(meta / ".info.yaml", info)
    _yaml(meta / "split.yaml", {"split_parts": {"train": list(counts), "val": [], "test": []}, "exclude": []})
    _yaml(meta / "dataset.yaml", {"__module__": "megatron.energon", "__class__": "CrudeWebdataset", "subflavors": {}})
    digest = bytes_hash("".join(file_hash(tar) for tar in tars).encode())
    (meta / "index.uuid").write_text(str(uuid.UUID(digest[:32])), encoding="utf-8")


def _yaml(path: Path, value: object) -> None:
    path.write_text(yaml.safe_dump(value, sort_keys=False), encoding="utf-8")


def _sqlite(path: Path, tars: list[Path]) -> dict[str, int]:
    """Tars, one after the other → the table of places and the file of offsets beside each; how many samples each holds."""
    counts = {}
    db = sqlite3.connect(path)
    try:
        db.executescript(TABLES)
        for number, tar in enumerate(tars):
            samples = placed(tar)
            counts[tar.name] = len(samples)
            offsets = [one.start for one in samples] + [one.end for one in samples[-1:]]
            tar.with_suffix(".tar.idx").write_bytes(struct.pack(f"<{len(offsets)}Q", *offsets))
            rows = [(number, one.key, place, one.start, one.end - one.start) for place, one in enumerate(samples)]
            parts = [(number, place, *part) for place, one in enumerate(samples) for part in one.parts]
            db.executemany("INSERT INTO samples VALUES (?, ?, ?, ?, ?)", rows)
            db.executemany("INSERT INTO sample_parts VALUES (?, ?, ?, ?, ?)", parts)
        db.executescript(INDEXES)
        db.commit()
    finally:
        db.close()
    return counts
