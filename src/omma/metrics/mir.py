"""MIR: hidden states of visual and of text tokens, layer by layer → how far apart the two modalities lie (lower is nearer).

Modality Integration Rate (Huang et al. 2024; shikiw/Modality-Integration-Rate, `mir.py` and `mir_util.py` at 0cebdad): the
logarithm of the sum over layers of a Fréchet distance, after a scaling by the text's mean norm and a taming of outliers.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Bool, Float

from omma.core.config import config
from omma.core.errors import DataError
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number
from omma.metrics.structured import as_numbers, parse

States = Float[np.ndarray, "T D"]
Trace = Callable[[Float[np.ndarray, "D D"], Float[np.ndarray, "D D"]], float]

NEWTON_STEPS = 5
SIGMAS = 3.0


def exact_trace(a: Float[np.ndarray, "D D"], b: Float[np.ndarray, "D D"]) -> float:
    """Covariances → trace of the square root of their product, also where they are singular.

    AB has the eigenvalues of the symmetric √A B √A, so no root of a matrix that is not symmetric is needed.
    """
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    return float(np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(min=0)).sum())


def newton_trace(a: Float[np.ndarray, "D D"], b: Float[np.ndarray, "D D"]) -> float:
    """The authors' "fast" mode, their default: five double Newton steps from AB and the identity.

    That start is a fixed point of the steps, so in exact arithmetic they leave the trace of AB itself where its root is
    meant; the rest is rounding, which grows with the condition of AB (theirs is in 32 bits, so digits will differ).
    DataError if a step meets a singular matrix.
    """
    product = a @ b
    first, second = product, np.eye(len(product))
    try:
        for _ in range(NEWTON_STEPS):
            first = 0.5 * (first + np.linalg.inv(second) @ product)
            second = 0.5 * (second + np.linalg.inv(first) @ product)
    except np.linalg.LinAlgError:
        fix = "give more tokens than the states are wide, or take exact_trace"
        raise DataError("MIR", "covariances of too low a rank for Newton steps", "full rank", fix) from None
    return float(np.trace(first))


def mir(layers: Sequence[States], visual: Bool[np.ndarray, " T"], trace: Trace = exact_trace) -> float:
    """States behind each block (the embeddings left out), of all documents in one stream, + which tokens are visual → MIR.

    Of each document officially the visual tokens and what stands behind them: leave other tokens out before. `trace` is
    `exact_trace` (the default, their "accurate" mode) or `newton_trace` (their "fast" one, which see). DataError without
    layers or with fewer than two tokens of a kind.
    """
    visual = np.asarray(visual, bool)
    if not len(layers) or visual.sum() < 2 or (~visual).sum() < 2:
        got = f"{len(layers)} layers with {visual.sum()} visual and {(~visual).sum()} other tokens"
        raise DataError("MIR", got, "a layer and two tokens of each kind", "give more documents")
    total = sum(layer_distance(states[visual], states[~visual], trace) for states in layers)
    return math.log10(total) if total > 0 else -math.inf


def layer_distance(visual: States, text: States, trace: Trace = exact_trace) -> float:
    """States of visual tokens + of text tokens in one layer → Fréchet distance of the two clouds, scaled and tamed."""
    visual, text = np.asarray(visual, float), np.asarray(text, float)
    scale = 1 / np.linalg.norm(text, axis=1).mean()
    return frechet(tame(visual * scale), tame(text * scale), trace)


def tame(states: States) -> States:
    """States → the same, where each whose norm is over 3 deviations from the median norm is the median of every coordinate.

    Medians of an even number are the lower middle value, as in torch.
    """
    norms = np.linalg.norm(states, axis=1)
    outliers = np.abs(norms - lower_median(norms)) > SIGMAS * norms.std(ddof=1)
    return np.where(outliers[:, None], lower_median(states), states)


def lower_median(values: Float[np.ndarray, "T ..."]) -> Float[np.ndarray, "..."]:
    """Values → their median along the first axis; of an even number the lower of the two in the middle."""
    middle = (len(values) - 1) // 2
    return np.partition(values, middle, axis=0)[middle]


def frechet(a: States, b: States, trace: Trace = exact_trace) -> float:
    """Two clouds → squared distance of their means + trace of (A + B − 2 √(AB)) of their covariances."""
    cov_a, cov_b = covariance(a), covariance(b)
    apart = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2)
    return float(apart + np.trace(cov_a) + np.trace(cov_b) - 2 * trace(cov_a, cov_b))


def covariance(states: States) -> Float[np.ndarray, "D D"]:
    """States → covariance with n − 1 in the denominator."""
    centred = states - states.mean(axis=0)
    return centred.T @ centred / (len(states) - 1)


@config
class Mir(Metric):
    """MIR. A reply is JSON: the distance in each layer, over all documents together, so that all replies are the same.

    Lower is nearer, and there is no interval. Gold and facts are not read. DataError if replies differ.
    """

    label = "MIR"
    source = "shikiw/Modality-Integration-Rate mir.py, mode accurate"

    def extract(self, raw: str, facts: Facts) -> tuple[float, ...] | None:
        said = as_numbers(parse(raw))
        return tuple(said) if said else None

    def match(self, said: tuple[float, ...], gold: object, facts: Facts) -> Mark:
        return Mark(said, math.nan)

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        if not marked:
            raise DataError(self.label, "no answers to score", "at least one", "ask the questions first")
        said = {one.mark.said for one in marked if one.mark.parsed}
        if len(said) > 1:
            fix = "ask all documents in one process, into a folder of their own"
            raise DataError(self.label, f"{len(said)} different measurements", "one, over all documents", fix)
        total = sum(next(iter(said), ()))
        value = math.log10(total) if total > 0 else math.nan
        unparsed = sum(not one.mark.parsed for one in marked)
        return (Number(self.label, value, len(marked), unparsed, math.nan, math.nan, False, "points"),)
