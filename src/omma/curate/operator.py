"""Operator: judges samples one by one or as a set, score first, decision by threshold after.

Scores are kept (`data/scores.parquet` and the folder of looks), so that another threshold computes nothing anew. A new
operator is one new file in `operators/`: a subclass of `PictureOperator`, `TextOperator` or `SetOperator`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, Shaped

from omma.core.config import Config, config, to_data
from omma.curate.picture import Picture
from omma.schema.sample import Sample

Look = Shaped[np.ndarray, "values"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sample on its way through the operators. `looks` are what the operator at work made of its pictures, in their order.

    `scores` are those of the operators before, by name.
    """

    sample: Sample
    heldout: bool
    looks: tuple[Look, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scores:
    """One score a candidate (NaN: not judged) and a note that the reason may need, such as the name of the picture it copies."""

    values: Float[np.ndarray, "candidates"]
    notes: tuple[str, ...]


@config
class Operator(Config):
    """One judgement. `version` changes whenever the same input may score differently; `scope` says whom it may take out.

    `scored_by` names the fields that scores depend on; all other fields are thresholds, free to change afterwards.
    """

    version: ClassVar[str] = ""
    scope: ClassVar[Literal["all", "train"]] = "all"
    scored_by: ClassVar[tuple[str, ...]] = ()

    @property
    def name(self) -> str:
        """The word for it in ledgers: its module's name."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def key(self) -> str:
        """Name, version and the fields that scores depend on: equal keys, equal scores."""
        fields = json.dumps({field: to_data(getattr(self, field)) for field in self.scored_by}, sort_keys=True)
        return f"{self.name}-{self.version}-{hashlib.sha256(fields.encode()).hexdigest()[:8]}"

    @property
    def threshold(self) -> float:
        """The number that the ledger shows beside scores."""
        raise NotImplementedError(f"{type(self).__name__} has no threshold")


@config
class PictureOperator(Operator):
    """Judges pictures one by one; a sample goes if any of its pictures does."""

    def score(self, picture: Picture) -> float:
        """Picture → score; DataError if it cannot be judged, which becomes the row state `error:<operator>`."""
        raise NotImplementedError(f"{type(self).__name__} has no score")

    def decide(self, score: float) -> str:
        """Score → reason to drop, or nothing."""
        raise NotImplementedError(f"{type(self).__name__} has no decide")

    def look(self, picture: Picture) -> Look:
        """Picture → its score as a look, so that it is kept."""
        return np.array([self.score(picture)])


@config
class TextOperator(Operator):
    """Judges the words of samples one by one."""

    def score(self, sample: Sample) -> float:
        """Sample → score."""
        raise NotImplementedError(f"{type(self).__name__} has no score")

    def decide(self, score: float) -> str:
        """Score → reason to drop, or nothing."""
        raise NotImplementedError(f"{type(self).__name__} has no decide")


@config
class SetOperator(Operator):
    """Judges each sample beside all others. Pictures are looked at one by one, in any process; the rest happens in one."""

    looks_at: ClassVar[bool] = True  # False: it needs no pixels, only what manifests hold

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the operators before whose scores it reads."""
        return ()

    def look(self, picture: Picture) -> Look:
        """Picture → what the set judgement needs of it; DataError becomes a row state."""
        raise NotImplementedError(f"{type(self).__name__} has no look")

    def score(self, candidates: tuple[Candidate, ...]) -> Scores:
        """All candidates → scores. It must not depend on thresholds."""
        raise NotImplementedError(f"{type(self).__name__} has no score")

    def decide(self, scores: Scores) -> list[str]:
        """Scores → a reason to drop for each candidate, or nothing."""
        raise NotImplementedError(f"{type(self).__name__} has no decide")


def texts_of(sample: Sample) -> tuple[str, ...]:
    """Sample → what it says about its pictures, one by one: captions and replies, in order."""
    replies = (turn.text for turn in sample.turns if turn.role == "assistant")
    return (*(caption.text for caption in sample.captions), *replies)


def words_of(sample: Sample) -> str:
    """Sample → what it says about its pictures: captions and replies, in order."""
    return "\n".join(texts_of(sample))
