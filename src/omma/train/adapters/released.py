"""Released: an adapter under our names → the same adapter under those of a released layout, for the model that weights export to.

Where a tensor of theirs holds several of ours (fused queries, keys and values), the factors become one block-diagonal
pair: A stacks the parts' A, B holds each part's B in its own rows and columns, with the parts' scales folded in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from omma.core.errors import CheckpointError
from omma.model.slots import built_on_meta
from omma.model.vlm import Vlm
from omma.train.adapters.files import FOLDER, AdapterFile, read_adapter, write_adapter
from omma.weights.family import Vocabulary, family_for
from omma.weights.names import Form, Names, Pair
from omma.weights.native import stored_tensors

RELEASED = "adapter-released"  # in a checkpoint, beside the adapter under our own names
Shapes = Mapping[str, tuple[int, ...]]  # of our parameters by name
TOLERANCE = 1e-4  # of what the factors make against what the layout makes of it, in units of the largest value


def release_adapter(checkpoint: Path, model: Vlm, path: str = "") -> Path:
    """Checkpoint folder with an adapter + its model → `adapter-released/` in it, for PEFT, vLLM and their like.

    CheckpointError for a model that no released layout has a place for.
    """
    family, config = family_for(model, "vlm", Vocabulary(model.text.vocab_size))
    shapes = {name: tuple(tensor.shape) for name, tensor in stored_tensors(built_on_meta(model.build)).items()}
    theirs = released(read_adapter(checkpoint / FOLDER), family.names(model, config), shapes, path)
    write_adapter(checkpoint / RELEASED, theirs)
    return checkpoint / RELEASED


def released(adapter: AdapterFile, names: Names, shapes: Shapes, path: str = "") -> AdapterFile:
    """The same adapter for others; `path` is where they find the exported base.

    CheckpointError for a map or tensor that has no place in the layout: merge it and export the whole model.
    """
    held = {pair.ours: pair.theirs for pair in names.pairs}
    parts: dict[str, list[Pair]] = {}
    for pair in sorted(names.pairs, key=lambda pair: pair.part):
        parts.setdefault(pair.theirs, []).append(pair)
    ranks: dict[str, int] = {}
    small: dict[str, Tensor] = {}
    for theirs in dict.fromkeys(_held(f"{name}.weight", held) for name in adapter.ranks):
        module = theirs.rpartition(".")[0]
        a, b = _factors(adapter, parts[theirs], shapes)
        ranks[module] = len(a)
        small |= {f"{module}.lora_A.weight": a, f"{module}.lora_B.weight": b}
    whole = {theirs: _joined(adapter, parts[theirs]) for theirs in dict.fromkeys(_held(name, held) for name in adapter.whole)}
    return replace(adapter, ranks=ranks, small=small, whole=whole, path=path)


def _factors(adapter: AdapterFile, parts: Sequence[Pair], shapes: Shapes) -> tuple[Tensor, Tensor]:
    """One tensor of theirs → its (A, B); plain ones stay as they are."""
    names = [pair.ours.removesuffix(".weight") for pair in parts]
    if len(parts) == 1 and type(parts[0].form) is Form:
        return adapter.small[f"{names[0]}.lora_A.weight"], adapter.small[f"{names[0]}.lora_B.weight"]
    total = sum(adapter.ranks.get(name, 0) for name in names)
    blocks, products, first = [], [], 0
    for name, pair in zip(names, parts, strict=True):
        rows, columns = shapes[pair.ours]
        block, product = torch.zeros(rows, total), torch.zeros(rows, columns)
        if rank := adapter.ranks.get(name, 0):
            a, b = (adapter.small[f"{name}.lora_{side}.weight"].float().cpu() for side in "AB")
            block[:, first : first + rank] = b * (adapter.scale(rank) / adapter.scale(total))
            product, first = adapter.scale(rank) * b @ a, first + rank
        blocks.append(block)
        products.append(product)
    wanted = parts[0].form.join(products)
    if wanted.ndim != 2:  # a convolution
        raise _homeless(parts[0].ours)
    a = torch.cat([adapter.small[f"{name}.lora_A.weight"].float().cpu() for name in names if name in adapter.ranks])
    b = parts[0].form.join(blocks)
    made = adapter.scale(total) * b @ a
    if made.shape != wanted.shape or (made - wanted).abs().max() > TOLERANCE * wanted.abs().max().clamp(min=1e-6):
        raise _homeless(parts[0].ours)
    return a, b


def _joined(adapter: AdapterFile, parts: Sequence[Pair]) -> Tensor:
    for pair in parts:
        if pair.ours not in adapter.whole:
            raise _homeless(pair.ours)
    return parts[0].form.join([adapter.whole[pair.ours] for pair in parts])


def _held(name: str, held: Mapping[str, str]) -> str:
    if name not in held:
        raise _homeless(name)
    return held[name]


def _homeless(name: str) -> CheckpointError:
    fix = "the merged weights beside it are whole: export those"
    return CheckpointError(name, "what it learnt has no form of its own in the released layout", "", fix)
