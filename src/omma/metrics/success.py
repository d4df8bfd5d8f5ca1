"""Success: trials that succeeded or not → success rate with a Wilson interval, which holds for few trials and at 0 and 1 too."""

import math
from collections.abc import Sequence

from omma.core.config import config
from omma.core.errors import DataError
from omma.metrics.metric import Facts, Marked, Metric, Number, mean
from omma.metrics.structured import parse

Z_95 = 1.959963984540054  # the normal distribution has 2.5% above it


def wilson(successes: float, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Number of successes among trials → (low, high) of the rate (Wilson 1927). No trials: (0, 1); more than all: ValueError."""
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    if not trials:
        return 0.0, 1.0
    rate, extra = successes / trials, z * z / trials
    centre = (rate + extra / 2) / (1 + extra)
    half = z * math.sqrt(rate * (1 - rate) / trials + extra / (4 * trials)) / (1 + extra)
    return max(0.0, centre - half), min(1.0, centre + half)


@config
class SuccessRate(Metric):
    """Share of trials that succeeded: its bootstrap interval first, then the same rate with Wilson's.

    A reply is JSON: true or false, 1 or 0, or an object with one of these as "success". Gold and facts are not read.
    """

    label = "success rate"

    def extract(self, raw: str, facts: Facts) -> bool | None:
        said = parse(raw)
        said = said.get("success") if isinstance(said, dict) else said
        return bool(said) if isinstance(said, bool | int) and said in (0, 1) else None

    def match(self, said: bool, gold: object, facts: Facts) -> float:
        return float(said)

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        drawn = mean(self.label, marked)
        low, high = wilson(sum(one.mark.score for one in marked), len(marked))
        return drawn, Number(f"{self.label} (Wilson)", drawn.value, drawn.count, drawn.unparsed, low, high)


def pass_at(successes: int, trials: int, k: int) -> float:
    """Successes among independent trials of one task → unbiased chance that one of k succeeds (Chen et al. 2021, equation 1)."""
    if not 0 <= successes <= trials or not 0 < k <= trials:
        raise DataError("pass@k", f"{successes} successes in {trials} trials, k = {k}", "successes and k up to the trials")
    return 1 - math.comb(trials - successes, k) / math.comb(trials, k)
