"""Probe: cheap features of pictures + their texts → how much better each text fits its picture than others' texts do.

A ridge regression from features to words (present or not), fitted on four fifths and asked about the last, five times
over: nothing vouches for itself. A text's score is the z-value of its fit among the fits of other texts to the same
picture. No model from elsewhere, no label.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float32, Int64

FOLDS = 5
RIDGE = 0.1  # of the number of samples, on standardised features
WORDS = 512  # most frequent words and pairs of words that are predicted
OTHERS = 1000  # texts that a text is compared with
WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and deviation of columns, by which they are brought to mean 0 and deviation 1; constant ones to 0."""

    mean: Float32[np.ndarray, "columns"]
    deviation: Float32[np.ndarray, "columns"]

    @classmethod
    def of(cls, table: Float32[np.ndarray, "n columns"]) -> "Scale":
        """Table → its scale."""
        return cls(table.mean(axis=0), table.std(axis=0) + np.float32(1e-3))

    def __call__(self, table: Float32[np.ndarray, "n columns"]) -> Float32[np.ndarray, "n columns"]:
        return (table - self.mean) / self.deviation


@dataclass(frozen=True, slots=True)
class Probe:
    """What a fit has learnt: a regression for each fold that has not seen it, and the texts that others are compared with."""

    vocabulary: dict[str, int]
    features: Scale
    words: Scale
    weights: Float32[np.ndarray, "folds features words"]
    explained: Float32[np.ndarray, "words"]
    others: Float32[np.ndarray, "others words"]

    @classmethod
    def fit(cls, features: Float32[np.ndarray, "n features"], texts: Sequence[str], folds: Int64[np.ndarray, "n"]) -> "Probe":
        """Features, texts and fold of each sample. Texts are compared with the first thousand: these should stand in no order."""
        vocabulary = _frequent(texts)
        table, present = Scale.of(features), _present(texts, vocabulary)
        scale = Scale.of(present)
        inputs, words = table(features), scale(present)
        weights = np.stack([_ridge(inputs[folds != fold], words[folds != fold]) for fold in range(FOLDS)])
        left = words - _predict(weights, inputs, folds)
        explained = np.maximum(1 - (left**2).mean(axis=0), 0)  # of each word's variance, 1 as standardised
        return cls(vocabulary, table, scale, weights, explained, words[:OTHERS])

    def scores(
        self, features: Float32[np.ndarray, "n features"], texts: Sequence[str], folds: Int64[np.ndarray, "n"]
    ) -> Float[np.ndarray, "n"]:
        """Features, texts and fold of each sample → z-values. All zero if no word was frequent enough to be learnt."""
        if not self.vocabulary:
            return np.zeros(len(texts))
        weighted = _predict(self.weights, self.features(features), folds) * self.explained
        own = (weighted * self.words(_present(texts, self.vocabulary))).sum(axis=1)
        others = weighted @ self.others.T
        scores = (own - others.mean(axis=1)) / (others.std(axis=1) + 1e-9)
        return scores.astype(np.float64).round(4)  # beyond that the order of sums shows, which differs between machines


def words_and_pairs(text: str) -> set[str]:
    """Text → its words and pairs of neighbouring words, lower case."""
    words = WORD.findall(text.lower())
    return {*words, *(f"{first} {second}" for first, second in pairwise(words))}


def _frequent(texts: Sequence[str]) -> dict[str, int]:
    """Texts → their most frequent words, but those of nearly all texts, and the column of each."""
    counts = Counter(word for text in texts for word in words_and_pairs(text))
    fewest, most = max(5, len(texts) // 500), 0.9 * len(texts)
    frequent = sorted((word for word, count in counts.items() if fewest <= count <= most), key=lambda w: (-counts[w], w))
    return {word: number for number, word in enumerate(frequent[:WORDS])}


def _present(texts: Sequence[str], vocabulary: dict[str, int]) -> Float32[np.ndarray, "n words"]:
    """Texts → whether each has each of the words."""
    table = np.zeros((len(texts), len(vocabulary)), np.float32)
    for row, text in enumerate(texts):
        table[row, [vocabulary[word] for word in words_and_pairs(text) if word in vocabulary]] = 1
    return table


def _ridge(
    inputs: Float32[np.ndarray, "n features"], words: Float32[np.ndarray, "n words"]
) -> Float32[np.ndarray, "features words"]:
    normal = inputs.T @ inputs
    normal[np.diag_indices(len(normal))] += RIDGE * max(len(inputs), 1)
    return np.linalg.solve(normal, inputs.T @ words)


def _predict(
    weights: Float32[np.ndarray, "folds features words"], inputs: Float32[np.ndarray, "n features"], folds: Int64[np.ndarray, "n"]
) -> Float32[np.ndarray, "n words"]:
    """Words of each sample as predicted by the fit that has not seen its fold."""
    predicted = np.zeros((len(inputs), weights.shape[2]), np.float32)
    for fold, weight in enumerate(weights):
        predicted[folds == fold] = inputs[folds == fold] @ weight
    return predicted
