"""Concept operator: what operators that count concepts share: candidates → (content, concept) matches of the training samples."""

import hashlib
from typing import ClassVar, Literal

import duckdb
import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int64

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.columns import contents
from omma.curate.concepts import Concepts, Matcher
from omma.curate.metadata_sql import counted, drawn
from omma.curate.operator import Candidate, Scores, SetOperator, words_of

UNMATCHED = "mentions no concept"


@config
class ConceptOperator(SetOperator):
    """Judges training samples by the concepts that their captions and replies mention. Held-out ones are not counted.

    `unmatched` says what becomes of samples that mention none: MetaCLIP drops them.
    """

    scope: ClassVar[Literal["all", "train"]] = "train"
    looks_at: ClassVar[bool] = False
    scored_by: ClassVar[tuple[str, ...]] = ("concepts",)
    concepts: Concepts = Concepts()
    unmatched: Literal["drop", "keep"] = "drop"

    @property
    def key(self) -> str:
        """As for all operators, and the content of the file of concepts."""
        mark = hashlib.sha256(self.concepts.mark.encode()).hexdigest()[:8] if self.concepts.mark else ""
        return super().key + (f"-{mark}" if mark else "")

    def matches(self, candidates: tuple[Candidate, ...]) -> list[list[str]]:
        """Concepts of each candidate; none of held-out ones. DataError without concepts."""
        names = self.concepts.read()
        if not names:
            raise DataError(self.name, "no concepts", "concepts.path or concepts.names", "name a file of concepts")
        matcher = Matcher(names, self.concepts.overlaps)
        return [[] if candidate.heldout else matcher.match(words_of(candidate.sample)) for candidate in candidates]

    def stays_unmatched(self, scores: Scores) -> list[str]:
        """Reasons of samples that were not scored for want of a concept, empty for all others."""
        return [note if note == UNMATCHED and self.unmatched == "drop" else "" for note in scores.notes]


@config
class Drawn(ConceptOperator):
    """What balancing by draws shares: the least u · count of each sample, and the counts of all concepts."""

    def draws(
        self, candidates: tuple[Candidate, ...]
    ) -> tuple[Float[np.ndarray, "candidates"], tuple[str, ...], Int64[np.ndarray, "concepts"]]:
        """Candidates → draws (NaN without a concept), notes `concept (count times)`, counts of the concepts mentioned."""
        keys = [content for content, _ in contents(candidates)]
        rows = [(i, keys[i], name) for i, names in enumerate(self.matches(candidates)) for name in names]
        values = np.full(len(candidates), np.nan)
        notes = ["" if candidate.heldout else UNMATCHED for candidate in candidates]
        if not rows:
            return values, tuple(notes), np.zeros(0, np.int64)
        table = pa.table(dict(zip(("row", "key", "concept"), map(list, zip(*rows, strict=True)), strict=True)))
        with duckdb.connect() as base:
            base.register("mentions", table)
            base.execute(f"CREATE TABLE counts AS {counted('mentions')}")
            base.execute(f"CREATE TABLE draws AS {drawn('(SELECT DISTINCT key, concept FROM mentions)', 'counts')}")
            found = {key: (least, name, count) for key, least, name, count in base.execute("FROM draws").fetchall()}
            counts = np.array([count for (count,) in base.execute("SELECT count FROM counts").fetchall()], np.int64)
        for i in sorted({row[0] for row in rows}):
            values[i], name, count = found[keys[i]]
            notes[i] = f"{name} ({count:,} times)"
        return values, tuple(notes), counts
