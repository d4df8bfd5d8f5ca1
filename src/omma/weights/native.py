"""Native weights: module ↔ `model.safetensors` in a folder. Every tensor by name, tied ones once, nothing pickled."""

import errno
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from omma.core.errors import CheckpointError
from omma.core.files import atomic_path
from omma.model.slots import built_on_meta
from omma.model.vlm import Vlm, VlmModule
from omma.weights.shards import INDEX, open_shards

MODEL_FILE = "model.safetensors"
SHOWN = 4  # names in an error message before "and n more"


def save_model(folder: Path, module: nn.Module) -> None:
    """Folder + module → `folder/model.safetensors`, whole or not at all. CheckpointError if it cannot be written."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in stored_tensors(module).items()}
    path = folder / MODEL_FILE
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"format": "pt"})
        except SafetensorError as error:
            if f"os error {errno.ENOSPC}" in str(error) or f"os error {errno.EDQUOT}" in str(error):
                raise OSError(errno.ENOSPC, str(error)) from None
            raise CheckpointError(str(path), f"cannot be written: {error}") from None


def load_model(folder: Path, model_config: Vlm, device: torch.device | str = "cpu") -> VlmModule:
    """Folder + config → the module with the stored weights, in the stored precision; each goes to the device by itself.

    Raises CheckpointError if the file is missing, cut off, or holds other tensors than the config's module has.
    """
    module = shell(model_config, device)
    if (folder / INDEX).is_file():
        shards = open_shards(folder)
        fill(module, {name: shards.read(name, device=device) for name in shards.stored}, where=str(folder))
    else:
        fill(module, read_tensors(folder / MODEL_FILE, device), where=str(folder / MODEL_FILE))
    return module


def has_weights(folder: Path) -> bool:
    """Whether a folder holds a module's weights, in one file or in several with an index."""
    return (folder / MODEL_FILE).is_file() or (folder / INDEX).is_file()


def read_tensors(path: Path, device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """Safetensors file → its tensors by name. CheckpointError if there is none or it is damaged."""
    if not path.is_file():
        raise CheckpointError(str(path), "no such file", f"a folder with {MODEL_FILE}", "`omma train` writes one per checkpoint")
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (SafetensorError, OSError) as error:
        fix = "copy or import it again, or take an older checkpoint"
        raise CheckpointError(str(path), f"cut off or no safetensors file ({error})", "", fix) from None


def stored_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Module → its parameters and persistent buffers by name; a tensor with several names under its first."""
    seen: set[int] = set()
    kept: dict[str, Tensor] = {}
    for name, tensor in module.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            kept[name] = tensor
    return kept


def fill(module: nn.Module, tensors: Mapping[str, Tensor], *, where: str) -> None:
    """Put stored tensors in the places of a module's own (which may be on the meta device); ties stay tied.

    Raises CheckpointError that names what is missing, what is not wanted and what has another shape.
    """
    own = stored_tensors(module)
    audit({name: tuple(t.shape) for name, t in own.items()}, {n: tuple(t.shape) for n, t in tensors.items()}, where=where)
    replacement = {
        id(tensor): nn.Parameter(tensors[name], requires_grad=tensor.requires_grad)
        if isinstance(tensor, nn.Parameter)
        else tensors[name]
        for name, tensor in own.items()
    }
    for part in module.modules():
        slots_of: tuple[dict[str, Tensor | None], ...] = (part._parameters, part._buffers)  # type: ignore[assignment]
        for slots in slots_of:
            for name, tensor in slots.items():
                if tensor is not None and id(tensor) in replacement:
                    slots[name] = replacement[id(tensor)]


def audit(own: Mapping[str, tuple[int, ...]], given: Mapping[str, tuple[int, ...]], *, where: str) -> None:
    """Names and shapes that a module has against those that a file has → CheckpointError that names every kind of difference."""
    shapes = [f"{n} is {given[n]}, not {own[n]}" for n in sorted(own.keys() & given.keys()) if own[n] != given[n]]
    found = [
        ("missing", sorted(own.keys() - given.keys())),
        ("unexpected", sorted(given.keys() - own.keys())),
        ("of another shape", shapes),
    ]
    lines = [f"{len(names)} {kind}: {_some(names)}" for kind, names in found if names]
    if lines:
        size = sum(math.prod(shape) for shape in own.values())
        expected = f"the {len(own)} tensors ({size:,} values) of the model in the recipe"
        fix = "take the config.yaml that was saved with the weights"
        raise CheckpointError(where, "; ".join(lines), expected, fix)


def shell(model_config: Vlm, device: torch.device | str) -> VlmModule:
    """The module without weights. Parts with buffers that no file holds are built for real, so that these are right."""
    module = built_on_meta(model_config.build)
    stored = {id(tensor) for tensor in stored_tensors(module).values()}
    if any(id(buffer) not in stored for buffer in module.buffers()):
        with torch.device(device):
            module = model_config.build()
    assert isinstance(module, VlmModule)
    return module


def _some(names: Iterable[str]) -> str:
    names = list(names)
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + rest
