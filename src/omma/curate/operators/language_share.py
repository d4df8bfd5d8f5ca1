"""language_share: what exceeds given shares of languages → dropped. Score: the size of the set at which a sample comes in.

A set of N samples holds `share` · N of each language; the n-th sample of a language comes in at N = n / share. The
largest N is where the first language ends, so that the shares hold up to one sample each. Languages that are not named
share what is left, all together; with nothing left they go. Order within a language as in `class_cap`.
"""

import math
from array import array
from collections.abc import Collection
from typing import ClassVar, Literal

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.curate.operator import Candidate, Scores, SetOperator, words_of
from omma.curate.operators.class_cap import drawn_order
from omma.curate.sets.columns import Places, standing, word
from omma.curate.texts.languages import told

OTHERS = "all other languages"
TOLD = "told"


@config
class LanguageShare(SetOperator):
    """`shares` by value of `field`, together at most 1; training samples alone are judged.

    `field` is a field of meta, `task`, `source`, or `told`: by the letters of captions and replies, as `language` tells.
    """

    version: ClassVar[str] = "2"
    scope: ClassVar[Literal["all", "train"]] = "train"
    looks_at: ClassVar[bool] = False
    scored_by: ClassVar[tuple[str, ...]] = ("field", "shares", "seed")
    field: str = "language"
    shares: dict[str, float] = {"en": 1.0}
    seed: int = 0

    def check(self) -> None:
        total = sum(self.shares.values())
        if not self.shares or min(self.shares.values()) <= 0 or total > 1 + 1e-9:
            raise ConfigError("LanguageShare.shares", f"{self.shares}", "shares above 0, together at most 1")

    @property
    def threshold(self) -> float:
        """Sum of the shares that are named."""
        return float(sum(self.shares.values()))

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """Size of the set at which each comes in; infinite for languages without a share. DataError if a named one is absent."""
        places, heldout, spoken, names = Places(), array("b"), array("q"), dict[str, int]()
        for candidate in candidates:
            places.add(candidate.sample)
            heldout.append(candidate.heldout)
            spoken.append(-1 if candidate.heldout else names.setdefault(self._language(candidate), len(names)))
        absent = sorted(set(self.shares) - set(names))
        if absent and names:
            there = ", ".join(sorted(set(names) - {""})) or "none"
            raise DataError(self.name, f"no sample with {self.field} {absent[0]!r}", f"one of {there}", "change shares")
        left = 1 - sum(self.shares.values())
        groups = {group: number for number, group in enumerate((*self.shares, OTHERS))}
        sizes = np.array([*self.shares.values(), left if left > 1e-9 else 0.0])
        grouped = np.array([groups.get(name, groups[OTHERS]) for name in names], np.int64)
        order = drawn_order(places, np.array(heldout, bool), self.seed)
        group = grouped[np.array(spoken, np.int64)[order]]
        values, notes = np.full(len(heldout), np.nan), np.full(len(heldout), "", object)
        with np.errstate(divide="ignore"):
            values[order] = (standing(group) + 1) / sizes[group]
        notes[order] = np.array(list(groups), object)[group]
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Those that come in beyond the largest set with these shares."""
        largest: dict[str, float] = {}
        for value, note in zip(scores.values, scores.notes, strict=True):
            if math.isfinite(value):
                largest[note] = max(largest.get(note, 0.0), value)
        total = min(largest.values(), default=0.0)
        reasons = {group: f"{group}: beyond its share of {total:,.0f} samples" for group in (*self.shares, OTHERS)}
        rows = zip(scores.values, scores.notes, strict=True)
        return [reasons[note] if value > total * (1 + 1e-9) else "" for value, note in rows]

    def _language(self, candidate: Candidate) -> str:
        return told(words_of(candidate.sample)) if self.field == TOLD else word(candidate, self.field)
