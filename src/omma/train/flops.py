"""FLOPs: module + what it read → floating-point work of training, vision included, and its share of the machine's best (MFU).

Work of a part = 2 · matrix values · tokens for the forward pass, as much again for gradients to its inputs if anything
before or in it trains, and as much again for its own trained matrices; attention adds 2 · (width of keys + width of values)
of all heads per pair of tokens that see each other. Of experts only as many count as a token is sent to. A convolution is a
matrix at each place that it makes; parts of a tower count with what they read (`EncoderModule.paces`). Left out are
tokens of a tile that are no patches (class tokens, registers, words of prompts) and zeros that fill windows at an edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from omma.model.slots import EncoderModule, Pace
from omma.model.vision.davit import ChannelAttention, WindowAttention
from omma.model.vision.florence2 import PostNormBlock
from omma.model.vision.native import NativeViTModule
from omma.nn.block import SelfAttention
from omma.nn.experts import ExpertsModule, Router
from omma.nn.latent_attention import LatentAttention
from omma.train.adapters.stored import StoredLinear

ORDER = ("encoder", "connector", "reducers", "splice", "language")  # as data flows


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: patches of time steps, visual tokens, language tokens, supervised tokens, and pairs as `Horizon` counts."""

    patch_steps: float
    visual: float
    tokens: float
    supervised: float
    patch_pairs: float
    token_pairs: float
    near_patch_pairs: float
    near_token_pairs: float


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far a model sees in its layers with windows: `window` tokens of a text, `side` × `side` patches of a frame; 0 for none.

    Patches see no further than their time step, which is made of `temporal` frames.
    """

    window: int = 0
    side: int = 0
    temporal: int = 1

    @staticmethod
    def of(module: nn.Module) -> "Horizon":
        """The horizon of a model, also of one on the meta device."""
        windows = [part.window for part in module.modules() if isinstance(part, SelfAttention)]
        towers = [part.cfg for part in module.modules() if isinstance(part, NativeViTModule)]
        side, temporal = (towers[0].window, towers[0].temporal) if towers else (0, 1)
        return Horizon(max(windows, default=0), side, temporal)

    def pairs(self, lengths: Sequence[int], grids: Sequence[Sequence[int]]) -> dict[str, int]:
        """Lengths of documents + (frames, rows, columns) of tiles → the patches and pairs of a `Reading`, in far and near layers.

        Frames of one step are patches once. Pairs of patches are all that see each other; of tokens, whose attention is causal,
        twice as many.
        """
        size = self.window
        steps = [(-(-t // self.temporal), r, c) for t, r, c in grids]
        return {
            "patch_steps": sum(t * r * c for t, r, c in steps),
            "patch_pairs": sum(t * (r * c) ** 2 for t, r, c in steps),
            "token_pairs": sum(n * n for n in lengths),
            "near_patch_pairs": sum(t * _near(r, self.side) * _near(c, self.side) for t, r, c in steps) if self.side else 0,
            "near_token_pairs": sum(n * n if n <= size else size * (2 * n - size) for n in lengths) if size else 0,
        }


def _near(length: int, side: int) -> int:
    """Pairs along one axis that is cut into pieces of `side`, the last of them what remains."""
    whole, rest = divmod(length, side)
    return whole * side**2 + rest**2


class Work:
    """Training FLOPs of a module as a closed form of what it reads. A module on the meta device will do."""

    def __init__(self, module: nn.Module) -> None:
        parts = dict(module.named_children())
        head: Tensor = parts["language"].head  # type: ignore[assignment]
        self.head_values, self.head_trains = head.numel(), int(head.requires_grad)
        self.parts = [_part(name, parts[name], head) for name in ORDER if name in parts]
        self.horizon = Horizon.of(module)

    def flops(self, read: Reading) -> float:
        """Forward and backward of everything, without recomputation (which is no progress)."""
        tokens = {"encoder": read.patch_steps, "language": read.tokens}
        far = {"encoder": read.patch_pairs, "language": read.token_pairs / 2}  # causal: half of the pairs
        near = {"encoder": read.near_patch_pairs, "language": read.near_token_pairs / 2}
        total, upstream = 0.0, False
        for part in self.parts:
            upstream = upstream or part.trains
            matrix = 2.0 * part.values * (2 if upstream else 1) + 2.0 * part.trained_values
            count = tokens.get(part.name, read.visual)
            attention = part.far_width * far.get(part.name, 0.0) + part.near_width * near.get(part.name, 0.0)
            total += matrix * count + 2.0 * (attention + part.own_width * count) * (3 if upstream else 1)
        return total + 2.0 * self.head_values * read.supervised * (1 + upstream + self.head_trains)


@dataclass(frozen=True, slots=True)
class _Part:
    """A child of the model: values of the matrices that a token meets, those that train, and Σ over layers of the widths of keys
    and values, all heads together, apart for layers that see everything and for those with windows. `own_width` is that of layers
    in which a token meets as many values whatever stands around it."""

    name: str
    trains: bool
    values: float
    trained_values: float
    far_width: float
    near_width: float
    own_width: float


def _part(name: str, module: nn.Module, head: Tensor) -> _Part:
    shares, windowed, read = _shares(module), _windowed(module), paces(module)

    def met(matrix: nn.Module) -> float:
        return shares.get(matrix, 1.0) * read[matrix].tokens

    plain = [m for m in module.modules() if isinstance(m, nn.Linear | nn.Conv2d | Router) and m.weight is not head]
    stored = sum(m.in_features * m.out_features * met(m) for m in module.modules() if isinstance(m, StoredLinear))
    weights = [(m.weight, met(m)) for m in plain]
    return _Part(
        name,
        trains=any(p.requires_grad for p in module.parameters()),
        values=stored + sum(w.numel() * share for w, share in weights),
        trained_values=sum(w.numel() * share for w, share in weights if w.requires_grad),
        far_width=sum(_pair_width(m) * read[m].pairs for m in module.modules() if m not in windowed),
        near_width=sum(_pair_width(m) * read[m].tokens for m in windowed),  # windows are as large on a finer grid
        own_width=sum(_own_width(m) * read[m].tokens for m in module.modules()),
    )


def paces(module: nn.Module) -> dict[nn.Module, Pace]:
    """Every inner module → what it reads for a patch of the tile; towers inside towers say it of their own patches."""
    found = dict.fromkeys(module.modules(), Pace(1.0, 1.0))
    for tower in module.modules():
        for name, pace in (tower.paces() if isinstance(tower, EncoderModule) else {}).items():
            for part in tower.get_submodule(name).modules():
                found[part] = Pace(found[part].tokens * pace.tokens, found[part].pairs * pace.pairs)
    return found


def _windowed(module: nn.Module) -> set[nn.Module]:
    """The attentions that see a window only: by their own rule, or by that of the tower that they stand in."""
    found: set[nn.Module] = {part for part in module.modules() if isinstance(part, SelfAttention) and part.window}
    for tower in module.modules():
        if isinstance(tower, NativeViTModule) and tower.cfg.window:
            found |= {block.attention for i, block in enumerate(tower.blocks) if i not in tower.cfg.full_layers}  # type: ignore[misc]
    return found


def _shares(module: nn.Module) -> dict[nn.Module, float]:
    """Matrices of routed experts → the share of tokens that meets each, which is the same for all when they are balanced."""
    routed = [part for part in module.modules() if isinstance(part, ExpertsModule)]
    matrices = nn.Linear | StoredLinear
    return {m: part.cfg.chosen / part.cfg.num for part in routed for m in part.experts.modules() if isinstance(m, matrices)}


def _pair_width(module: nn.Module) -> float:
    """Width of keys and width of values of all heads of an attention; 0 for other modules."""
    if isinstance(module, LatentAttention):
        return module.query.out_features + module.output.in_features
    if isinstance(module, PostNormBlock):
        module = module.attention
    elif not isinstance(module, SelfAttention):
        return 0
    return 2 * module.query.out_features


def _own_width(module: nn.Module) -> float:
    """Width of keys and of values that a place of a DaViT meets: those of its window, or of the channels of each of its own."""
    if isinstance(module, WindowAttention):
        return 2 * module.query.out_features * module.side**2
    return 2 * module.query.out_features**2 / module.groups if isinstance(module, ChannelAttention) else 0.0
