"""`omma gain`: the same questions seeing, blind and to the language model alone → multi-modal gain and leakage."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from omma.cli.arguments import Parts
from omma.cli.find import own_parts
from omma.cli.screen import screen
from omma.core.errors import CheckpointError
from omma.evaluate.compare import find_scores
from omma.evaluate.job import read_known, read_records, read_suite
from omma.evaluate.modality import Gain, Worth, gain
from omma.evaluate.table import ABSENT
from omma.metrics.metric import Number

LEGEND = "MG: what seeing adds · ML: what multi-modal training gave away of the questions · [95% paired bootstrap interval]"

Seeing = Annotated[Path, typer.Argument(metavar="SEEING", help="a folder of scores, or RUN/MOMENT, asked with pictures")]
Blind = Annotated[Path, typer.Argument(metavar="BLIND", help="the same questions without them: `omma eval … --blind`")]
Alone = Annotated[str, typer.Argument(metavar="[TEXT]", help="the same questions to its language model alone", show_default=False)]


def command(seeing: Seeing, blind: Blind, parts: Parts, text: Alone = "") -> None:
    """Tell what looking at the pictures is worth: MMStar's multi-modal gain, and leakage if TEXT is given, for any benchmark.

    Reads the records of two or three folders that `omma eval` wrote and scores them again on the questions that are in all
    of them. Writes nothing.

    Example: omma gain runs/scores/llava runs/scores/llava-blind runs/scores/vicuna-blind
    """
    folders = [find_scores(place) for place in (seeing, blind, *([Path(text)] if text else []))]
    suites = [{one.name: one for one in read_suite(folder, own_parts(parts))} for folder in folders]
    names = [name for name in suites[0] if all(name in suite for suite in suites)]
    if not names:
        got = "; ".join(", ".join(suite) for suite in suites)
        raise CheckpointError(" and ".join(map(str, folders)), got, "a benchmark that is in all", "score all on the same suite")
    known, out, found = read_known(folders[0]), screen(), []
    for name in names:
        runs = [read_records(folder, name) for folder in folders]
        found.append(gain(suites[0][name], runs[0], runs[1], runs[2] if text else None, known))
        for word, sights, run in (("SEEING", {"picture"}, runs[0]), ("BLIND", {"grey", "shuffled"}, runs[1])):
            asked = {record.details.get("asked", {}).get("sight", "") for record in run} - sights
            if asked - {""}:
                out.print(f"{name}: {word} was asked with {', '.join(sorted(asked))}", markup=False, soft_wrap=True)
    out.print(gain_table(found))


def gain_table(found: Sequence[Gain]) -> Table:
    """Gains → a table, benchmarks in their order."""
    alone = any(one.text is not None for one in found)
    table = Table(box=SIMPLE_HEAD, caption=LEGEND, caption_justify="left", pad_edge=False, collapse_padding=True)
    table.add_column("score", overflow="fold")
    for name in ("n", "left out", "seeing", "blind", *(["text"] if alone else []), "MG", *(["ML"] if alone else [])):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        numbers = [one.seeing, one.blind, *([one.text] if one.text is not None else [])]
        worths = [one.gain, *([one.leakage] if one.leakage is not None else [])]
        said = [_value(number.value, number) + ("%" if number.unit == "share" else "") for number in numbers]
        gained = [_worth(worth, one.seeing) for worth in worths]
        name = f"{one.benchmark} {one.seeing.metric}" + ("" if one.seeing.higher_is_better else " ↓")
        table.add_row(name, f"{one.seeing.count:,}", f"{one.left_out or ''}", *said, *gained)
    return table


def _worth(worth: Worth, number: Number) -> str:
    value = _value(worth.value, number, "+")
    if math.isnan(worth.low) or math.isnan(worth.high):
        return f"{value} [{ABSENT}]"
    return f"{value} [{', '.join(_value(end, number, '+') for end in (worth.low, worth.high))}]"


def _value(value: float, number: Number, sign: str = "") -> str:
    """Shares in points of per cent; other numbers with as many decimals as the score itself has."""
    if number.unit == "share":
        return f"{100 * value:{sign}.1f}"
    return f"{value:{sign},.1f}" if abs(number.value) >= 10 else f"{value:{sign}.3f}"
