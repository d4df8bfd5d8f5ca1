"""Concept operator: what operators that count concepts share: candidates → (content, concept) matches of the training samples."""

import hashlib
from array import array
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import duckdb
import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int64

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.operator import Candidate, Scores, SetOperator, words_of
from omma.curate.sets.columns import Places
from omma.curate.sets.concepts import Concepts, Matcher
from omma.curate.sets.metadata_sql import counted, drawn

UNMATCHED = "mentions no concept"


@dataclass
class Mentions:
    """Who mentions what, in the order of samples and, within one, of its words: number of the sample and of the concept."""

    names: tuple[str, ...]
    samples: array = field(default_factory=lambda: array("q"))
    concepts: array = field(default_factory=lambda: array("i"))
    heldout: array = field(default_factory=lambda: array("b"))
    places: Places = field(default_factory=Places)

    @property
    def counts(self) -> Int64[np.ndarray, "concepts"]:
        """How often each concept is mentioned."""
        return np.bincount(np.array(self.concepts, np.int64), minlength=len(self.names))

    @property
    def blank_notes(self) -> list[str]:
        """Notes of samples that mention nothing: held-out ones were not asked."""
        return ["" if held else UNMATCHED for held in self.heldout]


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

    def mentions(self, candidates: Collection[Candidate], most: int) -> Mentions:
        """The first `most` concepts of each training sample. DataError without concepts."""
        names = self.concepts.read()
        if not names:
            raise DataError(self.name, "no concepts", "concepts.path or concepts.names", "name a file of concepts")
        matcher, found = Matcher(names, self.concepts.overlaps), Mentions(tuple(names))
        codes = {name: number for number, name in enumerate(names)}
        for number, candidate in enumerate(candidates):
            found.heldout.append(candidate.heldout)
            found.places.add(candidate.sample)
            named = [] if candidate.heldout else matcher.match(words_of(candidate.sample))[:most]
            found.samples.extend([number] * len(named))
            found.concepts.extend(codes[name] for name in named)
        return found

    def stays_unmatched(self, scores: Scores) -> list[str]:
        """Reasons of samples that were not scored for want of a concept, empty for all others."""
        return [note if note == UNMATCHED and self.unmatched == "drop" else "" for note in scores.notes]


@config
class Drawn(ConceptOperator):
    """What balancing by draws shares: the least u · count of each sample, and the counts of all concepts."""

    def draws(
        self, candidates: Collection[Candidate]
    ) -> tuple[Float[np.ndarray, "candidates"], tuple[str, ...], Int64[np.ndarray, "concepts"]]:
        """Candidates → draws (NaN without a concept), notes `concept (count times)`, counts of the concepts mentioned."""
        found = self.mentions(candidates, most=len(self.concepts.read()))
        values, notes = np.full(len(found.heldout), np.nan), found.blank_notes
        if not found.samples:
            return values, tuple(notes), np.zeros(0, np.int64)
        keys, contents = found.places.contents()
        mentioned = np.array(found.samples, np.int64)
        columns = {"key": (contents[mentioned], keys), "concept": (np.array(found.concepts), found.names)}
        table = pa.table({name: _words(codes, words) for name, (codes, words) in columns.items()})
        with duckdb.connect() as base:
            base.register("mentions", table)
            base.execute(f"CREATE TABLE counts AS {counted('mentions')}")
            draws = drawn("(SELECT DISTINCT key, concept FROM mentions)", "counts")
            best = base.execute(f"SELECT drawn, concept, count FROM ({draws}) ORDER BY key").fetchnumpy()
        there = np.unique(contents[mentioned])  # contents are numbered in the order of keys
        place = np.full(len(keys), -1)
        place[there] = np.arange(len(there))
        counts = found.counts
        words = {name: f"{name} ({count:,} times)" for name, count in zip(found.names, counts.tolist(), strict=True)}
        for i in np.unique(mentioned).tolist():
            row = place[contents[i]]
            values[i], notes[i] = best["drawn"][row], words[best["concept"][row]]
        return values, tuple(notes), counts[counts > 0]


def _words(codes: np.ndarray, words: Collection[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(list(words), pa.string()))
