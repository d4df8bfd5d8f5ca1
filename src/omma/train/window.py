"""Window: per-step sums over all ranks → the numbers of one log line. Saved with a checkpoint, so that a line may span it."""

from dataclasses import asdict, dataclass, field
from typing import Any

from omma.train.flops import Reading

PAIRS = ("patch_steps", "patch_pairs", "token_pairs", "near_patch_pairs", "near_token_pairs")
COUNTS = ("tokens", "supervised", "pictures", "patches", "visual", *PAIRS)


@dataclass(slots=True)
class StepSums:
    """What one step adds up over micro-batches and ranks. `by_source` holds (Σ token losses, tokens) of each source."""

    total: float
    weight: float
    counts: dict[str, int]
    by_source: dict[str, tuple[float, int]]


@dataclass(slots=True)
class Window:
    """Sums since the last log line. The loss of a line is Σ total / Σ weight, never a mean of means."""

    total: float = 0.0
    weight: float = 0.0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    steps: int = 0
    skipped: int = 0
    worst_norm: float = 0.0
    by_source: dict[str, list[float]] = field(default_factory=dict)

    def add(self, sums: StepSums, norm: float) -> None:
        """Take in one finished step."""
        self.total, self.weight = self.total + sums.total, self.weight + sums.weight
        self.counts = {name: self.counts[name] + sums.counts[name] for name in COUNTS}
        self.steps, self.worst_norm = self.steps + 1, max(self.worst_norm, norm)
        for source, (loss, count) in sums.by_source.items():
            old = self.by_source.get(source, [0.0, 0])
            self.by_source[source] = [old[0] + loss, old[1] + count]

    @property
    def loss(self) -> float:
        """Weighted loss over the window; 0 while nothing was supervised."""
        return self.total / self.weight if self.weight else 0.0

    def line(self) -> dict[str, Any]:
        """Fields of a log line that do not depend on the clock."""
        return {
            "loss": self.loss,
            "loss_by_source": {source: loss / count for source, (loss, count) in sorted(self.by_source.items()) if count},
            "grad_norm_max": self.worst_norm,
            **{name: self.counts[name] for name in ("tokens", "supervised", "pictures", "patches")},
            "skipped": self.skipped,
        }

    @property
    def reading(self) -> Reading:
        """What the window's steps read, for their floating-point work."""
        return Reading(**{name: float(self.counts[name]) for name in Reading.__dataclass_fields__})

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; Python floats survive JSON exactly."""
        return asdict(self)
