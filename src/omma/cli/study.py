"""Study: what was typed → a begun folder with curated data sets, one tokenizer and the questions, for trials to be run in.

config.yaml            what was asked (`Study`)
data/<name>/           a run folder for each data set that had to be curated; `asked` is the recipe's own, which holds the questions
tokenizer/             made from the rows of all data sets
trials/<arm>-s<seed>/  a run folder each
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.box import SIMPLE_HEAD
from rich.table import Table

from omma.cli.data_sets import Curated, Named, curated_once, distinct, find_data
from omma.cli.find import find_recipe
from omma.cli.job import kept, typed
from omma.cli.steps import chat
from omma.cli.trials import Bench
from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.core.progress import say
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.evaluate.known import learn
from omma.recipe import Recipe
from omma.report.write import seconds
from omma.study.arms import Trial
from omma.study.differences import estimates
from omma.study.grid import Grid
from omma.train.parallel import World, world
from omma.train.stage import Epochs, Stage
from omma.weights.start import saved_words

ASKED = "asked"


@config
class Study(Config):
    """What a study was begun with: all that its trials depend on; and seeds and sizes, of which more may come."""

    verb: str
    recipe: Recipe
    data: dict[str, Data | str]
    rows: int = 0
    seeds: int = 1
    about: dict[str, str] = {}


@dataclass(frozen=True)
class Asked:
    """What was typed, understood: the fixed recipe, where its questions come from, and the data sets."""

    recipe: Recipe
    test: Named
    sets: dict[str, Named]
    folder: Path


def understood(recipe: str, what: Sequence[str], parts: Sequence[Path], ending: str) -> Asked:
    """Words on the command line → what they ask for. A word with a dot before its first = is a change of the recipe."""
    changes = [word for word in what if "=" in word and "." in word.partition("=")[0]]
    found = find_recipe(recipe, changes=changes, parts=parts)
    check(found)
    place = Path(recipe) if (Path(recipe) / "done/curate.json").is_file() else None
    own = found.run.folder if any(change.startswith("run.folder=") for change in changes) else ""
    test = Named(ASKED, found.data, place)
    sets = distinct([test, *(find_data(word, parts) for word in what if word not in changes)])
    return Asked(found, sets.pop(ASKED), sets, Path(own or f"runs/{found.id}-{ending}"))


def check(recipe: Recipe) -> None:
    """ConfigError unless something trains and something is asked."""
    if not recipe.stages:
        raise ConfigError("stages", "none", "one that trains")
    if not recipe.suite:
        raise ConfigError("suite", "no benchmarks", "one to tell trials apart by", "name some in the recipe's suite")


def check_steps(recipe: Recipe) -> None:
    """ConfigError if a stage's compute depends on how much data it reads."""
    for stage in recipe.stages:
        if isinstance(stage.length, Epochs):
            got, expected = f"{stage.length.count:g} epochs: more data would be more compute", "steps, the same for all trials"
            fix = f"give stages.{stage.name}.length='{{class: omma.train.stage.Steps, count: 1000}}'"
            raise ConfigError(f"stages.{stage.name}.length", got, expected, fix)


@contextmanager
def studied(asked: Asked, verb: str, seeds: int, rows: int, about: Mapping[str, str]) -> Iterator[Bench]:
    """What was asked → its bench, in a folder begun or continued. CheckpointError if another study was begun there."""
    run, recipe = RunFolder(asked.folder), asked.recipe
    data = {name: str(one.place) if one.place else one.data for name, one in asked.sets.items()}
    study = Study(verb=verb, recipe=recipe, data=data, rows=rows, seeds=seeds, about=dict(about))
    torch.set_num_threads(recipe.run.threads)
    with kept(run), world(recipe.run.device) as here:
        if here.leads:
            run.begin(study, command=typed(), free=("seeds", "about.sizes"))
        here.wait()
        found = curated_once([*asked.sets.values(), asked.test], recipe, run / "data", here)
        yield bench_of(recipe, run, here, {name: found[name] for name in asked.sets}, found[ASKED])


def bench_of(recipe: Recipe, run: RunFolder, world: World, sets: Mapping[str, Curated], test: Curated) -> Bench:
    """Curated sets → the bench: rows that questions do not show, one tokenizer, what trivial guesses know. It tells how many."""
    shown = {item.sha256 for sample in test.asked for item in sample.media if item.sha256}
    clean = {}
    for name, one in sets.items():
        rows = [row for row in one.rows if not any(item.sha256 in shown for item in row.media)]
        taken = len(one.rows) - len(rows)
        if world.leads:
            say(f"data {name}: {len(rows):,} rows" + (f", {taken:,} left out: questions show their pictures" if taken else ""))
        if not rows:
            raise ConfigError(name, "no rows but those whose pictures the questions show", "others", "give data of other pictures")
        clean[name] = rows
    if world.leads and run.done("tokenizer") is None:
        text, brought = chat(recipe), saved_words(recipe.weights)
        words = (row for name in sorted(clean) for row in clean[name])
        text.load(brought).save(run / "tokenizer") if brought else text.fit(words, run / "tokenizer")
        run.finish("tokenizer", vocab_size=text.vocab_size)
    world.wait()
    return Bench(recipe, run, world, sets, test, clean, learn(test.singles))


def cost_table(asked: Asked, trials: Sequence[Trial]) -> Table:
    """Trials that would be run → what each costs, which are done, and how long the rest may take by those."""
    done = {trial: RunFolder(asked.folder / f"trials/{trial.name}").done("trial") for trial in trials}
    spent = [one["seconds"] for one in done.values() if one]
    words = f"{len(trials)} trials, {len(spent)} done"
    if 0 < len(spent) < len(trials):
        words += f"; about {seconds((len(trials) - len(spent)) * sum(spent) / len(spent))} left"
    table = Table(box=SIMPLE_HEAD, caption=words, caption_justify="left", pad_edge=False)
    columns = ("trained on", "seed", "steps", "tokens at most", "patches at most", "seconds")
    for name in columns:
        table.add_column(name, justify="left" if name == columns[0] else "right")
    for trial, one in done.items():
        most = [_at_most(asked.recipe.stages, unit) for unit in ("steps", "tokens", "patches")]
        table.add_row(trial.arm.name, str(trial.seed), *most, f"{one['seconds']:,.0f}" if one else "")
    return table


def _at_most(stages: Sequence[Stage], unit: str) -> str:
    """Steps of all stages, or what their bins hold at most; epochs where the data decide."""
    total = 0
    for stage in stages:
        if isinstance(stage.length, Epochs):
            return "by epochs"
        each = 1 if unit == "steps" else stage.budget.bins_per_step * getattr(stage.budget, unit)
        total += stage.length.count * each
    return f"{total:,}"


def grid_data(grid: Grid) -> dict[str, Any]:
    """Grid → plain data: means with their intervals, and every seed's score."""
    rows = [
        asdict(one) | {"by_seed": dict(zip(map(str, grid.seeds), grid.values[grid.row(one.arm)].tolist(), strict=True))}
        for one in estimates(grid)
    ]
    facts = {"name": grid.name, "unit": grid.unit, "higher_is_better": grid.higher_is_better, "questions": grid.questions}
    return facts | {"arms": rows}


def costs_of(bench: Bench, trials: Sequence[Trial]) -> dict[str, list[dict[str, Any]]]:
    """Finished trials → by arm, what each of them read and took."""
    found: dict[str, list[dict[str, Any]]] = {}
    for trial in trials:
        found.setdefault(trial.arm.name, []).append(bench.folder(trial).done("trial") or {})
    return found


def chosen_first(grids: Sequence[Grid], by: str) -> tuple[Grid, ...]:
    """Grids with the one that ranks in front: that of the benchmark `by`, or the first."""
    first = next((grid for grid in grids if by and grid.name.startswith(f"{by} ")), grids[0])
    return (first, *(grid for grid in grids if grid is not first))
