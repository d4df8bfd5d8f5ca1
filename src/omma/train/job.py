"""Job: stages + module + materials → trained module; stages run in order, finished ones are skipped, each resumes in its middle."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from torch import nn

from omma.core.config import Config
from omma.core.errors import CheckpointError
from omma.core.ledger import Entry
from omma.core.runs import RunFolder
from omma.pack.loader import Loader
from omma.schema.batch import Batch
from omma.schema.plan import Plan
from omma.schema.verdict import Checkpoint
from omma.train.checkpoint import Checkpoints, copy_weights
from omma.train.course import Course, Materials
from omma.train.loop import Settings, train_stage
from omma.train.parallel import World
from omma.train.plans import plan_heldout, plan_path, plan_stages, share
from omma.train.stage import Stage

AfterStage = Callable[[Stage, Checkpoint], None]


def nothing(stage: Stage, checkpoint: Checkpoint) -> None:
    """What happens after a stage if nobody asks for more."""


def train(
    stages: Sequence[Stage],
    module: nn.Module,
    materials: Materials,
    run: RunFolder,
    *,
    recipe: Config,
    world: World,
    settings: Settings,
    after_stage: AfterStage = nothing,
) -> list[Checkpoint]:
    """Train all stages in place → the final checkpoint of each; the module ends in evaluation mode.

    Plans are made if `plan/` lacks them. `after_stage(stage, checkpoint)` runs on rank 0 when a stage has ended (once
    more if it was cut short), then `done/train-<stage>.json` is written. Raises what `train_stage` and `plan_stages` raise.
    """
    module.to(world.device)
    world.share_(module)
    if world.leads:
        plan_stages(stages, materials, run, recipe=recipe, seed=settings.seed)
    world.wait()
    checkpoints = Checkpoints(run / "checkpoints", recipe, materials.codec.save)
    finals: list[Checkpoint] = []
    for stage in stages:
        plan = Plan.read(plan_path(run, stage))
        if run.done(f"train-{stage.name}") is None:
            train_stage(stage, module, make_course(stage, plan, materials, run, world, settings), run, checkpoints, world, settings)
            _end(stage, plan, module, checkpoints, run, world, after_stage)
        else:
            copy_weights(final_checkpoint(checkpoints, stage).folder, module)
        finals.append(final_checkpoint(checkpoints, stage))
    for parameter in module.parameters():
        parameter.grad = None
    module.eval()
    return finals


def final_checkpoint(checkpoints: Checkpoints, stage: Stage) -> Checkpoint:
    """The checkpoint that ended a stage. CheckpointError if the stage has none or its last one stands in its middle."""
    found = checkpoints.of(stage.name)
    place = checkpoints.place(found[-1]) if found else None
    if place is None or place.step != place.steps:
        fix = f"delete done/train-{stage.name}.json to train it again"
        raise CheckpointError(
            str(checkpoints.folder), f"stage {stage.name!r} has no final checkpoint", "one, since it is marked done", fix
        )
    return found[-1]


def make_course(stage: Stage, plan: Plan, materials: Materials, run: RunFolder, world: World, settings: Settings) -> Course:
    """A stage's plan → what this rank reads of it, with held-out batches for validation."""
    failures = Failures(run, f"load-{stage.name}-rank{world.rank}")

    def feed(start_step: int) -> Iterator[tuple[Batch, ...]]:
        yield from Loader(
            plan,
            materials.samples,
            materials.codec,
            materials.eye,
            materials.store,
            rank=world.rank,
            ranks=world.size,
            workers=settings.workers,
            micro_batches=stage.micro_batches,
            start_step=start_step,
            on_error=failures.add,
        )

    named = {sample.source for sample in (*materials.samples, *materials.heldout)}
    sources = tuple(sorted(named | {""}))  # the loader's stand-in for a micro-batch that lost all its pictures has no source
    heldout = _heldout(stage, materials, world, settings, failures) if materials.heldout else list
    return Course(plan.hash, plan.num_steps, sources, feed, heldout)


@dataclass(slots=True)
class Failures:
    """Samples that the loader had to leave out, as rows of the ledger; a row that an earlier life wrote is not repeated."""

    run: RunFolder
    step: str
    rows: dict[Entry, None] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Write at once: such rows are rare, and the next moment may be a crash."""
        self.rows = dict.fromkeys([*self.rows, *self.run.ledger.entries(self.step), entry])
        with self.run.ledger.step(self.step) as book:
            book.extend(self.rows)


def _heldout(
    stage: Stage, materials: Materials, world: World, settings: Settings, failures: Failures
) -> Callable[[], Iterator[Batch]]:
    plan = share(plan_heldout(stage, materials, settings.seed), world.rank, world.size, stage.validate_bins)
    loader = Loader(plan, materials.heldout, materials.codec, materials.eye, materials.store, on_error=failures.add)

    def batches() -> Iterator[Batch]:
        for (batch,) in loader:
            yield batch

    return batches


def _end(
    stage: Stage, plan: Plan, module: nn.Module, checkpoints: Checkpoints, run: RunFolder, world: World, after_stage: AfterStage
) -> None:
    """What follows a stage's last step, on rank 0 while the others wait; marked as done only when all of it is."""
    if world.leads:
        final = final_checkpoint(checkpoints, stage)
        module.eval()
        after_stage(stage, final)
        run.finish(f"train-{stage.name}", steps=plan.num_steps, plan=plan.hash, checkpoint=final.folder.name)
    world.wait()
