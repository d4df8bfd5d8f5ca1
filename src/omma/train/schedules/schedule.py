"""Schedule: (step, number of steps) → factor on the learning rates, closed form."""

from omma.core.config import Config, config
from omma.core.errors import ConfigError


@config
class Schedule(Config):
    """Linear warm-up, then whatever the subclass does. `warmup` below 1 is a fraction of the stage, from 1 a number of steps."""

    warmup: float = 0.0

    def check(self) -> None:
        check_span(f"{type(self).__name__}.warmup", self.warmup)

    def factor(self, step: int, steps: int) -> float:
        """Factor for step 0..steps-1: (step+1)/(w+1) during the w warm-up steps, so that no step is wasted at rate 0."""
        warmup = span(self.warmup, steps)
        if step < warmup:
            return (step + 1) / (warmup + 1)
        return self.after_warmup(step - warmup, max(1, steps - warmup))

    def after_warmup(self, step: int, steps: int) -> float:
        """Factor for step 0..steps-1 counted from the end of warm-up."""
        raise NotImplementedError(f"{type(self).__name__} has no after_warmup")


def span(value: float, steps: int) -> int:
    """Fraction of the stage (below 1) or number of steps (from 1) → steps, at most all of them."""
    return min(steps, round(value * steps) if value < 1 else int(value))


def check_span(where: str, value: float) -> None:
    """ConfigError unless the value is a fraction or a whole number of steps."""
    if value < 0 or (value >= 1 and value != int(value)):
        raise ConfigError(where, str(value), "a fraction below 1 or a whole number of steps")


def check_floor(where: str, value: float) -> None:
    """ConfigError unless the floor is a share of the base rate."""
    if not 0 <= value <= 1:
        raise ConfigError(where, str(value), "a share of the base rate, 0 to 1")
