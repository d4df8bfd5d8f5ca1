"""Columns: candidates + a name → the number or the word of each under that name, and the order in which ties are broken."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from omma.core.errors import DataError
from omma.curate.operator import Candidate
from omma.curate.operators.exact_hash import digest


def numbers(candidates: Sequence[Candidate], name: str) -> Float[np.ndarray, "candidates"]:
    """Scores of the operator `name` that ran before, else the sample's `meta[name]`; NaN where there is neither.

    DataError if no candidate has such a number.
    """
    values = np.array([_number(candidate, name) for candidate in candidates], np.float64)
    if len(values) and np.isnan(values).all():
        known = sorted({key for candidate in candidates for key in (*candidate.scores, *candidate.sample.meta)})
        fix = f"there is {', '.join(known) or 'nothing'}"
        raise DataError("curate", f"no sample has a score {name!r}", "the name of an operator before, or a field of meta", fix)
    return values


def word(candidate: Candidate, name: str) -> str:
    """The sample's `task`, `source` or `meta[name]`; empty where it has none."""
    if name in ("task", "source"):
        return candidate.sample.task if name == "task" else candidate.sample.source
    return str(candidate.sample.meta.get(name, ""))


def contents(candidates: Sequence[Candidate]) -> list[tuple[str, str]]:
    """Each candidate's place in line: the hash of what it shows and says, then its id. It knows nothing of the input's order."""
    return [(digest(candidate.sample), candidate.sample.id) for candidate in candidates]


def _number(candidate: Candidate, name: str) -> float:
    value = candidate.scores.get(name, candidate.sample.meta.get(name, math.nan))
    return float(value) if isinstance(value, int | float) else math.nan
