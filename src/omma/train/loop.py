"""Loop: one stage of training: (stage, module, course) → trained weights, log lines, checkpoints.

The loss of a step is Σ weighted token losses / Σ weights over all micro-batches and ranks; the denominator is summed
before any backward, so splitting a step differently changes nothing but rounding.
"""

import errno
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from omma.core.config import fingerprint
from omma.core.errors import CheckpointError, DataError
from omma.core.ledger import Entry
from omma.core.progress import Bar, say
from omma.core.runs import RunFolder
from omma.core.seeds import derive
from omma.objective.objective import documents
from omma.schema.batch import Batch
from omma.schema.output import Loss
from omma.train.audit import FrozenProof
from omma.train.checkpoint import Checkpoints, Place, check_plan
from omma.train.clock import Clock
from omma.train.course import Course
from omma.train.flops import Horizon
from omma.train.gradients import Gradients
from omma.train.guard import broken_weights, culprits
from omma.train.machine import Machine
from omma.train.parallel import World
from omma.train.recompute import recompute_blocks
from omma.train.signals import StopFlag, Stopped
from omma.train.stage import Stage
from omma.train.validation import validate
from omma.train.window import COUNTS, PAIRS, StepSums, Window

EVENTS = ("step", "validation", "skipped")  # log lines that a resumed stage writes again


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run is carried out; only `seed` and `ranks` change what is learnt."""

    seed: int = 0
    workers: int = 0
    log_every: int = 20
    checkpoint_every: int = 500
    keep_last: int = 2


def train_stage(
    stage: Stage, module: nn.Module, course: Course, run: RunFolder, checkpoints: Checkpoints, world: World, settings: Settings
) -> None:
    """Train one stage in place, continuing from its last checkpoint if there is one; ends with its final checkpoint.

    Raises Stopped after a signal (checkpoint written), DataError for a loss that is not finite (policy `stop`),
    CheckpointError for a checkpoint of another recipe or plan or a full disk.
    """
    with told_when_full(run.log.path):
        StageRun(stage, module, course, run, checkpoints, world, settings).train()


@contextmanager
def told_when_full(path: Path) -> Iterator[None]:
    """A full disk under a file that is appended to → CheckpointError instead of a traceback."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        fix = "free some space and run the same command again; it continues from the last checkpoint"
        raise CheckpointError(str(path), "the disk is full", "", fix) from None


class StageRun:
    """A stage in progress: its optimizer, its gradients, its clock and its place."""

    def __init__(
        self,
        stage: Stage,
        module: nn.Module,
        course: Course,
        run: RunFolder,
        checkpoints: Checkpoints,
        world: World,
        settings: Settings,
    ) -> None:
        self.stage, self.module, self.course, self.run = stage, module, course, run
        self.checkpoints, self.world, self.settings = checkpoints, world, settings
        seed = derive(settings.seed, "adapter", stage.name)
        self.fitted = stage.adapter.fit(module, stage.trains, where=f"stages.{stage.name}", seed=seed)
        self.gradients = Gradients(self.fitted.trained.values())
        self.updater = stage.optimizer.build(self.fitted.trained)
        self.clock = Clock(world.device)
        self.machine = Machine(module, world.device, stage.precision)
        self.window = Window()
        self.step = 0

    def train(self) -> None:
        """Resume or begin, run the steps that are left, validate, write the final checkpoint."""
        self._resume()
        leads = self.world.leads
        with ExitStack() as stack:
            stack.enter_context(recompute_blocks(self.module, self.stage.recompute))
            stack.enter_context(self.clock.watch(self.module))
            stop = stack.enter_context(StopFlag())
            bar = stack.enter_context(Bar(f"train {self.stage.name}", self.course.steps)) if leads else None
            if bar is not None and self.step:
                bar.advance(self.step)
            self.module.train()
            for batches in self._batches(stop):
                self._one_step(batches)
                if bar is not None:
                    bar.advance(note=f"loss {self.last_loss:.4f}")
                self._after_step()
            if self._someone_wants(stop):
                self._leave()
        self.fitted.settle()

    def _batches(self, stop: StopFlag) -> Iterator[tuple[Batch, ...]]:
        feed = iter(self.course.feed(self.step)) if self.step < self.course.steps else iter(())
        while self.step < self.course.steps:
            if self._someone_wants(stop):
                self._leave()
            with self.clock.section("data"):
                batches = next(feed, None)
            assert batches is not None, f"the feed of {self.course.steps} steps ended at {self.step}"
            yield batches

    def _one_step(self, batches: Sequence[Batch]) -> None:
        """Accumulate, reduce, clip and apply the gradients of one step; nothing moves if they are not finite."""
        torch.manual_seed(derive(self.settings.seed, self.stage.name, self.step, self.world.rank))
        proof = FrozenProof(self.module) if self.step == 0 else None
        batches = [batch.to(self.world.device) for batch in batches]
        weight = self._global_weight(batches)
        self.gradients.zero()
        losses = [self._forward_backward(batch, weight) for batch in batches]
        with self.clock.section("communication"):
            self.gradients.reduce(self.world)
            sums = self._global_sums(batches, losses)
        norm = float(self.gradients.norm())
        if math.isfinite(norm) and math.isfinite(sums.total):
            with self.clock.section("optimizer"):
                self.gradients.clip(norm, self.stage.clip)
                self.updater.step(self.stage.schedule.factor(self.step, self.course.steps))
            self.window.add(sums, norm)
            self.last_loss = sums.total / max(sums.weight, 1e-12)
        else:
            self._not_finite(batches, losses)
        if proof is not None:
            proof.verify(self.module)
        self.step += 1

    def _forward_backward(self, batch: Batch, weight: float) -> Loss:
        with self._precision():
            output = self.module(batch)
            with self.clock.section("loss"):
                loss = self.stage.objective(output, batch)
        with self.clock.section("backward"):
            (loss.total / weight).backward()
        return Loss(loss.total.detach(), loss.weight.detach(), loss.token_loss, loss.positions)

    def _precision(self) -> AbstractContextManager[object]:
        return torch.autocast(self.world.device.type, dtype=torch.bfloat16, enabled=self.stage.precision == "bf16")

    def _global_weight(self, batches: Sequence[Batch]) -> float:
        """The step's true denominator; 1 if nothing in it is supervised."""
        local = torch.stack([self.stage.objective.weights(batch).sum(dtype=torch.float64) for batch in batches]).sum()
        with self.clock.section("communication"):
            return float(self.world.sum_(local)) or 1.0

    def _global_sums(self, batches: Sequence[Batch], losses: Sequence[Loss]) -> StepSums:
        """What the step adds up over micro-batches and ranks, in one reduction."""
        names, device = self.course.sources, self.world.device
        per_source = torch.zeros(2, len(names), dtype=torch.float64, device=device)
        for batch, loss in zip(batches, losses, strict=True):
            source = torch.tensor([names.index(name) for name in batch.sources], device=device)[documents(batch)[loss.positions]]
            per_source[0].index_add_(0, source, loss.token_loss.double())
            per_source[1].index_add_(0, source, torch.ones_like(loss.token_loss, dtype=torch.float64))
        scalars = torch.stack([torch.stack([loss.total.double(), loss.weight.double()]) for loss in losses]).sum(0)
        horizon = self.machine.work.horizon
        counts = torch.tensor([_counts(batch, horizon) for batch in batches], dtype=torch.float64, device=device).sum(0)
        total, weight, *rest = self.world.sum_(torch.cat([scalars, counts, per_source.flatten()])).tolist()
        seen = dict(zip(COUNTS, map(int, rest), strict=False))
        sources = zip(names, rest[len(COUNTS) :], rest[len(COUNTS) + len(names) :], strict=False)
        return StepSums(total, weight, seen, {name: (loss, int(n)) for name, loss, n in sources if n})

    def _after_step(self) -> None:
        """Whatever falls due at this step: a log line, a validation, a checkpoint."""
        last = self.step == self.course.steps
        if last or self.step % self.settings.log_every == 0:
            self._log_line()
        every = self.stage.validate_every
        if last or (every and self.step % every == 0):
            self._validate()
        if last or self.step % self.settings.checkpoint_every == 0:
            self._save()

    def _log_line(self) -> None:
        seconds, split = self.clock.split()
        if self.world.leads:
            time = self.machine.facts(self.window, seconds, split, self.world.size)
            line = self.window.line() | {"lr": self.updater.rates, "time": time}
            self.run.log.write(event="step", stage=self.stage.name, step=self.step, **line)
        self.window = Window()

    def _validate(self) -> None:
        facts = validate(self.module, self.course.heldout(), self.stage.objective, self._precision, self.world)
        if facts is not None and self.world.leads:
            self.run.log.write(event="validation", stage=self.stage.name, step=self.step, **facts)
        self.clock.split()

    def _save(self) -> None:
        if self.world.leads:
            recipe, window = fingerprint(self.checkpoints.recipe), self.window.to_dict()
            place = Place(self.stage.name, self.step, self.course.steps, self.course.plan, recipe, self.world.size, window)
            with self.fitted.plain() as plain:
                self.checkpoints.save(place, plain, self.updater, self.fitted.save)
            keep = 1 if self.step == self.course.steps else self.settings.keep_last
            self.checkpoints.prune(self.stage.name, keep)
        self.world.wait()

    def _resume(self) -> None:
        """Go to the last checkpoint of this stage, or to its beginning; drop the log lines that will be written again."""
        if self.world.leads:
            self.checkpoints.sweep()
        self.world.wait()
        found = self.checkpoints.of(self.stage.name)
        if found:
            place = self.checkpoints.place(found[-1])
            check_plan(place, self.course.plan, self.course.steps, str(found[-1].folder))
            self.fitted.restore(found[-1].folder)
            self.checkpoints.restore_optimizer(found[-1], self.updater)
            self.step, self.window = place.step, Window(**place.window)
        if self.world.leads:
            self.run.log.rewind(
                lambda line: not (line.get("event") in EVENTS and line["stage"] == self.stage.name and line["step"] > self.step)
            )
            if self.step:
                say(f"train {self.stage.name}: continuing after step {self.step} of {self.course.steps}")

    def _someone_wants(self, stop: StopFlag) -> bool:
        return bool(self.world.sum_(torch.tensor(int(stop.wanted), device=self.world.device)))

    def _leave(self) -> None:
        self._save()
        got = f"stopped after step {self.step} of {self.course.steps}, checkpoint written"
        raise Stopped(f"train {self.stage.name}", got, "", "run the same command again to continue")

    def _not_finite(self, batches: Sequence[Batch], losses: Sequence[Loss]) -> None:
        """Name the samples behind a loss or gradient that is not finite, then stop or go on without this step."""
        where = f"train {self.stage.name} step {self.step + 1}"
        if broken := broken_weights(self.module):
            raise DataError(
                where, f"weights are not finite: {', '.join(broken[:3])}", "", "lower the learning rate or raise warmup"
            )
        gathered = self.world.gather(culprits(batches, losses, self._is_finite_alone))
        blamed = list(dict.fromkeys(name for names in gathered for name in names)) or ["(no single sample)"]
        if self.stage.not_finite == "stop":
            fix = f"look at them, or let such steps pass with stages.{self.stage.name}.not_finite=skip"
            raise DataError(where, f"loss or gradient is not finite, from sample {', '.join(blamed[:5])}", "finite numbers", fix)
        self.window.skipped += 1
        self.last_loss = math.nan
        if self.world.leads:
            self.run.log.write(event="skipped", stage=self.stage.name, step=self.step + 1, samples=blamed)
            self._book(blamed)

    def _is_finite_alone(self, batch: Batch) -> bool:
        self.gradients.zero()
        self._forward_backward(batch, 1.0)
        return math.isfinite(float(self.gradients.norm()))

    def _book(self, blamed: Sequence[str]) -> None:
        """Add to this stage's ledger rows; a row that a killed run wrote already is not written twice."""
        step = f"train-{self.stage.name}"
        rows = [
            Entry(name, "", "finite", "1", "error", f"step {self.step + 1} skipped: loss or gradient not finite") for name in blamed
        ]
        whole = dict.fromkeys([*self.run.ledger.entries(step), *rows])  # read first: opening the step begins it afresh
        with self.run.ledger.step(step) as book:
            book.extend(whole)


def _counts(batch: Batch, horizon: Horizon) -> list[int]:
    """What one micro-batch holds, in the order of COUNTS. A blank tile that no slot refers to is no picture."""
    grids = batch.pictures.grids.tolist() if len(batch.slots) else []
    patches, pairs = sum(map(math.prod, grids)), horizon.pairs(batch.cu_seqlens.diff().tolist(), grids)
    return [len(batch.tokens), batch.num_supervised, len(grids), patches, len(batch.slots), *(pairs[name] for name in PAIRS)]
