"""BLEU: captions + references → BLEU-1 to BLEU-4 of the whole corpus, in [0, 1] (Papineni et al. 2002).

As tylin/coco-caption computes it (`pycocoevalcap/bleu/bleu_scorer.py` at 3a9afb2, option "closest"): counts are summed over
the corpus, the reference length is the closest one of each picture (of two as close, the shorter).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from omma.core.config import config
from omma.metrics.captions.caption import LONGEST, CaptionMetric, count_ngrams
from omma.metrics.metric import Facts, Mark, Marked, Number, number

NEVER_ZERO, NEVER_BY_ZERO = 1e-15, 1e-9


def bleu_sums(said: str, golds: Sequence[str]) -> tuple[int, ...]:
    """Words + words of the references → what a caption adds: its length, the reference length, then matched and said n-grams.

    Ten counts; BLEU of a corpus is `bleu` of their sums. No golds: ValueError.
    """
    length = len(said.split())
    closest = min((abs(size - length), size) for size in (len(gold.split()) for gold in golds))[1]
    allowed: dict[tuple[str, ...], int] = {}
    for gold in golds:
        for ngram, count in count_ngrams(gold).items():
            allowed[ngram] = max(allowed.get(ngram, 0), count)
    matched = [0] * LONGEST
    for ngram, count in count_ngrams(said).items():
        matched[len(ngram) - 1] += min(allowed.get(ngram, 0), count)
    return length, closest, *matched, *(max(0, length - n) for n in range(LONGEST))


def bleu(sums: Float[np.ndarray, "... 10"], n: int = LONGEST) -> Float[np.ndarray, "..."]:
    """Sums of `bleu_sums` → BLEU with n-grams up to `n`."""
    sums = np.asarray(sums, float)
    product = np.ones(sums.shape[:-1])
    for size in range(n):
        product = product * ((sums[..., 2 + size] + NEVER_ZERO) / (sums[..., 2 + LONGEST + size] + NEVER_BY_ZERO))
    ratio = (sums[..., 0] + NEVER_ZERO) / (sums[..., 1] + NEVER_BY_ZERO)
    short = np.exp(1 - 1 / np.minimum(ratio, 1))
    return product ** (1 / n) * np.where(ratio < 1, short, 1)


@config
class Bleu(CaptionMetric):
    """BLEU-4 first, then BLEU-3, 2 and 1, of the corpus. A mark's score is the official BLEU-4 of that caption alone."""

    label = "BLEU-4"
    source = "tylin/coco-caption pycocoevalcap/bleu/bleu_scorer.py"
    ties = "of two reference lengths as close, the shorter"

    def match(self, said: str, gold: str | Sequence[str], facts: Facts) -> Mark:
        sums = bleu_sums(said, self.references(gold))
        return Mark(said, float(bleu(np.array(sums))), {"sums": sums})

    def unread(self, gold: str | Sequence[str], facts: Facts) -> Mark:
        return Mark(None, 0.0, {"sums": bleu_sums("", self.references(gold))})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        terms = [one.mark.details["sums"] for one in marked]
        return tuple(number(f"BLEU-{n}", marked, terms, lambda sums, n=n: bleu(sums, n)) for n in range(LONGEST, 0, -1))


@config
class RawBleu(Bleu):
    """BLEU of captions as they stand, without a tokenizer."""

    variant = "vlmevalkit"
    source = "open-compass/VLMEvalKit vlmeval/dataset/image_caption.py"

    def words(self, caption: str) -> str:
        return caption
