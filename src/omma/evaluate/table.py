"""Table: verdicts of several moments (before, after-align, blind, …) → one table, the trivial guess beside every score."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

from omma.evaluate.accuracy import WHOLE
from omma.evaluate.job import VERDICTS, read_verdicts
from omma.schema.verdict import Verdict

Key = tuple[str, str, str]  # benchmark, subset, metric
ABSENT = "–"
LEGEND = "± half of the 95% bootstrap interval · ↓ lower is better · trivial: the best constant answer without looking"


def read_moments(folder: Path) -> dict[str, list[Verdict]]:
    """The `eval/` folder of a run → verdicts per moment: before, after each stage by the time it was scored, blind last."""
    files = sorted(folder.glob(f"*/{VERDICTS}"), key=lambda file: (_rank(file.parent.name), file.stat().st_mtime_ns))
    return {file.parent.name: read_verdicts(file.parent) for file in files}


def score_table(moments: Mapping[str, Sequence[Verdict]]) -> Table:
    """Verdicts per moment → a table with a column for each; subsets stand indented below their benchmark."""
    table = Table(box=SIMPLE_HEAD, caption=LEGEND, caption_justify="left", pad_edge=False, collapse_padding=True)
    table.add_column("score", no_wrap=True)
    for name in ("n", *moments, "trivial", "unparsed"):
        table.add_column(name, justify="right", overflow="fold")
    columns = [{_key(verdict): verdict for verdict in verdicts} for verdicts in moments.values()]
    for key in dict.fromkeys(key for column in columns for key in column):
        found = [column.get(key) for column in columns]
        last = [verdict for verdict in found if verdict is not None][-1]
        cells = [ABSENT if verdict is None else with_interval(verdict) for verdict in found]
        trivial = ABSENT if last.trivial is None else written(last, last.trivial)
        style = "bold" if last.subset == WHOLE else ""
        table.add_row(_label(last), str(last.count), *cells, trivial, str(last.unparsed or ""), style=style)
    return table


def with_interval(verdict: Verdict) -> str:
    """Verdict → "97.2% ±0.9" or "2.314 ±0.035"."""
    return f"{written(verdict, verdict.value)} ±{written(verdict, (verdict.high - verdict.low) / 2).rstrip('%')}"


def written(verdict: Verdict, number: float) -> str:
    """A number of a verdict as people write it: per cent for shares, three decimals for losses and small points."""
    if verdict.unit == "share" and verdict.higher_is_better:
        return f"{number:.1%}"
    return f"{number:,.1f}" if abs(number) >= 100 else f"{number:.3f}"


def _label(verdict: Verdict) -> str:
    name = verdict.benchmark if verdict.subset == WHOLE else f"  {verdict.subset}"
    return f"{name} {verdict.metric}" + ("" if verdict.higher_is_better else " ↓")


def _key(verdict: Verdict) -> Key:
    return verdict.benchmark, verdict.subset, verdict.metric


def _rank(moment: str) -> int:
    return {"before": 0, "blind": 2}.get(moment, 1)
