"""`omma compare`: two folders of scores → the differences, how sure they are, and the questions that make them."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from omma.cli.arguments import Parts
from omma.cli.find import own_parts
from omma.cli.screen import screen
from omma.core.files import write_text
from omma.evaluate.compare import Difference, Ruled, compare, find_scores, share
from omma.evaluate.doubts import doubts, same_model
from omma.evaluate.job import read_known, read_suite
from omma.evaluate.table import ABSENT
from omma.metrics.metric import Number

LONGEST = 400  # characters of a reply that are shown
LEGEND = "B − A with its 95% paired bootstrap interval, on the questions that are in both · ↓ lower is better · * zero lies outside"

Folder = Annotated[Path, typer.Argument(metavar="A", help="a folder of scores, a run with one moment, or RUN/MOMENT")]
Other = Annotated[Path, typer.Argument(metavar="B", help="the same")]
Show = Annotated[
    int, typer.Option("--show", metavar="N", min=0, help="print N questions of each benchmark on which they differ most")
]
To = Annotated[str, typer.Option("--to", metavar="FILE.jsonl", help="write every question's two scores and replies")]


def command(a: Folder, b: Other, parts: Parts, show: Show = 0, to: To = "") -> None:
    """Set two models side by side, or one model scored in two ways: what differs, how surely, on which questions.

    Reads the records of two folders that `omma eval` wrote and scores them again on the questions that are in both; tells
    whether prompts, pictures, sampling or questions were others. Writes nothing but FILE.jsonl, if it is asked for.

    Example: omma compare runs/scores/llava runs/scores/llava-tuned --show 5

    Two moments of a run: omma compare runs/quickstart/before runs/quickstart/after-instruct --to flips.jsonl
    """
    place_a, place_b = find_scores(a), find_scores(b)
    suite_a, suite_b = (read_suite(place, own_parts(parts)) for place in (place_a, place_b))
    shared = share(place_a, place_b, suite_a, suite_b)
    others = {benchmark.name: benchmark for benchmark in suite_b}
    out = screen()
    out.print(f"A  {place_a}\nB  {place_b}", markup=False, soft_wrap=True)
    if all(same_model(one) for one in shared):
        out.print("Both are the same model.")
    ruled = [one for each in shared for one in compare(each, read_known(place_a))]
    out.print(difference_table(ruled))
    for each in shared:
        for doubt in doubts(each, others[each.benchmark.name]):
            out.print(f"{each.benchmark.name}: {doubt}", markup=False, soft_wrap=True)
    if show:
        seen: set[str] = set()
        for one in ruled:
            if one.benchmark not in seen:
                show_flips(one, show, out)
            seen.add(one.benchmark)
    if to:
        rows = [row for one in ruled for row in pair_rows(one)]
        write_text(Path(to), "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        out.print(f"wrote {to} ({len(rows):,} rows)", markup=False, soft_wrap=True)


def difference_table(ruled: Sequence[Ruled]) -> Table:
    """Metrics with their differences → a table; how many questions went each way stands beside the main number of each."""
    table = Table(box=SIMPLE_HEAD, caption=LEGEND, caption_justify="left", pad_edge=False, collapse_padding=True)
    table.add_column("score", overflow="fold")
    for name in ("n", "A", "B", "B − A", "A better", "B better"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in ruled:
        ways = [str(sum(pair.better == side for pair in one.pairs)) for side in (-1, 1)]
        for number, difference in enumerate(one.differences):
            first = number == 0
            name = f"{one.benchmark} {_named(difference)}" if first else f"  {_named(difference)}"
            cells = [_written(difference.number_a), _written(difference.number_b), _difference(difference)]
            counted = ways if first else ["", ""]
            table.add_row(name, str(difference.number_a.count), *cells, *counted, style="bold" if first else "")
    return table


def show_flips(one: Ruled, count: int, out: Console) -> None:
    """Print the questions on which the two sides differ most by a metric, the greatest difference first."""
    flipped = sorted((pair for pair in one.pairs if pair.better), key=lambda pair: -abs(pair.score_b - pair.score_a))
    out.print(Text(f"\n{one.benchmark}: {min(count, len(flipped))} of {len(flipped)} questions that differ", style="bold"))
    for pair in flipped[:count]:
        out.print(Text(f"\n{pair.a.sample_id}", style="cyan"), Text(pair.a.picture, style="dim"), soft_wrap=True)
        lines = (("asked", pair.a.prompt), ("right", _plain(pair.a.gold)))
        said = ((f"A {pair.score_a:g}", _said(pair.a)), (f"B {pair.score_b:g}", _said(pair.b)))
        for name, text in (*lines, *said):
            out.print(f"  {name:<8} {_short(text)}", markup=False, soft_wrap=True)


def pair_rows(one: Ruled) -> Iterator[dict[str, Any]]:
    """A metric's questions → one row each: both scores, their difference, both replies."""
    for pair in one.pairs:
        yield {
            "benchmark": one.benchmark,
            "metric": one.metric,
            "sample_id": pair.a.sample_id,
            "a": pair.score_a,
            "b": pair.score_b,
            "difference": pair.score_b - pair.score_a,
            "gold": pair.a.gold,
            "said_a": pair.a.raw,
            "said_b": pair.b.raw,
        }


def _named(difference: Difference) -> str:
    number = difference.number_a
    whose = "" if difference.variant == "official" else f" ({difference.variant})"
    return number.metric + whose + ("" if number.higher_is_better else " ↓")


def _written(number: Number) -> str:
    if math.isnan(number.value):
        return ABSENT
    return _value(number, number.value) + ("%" if number.unit == "share" and number.higher_is_better else "")


def _difference(one: Difference) -> str:
    number, low, high = one.number_a, one.low, one.high
    if math.isnan(one.value):
        return ABSENT
    if math.isnan(low) or math.isnan(high):
        return f"{_value(number, one.value, '+')} [{ABSENT}]"
    sure = " *" if low > 0 or high < 0 else ""
    ends = ", ".join(_value(number, end, "+") for end in (low, high))
    return f"{_value(number, one.value, '+')} [{ends}]{sure}"


def _value(number: Number, value: float, sign: str = "") -> str:
    """As scores are written elsewhere; a share's difference is in points of per cent."""
    if number.unit == "share" and number.higher_is_better:
        return f"{100 * value:{sign}.1f}"
    return f"{value:{sign},.1f}" if abs(number.value) >= 100 else f"{value:{sign}.3f}"


def _plain(gold: Any) -> str:
    return gold if isinstance(gold, str) else json.dumps(gold, ensure_ascii=False)


def _said(record: Any) -> str:
    finish = record.details.get("finish")
    return record.raw or f"(nothing: {record.details.get('error') or finish or 'empty'})"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} … ({len(line):,} characters)"
