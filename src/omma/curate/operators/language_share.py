"""language_share: what exceeds given shares of languages → dropped. Score: the size of the set at which a sample comes in.

A set of N samples holds `share` · N of each language; the n-th sample of a language comes in at N = n / share. The
largest N is where the first language ends, so that the shares hold up to one sample each. Languages that are not named
share what is left, all together; with nothing left they go. Order within a language as in `class_cap`.
"""

import math
from collections import Counter
from typing import ClassVar, Literal

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.curate.columns import word
from omma.curate.operator import Candidate, Scores, SetOperator
from omma.curate.operators.class_cap import drawn_order

OTHERS = "all other languages"


@config
class LanguageShare(SetOperator):
    """`shares` by value of `field` (a field of meta, task or source), together at most 1; training samples alone are judged."""

    version: ClassVar[str] = "1"
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

    def score(self, candidates: tuple[Candidate, ...]) -> Scores:
        """Size of the set at which each comes in; infinite for languages without a share. DataError if a named one is absent."""
        order = drawn_order(candidates, self.seed)
        languages = {i: word(candidates[i], self.field) for i in order}
        absent = sorted(set(self.shares) - set(languages.values()))
        if absent and order:
            there = ", ".join(sorted(set(languages.values()) - {""})) or "none"
            raise DataError(self.name, f"no sample with {self.field} {absent[0]!r}", f"one of {there}", "change shares")
        left = 1 - sum(self.shares.values())
        values, notes = np.full(len(candidates), np.nan), [""] * len(candidates)
        seen: Counter[str] = Counter()
        for i in order:
            group = languages[i] if languages[i] in self.shares else OTHERS
            seen[group] += 1
            share = self.shares.get(group, left if left > 1e-9 else 0.0)
            values[i], notes[i] = (seen[group] / share if share else math.inf), group
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
