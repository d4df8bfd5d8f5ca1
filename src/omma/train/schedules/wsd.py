"""WSD: warm-up, stable, linear decay to `floor` at the end (MiniCPM, arXiv 2404.06395, section 4)."""

from omma.core.config import config
from omma.train.schedules.schedule import Schedule, check_floor, check_span, span


@config
class Wsd(Schedule):
    """Factor 1, then a straight line over the last `decay` (fraction of what follows warm-up, or steps)."""

    warmup: float = 0.03
    decay: float = 0.2
    floor: float = 0.0

    def check(self) -> None:
        super().check()
        check_span("Wsd.decay", self.decay)
        check_floor("Wsd.floor", self.floor)

    def after_warmup(self, step: int, steps: int) -> float:
        decay = span(self.decay, steps)
        remaining = (steps - step) / (decay + 1)  # 1/(decay+1) at the last step, 1 one step before the decay begins
        return self.floor + (1.0 - self.floor) * min(1.0, remaining)
