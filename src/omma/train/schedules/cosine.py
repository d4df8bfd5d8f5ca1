"""Cosine: half a cosine wave from the base rate down to `floor` (Loshchilov and Hutter, arXiv 1608.03983, without restarts)."""

import math

from omma.core.config import config
from omma.train.schedules.schedule import Schedule, check_floor


@config
class Cosine(Schedule):
    """Factor floor + (1 − floor) · (1 + cos(π · step / steps)) / 2."""

    warmup: float = 0.03
    floor: float = 0.0

    def check(self) -> None:
        super().check()
        check_floor("Cosine.floor", self.floor)

    def after_warmup(self, step: int, steps: int) -> float:
        return self.floor + (1.0 - self.floor) * (1.0 + math.cos(math.pi * step / steps)) / 2.0
