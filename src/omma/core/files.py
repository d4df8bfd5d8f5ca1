"""Files that are either the old one or the new one, never half of one; hashes; paths that stay inside their root."""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from omma.core.errors import CheckpointError, DataError


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Target path → temporary path (file or folder) beside it that replaces the target when the block ends well.

    The temporary is removed when the block fails, and a full disk is told as such (CheckpointError): what stood at
    `path` before is untouched. What replaces it is on the disk before it does, so that a power cut leaves one or the other.
    """
    with replaced_path(path) as temporary:
        yield temporary
        _sync(temporary)
    _sync_folder(path.parent)


@contextlib.contextmanager
def replaced_path(path: Path) -> Iterator[Path]:
    """The same for what can be made again and is checked whenever it is opened: the disk is not waited for.

    A process that is killed leaves the old one or the new one too. A power cut soon after may leave files cut short.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        if path.is_dir() and temporary.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        fix = "free some space and run the same command again; what was written before is unharmed"
        raise CheckpointError(str(path), "the disk is full", "", fix) from None
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def read_text(path: Path) -> str:
    """Text file → its text; DataError if it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(str(path), f"not UTF-8 at byte {error.start}", "a text file", "save it again as UTF-8") from None


def write_text(path: Path, text: str) -> None:
    """Replace a text file whole."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a binary file whole."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def file_hash(path: Path) -> str:
    """File → sha256 of its bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bytes_hash(data: bytes) -> str:
    """Bytes → sha256, hex."""
    return hashlib.sha256(data).hexdigest()


def inside(root: Path, name: str) -> Path:
    """Root + relative name → path; DataError if it leaves the root (by `..`, an absolute path or a link)."""
    path = Path(os.path.realpath(root / name))  # unlike `resolve`, it lets a link that goes in a circle be: opening it fails
    if not path.is_relative_to(root.resolve()):
        raise DataError(name, "lies outside the data root", f"a path below {root}")
    return path


def _sync(path: Path) -> None:
    for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
