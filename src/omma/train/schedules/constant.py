"""Constant: the base rate after warm-up."""

from omma.core.config import config
from omma.train.schedules.schedule import Schedule


@config
class Constant(Schedule):
    """Factor 1."""

    def after_warmup(self, step: int, steps: int) -> float:
        return 1.0
