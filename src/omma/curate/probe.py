"""Probe: cheap features of pictures + their texts → how much better each text fits its picture than others' texts do.

A ridge regression from features to words (present or not), fitted on four fifths and asked about the last, five times
over: nothing vouches for itself. A text's score is the z-value of its fit among the fits of other texts to the same
picture. No model from elsewhere, no label.
"""

import re
from collections import Counter
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Float32, Int64

from omma.core.seeds import generator

FOLDS = 5
RIDGE = 0.1  # of the number of samples, on standardised features
WORDS = 512  # most frequent words and pairs of words that are predicted
OTHERS = 1000  # texts that a text is compared with
FITTED = 50_000  # samples that a fit sees at most
CHUNK = 4096  # samples scored at a time
WORD = re.compile(r"\w+")


def fit_scores(
    features: Float32[np.ndarray, "n features"], texts: list[str], folds: Int64[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """Features, texts and fold of each sample → z-values. All zero if no word is frequent enough to be learnt."""
    words = _word_table(texts)
    if not words.shape[1]:
        return np.zeros(len(texts))
    predicted = _cross_predict(_standard(features), words, folds)
    explained = np.maximum(1 - ((words - predicted) ** 2).mean(axis=0), 0)  # of each word's variance, 1 as standardised
    chosen = generator(0, "probe", len(texts)).permutation(len(texts))[:OTHERS]
    scores = np.zeros(len(texts))
    for start in range(0, len(texts), CHUNK):
        part = slice(start, start + CHUNK)
        weighted = predicted[part] * explained
        own = (weighted * words[part]).sum(axis=1)
        others = weighted @ words[chosen].T
        scores[part] = (own - others.mean(axis=1)) / (others.std(axis=1) + 1e-9)
    return scores.round(4)  # beyond that the order of sums shows, which differs between machines


def words_and_pairs(text: str) -> set[str]:
    """Text → its words and pairs of neighbouring words, lower case."""
    words = WORD.findall(text.lower())
    return {*words, *(f"{first} {second}" for first, second in pairwise(words))}


def _word_table(texts: list[str]) -> Float32[np.ndarray, "n words"]:
    """Texts → whether each has each of the frequent words, standardised."""
    documents = [words_and_pairs(text) for text in texts]
    counts = Counter(word for document in documents for word in document)
    fewest, most = max(5, len(texts) // 500), 0.9 * len(texts)
    frequent = sorted((word for word, count in counts.items() if fewest <= count <= most), key=lambda w: (-counts[w], w))
    place = {word: number for number, word in enumerate(frequent[:WORDS])}
    table = np.zeros((len(texts), len(place)), np.float32)
    for row, document in enumerate(documents):
        table[row, [place[word] for word in document if word in place]] = 1
    return _standard(table)


def _standard(table: Float32[np.ndarray, "n columns"]) -> Float32[np.ndarray, "n columns"]:
    """Columns to mean 0 and deviation 1; constant columns to 0."""
    return ((table - table.mean(axis=0)) / (table.std(axis=0) + 1e-3)).astype(np.float32)


def _cross_predict(
    features: Float32[np.ndarray, "n features"], words: Float32[np.ndarray, "n words"], folds: Int64[np.ndarray, "n"]
) -> Float32[np.ndarray, "n words"]:
    """Words of each sample as predicted by a fit that has not seen its fold."""
    predicted = np.zeros_like(words)
    for fold in range(FOLDS):
        seen = np.flatnonzero(folds != fold)
        if len(seen) > FITTED:
            seen = generator(0, "fit", fold).permutation(seen)[:FITTED]
        if len(seen):
            normal = features[seen].T @ features[seen]
            normal[np.diag_indices(len(normal))] += RIDGE * len(seen)
            predicted[folds == fold] = features[folds == fold] @ np.linalg.solve(normal, features[seen].T @ words[seen])
    return predicted
