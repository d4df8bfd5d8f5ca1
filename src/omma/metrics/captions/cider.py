"""CIDEr: captions + references → consensus by tf-idf over n-grams, in [0, 10] (Vedantam et al. 2015, equations 1–3).

What the field reports as "CIDEr" is CIDEr-D of tylin/coco-caption (`pycocoevalcap/cider/cider_scorer.py` at 3a9afb2): clipped
counts, a Gaussian penalty on length (sigma 6) where the length is the number of bigrams, and document frequencies from
the references of the pictures that are evaluated, so that a picture's score changes with the others.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from omma.core.config import config
from omma.metrics.captions.caption import LONGEST, CaptionMetric, Words, count_ngrams
from omma.metrics.metric import Facts, Marked, Number, grouped, number

SIGMA = 6.0


@dataclass(frozen=True, slots=True)
class Frequencies:
    """In the references of how many of `pictures` each n-gram occurs."""

    pictures: float
    of: Mapping[Words, int]


ALIKE = Frequencies(math.e, {})  # every n-gram weighs 1


@dataclass(frozen=True, slots=True)
class Vector:
    """A caption as tf-idf weights of its n-grams, by n from one to four, with their norms and the number of bigrams."""

    weights: tuple[dict[Words, float], ...]
    norms: tuple[float, ...]
    bigrams: int


def frequencies(references: Iterable[Sequence[str]]) -> Frequencies:
    """Words of the references of each picture → document frequencies."""
    counts: Counter[Words] = Counter()
    pictures = 0
    for golds in references:
        counts.update({ngram for gold in golds for ngram in count_ngrams(gold)})
        pictures += 1
    return Frequencies(pictures, counts)


def vector(words: str, known: Frequencies) -> Vector:
    """Words → their vector. An n-gram that no reference has counts as if one had it."""
    weights: tuple[dict[Words, float], ...] = tuple({} for _ in range(LONGEST))
    squares, bigrams = [0.0] * LONGEST, 0
    log_pictures = math.log(known.pictures)
    for ngram, count in count_ngrams(words).items():
        n = len(ngram) - 1
        weight = count * (log_pictures - math.log(max(1.0, known.of.get(ngram, 0))))
        weights[n][ngram] = weight
        squares[n] += weight * weight
        bigrams += count if n == 1 else 0
    return Vector(weights, tuple(map(math.sqrt, squares)), bigrams)


def cider_d(said: str, golds: Sequence[str], known: Frequencies) -> float:
    """Words + words of the references + document frequencies → CIDEr-D of one caption, in [0, 10]."""
    return _consensus(said, golds, known, _clipped)


def cider_plain(said: str, golds: Sequence[str], known: Frequencies) -> float:
    """The same as CIDEr without clipping and without a penalty on length, in [0, 10]."""
    return _consensus(said, golds, known, _cosine)


def _consensus(said: str, golds: Sequence[str], known: Frequencies, alike: Callable[[Vector, Vector], np.ndarray]) -> float:
    ours = vector(said, known)
    total = np.zeros(LONGEST)
    for gold in golds:
        total += alike(ours, vector(gold, known))
    return float(np.mean(total) / len(golds) * 10.0)


def _clipped(ours: Vector, theirs: Vector) -> np.ndarray:
    fade = math.e ** (-(float(ours.bigrams - theirs.bigrams) ** 2) / (2 * SIGMA**2))
    return _products(ours, theirs, min) * fade


def _cosine(ours: Vector, theirs: Vector) -> np.ndarray:
    return _products(ours, theirs, lambda own, other: own)


def _products(ours: Vector, theirs: Vector, weigh: Callable[[float, float], float]) -> np.ndarray:
    products = np.zeros(LONGEST)
    for n in range(LONGEST):
        known = theirs.weights[n]
        product = sum(weigh(weight, known[ngram]) * known[ngram] for ngram, weight in ours.weights[n].items() if ngram in known)
        norms = ours.norms[n] * theirs.norms[n]
        products[n] = product / norms if norms else product
    return products


@config
class Cider(CaptionMetric):
    """CIDEr-D of the corpus, the mean over pictures. Its interval takes the document frequencies as they are.

    One caption alone has no document frequencies: a mark's score is a tenth of its CIDEr where every n-gram weighs alike, in
    [0, 1]. `scores` gives the CIDEr of each caption among the others; where captions come one by one, call `cider_d` with
    `frequencies` of some fixed references.
    """

    label = "CIDEr"
    source = "tylin/coco-caption pycocoevalcap/cider/cider_scorer.py"

    def match(self, said: str, gold: str | Sequence[str], facts: Facts) -> float:
        return self.one(said, self.references(gold), ALIKE) / 10

    def one(self, said: str, golds: Sequence[str], known: Frequencies) -> float:
        """Words + words of the references + document frequencies → the score of one caption."""
        return cider_d(said, golds, known)

    def scores(self, marked: Sequence[Marked]) -> list[float]:
        """Marked captions → the score of each, in their order."""
        golds = [self.references(one.gold) for one in marked]
        known = frequencies(golds)
        return [self.one(one.mark.said or "", texts, known) for one, texts in zip(marked, golds, strict=True)]

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        terms = [(score, 1.0) for score in self.scores(marked)] if marked else []
        return (number(self.label, marked, terms, lambda sums: sums[..., 0] / sums[..., 1], unit="points"),)


@config
class PlainCider(Cider):
    """CIDEr as its paper defines it first: neither clipped nor penalised for length."""

    label = "CIDEr (plain)"
    variant = "plain"
    source = "vrama91/cider pyciderevalcap/cider/cider_scorer.py"

    def one(self, said: str, golds: Sequence[str], known: Frequencies) -> float:
        return cider_plain(said, golds, known)


@config
class RawCider(Cider):
    """CIDEr-D of captions as they stand, without a tokenizer."""

    variant = "vlmevalkit"
    source = "open-compass/VLMEvalKit vlmeval/dataset/image_caption.py"

    def words(self, caption: str) -> str:
        return caption


@config
class NoCapsCider(Cider):
    """CIDEr-D over all pictures, then in-domain, near-domain and out-domain (Agrawal et al. 2019). Fact: "domain".

    Each domain is scored by itself, with the document frequencies of its own references; the official scores come from a
    server whose program is not public, so that this cannot be compared.
    """

    source = "nocaps.org"

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        numbers = super().aggregate(marked)
        domains = grouped(marked, "domain")
        for name in ("in-domain", "near-domain", "out-domain"):
            if rows := domains.get((name,)):
                terms = [(score, 1.0) for score in self.scores(rows)]
                numbers += (number(f"{self.label} {name}", rows, terms, lambda sums: sums[..., 0] / sums[..., 1], unit="points"),)
        return numbers
