"""FLOPs: module + what it read → floating-point work of training, vision included, and its share of the machine's best (MFU).

Work of a part = 2 · matrix values · tokens for the forward pass, as much again for gradients to its inputs if anything
before or in it trains, and as much again for its own trained matrices; attention adds 2 · (width of keys + width of values)
of all heads per pair of tokens. Of experts only as many count as a token is sent to.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from omma.nn.block import SelfAttention
from omma.nn.experts import ExpertsModule, Router
from omma.nn.latent_attention import LatentAttention
from omma.train.adapters.stored import StoredLinear

ORDER = ("encoder", "connector", "reducers", "splice", "language")  # as data flows


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: patches, visual tokens, language tokens, supervised tokens, and Σ length² over tiles and documents."""

    patches: float
    visual: float
    tokens: float
    supervised: float
    patch_pairs: float
    token_pairs: float


class Work:
    """Training FLOPs of a module as a closed form of what it reads. A module on the meta device will do."""

    def __init__(self, module: nn.Module) -> None:
        parts = dict(module.named_children())
        head: Tensor = parts["language"].head  # type: ignore[assignment]
        self.head_values, self.head_trains = head.numel(), int(head.requires_grad)
        self.parts = [_part(name, parts[name], head) for name in ORDER if name in parts]

    def flops(self, read: Reading) -> float:
        """Forward and backward of everything, without recomputation (which is no progress)."""
        tokens = {"encoder": read.patches, "language": read.tokens}
        pairs = {"encoder": read.patch_pairs, "language": read.token_pairs / 2}  # causal: half of the pairs
        total, upstream = 0.0, False
        for part in self.parts:
            upstream = upstream or part.trains
            matrix = 2.0 * part.values * (2 if upstream else 1) + 2.0 * part.trained_values
            attention = 2.0 * part.pair_width * (3 if upstream else 1)
            total += matrix * tokens.get(part.name, read.visual) + attention * pairs.get(part.name, 0.0)
        return total + 2.0 * self.head_values * read.supervised * (1 + upstream + self.head_trains)


@dataclass(frozen=True, slots=True)
class _Part:
    """A child of the model: values of the matrices that a token meets, those that train, and Σ over layers of the widths of keys
    and values, all heads together."""

    name: str
    trains: bool
    values: float
    trained_values: float
    pair_width: float


def _part(name: str, module: nn.Module, head: Tensor) -> _Part:
    shares = _shares(module)
    plain = [m for m in module.modules() if isinstance(m, nn.Linear | Router) and m.weight is not head]
    stored = sum(m.in_features * m.out_features * shares.get(m, 1.0) for m in module.modules() if isinstance(m, StoredLinear))
    weights = [(m.weight, shares.get(m, 1.0)) for m in plain]
    trained = sum(w.numel() * share for w, share in weights if w.requires_grad)
    pair_width = sum(_pair_width(m) for m in module.modules())
    trains = any(p.requires_grad for p in module.parameters())
    return _Part(name, trains, stored + sum(w.numel() * share for w, share in weights), trained, pair_width)


def _shares(module: nn.Module) -> dict[nn.Module, float]:
    """Matrices of routed experts → the share of tokens that meets each, which is the same for all when they are balanced."""
    routed = [part for part in module.modules() if isinstance(part, ExpertsModule)]
    matrices = nn.Linear | StoredLinear
    return {m: part.cfg.chosen / part.cfg.num for part in routed for m in part.experts.modules() if isinstance(m, matrices)}


def _pair_width(module: nn.Module) -> float:
    """Width of keys and width of values of all heads of an attention; 0 for other modules."""
    if isinstance(module, LatentAttention):
        return module.query.out_features + module.output.in_features
    return 2 * module.query.out_features if isinstance(module, SelfAttention) else 0
