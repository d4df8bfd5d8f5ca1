"""Names: tensors of a released layout ↔ tensors of ours, both ways, every one accounted for or a CheckpointError."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from omma.core.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Form:
    """How a tensor of theirs holds tensors of ours; this one is ours as it stands. Both ways keep every bit."""

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Their tensor → ours, as many as it holds."""
        return (theirs,)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        return ours[0]


@dataclass(frozen=True, slots=True)
class Rows(Form):
    """Several matrices or vectors one under the other, with so many rows each (fused queries, keys and values)."""

    sizes: tuple[int, ...]

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Their tensor → slices of its first axis."""
        return theirs.split(self.sizes)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        return torch.cat(list(ours))


@dataclass(frozen=True, slots=True)
class Flat(Form):
    """A tensor whose axes behind the first are `shape`; ours is the matrix (a convolution: (D, 3, p, p) → (D, 3 · p²))."""

    shape: tuple[int, ...]

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Their tensor → matrix."""
        return (theirs.flatten(1),)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        return ours[0].unflatten(1, self.shape)


@dataclass(frozen=True, slots=True)
class Led(Form):
    """Ours behind `axes` leading axes of length 1."""

    axes: int

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Their tensor → without the leading axes."""
        return (theirs.reshape(theirs.shape[self.axes :]),)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        return ours[0].reshape((1,) * self.axes + ours[0].shape)


@dataclass(frozen=True, slots=True)
class Row(Form):
    """A vector that is the only row of our matrix."""

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Their vector → matrix of one row."""
        return (theirs[None],)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        return ours[0][0]


@dataclass(frozen=True, slots=True)
class Pair:
    """Our name and theirs for one tensor, or for part number `part` of one tensor of theirs."""

    ours: str
    theirs: str
    form: Form = Form()
    part: int = 0


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
        canonical = {self.canonical(name): tensor for name, tensor in tensors.items()}
        known = {pair.theirs for pair in self.pairs}
        strange = sorted(n for n in canonical if n not in known and not n.startswith(self.unused))
        missing = sorted(known - canonical.keys())
        if strange or missing:
            counts = f"{len(missing)} missing ({', '.join(missing[:4])}), {len(strange)} unknown ({', '.join(strange[:4])})"
            fix = "take the map of the family that config.json names as model_type"
            raise CheckpointError(where, counts, f"the {len(known)} tensors of this family", fix)
        return {pair.ours: _part(canonical[pair.theirs], pair) for pair in self.pairs}

    def to_theirs(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Our tensors → theirs, with what is `added`. CheckpointError for a tensor of ours without a name of theirs."""
        nameless = sorted(tensors.keys() - {pair.ours for pair in self.pairs})
        if nameless:
            raise CheckpointError(nameless[0], f"has no name in this layout, like {len(nameless) - 1} more", "", "keep it in ours")
        parts: dict[str, list[Pair]] = {}
        for pair in sorted(self.pairs, key=lambda pair: pair.part):
            parts.setdefault(pair.theirs, []).append(pair)
        theirs = {pair.theirs: pair.form.join([tensors[own.ours] for own in parts[pair.theirs]]) for pair in self.pairs}
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

    def canonical(self, name: str) -> str:
        """A name of theirs in any spelling → as `pairs` and `unused` spell it."""
        for old, new in self.aliases:
            if name.startswith(old):
                return new + name.removeprefix(old)
        return name


def constant(value: float, *shape: int) -> Callable[[], Tensor]:
    """Value and shape → what makes such a tensor, for `Names.added`."""
    return lambda: torch.full(shape, value)


def _part(theirs: Tensor, pair: Pair) -> Tensor:
    pieces = pair.form.split(theirs)
    # A piece of its own memory: the whole need not stay alive, and files hold no tensors that share memory.
    return pieces[0] if len(pieces) == 1 else pieces[pair.part].clone()
