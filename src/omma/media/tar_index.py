"""Tar index: a plain tar file → where each member's bytes lie, from its headers alone. Nothing is unpacked.

Headers without extensions are read here, six times as fast as `tarfile` reads them: 100,000 members in 0.6 s instead of 3.8.
Reading such an index from Parquet took 0.3 s, too little to keep one. All other headers are left to `tarfile`.
"""

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omma.core.errors import DataError

BLOCK = 512
TAIL = 1 << 16  # bytes behind the end mark that are looked at
END = bytes(BLOCK)
Spans = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class TarIndex:
    """`spans` maps member names to (offset, size) in the tar, in its order; `cut` says where a broken tar stops, else is empty."""

    spans: dict[str, tuple[int, int]]
    cut: str = ""


class Places:
    """An index to look up by name, in 24 bytes a member: names are held as hashes of this process, 64 bits each."""

    def __init__(self, index: TarIndex) -> None:
        keys = np.fromiter(map(hash, index.spans), np.int64, len(index.spans))
        order = np.argsort(keys)
        self._keys, self._spans = keys[order], np.array(list(index.spans.values()), np.int64).reshape(-1, 2)[order]
        self.cut = index.cut

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, name: str) -> tuple[int, int] | None:
        """Member → (offset, size), or None."""
        place = int(np.searchsorted(self._keys, hash(name)))
        if place == len(self) or self._keys[place] != hash(name):
            return None
        offset, size = self._spans[place]
        return int(offset), int(size)


def index_tar(path: Path) -> TarIndex:
    """Tar file → index of its regular files. Of equal names the last counts, as for `tar` itself.

    A tar that breaks off, has no end mark or goes on behind it keeps the members before. DataError if there is no tar to
    begin with, or a compressed one, whose members cannot be reached without reading all that lies before them.
    """
    with path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        spans, end, last = _plain(file.fileno(), size)
        if os.pread(file.fileno(), BLOCK, end) != END and end <= size:
            spans, end, last = _any(path)
        return TarIndex(spans, _cut(file.fileno(), size, end, last))


def _plain(file: int, size: int) -> tuple[Spans, int, str]:
    """Open tar → its members as far as headers are plain ones, where the next header would be, and the last member."""
    spans: Spans = {}
    offset, name = 0, ""
    while offset < size:
        head = os.pread(file, BLOCK, offset)
        found = _member(head)
        if found is None:
            break
        name, length = found
        start = offset + BLOCK
        if head[156:157] != b"5" and start + length <= size:
            spans[name.removeprefix("./")] = (start, length)
        offset = start + -(-length // BLOCK) * BLOCK
    return spans, offset, name


def _member(head: bytes) -> tuple[str, int] | None:
    """Header → name and size of a file or folder; None for the end mark, extensions, and what is no header."""
    if len(head) < BLOCK or head[156:157] not in (b"0", b"\0", b"5") or head[124] >= 128:
        return None
    try:
        length, told = (int(head[a:b].strip(b"\0 ") or b"0", 8) for a, b in ((124, 136), (148, 156)))
    except ValueError:
        return None
    if told != 256 + sum(head[:148]) + sum(head[156:]):
        return None
    name, folder = (head[a:b].split(b"\0", 1)[0].decode("utf-8", "surrogateescape") for a, b in ((0, 100), (345, 500)))
    if name.endswith("/") and head[156:157] == b"\0":
        return None  # how the oldest tars write folders
    return (f"{folder}/{name}" if folder else name), length if head[156:157] != b"5" else 0


def _any(path: Path) -> tuple[Spans, int, str]:
    """The same by `tarfile`, which knows all kinds of headers."""
    spans: Spans = {}
    last = ""
    try:
        with tarfile.open(path, "r:") as tar:
            try:
                for member in tar:
                    last = member.name
                    if member.isreg() and member.offset_data + member.size <= path.stat().st_size:
                        spans[last.removeprefix("./")] = (member.offset_data, member.size)
            except (tarfile.TarError, OSError):
                pass  # what stands at the offset that it stopped at is told
            return spans, tar.offset, last
    except tarfile.ReadError as error:
        fix = "unpack it, or pack it again without compression" if _compressed(path) else ""
        raise DataError(path.name, f"no plain tar: {error}", "an uncompressed tar", fix) from None


def _cut(file: int, size: int, end: int, last: str) -> str:
    """Open tar and where its members end → what is missing, or nothing."""
    if end > size:
        return f"ends inside {last} after {size:,} bytes"
    mark = os.pread(file, BLOCK, end)
    if mark != END:
        found = "there is no header" if len(mark) == BLOCK else "there is no end mark"
        return f"breaks off after {end:,} of {size:,} bytes: {found}"
    if os.pread(file, TAIL, end).strip(b"\0"):
        return f"goes on behind its end mark at byte {end:,}, as several tars in one file do"
    return ""


def _compressed(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(6)
    return head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"))
