"""Table: verdicts of several moments (before, after-align, blind, …) → one table, the trivial guess beside every score."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.table import Table

from omma.evaluate.job import VERDICTS, read_verdicts
from omma.schema.verdict import Verdict

Row = tuple[str, str, str]  # benchmark, subset, metric
ABSENT = "–"


def read_moments(folder: Path) -> dict[str, list[Verdict]]:
    """The `eval/` folder of a run → verdicts per moment: before, after each stage by the time it was scored, blind last."""
    files = sorted(folder.glob(f"*/{VERDICTS}"), key=lambda file: (_rank(file.parent.name), file.stat().st_mtime_ns))
    return {file.parent.name: read_verdicts(file.parent) for file in files}


def score_table(moments: Mapping[str, Sequence[Verdict]]) -> Table:
    """Verdicts per moment → a table with a column for each, 95% intervals behind the values, and the trivial guess."""
    table = Table(title="Scores", title_justify="left", header_style="bold")
    table.add_column("benchmark")
    for name in ("metric", "samples", *moments, "trivial", "unparsed"):
        table.add_column(name, justify="right" if name != "metric" else "left")
    columns = [{_row(verdict): verdict for verdict in verdicts} for verdicts in moments.values()]
    before = ""
    for row in dict.fromkeys(row for column in columns for row in column):
        found = [column.get(row) for column in columns]
        there = [verdict for verdict in found if verdict is not None]
        benchmark, subset, metric = row
        if before and benchmark != before:
            table.add_section()
        before = benchmark
        arrow = "" if there[0].higher_is_better else " ↓"
        cells = [ABSENT if verdict is None else value_and_interval(verdict) for verdict in found]
        trivial = [value(verdict, verdict.trivial) for verdict in there if verdict.trivial is not None]
        last = there[-1]
        unparsed = str(last.unparsed) if last.unparsed else ""
        table.add_row(
            f"{benchmark} {subset}", metric + arrow, str(last.count), *cells, trivial[-1] if trivial else ABSENT, unparsed
        )
    return table


def value_and_interval(verdict: Verdict) -> str:
    """Verdict → "97.2% (96.1–98.0)" or "2.314 (2.280–2.349)"."""
    low, high = (value(verdict, bound).rstrip("%") for bound in (verdict.low, verdict.high))
    return f"{value(verdict, verdict.value)} ({low}–{high})"


def value(verdict: Verdict, number: float) -> str:
    """A number of a verdict as people write it: per cent for shares, three decimals for losses."""
    return f"{number:.1%}" if verdict.higher_is_better else f"{number:.3f}"


def _row(verdict: Verdict) -> Row:
    return verdict.benchmark, verdict.subset, verdict.metric


def _rank(moment: str) -> int:
    return {"before": 0, "blind": 2}.get(moment, 1)
