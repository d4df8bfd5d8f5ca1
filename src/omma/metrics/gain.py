"""Gain: the same questions with pictures, without them, and to the language model alone → multi-modal gain and leakage.

MMStar (Chen et al. 2024, section 3.3; MMStar-Benchmark/MMStar, `eval/README.md`): MG = S_v − S_wv is what seeing adds,
ML = max(0, S_wv − S_t) what the multi-modal training gave away of the questions.
"""

from collections.abc import Sequence

import numpy as np

from omma.core.errors import DataError
from omma.metrics.metric import Marked, Number, number

Sums = np.ndarray


def gain(seen: Sequence[Marked], blind: Sequence[Marked]) -> Number:
    """Marked replies with and without pictures, in any order → MG, in [-1, 1]; its interval draws questions in pairs.

    DataError unless both runs answer the same questions.
    """
    pairs = _paired("MG", seen, blind)
    return number("MG", [*seen, *blind], pairs, lambda sums: (sums[..., 0] - sums[..., 1]) / sums[..., 2])


def leakage(blind: Sequence[Marked], text: Sequence[Marked]) -> Number:
    """Marked replies without pictures and of the language model before multi-modal training → ML, in [0, 1]. Errors as `gain`."""
    pairs = _paired("ML", blind, text)
    return number(
        "ML", [*blind, *text], pairs, lambda sums: np.maximum(0, sums[..., 0] - sums[..., 1]) / sums[..., 2], higher_is_better=False
    )


def _paired(label: str, one: Sequence[Marked], other: Sequence[Marked]) -> list[tuple[float, float, float]]:
    first, second = ({row.id: row.mark.score for row in rows} for rows in (one, other))
    if first.keys() != second.keys() or len(first) != len(one) or len(second) != len(other):
        strange = sorted(first.keys() ^ second.keys())[:3]
        got = f"{len(one)} and {len(other)} replies" + (f", {', '.join(strange)} in one run only" if strange else ", some twice")
        raise DataError(label, got, "each question once in both runs", "ask both runs the same questions")
    return [(score, second[key], 1.0) for key, score in first.items()]
