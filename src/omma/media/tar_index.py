"""Tar index: a plain tar file → where each member's bytes lie, from its headers alone. Nothing is unpacked."""

import tarfile
from dataclasses import dataclass
from pathlib import Path

from omma.core.errors import DataError


@dataclass(frozen=True, slots=True)
class TarIndex:
    """`spans` maps member names to (offset, size) in the tar, in its order; `cut` says where a broken tar stops, else is empty."""

    spans: dict[str, tuple[int, int]]
    cut: str = ""


def index_tar(path: Path) -> TarIndex:
    """Tar file → index of its regular files. Of equal names the last counts, as for `tar` itself.

    A tar that breaks off keeps the members before the break. DataError if there is no tar to begin with, or a
    compressed one, whose members cannot be reached without reading all that lies before them.
    """
    spans: dict[str, tuple[int, int]] = {}
    cut = ""
    try:
        with tarfile.open(path, "r:") as tar:
            size = path.stat().st_size
            cut = _scan(tar, spans, size)
    except tarfile.ReadError as error:
        fix = "unpack it, or pack it again without compression" if _compressed(path) else ""
        raise DataError(path.name, f"no plain tar: {error}", "an uncompressed tar", fix) from None
    return TarIndex(spans, cut)


def _scan(tar: tarfile.TarFile, spans: dict[str, tuple[int, int]], size: int) -> str:
    """Open tar → spans filled in; returns why the scan stopped early, or nothing."""
    try:
        for member in tar:
            if not member.isreg():
                continue
            if member.offset_data + member.size > size:
                return f"ends inside {member.name} after {size:,} bytes"
            spans[member.name.removeprefix("./")] = (member.offset_data, member.size)
    except (tarfile.TarError, OSError) as error:
        return f"breaks off after {size:,} bytes ({error})"
    return ""


def _compressed(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(6)
    return head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"))
