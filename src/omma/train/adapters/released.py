"""Released: an adapter under our names → the same adapter under those of a released layout, for the model that weights export to.

Where a tensor of theirs holds several of ours (fused queries, keys and values), the factors become one block-diagonal
pair: A stacks the parts' A, B holds each part's B in its own rows and columns, with the parts' scales folded in. A tensor
of theirs that holds the matrices of all experts gets such a pair for each of them (PEFT's `target_parameters`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import pad

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
    stacks: dict[str, tuple[Tensor, Tensor]] = {}
    small: dict[str, Tensor] = {}
    for theirs in dict.fromkeys(_held(f"{name}.weight", held) for name in adapter.ranks):
        module, _, last = theirs.rpartition(".")
        if last == "weight":
            a, b = _factors(adapter, parts[theirs], shapes)
            ranks[module] = len(a)
            small |= {f"{module}.lora_A.weight": a, f"{module}.lora_B.weight": b}
        else:
            stacks[theirs] = _stack(adapter, parts[theirs], shapes)
    rank = max((a.shape[1] for a, _ in stacks.values()), default=0)  # one for all: PEFT takes it for that of the whole adapter
    for theirs in sorted(stacks, key=list(held.values()).index):  # as the layout names them, which is the order of their module
        module, (a, b) = theirs.rpartition(".")[0], stacks[theirs]
        small = _inwards(small, module)
        small[f"{module}.lora_A.weight"] = pad(a, (0, 0, 0, rank - a.shape[1])).flatten(0, 1)  # expert by expert
        wide = pad(b, (0, rank - b.shape[2])) / adapter.scale(rank)
        small[f"{module}.lora_B.weight"] = wide.permute(1, 2, 0).flatten(1)  # columns of rank, then expert
    whole = {theirs: _joined(adapter, parts[theirs]) for theirs in dict.fromkeys(_held(name, held) for name in adapter.whole)}
    return replace(adapter, ranks=ranks, small=small, whole=whole, path=path, stacks=dict.fromkeys(stacks, rank))


def _inwards(small: Mapping[str, Tensor], module: str) -> dict[str, Tensor]:
    """PEFT wraps a module once for each of its stacks, the later around the earlier, whose names go one level down."""
    return {f"{module}.base_layer{name.removeprefix(module)}" if name.startswith(f"{module}.") else name: value
            for name, value in small.items()}  # fmt: skip


def _stack(adapter: AdapterFile, parts: Sequence[Pair], shapes: Shapes) -> tuple[Tensor, Tensor]:
    """A tensor (E, out, in) of theirs → A (E, R, in) and B (E, out, R) of its experts, scales folded in."""
    products = [_product(adapter, pair, shapes) for pair in parts]
    wanted = parts[0].form.join(products)
    if wanted.ndim != 3:
        raise _homeless(parts[0].ours)
    per = len(parts) // len(wanted)
    pairs = [_beside(adapter, parts[first : first + per], shapes) for first in range(0, len(parts), per)]
    rank = max(len(a) for a, _ in pairs)
    a = torch.stack([pad(a, (0, 0, 0, rank - len(a))) for a, _ in pairs])
    b = torch.stack([pad(b, (0, rank - b.shape[1])) for _, b in pairs])
    made = b @ a
    wanted = wanted if wanted.shape == made.shape else wanted.transpose(1, 2)  # files may hold experts on their side
    if made.shape != wanted.shape or (made - wanted).abs().max() > TOLERANCE * wanted.abs().max().clamp(min=1e-6):
        raise _homeless(parts[0].ours)
    return a, b


def _beside(adapter: AdapterFile, parts: Sequence[Pair], shapes: Shapes) -> tuple[Tensor, Tensor]:
    """Matrices one under the other → A and B of all together, scales folded in."""
    a = [adapter.small[f"{_map(pair)}.lora_A.weight"].float().cpu() for pair in parts if _map(pair) in adapter.ranks]
    b = [
        adapter.scale(adapter.ranks[_map(pair)]) * adapter.small[f"{_map(pair)}.lora_B.weight"].float().cpu()
        if _map(pair) in adapter.ranks
        else torch.zeros(shapes[pair.ours][0], 0)
        for pair in parts
    ]
    return torch.cat([*a, torch.zeros(0, shapes[parts[0].ours][1])]), torch.block_diag(*b)


def _product(adapter: AdapterFile, pair: Pair, shapes: Shapes) -> Tensor:
    """What an adapter adds to one of our matrices; zeros where there is none."""
    name = _map(pair)
    if name not in adapter.ranks:
        return torch.zeros(shapes[pair.ours])
    a, b = (adapter.small[f"{name}.lora_{side}.weight"].float().cpu() for side in "AB")
    return adapter.scale(adapter.ranks[name]) * b @ a


def _map(pair: Pair) -> str:
    return pair.ours.removesuffix(".weight")


def _factors(adapter: AdapterFile, parts: Sequence[Pair], shapes: Shapes) -> tuple[Tensor, Tensor]:
    """One tensor of theirs → its (A, B); plain ones stay as they are."""
    names = [_map(pair) for pair in parts]
    if len(parts) == 1 and type(parts[0].form) is Form:
        return adapter.small[f"{names[0]}.lora_A.weight"], adapter.small[f"{names[0]}.lora_B.weight"]
    total = sum(adapter.ranks.get(name, 0) for name in names)
    blocks, first = [], 0
    for name, pair in zip(names, parts, strict=True):
        block = torch.zeros(shapes[pair.ours][0], total)
        if rank := adapter.ranks.get(name, 0):
            b = adapter.small[f"{name}.lora_B.weight"].float().cpu()
            block[:, first : first + rank] = b * (adapter.scale(rank) / adapter.scale(total))
            first += rank
        blocks.append(block)
    wanted = parts[0].form.join([_product(adapter, pair, shapes) for pair in parts])
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
