"""Operator: judges samples one by one or as a set, score first, decision by threshold after.

Scores are kept (`data/scores.parquet` and the folder of looks), so that another threshold computes nothing anew. A new
operator is one new file in `operators/`: a subclass of `PictureOperator`, `TextOperator`, `ModelOperator` or `SetOperator`,
or one that changes samples, a `Rewriter` or `SetRewriter`.
"""

import hashlib
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, Shaped

from omma.core.config import Config, config, to_data
from omma.curate.picture import Picture
from omma.media.store import Store
from omma.schema.sample import Sample

Look = Shaped[np.ndarray, "values"]
Drops = Literal["<", "<=", ">", ">=", "otherwise"]  # how the score of what goes lies to the threshold


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


@dataclass(frozen=True, slots=True)
class Judged:
    """A model's score of one sample; `error` says why there is none, and becomes the row state `error:<operator>`."""

    score: float = math.nan
    error: str = ""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What stands in the place of one sample.

    `samples` is itself alone where nothing changed and none where it is dropped; `reason` says what was done. The first may
    keep the id, all others are named by `child`. `pictures` are the bytes of new ones under their uri (`media.store.made`).
    `error` says why it could not be done: the row fails.
    """

    samples: tuple[Sample, ...]
    reason: str = ""
    error: str = ""
    pictures: Mapping[str, bytes] = field(default_factory=dict)


@config
class Operator(Config):
    """One judgement. `version` changes whenever the same input may score differently; `scope` says whom it may take out.

    `scored_by` names the fields that scores depend on; all other fields are thresholds, free to change afterwards. `drops`
    says on which side of `threshold`, near it, samples go; "otherwise" where no side says it.
    """

    version: ClassVar[str] = ""
    scope: ClassVar[Literal["all", "train"]] = "all"
    scored_by: ClassVar[tuple[str, ...]] = ()
    drops: ClassVar[Drops] = "otherwise"

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

    def note(self, sample: Sample) -> str:
        """A sample that goes → what its reason should say beyond the score, or nothing. No other sample is asked about."""
        return ""


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

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """All candidates → scores. It must not depend on thresholds.

        They are read from disk each time they are gone through: go through them once or twice, and keep of each only what is
        needed of it.
        """
        raise NotImplementedError(f"{type(self).__name__} has no score")

    def decide(self, scores: Scores) -> list[str]:
        """Scores → a reason to drop for each candidate, or nothing."""
        raise NotImplementedError(f"{type(self).__name__} has no decide")


@config
class ModelOperator(Operator):
    """Judges samples by asking a model, many at a time. Scores are kept by shard: a model is asked once for each sample."""

    def score(self, samples: Sequence[Sample], store: Store) -> list[Judged]:
        """Samples → what the model says of each, in order; one that cannot be asked about has an error."""
        raise NotImplementedError(f"{type(self).__name__} has no score")

    def decide(self, score: float) -> str:
        """Score → reason to drop, or nothing."""
        raise NotImplementedError(f"{type(self).__name__} has no decide")


@config
class Rewriter(Operator):
    """Changes samples one by one: masks, captions, questions. The ledger has a `rewrite` row for each that it changed.

    Training samples alone: what is held out stays as its source has it, or scores would measure the rewriter.
    """

    scope: ClassVar[Literal["all", "train"]] = "train"

    def rewrite(self, samples: Sequence[Sample], store: Store) -> list[Rewritten]:
        """Samples → what stands in the place of each, in order. The same samples in other company give the same."""
        raise NotImplementedError(f"{type(self).__name__} has no rewrite")


@config
class SetRewriter(Operator):
    """Changes training samples by what other training samples say: joins what is told of one picture, makes collages."""

    scope: ClassVar[Literal["all", "train"]] = "train"

    def rewrite(self, samples: Collection[Sample], store: Store) -> Iterator[Rewritten]:
        """All samples → what stands in the place of each, in order. They are read from disk each time they are gone through."""
        raise NotImplementedError(f"{type(self).__name__} has no rewrite")


def child(sample: Sample, operator: Operator, number: int) -> str:
    """Id of the `number`-th sample that an operator made of one."""
    return f"{sample.id}~{operator.name}:{number}"


def texts_of(sample: Sample) -> tuple[str, ...]:
    """Sample → what it says about its pictures, one by one: captions and replies, in order."""
    replies = (turn.text for turn in sample.turns if turn.role == "assistant")
    return (*(caption.text for caption in sample.captions), *replies)


def words_of(sample: Sample) -> str:
    """Sample → what it says about its pictures: captions and replies, in order."""
    return "\n".join(texts_of(sample))
