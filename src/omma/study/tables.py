"""Tables: scores of arms, differences, what was read, curves → tables for the screen and for the file beside the numbers."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from omma.study.differences import Difference, Estimate
from omma.study.forecast import Forecast, Span
from omma.study.grid import Grid

ABSENT = "–"
SURE = "* clear: zero lies outside the interval that all differences of the table hold together at 95%"
READ = ("rows", "passes", "steps", "tokens", "supervised", "pictures", "seconds")


def standing_table(grids: Sequence[Grid], ranked: Sequence[Estimate], found: Sequence[Difference], head: str) -> Table:
    """The grid that ranks, then all others; its estimates in order; a difference for each arm that has one → table."""
    first = grids[0]
    table = _table(caption(first))
    table.add_column("", justify="right")
    table.add_column("trained on", overflow="fold")
    for name in (_named(first), head, *(_named(grid) for grid in grids[1:])):
        table.add_column(name, justify="right", overflow="fold")
    by_arm = {one.arm: one for one in found}
    for place, one in enumerate(ranked, 1):
        others = [grid.written(float(grid.values[grid.row(one.arm)].mean())) for grid in grids[1:]]
        apart = difference_words(first, by_arm[one.arm]) if one.arm in by_arm else ""
        table.add_row(str(place), one.arm, interval_words(first, one.value, one.low, one.high), apart, *others)
    return table


def difference_table(grid: Grid, found: Sequence[Difference]) -> Table:
    """Every difference that was asked for → table."""
    table = _table(caption(grid))
    for name in ("", "less", f"{_named(grid)}, better is +"):
        table.add_column(name, overflow="fold", justify="left" if name in ("", "less") else "right")
    for one in found:
        table.add_row(one.arm, one.other, difference_words(grid, one))
    return table


def read_table(costs: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    """Costs of each arm's trials → what each of them read, as means over seeds."""
    table = _table("means over seeds; steps, batch budgets, model, schedule, tokenizer and questions are the same in all trials")
    table.add_column("trained on", overflow="fold")
    for name in READ:
        table.add_column(name, justify="right")
    for arm, rows in costs.items():
        means = {name: sum(row[name] for row in rows) / len(rows) for name in READ}
        table.add_row(arm, *(f"{means[name]:,.1f}" if name == "passes" else f"{means[name]:,.0f}" for name in READ))
    return table


def forecast_table(found: Forecast) -> Table:
    """Curves → what each variant scores at each size, what doubling gives, and what it is worth beside the first."""
    grid = found.grid
    table = _table(f"{law_words(found)}\n{caption(grid, sure=False)}")
    table.add_column("variant", overflow="fold")
    for size in found.sizes:
        table.add_column(f"{size:,}", justify="right")
    largest = found.sizes[-1]
    for name in (f"doubling {largest:,}", f"rows of {found.variants[0]} for the same", "halves what is left"):
        table.add_column(name, justify="right", overflow="fold")
    for place, one in enumerate(found.fitted):
        rows = slice(place * len(found.sizes), (place + 1) * len(found.sizes))
        scores = [grid.written(float(row.mean())) for row in grid.values[rows]]
        doubling = f"{_gain(grid, one.doubling.value)} [{_gain(grid, one.doubling.low)}, {_gain(grid, one.doubling.high)}]"
        table.add_row(one.variant, *scores, doubling, times_words(one.worth) if place else "", times_words(one.halving))
    return table


def law_words(found: Forecast) -> str:
    """Which law was taken, and by what."""
    errors = ", ".join(f"{law} {ABSENT if math.isnan(error) else format(error, '.4f')}" for law, error in found.errors.items())
    formula = {"power": "what is lost = c + a · rows^−b", "loglinear": "the same gain for every doubling"}[found.law]
    return f"law: {found.law} ({formula}); missed sizes it had not seen by: {errors}"


def interval_words(grid: Grid, value: float, low: float, high: float) -> str:
    """A score with its interval."""
    return f"{grid.written(value)} [{grid.written(low).rstrip('%')}, {grid.written(high).rstrip('%')}]"


def difference_words(grid: Grid, one: Difference) -> str:
    """A difference with its interval, and a star where it is clear."""
    ends = ", ".join(grid.written(end, "+") for end in (one.low, one.high))
    return f"{grid.written(one.value, '+')} [{ends}]" + (" *" if one.clear else "")


def times_words(span: Span) -> str:
    """How many times, with its interval; the dash where there is no such number."""
    if math.isnan(span.value):
        return ABSENT
    low, high = (_times(end) for end in (span.low, span.high))
    return f"×{_times(span.value)} [{low}, {high}]"


def caption(grid: Grid, *, sure: bool = True) -> str:
    """What the intervals of a grid are of."""
    asked = f"{grid.questions:,} questions" if grid.questions else "no draws of questions: this number is no function of sums"
    seeds = f"{len(grid.seeds)} seeds" if len(grid.seeds) > 1 else "1 seed: another one may differ as much, so nothing is clear"
    return f"[95% interval] over {asked} and {seeds}" + (f"\n{SURE}" if sure and len(grid.seeds) > 1 else "")


def _gain(grid: Grid, value: float) -> str:
    return grid.written(value, "+")


def _times(value: float) -> str:
    return "∞" if math.isinf(value) or value >= 1e4 else f"{value:,.2f}" if value < 10 else f"{value:,.0f}"


def _named(grid: Grid) -> str:
    return grid.name + ("" if grid.higher_is_better else " ↓")


def _table(words: str) -> Table:
    return Table(box=SIMPLE_HEAD, caption=words, caption_justify="left", pad_edge=False, collapse_padding=True)
