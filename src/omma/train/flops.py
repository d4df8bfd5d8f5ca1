"""FLOPs: module + what it read → floating-point work of training, vision included, and its share of the machine's best (MFU).

Work of a part = 2 · matrix values · tokens for the forward pass, as much again for gradients to its inputs if anything
before or in it trains, and as much again for its own trained matrices; attention adds 4 · width per pair of tokens.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from omma.nn.block import SelfAttention

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
            attention = 4.0 * part.attention_width * (3 if upstream else 1)
            total += matrix * tokens.get(part.name, read.visual) + attention * pairs.get(part.name, 0.0)
        return total + 2.0 * self.head_values * read.supervised * (1 + upstream + self.head_trains)


@dataclass(frozen=True, slots=True)
class _Part:
    """A child of the model: values of its linear maps, those that train, and Σ over layers of attention width."""

    name: str
    trains: bool
    values: int
    trained_values: int
    attention_width: int


def _part(name: str, module: nn.Module, head: Tensor) -> _Part:
    weights = [m.weight for m in module.modules() if isinstance(m, nn.Linear) and m.weight is not head]
    width = sum(m.query.out_features for m in module.modules() if isinstance(m, SelfAttention))
    trained = sum(w.numel() for w in weights if w.requires_grad)
    return _Part(name, any(p.requires_grad for p in module.parameters()), sum(w.numel() for w in weights), trained, width)
