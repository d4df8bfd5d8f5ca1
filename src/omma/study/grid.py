"""Grid: records of all trials on the same questions → arms × seeds of scores, each beside its bootstrap over questions.

Questions are drawn once for all trials, so that what makes a question hard cancels out of every difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from omma.core.errors import DataError
from omma.core.seeds import generator
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.compare import main_number
from omma.evaluate.job import read_records
from omma.evaluate.known import Known
from omma.metrics.metric import Number
from omma.study.arms import Trial

DRAWS = 2000
CELLS = 4_000_000  # counts of questions that are held in memory at a time
MEAN = "mean of shares"


@dataclass(frozen=True, slots=True)
class Grid:
    """One number of every trial. `drawn` is the same with the questions drawn anew, once for all trials.

    Numbers are as they are written (`higher_is_better` says which end is good); `questions` is 0 where no draws are known:
    of a metric that is no function of sums, `drawn` repeats the values.
    """

    name: str
    unit: str
    higher_is_better: bool
    questions: int
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    values: Float[np.ndarray, "arms seeds"]
    drawn: Float[np.ndarray, "arms seeds draws"]

    @property
    def sign(self) -> float:
        """1 where more is better, else −1."""
        return 1.0 if self.higher_is_better else -1.0

    def written(self, value: float, sign: str = "") -> str:
        """A score as people write it: shares in per cent (differences of them in points), all else as it is."""
        if self.unit == "share" and self.higher_is_better:
            return f"{100 * value:{sign}.1f}" + ("" if sign else "%")
        return f"{value:{sign},.1f}" if abs(value) >= 100 else f"{value:{sign}.3f}"

    def row(self, arm: str) -> int:
        """Name of an arm → its row."""
        return self.arms.index(arm)


def grids(folders: Mapping[Trial, Path], suite: Sequence[Benchmark], known: Known) -> tuple[Grid, ...]:
    """Folders of records of every arm at every seed → a grid for each benchmark's main number.

    With several numbers that are shares, their mean is a grid, too, and stands first. Every trial is marked by the same
    `known`. DataError if trials answered different questions.
    """
    found = []
    for benchmark in suite:
        records = {trial: read_records(folder, benchmark.name) for trial, folder in folders.items()}
        asked = {tuple(record.sample_id for record in rows) for rows in records.values()}
        if len(asked) > 1:
            fix = "delete the trials' eval/ folders and run the same command again"
            raise DataError(benchmark.name, f"{len(asked)} sets of questions among {len(folders)} trials", "the same in all", fix)
        numbers = {trial: main_number(benchmark, rows, known) for trial, rows in records.items()}
        found.append(grid_of(benchmark.name, numbers))
    shares = [grid for grid in found if grid.unit == "share" and grid.higher_is_better]
    return (mean_of(shares), *found) if len(shares) > 1 else tuple(found)


def grid_of(benchmark: str, numbers: Mapping[Trial, Number]) -> Grid:
    """Every trial's number → grid. AssertionError unless every arm has every seed."""
    arms = tuple(dict.fromkeys(trial.arm.name for trial in numbers))
    seeds = tuple(sorted({trial.seed for trial in numbers}))
    by_place = {(trial.arm.name, trial.seed): number for trial, number in numbers.items()}
    table = [[by_place[arm, seed] for seed in seeds] for arm in arms]
    assert len(numbers) == len(arms) * len(seeds), "an arm lacks a seed"
    first = table[0][0]
    values = np.array([[number.value for number in row] for row in table])
    flat = [number for row in table for number in row]
    units = [np.asarray(number.terms.units, float) for number in flat if number.terms is not None]
    paired = len(units) == len(flat) and len({one.shape for one in units}) == 1
    drawn = _drawn(benchmark, flat, units).reshape(*values.shape, DRAWS) if paired else np.repeat(values[..., None], DRAWS, axis=2)
    name = f"{benchmark} {first.metric}"
    return Grid(name, first.unit, first.higher_is_better, len(units[0]) if paired else 0, arms, seeds, values, drawn)


def mean_of(found: Sequence[Grid]) -> Grid:
    """Grids of shares over the same trials → their mean."""
    first = found[0]
    values, drawn = (np.mean([getattr(grid, part) for grid in found], axis=0) for part in ("values", "drawn"))
    return Grid(MEAN, "share", True, sum(grid.questions for grid in found), first.arms, first.seeds, values, drawn)


def _drawn(name: str, numbers: Sequence[Number], units: Sequence[np.ndarray]) -> Float[np.ndarray, "trials draws"]:
    """Every trial's number over the same draws of units."""
    count = len(units[0])
    random = generator(0, "questions", name)
    rows = max(1, CELLS // count)
    found: list[np.ndarray] = []
    for start in range(0, DRAWS, rows):
        times = random.multinomial(count, np.full(count, 1 / count), size=min(rows, DRAWS - start)).astype(float)
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(np.stack([_value(number, times @ unit) for number, unit in zip(numbers, units, strict=True)]))
    return np.concatenate(found, axis=1)


def _value(number: Number, sums: np.ndarray) -> np.ndarray:
    """Sums of draws → the number of each; a draw with nothing to divide by repeats the value."""
    assert number.terms is not None
    value = np.asarray(number.terms.value(sums), float)
    return np.where(np.isfinite(value), value, number.value)
