"""Shards: safetensors files of a folder, one or many with an index ↔ tensors, one at a time. Nothing is pickled.

The format (https://github.com/huggingface/safetensors): 8 bytes with the length of the header, little-endian; a JSON header
of {name: {dtype, shape, data_offsets}}; then the values, row-major.

Values are read straight into the tensor that keeps them, not mapped: a mapped page counts as memory of the process beside
the tensor of another dtype or device that is made from it, a weight that is trained would be copied page by page, and a
file that is cut short under its map kills the process where reading raises an error. So one tensor at a time is all that
reading holds beside what it gives. What is written as it stands in another file goes from file to file in the kernel.
"""

import errno
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from omma.core.errors import CheckpointError
from omma.core.files import write_text
from omma.core.progress import Bar

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
SHARD_BYTES = 5 * 10**9  # as transformers writes by default up to 2025; every server reads it
DTYPES = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip
WORDS = {dtype: word for word, dtype in DTYPES.items()}
FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
AGAIN = "copy or import it again"
QUANTISED = "quantised checkpoints are not covered: take the same model in bf16 or fp16"
HEADER_LIMIT = 100_000_000  # bytes, as the reference reader has it
PIECE = 8 * 2**20  # bytes held when the kernel does not copy between two files itself
NO_COPY = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)  # of two file systems, or of none that can


@dataclass(frozen=True, slots=True)
class Stored:
    """One tensor of a file: where its values stand, in bytes from the beginning of the file."""

    file: Path
    dtype: torch.dtype
    shape: tuple[int, ...]
    begin: int
    end: int


class Shards:
    """All tensors of a folder by name. Only headers are in memory."""

    def __init__(self, folder: Path, stored: Mapping[str, Stored]) -> None:
        self.folder, self.stored = folder, dict(stored)

    def __len__(self) -> int:
        return len(self.stored)

    @property
    def num_bytes(self) -> int:
        """Bytes of all values."""
        return sum(entry.end - entry.begin for entry in self.stored.values())

    def shapes(self) -> dict[str, Tensor]:
        """Name → tensor of the stored shape on the meta device, for names and shapes to be checked without reading."""
        return {name: torch.empty(entry.shape, dtype=entry.dtype, device="meta") for name, entry in self.stored.items()}

    def read(self, name: str, dtype: torch.dtype | None = None, device: torch.device | str = "cpu") -> Tensor:
        """Name → its values on a device, in the stored precision or `dtype`; beside them only this tensor as stored is held.

        CheckpointError for integers, which no float weight can be.
        """
        entry = self.stored[name]
        if entry.dtype not in FLOATS:
            got = f"{name} holds {WORDS[entry.dtype]} values"
            raise CheckpointError(str(entry.file), got, "a float dtype (F32, F16, BF16)", QUANTISED)
        tensor = torch.empty(entry.shape, dtype=entry.dtype)
        if entry.end > entry.begin:
            with entry.file.open("rb", buffering=0) as file:
                file.seek(entry.begin)
                _read_into(file, _bytes(tensor), entry)
        return tensor.to(device=device, dtype=dtype or entry.dtype)


def open_shards(folder: Path) -> Shards:
    """Folder → its tensors. CheckpointError for no weights, a missing or cut off shard, an index that says otherwise."""
    if (folder / INDEX).is_file():
        return Shards(folder, _by_index(folder))
    if (folder / SINGLE).is_file():
        return Shards(folder, read_header(folder / SINGLE))
    pickled = sorted(path.name for path in folder.glob("*.bin")) if folder.is_dir() else []
    if pickled:
        fix = "omma unpickles nothing; convert the folder to safetensors, or take a revision that holds them"
        raise CheckpointError(str(folder), f"only pickled weights ({pickled[0]})", SINGLE, fix)
    others = sorted(path.name for path in folder.glob("*.safetensors")) if folder.is_dir() else []
    got = f"{len(others)} shards without {INDEX}" if others else f"no {SINGLE}"
    raise CheckpointError(str(folder), got, f"{SINGLE}, or shards with {INDEX}", "download the folder whole")


def open_parts(folder: Path, parts: Iterable[str]) -> Shards:
    """Folder whose `parts` are folders with weights → their tensors, named `part.name`. CheckpointError as `open_shards`."""
    opened = {part: open_shards(folder / part) for part in parts}
    return Shards(folder, {f"{part}.{name}": at for part, shards in opened.items() for name, at in shards.stored.items()})


def read_header(file: Path) -> dict[str, Stored]:
    """Safetensors file → its tensors' places. CheckpointError if it is cut off, longer than it says, or none."""
    size = file.stat().st_size
    with file.open("rb") as handle:
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or length > min(size - 8, HEADER_LIMIT):
            raise CheckpointError(str(file), f"cut off or no safetensors file ({size:,} bytes)", "", AGAIN)
        text = handle.read(length)
    try:
        header = json.loads(text)
        header.pop("__metadata__", None)
        stored = {name: _entry(file, said, 8 + length) for name, said in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(str(file), f"a broken header ({error})", "a safetensors file", AGAIN) from None
    end = max((entry.end for entry in stored.values()), default=8 + length)
    if size != end:
        raise CheckpointError(str(file), f"{size:,} bytes", f"the {end:,} of its header", f"it is cut off or damaged: {AGAIN}")
    return stored


def write_shards(
    folder: Path,
    tensors: Mapping[str, Tensor],
    read: Callable[[str], Tensor],
    *,
    shard_bytes: int = SHARD_BYTES,
    places: Mapping[str, Stored] | None = None,
) -> list[Path]:
    """Names with shapes and dtypes (any device) + what reads each → safetensors files, with an index if they are several.

    Tensors are written one at a time, in order of their names, so that equal weights give equal files. Those with `places`,
    where the very bytes stand in another file, are copied from there and not read. The folder should be one that replaces
    the target when it is whole. CheckpointError if a place ends before its tensor.
    """
    groups = _groups(tensors, shard_bytes)
    files = [SINGLE] if len(groups) == 1 else [f"model-{i + 1:05d}-of-{len(groups):05d}.safetensors" for i in range(len(groups))]
    with Bar("write weights", len(tensors)) as bar:
        for name, group in zip(files, groups, strict=True):
            _write(folder / name, {key: tensors[key] for key in group}, read, places or {}, bar)
    if len(groups) > 1:
        weight_map = {key: file for file, group in zip(files, groups, strict=True) for key in group}
        total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        index = {"metadata": {"total_size": total}, "weight_map": weight_map}
        write_text(folder / INDEX, json.dumps(index, indent=1))
    return [folder / name for name in files]


def _groups(tensors: Mapping[str, Tensor], shard_bytes: int) -> list[list[str]]:
    groups: list[list[str]] = [[]]
    filled = 0
    for name in sorted(tensors):
        size = tensors[name].numel() * tensors[name].element_size()
        if groups[-1] and filled + size > shard_bytes:
            groups.append([])
            filled = 0
        groups[-1].append(name)
        filled += size
    return groups


def _write(
    file: Path, tensors: Mapping[str, Tensor], read: Callable[[str], Tensor], places: Mapping[str, Stored], bar: Bar
) -> None:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        header[name] = {"dtype": WORDS[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb", buffering=0) as handle:
        handle.write(len(text).to_bytes(8, "little") + text)
        for name, expected in tensors.items():
            if name in places:
                _copy(places[name], expected, handle)
            else:
                tensor = read(name).detach().to("cpu", expected.dtype).contiguous()
                assert tensor.shape == expected.shape, f"{name}: {tuple(tensor.shape)} read, {tuple(expected.shape)} planned"
                _write_all(handle, _bytes(tensor))
            bar.advance(note=file.name)


def _copy(place: Stored, expected: Tensor, handle: Any) -> None:
    """The bytes of a place → the end of an open file, by the kernel where it can, else through a small buffer."""
    assert (place.shape, place.dtype) == (tuple(expected.shape), expected.dtype), f"{place} is not {expected}"
    with place.file.open("rb", buffering=0) as source:
        at = _copied(source, place, handle)
        source.seek(at)
        buffer = memoryview(bytearray(min(PIECE, place.end - at)))
        while at < place.end:
            piece = buffer[: place.end - at]
            _read_into(source, piece, place)
            _write_all(handle, piece)
            at += len(piece)


def _copied(source: Any, place: Stored, handle: Any) -> int:
    """How far the kernel could copy. A count of 0 may be the end of the file, or a file system that cannot."""
    at = place.begin
    while at < place.end and hasattr(os, "copy_file_range"):
        try:
            count = os.copy_file_range(source.fileno(), handle.fileno(), place.end - at, offset_src=at)
        except OSError as error:
            if error.errno not in NO_COPY:
                raise
            break
        if not count:
            break
        at += count
    return at


def _bytes(tensor: Tensor) -> memoryview:
    """Contiguous tensor on the CPU → its memory."""
    values: Any = tensor.view(-1).view(torch.uint8).numpy() if tensor.numel() else b""
    return memoryview(values)


def _write_all(handle: Any, values: memoryview) -> None:
    """An unbuffered write may take less than it was given (Linux: 2 GiB at once)."""
    while len(values):
        values = values[handle.write(values) :]


def _read_into(handle: Any, target: memoryview, entry: Stored) -> None:
    while len(target):
        count = handle.readinto(target)
        if not count:
            raise CheckpointError(str(entry.file), "cut off while it was read", "", AGAIN)
        target = target[count:]


def _entry(file: Path, said: Mapping[str, Any], start: int) -> Stored:
    if said["dtype"] not in DTYPES:
        raise CheckpointError(str(file), f"values of dtype {said['dtype']}", f"one of {', '.join(DTYPES)}", QUANTISED)
    dtype, shape = DTYPES[said["dtype"]], tuple(int(side) for side in said["shape"])
    begin, end = said["data_offsets"]
    if end - begin != math.prod(shape) * dtype.itemsize or begin < 0:
        raise ValueError(f"{end - begin} bytes for {said['dtype']} of shape {shape}")
    return Stored(file, dtype, shape, start + begin, start + end)


def _by_index(folder: Path) -> dict[str, Stored]:
    file = folder / INDEX
    try:
        weight_map = dict(json.loads(file.read_text(encoding="utf-8"))["weight_map"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(str(file), f"unreadable ({error})", "an index with a weight_map", "copy it again") from None
    names = sorted(set(weight_map.values()))
    missing = [name for name in names if os.path.basename(name) != name or not (folder / name).is_file()]
    if missing:
        got = f"{len(missing)} of {len(names)} shards are not here: {_some(missing)}"
        raise CheckpointError(str(folder), got, f"every file that {INDEX} names", "download them")
    stored: dict[str, Stored] = {}
    for name in names:
        found = read_header(folder / name)
        _agree(file, name, {key for key, place in weight_map.items() if place == name}, set(found))
        stored |= found
    return stored


def _agree(index: Path, shard: str, said: set[str], found: set[str]) -> None:
    for names, got in ((said - found, "that are not in it"), (found - said, "fewer than it holds")):
        if names:
            text = f"gives {shard} {len(names)} tensors {got}: {_some(sorted(names))}"
            raise CheckpointError(str(index), text, "an index of these very files", "download the folder whole")


def _some(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
