"""noise_mixture: samples whose loss belongs to the noisy of two populations → dropped. Score: that probability.

Models learn clean pairs before noisy ones, so that losses after a short training fall into two heaps (memorisation effect).
NLIP (Huang et al. 2022, arXiv 2212.07086) and NEVLP after it fit a mixture of two Gaussians to the losses of all pairs and
take the posterior of the component with the higher mean for the probability of noise, as DivideMix does (see `mixture`).
They weigh their regularisation by it; here it is a score, to be thresholded or read by `quantile`.
"""

from array import array
from collections.abc import Collection
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float64

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.core.progress import say
from omma.curate.operator import Candidate, Drops, Scores, SetOperator
from omma.curate.sets.columns import Numbers
from omma.curate.sets.mixture import fit_mixture

FEWEST = 20  # numbers that can make two heaps


@config
class NoiseMixture(SetOperator):
    """Noise in `column`, the name of an operator before or a field of meta. `noisy` says which end is; `scale` what is fitted.

    Training samples are fitted and judged. Where one Gaussian tells as much of them as two do (by the Bayesian information
    criterion), or there are fewer than 20, there are no two heaps: it abstains and says so.
    """

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    scope: ClassVar[Literal["all", "train"]] = "train"
    looks_at: ClassVar[bool] = False
    scored_by: ClassVar[tuple[str, ...]] = ("column", "noisy", "scale")
    column: str = "perplexity"
    noisy: Literal["highest", "lowest"] = "highest"
    scale: Literal["linear", "logarithmic"] = "logarithmic"
    max_noise: float = 0.5

    def check(self) -> None:
        if not 0 <= self.max_noise <= 1:
            raise ConfigError("NoiseMixture.max_noise", str(self.max_noise), "a probability from 0 to 1")

    @property
    def columns(self) -> tuple[str, ...]:
        """The one that is fitted."""
        return (self.column,)

    @property
    def threshold(self) -> float:
        """Highest probability of noise that stays."""
        return self.max_noise

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """Probabilities of noise; NaN for held-out samples, those without the score, and all where there are no two heaps.

        DataError for a number without a logarithm where that is fitted.
        """
        numbers, heldout = Numbers(self.column), array("b")
        for candidate in candidates:
            numbers.add(candidate)
            heldout.append(candidate.heldout)
        found = np.where(np.array(heldout, bool), np.nan, numbers.values())
        notes = tuple("" if np.isnan(value) else f"{self.column} {value:.6g}" for value in found)
        return Scores(self._probabilities(found), notes)

    def decide(self, scores: Scores) -> list[str]:
        """Those above `max_noise`."""
        pairs = zip(scores.values, scores.notes, strict=True)
        return [f"noise with probability {value:.3f} ({note})" if value > self.max_noise else "" for value, note in pairs]

    def _probabilities(self, found: Float64[np.ndarray, "n"]) -> Float64[np.ndarray, "n"]:
        result = np.full(len(found), np.nan)
        known = ~np.isnan(found)
        values = self._scaled(found[known])
        if len(values) < FEWEST or len(np.unique(values)) < 2:
            say(f"{self.name} abstains: {len(np.unique(values))} different numbers of {self.column}")
            return result
        mixture = fit_mixture(values)
        if mixture.gain <= 0:
            say(f"{self.name} abstains: one Gaussian tells as much of {self.column} as two do")
            return result
        result[known] = mixture.upper(values)
        return result

    def _scaled(self, values: Float64[np.ndarray, "n"]) -> Float64[np.ndarray, "n"]:
        if self.scale == "logarithmic" and (values <= 0).any():
            fix = "fit them as they are: scale=linear"
            raise DataError(self.name, f"{self.column} of {values.min():g}", "numbers above 0, which have a logarithm", fix)
        scaled = np.log(values) if self.scale == "logarithmic" else values
        return scaled if self.noisy == "highest" else -scaled
