"""Trials: arms of a study → trained and scored models, a run folder each. A finished one is never run again, a stopped one goes on.

All trials of a study share the recipe's model, its steps, the tokenizer (made from the rows of all data sets) and the questions
(what the recipe's own data hold out, as marked by one `known`); they differ in rows and seed.
"""

import os
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omma.cli.data_sets import Curated
from omma.cli.job import Job, kept, typed
from omma.cli.part_clock import PartClock
from omma.cli.steps import chat, fresh_model, gather, plan_step, train_step
from omma.core.ledger import Entry
from omma.core.progress import say
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.reader import Reader
from omma.evaluate.job import evaluate
from omma.evaluate.known import Known
from omma.evaluate.question import Supply
from omma.generate.talker import Talker
from omma.recipe import Recipe
from omma.report.write import seconds
from omma.schema.manifest import write_manifest
from omma.schema.sample import Sample
from omma.study.arms import Arm, Trial, chosen
from omma.study.grid import Grid, grids
from omma.study.mixing import mixture
from omma.train.parallel import World
from omma.train.stage import Stage, Steps

OPERATOR, VERSION = "rows", "1"
SUMS = ("tokens", "supervised", "pictures", "patches")


@dataclass(frozen=True)
class Bench:
    """What all trials of a study share. `sets` are what is trained on, `test` holds the questions; `clean` are the sets' rows
    without pictures that questions show.
    """

    recipe: Recipe
    run: RunFolder
    world: World
    sets: Mapping[str, Curated]
    test: Curated
    clean: Mapping[str, Sequence[Sample]]
    known: Known

    @property
    def counts(self) -> dict[str, int]:
        """Rows that each set has to give."""
        return {name: len(rows) for name, rows in self.clean.items()}

    @property
    def common(self) -> Path:
        """The folder above all pictures."""
        places = [place.resolve() for one in (*self.sets.values(), self.test) for place in (one.root, one.run.path)]
        return Path(os.path.commonpath(places))

    def folder(self, trial: Trial) -> RunFolder:
        """Where a trial lies."""
        return RunFolder(self.run / f"trials/{trial.name}")

    def records(self, trial: Trial) -> Path:
        """Where the records of a trial's last stage lie."""
        last, courses = self.recipe.stages[-1].name, len(trial.arm.courses)
        return self.folder(trial) / (f"eval/after-{last}-{courses}" if courses else f"eval/after-{last}")

    def numbers(self, trial: Trial) -> dict[str, list[int]]:
        """A trial's rows of each set, by their numbers among the clean ones."""
        return {one.data: chosen(len(self.clean[one.data]), one.rows, trial.seed, one.data).tolist() for one in trial.arm.portions}

    def grids(self, trials: Sequence[Trial]) -> tuple[Grid, ...]:
        """Finished trials → their scores."""
        return grids({trial: self.records(trial) for trial in trials}, self.recipe.suite, self.known)


def run_trials(bench: Bench, trials: Sequence[Trial], *, of: int = 0, before: int = 0) -> None:
    """Run what is not finished, telling after each how long the rest will take.

    `of` trials are in the study at most (0: these), `before` of them came before.
    """
    of = of or len(trials)
    for number, trial in enumerate(trials, before + 1):
        if bench.folder(trial).done("trial") is not None:
            _tell(bench, f"trial {number}/{of} {trial.name}: done already")
            continue
        began = time.monotonic()
        run_trial(bench, trial)
        spent, own = time.monotonic() - began, size(bench, trial.arm)
        unfinished = [one for one in trials[number - before :] if bench.folder(one).done("trial") is None]
        left = sum(size(bench, one.arm) for one in unfinished) + (of - before - len(trials)) * own
        eta = f"; about {seconds(spent / own * left)} left" if left else ""
        _tell(bench, f"trial {number}/{of} {trial.name}: {told(bench, trial)} in {seconds(spent)}{eta}")


def run_trial(bench: Bench, trial: Trial) -> None:
    """One trial, from wherever it stopped: choose rows, plan, train, ask, and forget the optimizer's state."""
    run, recipe = bench.folder(trial), trial_recipe(bench, trial)
    with kept(run):
        work = Job(recipe, run, bench.world, PartClock(run))
        if bench.world.leads:
            run.begin(recipe, command=typed())
            if run.done("curate") is None:
                choose(bench, trial, run)
        bench.world.wait()
        materials = gather(work)
        plans = plan_step(work, materials)
        module = fresh_model(work)
        train_step(work, module, materials, score=False)
        if bench.world.leads:
            with work.clock.part("evaluate"):
                talker = Talker(module, materials.codec, materials.eye, materials.store, bench.world.device)
                evaluate(recipe.suite, talker, Supply(materials.heldout, bench.test.singles), bench.records(trial))
            run.finish(f"eval-after-{recipe.stages[-1].name}")
            drawn = sum(len(plan.sample) for plan in plans.values())
            run.finish("trial", rows=trial.arm.rows, passes=drawn / trial.arm.rows, **cost(run))
            for state in (run / "checkpoints").glob("*/optimizer.safetensors"):
                state.unlink()
        bench.world.wait()


def choose(bench: Bench, trial: Trial, run: RunFolder) -> None:
    """Write a trial's rows and the questions as its manifests, a ledger row for each row that it does not get, the tokenizer."""
    common, rows = bench.common, []
    with run.ledger.step("rows") as book:
        for portion in trial.arm.portions:
            one, pool = bench.sets[portion.data], bench.clean[portion.data]
            numbers = bench.numbers(trial)[portion.data]
            rows += [_from(one, one.seen_from(common, pool[number])) for number in numbers]
            taken, ids = {pool[number].id for number in numbers}, {row.id for row in pool}
            for row in one.rows:
                if row.id not in taken:
                    left = f"not among the {portion.rows:,} rows of seed {trial.seed}"
                    why = left if row.id in ids else "a question shows its picture"
                    book.add(Entry(f"{one.name}/{row.id}", f"{one.name}/{row.source}", OPERATOR, VERSION, "leftover", why))
    write_manifest(run / "data/train.parquet", rows)
    write_manifest(run / "data/heldout.parquet", [bench.test.seen_from(common, sample) for sample in bench.test.asked])
    shutil.copytree(bench.run / "tokenizer", run / "tokenizer", dirs_exist_ok=True)
    run.finish("tokenizer", vocab_size=chat(bench.recipe).vocab_size)
    run.finish("curate", chosen={portion.data: portion.rows for portion in trial.arm.portions})


def trial_recipe(bench: Bench, trial: Trial) -> Recipe:
    """The recipe of one trial: sources named by their sets, seen from the folder above all of them."""
    recipe, common = bench.recipe, bench.common
    sources: dict[str, Reader] = {}
    for portion in trial.arm.portions:
        one = bench.sets[portion.data]
        sources |= {f"{one.name}/{name}": _below(reader, one.root, common) for name, reader in one.data.sources.items()}
    data = Data(root=str(common), sources=sources, max_errors=bench.test.data.max_errors)
    run = replace(recipe.run, folder=str(bench.folder(trial).path), seed=trial.seed)
    return replace(recipe, id=trial.name, title=trial.arm.name, data=data, stages=stages_of(bench, trial), run=run)


def stages_of(bench: Bench, trial: Trial) -> tuple[Stage, ...]:
    """Recipe's stages with the mixtures of a trial; the last one in as many parts of equal length as its arm has courses."""
    arm = trial.arm
    by_source = {name: dict(Counter(bench.clean[name][i].source for i in taken)) for name, taken in bench.numbers(trial).items()}
    rows = {portion.data: float(portion.rows) for portion in arm.portions}
    *first, last = bench.recipe.stages
    found = [replace(stage, mixture=mixture(stage.mixture, rows, by_source)) for stage in first]
    if not arm.courses:
        return (*found, replace(last, mixture=mixture(last.mixture, rows, by_source)))
    assert isinstance(last.length, Steps), "courses have steps"
    each, extra = divmod(last.length.count, len(arm.courses))
    for number, course in enumerate(arm.courses, 1):
        length = Steps(count=each + (extra if number == len(arm.courses) else 0))
        mixed = mixture(last.mixture, dict.fromkeys(course, 1.0), by_source)
        found.append(replace(last, name=f"{last.name}-{number}", length=length, mixture=mixed))
    return tuple(found)


def size(bench: Bench, arm: Arm) -> int:
    """How much an arm costs beside others of its study: its steps, or its rows where stages have epochs."""
    lengths = [stage.length for stage in bench.recipe.stages]
    steps = [length.count for length in lengths if isinstance(length, Steps)]
    return sum(steps) if len(steps) == len(lengths) else arm.rows


def cost(run: RunFolder) -> dict[str, Any]:
    """A finished trial's log → steps, what was read, and seconds of all its parts."""
    sums: Counter[str] = Counter()
    last: dict[str, int] = {}
    spent = 0.0
    for line in run.log.read():
        if line.get("event") == "step":
            sums.update({name: line[name] for name in SUMS})
            last[line["stage"]] = line["step"]
        elif line.get("event") == "part":
            spent += line["seconds"]
    return {"steps": sum(last.values()), "seconds": round(spent, 1), **{name: sums[name] for name in SUMS}}


def told(bench: Bench, trial: Trial) -> str:
    """A finished trial → its scores in a few words."""
    return ", ".join(f"{grid.name} {grid.written(float(grid.values[0, 0]))}" for grid in bench.grids([trial]))


def _tell(bench: Bench, words: str) -> None:
    if bench.world.leads:
        say(words)


def _from(one: Curated, row: Sample) -> Sample:
    return replace(row, id=f"{one.name}/{row.id}", source=f"{one.name}/{row.source}")


def _below(reader: Reader, root: Path, common: Path) -> Reader:
    place = root.resolve().relative_to(common) / reader.path
    return replace(reader, path=place.as_posix())
