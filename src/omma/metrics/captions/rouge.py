"""ROUGE-L: a caption + references → F score of longest common subsequences, in [0, 1] (Lin 2004, with beta 1.2).

As tylin/coco-caption computes it (`pycocoevalcap/rouge/rouge.py` at 3a9afb2): the largest precision and the largest
recall over the references are taken separately, so they may come from two of them.
"""

from collections import defaultdict
from collections.abc import Sequence

from omma.core.config import config
from omma.metrics.captions.caption import CaptionMetric
from omma.metrics.metric import Facts

BETA = 1.2


def rouge_l(said: str, golds: Sequence[str]) -> float:
    """Words + words of the references → ROUGE-L. An empty text counts as one empty word. No golds: ValueError."""
    ours = said.split(" ")
    theirs = [gold.split(" ") for gold in golds]
    common = [longest_common(ours, gold) for gold in theirs]
    precision = max(common) / len(ours)
    recall = max(both / len(gold) for both, gold in zip(common, theirs, strict=True))
    if not precision or not recall:
        return 0.0
    return ((1 + BETA**2) * precision * recall) / (recall + BETA**2 * precision)


def longest_common(a: Sequence[str], b: Sequence[str]) -> int:
    """Two lists of words → the length of their longest common subsequence.

    All of a row at once in the bits of one number (Hyyrö 2004, "Bit-parallel LCS-length computation revisited").
    """
    a, b = sorted((a, b), key=len)
    places: defaultdict[str, int] = defaultdict(int)
    for at, word in enumerate(a):
        places[word] |= 1 << at
    everything = row = (1 << len(a)) - 1
    for word in b:
        hits = row & places.get(word, 0)
        row = ((row + hits) | (row - hits)) & everything
    return len(a) - row.bit_count()


@config
class RougeL(CaptionMetric):
    """Mean ROUGE-L."""

    label = "ROUGE-L"
    source = "tylin/coco-caption pycocoevalcap/rouge/rouge.py"

    def match(self, said: str, gold: str | Sequence[str], facts: Facts) -> float:
        return rouge_l(said, self.references(gold))


@config
class RawRougeL(RougeL):
    """ROUGE-L of captions as they stand, without a tokenizer."""

    variant = "vlmevalkit"
    source = "open-compass/VLMEvalKit vlmeval/dataset/image_caption.py"

    def words(self, caption: str) -> str:
        return caption
