"""quantile: samples below the top share of a stored score → dropped. Score: the share of samples with a better one.

Exact rule of ties: equal values have equal scores and stay or go together, so that the set that stays may be larger
than the share by those equal to its last. `DataComp` takes the top 30% by CLIP score (Gadre et al. 2023).
"""

from array import array
from collections.abc import Collection
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Candidate, Drops, Scores, SetOperator
from omma.curate.sets.columns import Numbers


@config
class Quantile(SetOperator):
    """The best `keep_share` of training samples by `column`: the name of an operator before, or a field of meta.

    `best` says which end is better; `missing` what becomes of samples without the score.
    """

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">="
    scope: ClassVar[Literal["all", "train"]] = "train"
    looks_at: ClassVar[bool] = False
    scored_by: ClassVar[tuple[str, ...]] = ("column", "best")
    column: str = "clip"
    best: Literal["highest", "lowest"] = "highest"
    keep_share: float = 0.3
    missing: Literal["drop", "keep"] = "drop"

    def check(self) -> None:
        if not 0 < self.keep_share <= 1:
            raise ConfigError("Quantile.keep_share", str(self.keep_share), "a share above 0, at most 1")

    @property
    def columns(self) -> tuple[str, ...]:
        """The one that is ranked."""
        return (self.column,)

    @property
    def threshold(self) -> float:
        """Share that stays."""
        return self.keep_share

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """Share of better training samples; NaN for held-out ones and those without the score."""
        numbers, heldout = Numbers(self.column), array("b")
        for candidate in candidates:
            numbers.add(candidate)
            heldout.append(candidate.heldout)
        found = np.where(np.array(heldout, bool), np.nan, numbers.values())
        notes = tuple("" if held else f"{self.column} {value:.6g}" for value, held in zip(found, heldout, strict=True))
        return Scores(better_share(found if self.best == "highest" else -found), notes)

    def decide(self, scores: Scores) -> list[str]:
        """Those with at least `keep_share` of the others above them."""
        reasons = []
        for value, note in zip(scores.values, scores.notes, strict=True):
            gone = value >= self.keep_share
            none = f"no {self.column}" if note and np.isnan(value) and self.missing == "drop" else ""
            reasons.append(f"{note}, {value:.1%} have a better one" if gone else none)
        return reasons


def better_share(values: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Values → the share of all (NaN apart) that is strictly greater; NaN stays."""
    known = np.sort(values[~np.isnan(values)])
    greater = len(known) - np.searchsorted(known, values, side="right")
    return np.where(np.isnan(values), np.nan, greater / max(len(known), 1))
