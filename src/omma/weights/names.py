"""Names: tensors of a released layout ↔ tensors of ours, both ways, every one accounted for or a CheckpointError."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from omma.core.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Pair:
    """Our name and theirs for one tensor. With `patch` > 0 theirs is a convolution (D, 3, patch, patch), ours the matrix."""

    ours: str
    theirs: str
    patch: int = 0


@dataclass(frozen=True, slots=True)
class Names:
    """`unused` are beginnings of their names for parts that ours does not have; `added` says what an export puts there.

    `aliases` are (beginning, replacement) of older spellings in released files, tried in order, the first that fits.
    """

    pairs: tuple[Pair, ...]
    unused: tuple[str, ...] = ()
    added: Mapping[str, Callable[[], Tensor]] | tuple[()] = ()
    aliases: tuple[tuple[str, str], ...] = ()

    def from_theirs(self, tensors: Mapping[str, Tensor], *, where: str) -> dict[str, Tensor]:
        """Their tensors → ours. CheckpointError for a name that no rule knows, or one that is not there."""
        canonical = {self._canonical(name): tensor for name, tensor in tensors.items()}
        known = {pair.theirs for pair in self.pairs}
        strange = sorted(n for n in canonical if n not in known and not n.startswith(self.unused))
        missing = sorted(known - canonical.keys())
        if strange or missing:
            counts = f"{len(missing)} missing ({', '.join(missing[:4])}), {len(strange)} unknown ({', '.join(strange[:4])})"
            fix = "take the map of the family that config.json names as model_type"
            raise CheckpointError(where, counts, f"the {len(known)} tensors of this family", fix)
        return {pair.ours: _to_ours(canonical[pair.theirs], pair) for pair in self.pairs}

    def to_theirs(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Our tensors → theirs, with what is `added`. CheckpointError for a tensor of ours without a name of theirs."""
        nameless = sorted(tensors.keys() - {pair.ours for pair in self.pairs})
        if nameless:
            raise CheckpointError(nameless[0], f"has no name in this layout, like {len(nameless) - 1} more", "", "keep it in ours")
        theirs = {pair.theirs: _to_theirs(tensors[pair.ours], pair) for pair in self.pairs}
        return theirs | {name: make() for name, make in dict(self.added).items()}

    def under(self, ours: str, theirs: str) -> "Names":
        """The same names with a prefix on each side, to compose a whole from its parts."""
        return Names(
            pairs=tuple(replace(pair, ours=ours + pair.ours, theirs=theirs + pair.theirs) for pair in self.pairs),
            unused=tuple(theirs + name for name in self.unused),
            added={theirs + name: make for name, make in dict(self.added).items()},
            aliases=tuple((theirs + old, theirs + new) for old, new in self.aliases),
        )

    def __add__(self, other: "Names") -> "Names":
        return Names(
            self.pairs + other.pairs, self.unused + other.unused, dict(self.added) | dict(other.added), self.aliases + other.aliases
        )

    def _canonical(self, name: str) -> str:
        for old, new in self.aliases:
            if name.startswith(old):
                return new + name.removeprefix(old)
        return name


def constant(value: float, *shape: int) -> Callable[[], Tensor]:
    """Value and shape → what makes such a tensor, for `Names.added`."""
    return lambda: torch.full(shape, value)


def _to_ours(tensor: Tensor, pair: Pair) -> Tensor:
    return tensor.flatten(1) if pair.patch else tensor


def _to_theirs(tensor: Tensor, pair: Pair) -> Tensor:
    return tensor.unflatten(1, (3, pair.patch, pair.patch)) if pair.patch else tensor
