"""`omma rank-data`: data sets → which of them makes the better model, at equal compute, and how surely."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Literal, get_args

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from omma.cli.arguments import Parts, RecipeName
from omma.cli.screen import PLAIN_WIDTH, screen
from omma.cli.study import check_steps, chosen_first, cost_table, costs_of, grid_data, studied, understood
from omma.cli.trials import Bench, run_trials
from omma.core.config import did_you_mean
from omma.core.errors import ConfigError
from omma.core.files import write_text
from omma.study.arms import Arm, Trial, composition, joined, order, quick
from omma.study.differences import Difference, Estimate, all_pairs, differences, estimates
from omma.study.grid import Grid
from omma.study.mixing import unlike
from omma.study.pictures import standing_picture
from omma.study.tables import difference_table, difference_words, read_table, standing_table

Mode = Literal["quick", "composition", "incremental", "order"]
RANKING = "ranking"
BEHIND, HALVED = "behind the best", "what halving costs"

What = Annotated[
    list[str],
    typer.Argument(
        metavar="DATA... [PATH=VALUE]",
        help="data sets, each [NAME=]a YAML file, a recipe, a curated run or a folder; then changes of RECIPE",
        default_factory=list,
        show_default=False,
    ),
]
How = Annotated[str, typer.Option("--mode", metavar="MODE", help="quick, composition, incremental or order")]
Seeds = Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="models to train for each arm, from seeds run.seed on")]
Rows = Annotated[int, typer.Option("--rows", metavar="N", min=0, help="at most N rows of each set (0: all)")]
By = Annotated[
    str, typer.Option("--by", metavar="BENCHMARK", help="the benchmark that ranks (default: the first; the mean of several shares)")
]
Dry = Annotated[bool, typer.Option("--dry-run", help="list the trials and what they cost, and stop")]


@dataclass(frozen=True)
class Step:
    """One step of an incremental evaluation: what was kept, what was tried with it, and by how much that was better."""

    kept: str
    tried: str
    difference: Difference
    taken: bool


def command(
    recipe: RecipeName,
    what: What,
    parts: Parts,
    mode: How = "quick",
    seeds: Seeds = 3,
    rows: Rows = 0,
    by: By = "",
    dry_run: Dry = False,
) -> None:
    """Tell which data set makes the better model: train RECIPE on each at equal compute from several seeds, and compare.

    Modes: quick trains on each set alone, cut to equal size; composition on all together, then with one of them halved in
    turn; incremental adds one at a time in the order given and keeps it if the score is not worse; order reads the same rows
    mixed, set after set as given (low quality first, say), and in reverse. RECIPE fixes model, steps, suite and
    questions: those that its own data hold out. Pictures of questions are taken out of all data sets.

    Reads the data sets, which it curates once. Writes a folder (run.folder, by default runs/<id>-rank-<mode>) with
    a run folder a trial, ranking.json, ranking.txt and ranking.svg. Stopped anywhere, the same command goes on; more --seeds
    add to it.

    Example: omma rank-data quickstart clean=clean.yaml raw=raw.yaml --seeds 3 --dry-run
    """
    if mode not in get_args(Mode):
        raise ConfigError("--mode", repr(mode), " or ".join(get_args(Mode)), did_you_mean(mode, get_args(Mode)))
    asked = understood(recipe, what, parts, f"rank-{mode}")
    check_steps(asked.recipe)
    if len(asked.sets) < 2:
        raise ConfigError("data sets", f"{len(asked.sets)}", "two or more to compare", "name them behind the recipe")
    if by and by not in [benchmark.name for benchmark in asked.recipe.suite]:
        raise ConfigError("--by", repr(by), "", did_you_mean(by, [benchmark.name for benchmark in asked.recipe.suite]))
    first = asked.recipe.run.seed
    numbers = range(first, first + seeds)
    if dry_run:
        counts = dict.fromkeys(asked.sets, 1)
        screen().print(cost_table(asked, [Trial(arm, seed) for arm in planned(mode, counts, 0) for seed in numbers]))
        return
    with studied(asked, "rank-data", seeds, rows, {"mode": mode}) as bench:
        if mode == "incremental":
            trials, steps = incremental(bench, numbers, rows, by)
        else:
            arms = planned(mode, bench.counts, rows)
            trials, steps = [Trial(arm, seed) for seed in numbers for arm in arms], []
            run_trials(bench, trials)
        if bench.world.leads:
            conclude(bench, mode, trials, by, steps)


def planned(mode: str, counts: dict[str, int], rows: int) -> tuple[Arm, ...]:
    """Mode + rows of each set → its arms; of an incremental evaluation those of keeping everything, which are the most."""
    if mode == "incremental":
        return tuple(joined(tuple(counts)[:number], counts, rows) for number in range(1, len(counts) + 1))
    return {"quick": quick, "composition": composition, "order": order}[mode](counts, rows)


def incremental(bench: Bench, seeds: Sequence[int], rows: int, by: str) -> tuple[list[Trial], list[Step]]:
    """Sets in their order, each tried beside those that were kept → all trials, and what became of each set."""
    first, *others = bench.sets
    kept_names, steps = [first], []
    kept_trials = [Trial(joined(kept_names, bench.counts, rows), seed) for seed in seeds]
    most = len(bench.sets) * len(seeds)
    run_trials(bench, kept_trials, of=most)
    everything = list(kept_trials)
    for name in others:
        tried = [Trial(joined([*kept_names, name], bench.counts, rows), seed) for seed in seeds]
        run_trials(bench, tried, of=most, before=len(everything))
        everything += tried
        grid = chosen_first(bench.grids([*kept_trials, *tried]), by)[0]
        before, after = kept_trials[0].arm.name, tried[0].arm.name
        (found,) = differences(grid, [(after, before)])
        steps.append(Step(before, name, found, taken=found.value >= 0))
        if steps[-1].taken:
            kept_names, kept_trials = [*kept_names, name], tried
    return everything, steps


def pairs_of(mode: str, ranked: Sequence[str]) -> list[tuple[str, str]]:
    """Mode + arms, best first → the differences that it asks for."""
    if mode == "composition":
        return [("all", name) for name in ranked if name != "all"]
    return all_pairs(ranked)


def conclude(bench: Bench, mode: str, trials: Sequence[Trial], by: str, steps: Sequence[Step]) -> None:
    """Scores of all trials → tables on the screen and, with numbers and a picture, in the study's folder."""
    grids = chosen_first(bench.grids(trials), by)
    ranked = estimates(grids[0])
    found = differences(grids[0], pairs_of(mode, [one.arm for one in ranked]))
    costs = costs_of(bench, trials)
    tables = [
        standing_table(grids, ranked, beside(mode, ranked, found), HALVED if mode == "composition" else BEHIND),
        read_table(costs),
    ]
    if mode in ("quick", "order") and len(ranked) > 2:
        tables.insert(1, difference_table(grids[0], found))
    if steps:
        tables.append(step_table(grids[0], steps))
    words = [*natural(bench), *told(mode, grids[0], ranked, found, steps)]
    out, folder = screen(), bench.run.path
    show(out, tables, words)
    data = {
        "mode": mode,
        "ranked_by": grids[0].name,
        "seeds": grids[0].seeds,
        "scores": [grid_data(grid) for grid in grids],
        "differences": [asdict(one) for one in found],
        "steps": [asdict(one) for one in steps],
        "read": costs,
        "words": words,
    }
    write_text(folder / f"{RANKING}.json", json.dumps(data, indent=1, ensure_ascii=False))
    with (folder / f"{RANKING}.txt").open("w", encoding="utf-8") as file:
        show(Console(file=file, width=PLAIN_WIDTH, highlight=False), tables, words)
    write_text(folder / f"{RANKING}.svg", standing_picture(grids, ranked, [estimates(grid) for grid in grids]))
    out.print(f"\nwrote {RANKING}.json, .txt and .svg into {folder}", markup=False, soft_wrap=True)


def beside(mode: str, ranked: Sequence[Estimate], found: Sequence[Difference]) -> list[Difference]:
    """The differences that stand beside scores: how far each arm is behind the best, or what halving a set costs."""
    if mode == "composition":
        return [replace(one, arm=one.other, other=one.arm) for one in found]
    best = ranked[0].arm
    return [replace(one, arm=one.other, other=best) for one in found if one.arm == best]


def told(mode: str, grid: Grid, ranked: Sequence[Estimate], found: Sequence[Difference], steps: Sequence[Step]) -> list[str]:
    """What came out, in sentences."""
    if mode == "composition":
        worth = sorted(found, key=lambda one: -one.value)
        return [f"half of {one.other.removeprefix('half ')} is worth {difference_words(grid, one)}" for one in worth]
    if mode == "incremental":
        kept_names = [steps[0].kept, *(step.tried for step in steps if step.taken)]
        return [f"kept: {', '.join(kept_names)}"]
    clear = [f"{one.arm} is better than {one.other}" for one in found if one.clear]
    return ["clear: " + "; ".join(clear) if clear else "no difference is clear: more seeds, questions or steps may tell"]


def step_table(grid: Grid, steps: Sequence[Step]) -> Table:
    """What was tried, and what became of it."""
    table = Table(box=SIMPLE_HEAD, caption="kept if the mean is not worse", caption_justify="left", pad_edge=False)
    for name in ("to", "was added", f"{grid.name}, better is +", ""):
        table.add_column(name, overflow="fold")
    for step in steps:
        table.add_row(step.kept, step.tried, difference_words(grid, step.difference), "kept" if step.taken else "left out")
    return table


def natural(bench: Bench) -> list[str]:
    """Sets that do not have the sources of a stage's mixture, in words."""
    rows = {name: dict(Counter(row.source for row in found)) for name, found in bench.clean.items()}
    return [
        f"stage {stage.name}: {', '.join(names)} has none of {', '.join(stage.mixture)}, and is read in its natural proportions"
        for stage in bench.recipe.stages
        if (names := unlike(stage.mixture, rows))
    ]


def show(out: Console, tables: Sequence[Table], words: Sequence[str]) -> None:
    """Tables, then sentences."""
    for table in tables:
        out.print(table)
    for line in words:
        out.print(Text(line), soft_wrap=True)
