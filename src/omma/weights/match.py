"""Match: names and shapes of a file against those of a module, before any value is read. What goes where, and what does not."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from omma.core.errors import CheckpointError
from omma.weights.names import Names, Pair
from omma.weights.vocabulary import grows

SHOWN = 4  # names in an error message before "and n more"
NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")


@dataclass(frozen=True, slots=True)
class Match:
    """Names of theirs that are `mapped` (with ours), `reshaped` on the way, `grown` by rows for new tokens, or `skipped` because
    ours has no use for them; and what may not be: `missing`, `unexpected`, and `wrong` shapes with words for each."""

    mapped: tuple[tuple[str, str], ...]
    reshaped: tuple[str, ...]
    grown: tuple[str, ...]
    skipped: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    wrong: tuple[str, ...]

    def check(self, where: str) -> None:
        """CheckpointError that names every kind of difference, unless all is explained."""
        kinds = [("missing", self.missing), ("unexpected", self.unexpected), ("of another shape", self.wrong)]
        told = [f"{len(names)} {kind}: {some(names)}" for kind, names in kinds if names]
        if told:
            fix = "config.json and the weights belong to different checkpoints, or this variant is not covered"
            raise CheckpointError(where, "; ".join(told), f"the {len(self.mapped) + len(self.missing)} tensors of config.json", fix)


def match(
    names: Names, theirs: Mapping[str, Tensor], own: Mapping[str, Tensor], *, vocab_size: int = 0, config: Mapping[str, Any]
) -> Match:
    """Name map, their tensors and ours (any device: meta is enough) → match. `config` is their config.json, for the words."""
    canonical = {names.canonical(name): name for name in theirs}
    known = {pair.theirs for pair in names.pairs}
    there = [pair for pair in names.pairs if pair.theirs in canonical]
    fused: dict[str, list[Pair]] = {}
    for pair in there:
        fused.setdefault(pair.theirs, []).append(pair)
    wrong, reshaped, grown = [], [], []
    for pair in there:
        given = tuple(theirs[canonical[pair.theirs]].shape)
        wanted = tuple(own[pair.ours].shape)
        got = _ours_shape(fused[pair.theirs], theirs[canonical[pair.theirs]], pair.ours)
        if got is None or (got != wanted and not grows(got, wanted, vocab_size)):
            wrong.append(f"{pair.theirs} is {given}, not {_words(got or given, wanted, config)}")
        elif got != wanted:
            grown.append(pair.theirs)
        elif got != given:
            reshaped.append(pair.theirs)
    return Match(
        mapped=tuple((pair.theirs, pair.ours) for pair in there),
        reshaped=tuple(dict.fromkeys(reshaped)),
        grown=tuple(grown),
        skipped=tuple(sorted(name for name in canonical if name not in known and name.startswith(names.unused))),
        missing=tuple(sorted(known - canonical.keys())) + tuple(sorted(own.keys() - {pair.ours for pair in names.pairs})),
        unexpected=tuple(sorted(name for name in canonical if name not in known and not name.startswith(names.unused))),
        wrong=tuple(wrong),
    )


def folded(names: Iterable[str]) -> dict[str, int]:
    """Names → with the numbers of blocks folded into `*`, and how often each stands there."""
    counts: dict[str, int] = {}
    for name in names:
        key = NUMBER.sub("*", name)
        counts[key] = counts.get(key, 0) + 1
    return counts


def some(names: Iterable[str]) -> str:
    """Names → the first few and how many more there are."""
    names = list(names)
    return ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")


def _ours_shape(pairs: list[Pair], tensor: Tensor, ours: str) -> tuple[int, ...] | None:
    """Shape of ours within a tensor of theirs, which `pairs` share; None if it cannot be taken apart so."""
    name = pairs[0].theirs
    try:
        return tuple(Names(tuple(pairs)).from_theirs({name: tensor}, where=name)[ours].shape)
    except (RuntimeError, IndexError):
        return None


def _words(got: tuple[int, ...], wanted: tuple[int, ...], config: Mapping[str, Any]) -> str:
    """The shape that config.json asks for, with the keys behind the numbers that differ."""
    differing = [want for have, want in zip(got, wanted, strict=False) if have != want]
    keys = [key for number in dict.fromkeys(differing) for key in _keys(config, number)]
    return f"{wanted}" + (f" ({' or '.join(keys[:SHOWN])} in config.json)" if keys else "")


def _keys(config: Mapping[str, Any], number: int, prefix: str = "") -> list[str]:
    found = []
    for key, value in config.items():
        if isinstance(value, Mapping):
            found += _keys(value, number, f"{prefix}{key}.")
        elif value == number and not isinstance(value, bool):
            found.append(f"{prefix}{key}")
    return found
