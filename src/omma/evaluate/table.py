"""Table: verdicts of several moments (before, after-align, blind, …) → one table, the trivial guess beside every score.

The official number of a benchmark comes first, then its other numbers and subsets, then what other harnesses make of the
same replies, each under their name.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from omma.evaluate.accuracy import WHOLE
from omma.evaluate.job import VERDICTS, read_verdicts
from omma.schema.verdict import Verdict

Key = tuple[str, str, str, str]  # benchmark, variant, subset, metric
ABSENT = "–"
OWN_RULE = ("official", "omma")  # whose numbers need no name beside them
NUMBERS, SUBSETS, OTHERS = 6, 8, 2  # rows of a benchmark before the rest is folded: whole, per subset, per harness
BENCHMARKS, COLUMNS = 4, 4  # with more of them only first numbers stand; with more of these only values
LONGEST_NAME = 44
INTERVAL = "± half of the 95% bootstrap interval"
LEGEND = "↓ lower is better · trivial: the best constant answer without looking"
FOLDED = "`omma rescore FOLDER --all` prints them, `omma report FOLDER` shows them"


@dataclass(frozen=True, slots=True)
class Row:
    """One number of a benchmark in every column. `main` is the benchmark's first; `variant` says whose rule, if not its own."""

    benchmark: str
    variant: str
    subset: str
    metric: str
    main: bool
    found: tuple[Verdict | None, ...]

    @property
    def last(self) -> Verdict:
        """The verdict of the last column that has one."""
        return [verdict for verdict in self.found if verdict is not None][-1]

    @property
    def count(self) -> str:
        """How many questions; the fewest and the most where columns differ, so that no denominator changes silently."""
        return _spread([one.count for one in self.found if one is not None])

    @property
    def unparsed(self) -> str:
        """How many replies could not be read; the fewest and the most where columns differ."""
        return _spread([one.unparsed for one in self.found if one is not None])

    @property
    def name(self) -> str:
        """What it is called below the benchmark's name."""
        parts = [f"{self.variant}:" if self.variant else "", "" if self.subset == WHOLE else self.subset, self.metric]
        return " ".join(part for part in parts if part) + ("" if self.last.higher_is_better else " ↓")


def read_moments(folder: Path) -> dict[str, list[Verdict]]:
    """The `eval/` folder of a run → verdicts per moment: before, after each stage by the time it was scored, blind last."""
    files = sorted(folder.glob(f"*/{VERDICTS}"), key=lambda file: (_rank(file.parent.name), file.stat().st_mtime_ns))
    return {file.parent.name: read_verdicts(file.parent) for file in files}


def score_table(moments: Mapping[str, Sequence[Verdict]], *, whole: bool = False) -> Table:
    """Verdicts per moment → a table with a column for each; long lists are folded, and say how to see all, unless `whole`.

    Intervals are left out where there are more columns than they have room beside.
    """
    wide = len(moments) > COLUMNS
    table = Table(box=SIMPLE_HEAD, caption_justify="left", pad_edge=False, collapse_padding=True)
    table.add_column("score", no_wrap=True, overflow="ellipsis", max_width=LONGEST_NAME)
    for name in ("n", *moments, "trivial", "unparsed"):
        table.add_column(name, justify="right", overflow="fold", no_wrap=name not in moments)
    rows = score_rows(list(moments.values()))
    many = len({row.benchmark for row in rows}) > BENCHMARKS
    blocks = [(block, len(block) if whole else _shown(block, many)) for block in _blocks(rows)]
    for block, shown in blocks:
        for row in block[:shown]:
            table.add_row(*_cells(row, wide), style="bold" if row.main else "dim" if row.variant else "")
        if shown < len(block) and not many:
            kind = "more" if block[0].subset == WHOLE else "by subset"
            table.add_row(f"  … {len(block) - shown} {kind}", style="dim")
    folded = sum(len(block) - shown for block, shown in blocks)
    legend = LEGEND if wide else f"{INTERVAL} · {LEGEND}"
    ties = [
        f"\nof equals in {block[0].benchmark}: {block[0].last.ties}" for block, _ in blocks if block[0].main and block[0].last.ties
    ]
    table.caption = legend + ("" if many else "".join(ties)) + (f"\n… {folded} more numbers: {FOLDED}" if folded else "")
    return table


def score_rows(columns: Sequence[Iterable[Verdict]]) -> list[Row]:
    """Verdicts of each column → rows in the order of the first column that has them, each benchmark's together."""
    tables = [{_key(verdict): verdict for verdict in verdicts} for verdicts in columns]
    keys = list(dict.fromkeys(key for column in tables for key in column))
    benchmarks = list(dict.fromkeys(key[0] for key in keys))
    first: dict[str, Key] = {}
    for key in keys:
        first.setdefault(key[0], key)
    order = sorted(keys, key=lambda key: (benchmarks.index(key[0]), key[1] != first[key[0]][1], key[2] != WHOLE))
    own = {name: key[1] for name, key in first.items()}
    return [
        Row(key[0], _whose(key[1], own[key[0]]), key[2], key[3], key == first[key[0]], tuple(column.get(key) for column in tables))
        for key in order
    ]


def with_interval(verdict: Verdict) -> str:
    """Verdict → "97.2% ±0.9", "2.314 ±0.035", or the number alone where it has no interval."""
    half = (verdict.high - verdict.low) / 2
    value = written(verdict, verdict.value)
    return value if math.isnan(half) else f"{value} ±{written(verdict, half, verdict.value).rstrip('%')}"


def written(verdict: Verdict, number: float, beside: float | None = None) -> str:
    """A number of a verdict as people write it: per cent for shares; of points one decimal from 10 on, else three.

    With `beside`, as many decimals as that number has. NaN is a dash.
    """
    if math.isnan(number):
        return ABSENT
    if verdict.unit == "share":
        return f"{number:.1%}"
    return f"{number:,.1f}" if abs(number if beside is None else beside) >= 10 else f"{number:.3f}"


def _blocks(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows → those that are folded together: the whole numbers of one rule of a benchmark, and its numbers of subsets."""
    return [list(group) for _, group in groupby(rows, key=lambda row: (row.benchmark, row.variant, row.subset == WHOLE))]


def _shown(rows: Sequence[Row], many: bool) -> int:
    """How many rows of a block stand in the table: subsets all or none, of harnesses only the first numbers.

    Of many benchmarks the first number alone.
    """
    if many:
        return int(rows[0].subset == WHOLE)
    if rows[0].subset != WHOLE:
        return len(rows) if len(rows) <= SUBSETS and not rows[0].variant else 0
    return min(len(rows), NUMBERS if not rows[0].variant or rows[0].main else OTHERS)


def _cells(row: Row, wide: bool) -> list[str]:
    last = row.last
    found = [ABSENT if one is None else written(one, one.value) if wide else with_interval(one) for one in row.found]
    trivial = ABSENT if last.trivial is None else written(last, last.trivial)
    name = f"{row.benchmark} {row.name}" if row.main else f"  {row.name}"
    return [name, row.count, *found, trivial, "" if row.unparsed == "0" else row.unparsed]


def _whose(variant: str, own: str) -> str:
    """The name of a rule; none for the benchmark's own where that is the official one, or ours."""
    return "" if variant == own and variant in OWN_RULE else variant


def _spread(counts: Sequence[int]) -> str:
    ends = dict.fromkeys((min(counts), max(counts)))
    return "–".join(f"{end:,}" for end in ends)


def _key(verdict: Verdict) -> Key:
    return verdict.benchmark, verdict.variant, verdict.subset, verdict.metric


def _rank(moment: str) -> int:
    return {"before": 0, "blind": 2}.get(moment, 1)
