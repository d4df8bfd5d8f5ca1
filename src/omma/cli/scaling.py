"""`omma scaling`: one recipe at several sizes and qualities of its data → curves, and what more data or a filter would give."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer
from rich.console import Console

from omma.cli.arguments import Parts, RecipeName
from omma.cli.data_sets import Named, distinct
from omma.cli.screen import PLAIN_WIDTH, screen
from omma.cli.study import chosen_first, cost_table, costs_of, grid_data, studied, understood
from omma.cli.trials import Bench, run_trials
from omma.core.config import did_you_mean
from omma.core.errors import ConfigError
from omma.core.files import write_text
from omma.curate.data import Data
from omma.study.arms import Trial, sizes
from omma.study.forecast import Fitted, Forecast, Span, forecast
from omma.study.pictures import forecast_picture
from omma.study.tables import forecast_table, read_table, times_words

CURVES = "curves"
WHOLE, EACH = "all", "each"

Changes = Annotated[
    list[str],
    typer.Argument(metavar="PATH=VALUE", help="changes, such as run.seed=1", default_factory=list, show_default=False),
]
Sizes = Annotated[str, typer.Option("--sizes", metavar="N,N,...", help="rows to train on; four or more tell curves apart best")]
Without = Annotated[
    list[str],
    typer.Option(
        "--without",
        metavar="OPERATOR,...",
        help="a variant lacking these operators; `each`: one for every operator",
        default_factory=list,
        show_default=False,
    ),
]
With = Annotated[
    list[str],
    typer.Option(
        "--with", metavar="OPERATOR,...", help="a variant of these operators only", default_factory=list, show_default=False
    ),
]
Seeds = Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="models to train for each size, from seeds run.seed on")]
By = Annotated[str, typer.Option("--by", metavar="BENCHMARK", help="the benchmark told first (default: mean of all shares)")]
Dry = Annotated[bool, typer.Option("--dry-run", help="list the trials and what they cost, and stop")]


def command(
    recipe: RecipeName,
    changes: Changes,
    parts: Parts,
    without: Without,
    only: With,
    size: Sizes,
    seeds: Seeds = 2,
    by: By = "",
    dry_run: Dry = False,
) -> None:
    """Train RECIPE at several sizes of its data, with and without its operators, and fit what a doubling gives.

    The first variant is the recipe's data whole; --without and --with may be given several times, a variant each. Of one seed a
    smaller size is always part of a larger one. Stages with steps keep compute equal at all sizes, stages with epochs let it
    grow with the data. Of two laws, a power law with an offset and a constant gain per doubling, the one is taken that
    foretells held-out sizes best.

    Reads the recipe's data, which it curates once for each variant. Writes a folder (run.folder, by default
    runs/<id>-scaling) with a run folder a trial, curves.json, curves.txt and curves.svg. Stopped anywhere, the same command
    goes on; more --seeds and other --sizes add to it.

    Example: omma scaling quickstart --sizes 500,1000,2000,4000 --without agreement --dry-run
    """
    wanted = read_sizes(size)
    asked = understood(recipe, changes, parts, "scaling")
    if asked.sets:
        raise ConfigError("omma scaling", f"data {', '.join(asked.sets)}", "PATH=VALUE", "`omma rank-data` compares data sets")
    found = variants(asked.recipe.data, without, only)
    asked = replace(asked, sets=distinct([Named(name, data) for name, data in found.items()]))
    first = asked.recipe.run.seed
    arms = sizes(dict.fromkeys(found, max(wanted)), wanted)
    trials = [Trial(arm, seed) for seed in range(first, first + seeds) for arm in arms]
    if dry_run:
        screen().print(cost_table(asked, trials))
        return
    about = {"sizes": ",".join(map(str, wanted))}
    with studied(asked, "scaling", seeds, 0, about) as bench:
        for name, count in bench.counts.items():
            if count < max(wanted):
                raise ConfigError("--sizes", f"{max(wanted):,}, but {name} has {count:,} rows", "sizes that every variant has")
        run_trials(bench, trials)
        if bench.world.leads:
            conclude(bench, trials, tuple(found), wanted, by)


def read_sizes(text: str) -> tuple[int, ...]:
    """ "1000,3000" → sizes, ascending. ConfigError unless there are two or more, each once."""
    try:
        found = sorted({int(word) for word in text.split(",")})
    except ValueError:
        found = []
    if len(found) < 2 or found[0] < 1:
        raise ConfigError("--sizes", repr(text), "two or more numbers of rows", "for example --sizes 1000,3000,10000,30000")
    return tuple(found)


def variants(data: Data, without: Sequence[str], only: Sequence[str]) -> dict[str, Data]:
    """Data + words of --without and --with → variants by name, the whole first. ConfigError for an operator that there is not."""
    names = [operator.name for operator in data.operators]
    lacking = [name for words in without for name in (names if words == EACH else [words])]
    found = {WHOLE: data}
    for words in lacking:
        gone = _operators(words, names, "--without")
        found[f"without-{'-'.join(gone)}"] = _keep(data, [name for name in names if name not in gone])
    for words in only:
        kept = _operators(words, names, "--with")
        found[f"with-{'-'.join(kept)}"] = _keep(data, kept)
    return found


def conclude(bench: Bench, trials: Sequence[Trial], names: tuple[str, ...], wanted: tuple[int, ...], by: str) -> None:
    """Scores of all trials → curves on the screen and, with numbers and a picture, in the study's folder."""
    arms = [arm.name for arm in sizes(dict.fromkeys(names, 1), wanted)]
    grids = chosen_first(bench.grids(sorted(trials, key=lambda trial: arms.index(trial.arm.name))), by)
    forecasts = [forecast(grid, names, wanted) for grid in grids]
    costs = costs_of(bench, trials)
    tables = [*map(forecast_table, forecasts), read_table(costs)]
    words = [line for found in forecasts for line in told(found)]
    out, folder = screen(), bench.run.path
    with (folder / f"{CURVES}.txt").open("w", encoding="utf-8") as file:
        for place in (out, Console(file=file, width=PLAIN_WIDTH, highlight=False)):
            for table in tables:
                place.print(table)
            for line in words:
                place.print(line, markup=False, soft_wrap=True)
    data = {
        "sizes": wanted,
        "variants": names,
        "seeds": grids[0].seeds,
        "scores": [grid_data(grid) for grid in grids],
        "curves": [forecast_data(found) for found in forecasts],
        "read": costs,
        "words": words,
    }
    write_text(folder / f"{CURVES}.json", json.dumps(data, indent=1, ensure_ascii=False))
    write_text(folder / f"{CURVES}.svg", forecast_picture(forecasts))
    out.print(f"\nwrote {CURVES}.json, .txt and .svg into {folder}", markup=False, soft_wrap=True)


def told(found: Forecast) -> list[str]:
    """What the curves say, in sentences."""
    grid, largest = found.grid, found.sizes[-1]
    lines = []
    for one in found.fitted:
        low, high = (grid.written(end, "+") for end in (one.doubling.low, one.doubling.high))
        gain = f"{grid.written(one.doubling.value, '+')} [{low}, {high}]"
        missed = found.errors[found.law]
        doubt = (
            f"; no forecast, as the law missed sizes it had not seen by {missed:.3f}" if missed >= abs(one.doubling.value) else ""
        )
        lines.append(f"{grid.name}, {one.variant}: from {largest:,} to {2 * largest:,} rows {gain}, better is +{doubt}")
        if one is not found.fitted[0]:
            worth = f"as much as {times_words(one.worth)} as many rows of {found.variants[0]}"
            lines.append(f"{grid.name}, {one.variant}: {largest:,} of its rows are worth {worth}")
    return lines


def forecast_data(found: Forecast) -> dict[str, Any]:
    """Curves → plain data; what is not known or never comes is null."""
    errors = {law: _finite(error) for law, error in found.errors.items()}
    return {"name": found.grid.name, "law": found.law, "held_out_errors": errors, "variants": list(map(_fitted_data, found.fitted))}


def _fitted_data(one: Fitted) -> dict[str, Any]:
    spans = {name: _span_data(getattr(one, name)) for name in ("doubling", "halving", "worth")}
    return {"variant": one.variant, "parameters": one.best.parameters[0].tolist(), **spans}


def _span_data(span: Span) -> dict[str, float | None]:
    return {name: _finite(value) for name, value in asdict(span).items()}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _operators(words: str, names: Sequence[str], option: str) -> list[str]:
    found = words.split(",")
    for name in found:
        if name not in names:
            raise ConfigError(option, f"no operator {name!r} in the recipe's data", "", did_you_mean(name, names))
    return found


def _keep(data: Data, names: Sequence[str]) -> Data:
    return replace(data, operators=tuple(operator for operator in data.operators if operator.name in names))
