"""Mixing: a stage's mixture of sources + several data sets with such sources → the mixture of all their sources."""

from collections.abc import Mapping


def mixture(wanted: Mapping[str, float], shares: Mapping[str, float], rows: Mapping[str, Mapping[str, int]]) -> dict[str, float]:
    """Weights of sources (none: natural), share of each set, rows of each set by source → weights of `set/source`.

    Within a set the stage's weights hold for the sources that it has. A set that has none of them, and every set of a stage
    that names none, is read in its natural proportions.
    """
    whole = sum(shares.values())
    found: dict[str, float] = {}
    for name, share in shares.items():
        own = rows[name]
        inside = {source: weight for source, weight in wanted.items() if own.get(source) and weight > 0}
        inside = inside or {source: float(count) for source, count in own.items() if count}
        total = sum(inside.values())
        found |= {f"{name}/{source}": share / whole * weight / total for source, weight in inside.items()}
    return found


def unlike(wanted: Mapping[str, float], rows: Mapping[str, Mapping[str, int]]) -> tuple[str, ...]:
    """Weights of sources → the sets that have none of those sources, and so are read in their natural proportions."""
    named = [source for source, weight in wanted.items() if weight > 0]
    return tuple(name for name, own in rows.items() if named and not any(own.get(source) for source in named))
