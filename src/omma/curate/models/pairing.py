"""Pairing: samples → their pictures beside their texts, each pair scored by a model, and one score a sample of all its pairs.

What operators of pictures with captions share. A sample with several pictures has the lowest of their scores, since a sample
goes if any of its pictures does. Without a picture, or without words, it is not judged.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from omma.answerers.service import Service
from omma.core.config import config
from omma.curate.operator import Judged, ModelOperator
from omma.media.store import Store
from omma.schema.sample import Media, Sample

Choice = Literal["best", "mean", "worst"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture and what is said of it. Equal bytes and words are one pair, whatever their samples are called."""

    picture: str
    media: Media
    text: str

    @property
    def key(self) -> tuple[str, str]:
        """Content of the picture, and the words."""
        return self.picture, self.text


@config
class PairOperator(ModelOperator):
    """`captions` says which of several captions of a picture counts: the best, the mean or the worst."""

    scope: ClassVar[Literal["all", "train"]] = "train"
    model: Service
    captions: Choice = "best"

    @property
    def key(self) -> str:
        """As any operator's, and what tells the model from others of its name."""
        return f"{super().key}-{self.model.mark}"

    def pair_scores(self, pairs: Sequence[Pair], store: Store) -> Mapping[tuple[str, str], float | str]:
        """Distinct pairs → by key a score, or why there is none."""
        raise NotImplementedError(f"{type(self).__name__} has no pair_scores")

    def score(self, samples: Sequence[Sample], store: Store) -> list[Judged]:
        """Samples → scores, NaN for those without picture or words. ConfigError or CheckpointError if there is no model."""
        groups = [list(pairs_of(sample)) for sample in samples]
        distinct = {pair.key: pair for group in groups for pair in group}
        scores = self.pair_scores(list(distinct.values()), store) if distinct else {}
        return [self._judged(group, scores) for group in groups]

    def _judged(self, pairs: Sequence[Pair], scores: Mapping[tuple[str, str], float | str]) -> Judged:
        found = [scores[pair.key] for pair in pairs]
        errors = [one for one in found if isinstance(one, str)]
        if errors or not found:
            return Judged(error=errors[0]) if errors else Judged()
        by_picture: dict[str, list[float]] = {}
        for pair, value in zip(pairs, found, strict=True):
            by_picture.setdefault(pair.picture, []).append(float(value))
        return Judged(min(chosen(values, self.captions) for values in by_picture.values()))


def pairs_of(sample: Sample) -> Iterator[Pair]:
    """Sample → each of its pictures with each of its captions, or of its replies where it has no captions."""
    said = [caption.text for caption in sample.captions] or [turn.text for turn in sample.turns if turn.role == "assistant"]
    texts = [text.strip() for text in said if text.strip()]
    for item in sample.media:
        if item.kind == "image":
            yield from (Pair(item.sha256 or item.uri, item, text) for text in texts)


def chosen(values: Collection[float], choice: Choice) -> float:
    """Scores of several captions → the one that counts."""
    if choice == "mean":
        return math.fsum(values) / len(values)
    return max(values) if choice == "best" else min(values)
