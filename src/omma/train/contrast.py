"""Contrast: a Dual and captioned samples → trained towers: steps, log lines, recall on held-out pictures, checkpoints.

A step is one batch, all of whose other texts are a picture's negatives; `micro_batches` change the memory that it takes, not its
loss (`pair_batch.backward`). One process trains: negatives are not gathered over ranks.
"""

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from time import perf_counter

import torch

from omma.core.config import Config, config, fingerprint
from omma.core.errors import ConfigError, DataError
from omma.core.progress import Bar, say
from omma.core.runs import RunFolder
from omma.core.seeds import derive
from omma.model.dual import DualModule
from omma.objective.contrastive import Contrastive, InfoNce
from omma.pack.captions import Tiles
from omma.pack.codec import Codec
from omma.schema.sample import Media
from omma.schema.verdict import Checkpoint
from omma.train.checkpoint import Checkpoints, Place, check_plan, copy_weights
from omma.train.gradients import Gradients
from omma.train.loop import Settings, told_when_full
from omma.train.optimizers.adamw import AdamW
from omma.train.optimizers.optimizer import Optimizer
from omma.train.pair_batch import PairBatch, backward, pair_batch, vectors
from omma.train.pairs import Draws, Pictured
from omma.train.recall import recall
from omma.train.schedules.cosine import Cosine
from omma.train.schedules.schedule import Schedule
from omma.train.signals import StopFlag, Stopped

EVENTS = ("step", "validation")


@config
class ContrastStage(Config):
    """`batch` pictures a step, one caption each. `clip` bounds the global gradient norm (0: unbounded). `validate_every` is in
    steps (0: only at the end), over at most `validate_pictures` held-out pictures (0: all of them)."""

    name: str = "contrast"
    objective: Contrastive = InfoNce()
    optimizer: Optimizer = AdamW()
    schedule: Schedule = Cosine()
    steps: int
    batch: int
    micro_batches: int = 1
    clip: float = 1.0
    validate_every: int = 0
    validate_pictures: int = 1000

    def check(self) -> None:
        if self.steps < 1:
            raise ConfigError("stage.steps", str(self.steps), "at least 1")
        if self.batch < 2:
            raise ConfigError("stage.batch", str(self.batch), "at least 2: one picture has no negatives")
        if self.micro_batches < 1 or self.batch % self.micro_batches:
            raise ConfigError("stage.micro_batches", str(self.micro_batches), f"a divisor of stage.batch = {self.batch}")
        for name in ("clip", "validate_every", "validate_pictures"):
            if getattr(self, name) < 0:
                raise ConfigError(f"stage.{name}", str(getattr(self, name)), "at least 0")

    def tiny(self) -> "ContrastStage":
        """Four steps of at most eight pictures."""
        batch = min(self.batch, 8)
        small = replace(self, steps=min(self.steps, 4), batch=batch, micro_batches=math.gcd(self.micro_batches, batch))
        return replace(small, validate_pictures=min(self.validate_pictures or 16, 16))


@dataclass(frozen=True, slots=True)
class PairMaterials:
    """What a contrast reads: pictures with captions, held-out ones, how words become tokens and where pictures lie."""

    pairs: Sequence[Pictured]
    heldout: Sequence[Pictured]
    codec: Codec
    tiles: Tiles


def train_contrast(
    stage: ContrastStage,
    module: DualModule,
    materials: PairMaterials,
    run: RunFolder,
    *,
    recipe: Config,
    device: torch.device,
    settings: Settings,
) -> Checkpoint:
    """Train in place, from the last checkpoint if there is one → the final checkpoint; a finished stage is read again.

    Raises Stopped after a signal (checkpoint written), DataError for a loss that is not finite, for a picture that cannot be read
    or for fewer pictures than a batch, CheckpointError for a checkpoint of another recipe or data.
    """
    module.to(device)
    checkpoints = Checkpoints(run / "checkpoints", recipe, materials.codec.save)
    with told_when_full(run.log.path):
        ContrastRun(stage, module, materials, run, checkpoints, device, settings).train()
    module.eval()
    final = checkpoints.of(stage.name)[-1]
    run.finish(f"train-{stage.name}", steps=stage.steps, pictures=len(materials.pairs), checkpoint=final.folder.name)
    return final


class ContrastRun:
    """A contrast in progress: its optimizer, its gradients and its place."""

    def __init__(
        self,
        stage: ContrastStage,
        module: DualModule,
        materials: PairMaterials,
        run: RunFolder,
        checkpoints: Checkpoints,
        device: torch.device,
        settings: Settings,
    ) -> None:
        self.stage, self.module, self.materials, self.run = stage, module, materials, run
        self.checkpoints, self.device, self.settings = checkpoints, device, settings
        self.draws = Draws(materials.pairs, stage.batch, derive(settings.seed, "plan", stage.name))
        self.gradients = Gradients(module.parameters())
        self.updater = stage.optimizer.build(dict(module.named_parameters()))
        self.losses: list[float] = []  # since the last log line, with the gradient norms
        self.norms: list[float] = []
        self.step, self.since = 0, perf_counter()

    def train(self) -> None:
        """Resume or begin, run the steps that are left."""
        self._resume()
        with ExitStack() as stack:
            stop = stack.enter_context(StopFlag())
            bar = stack.enter_context(Bar(f"train {self.stage.name}", self.stage.steps))
            bar.advance(self.step)
            self.module.train()
            self.since = perf_counter()
            while self.step < self.stage.steps:
                if stop.wanted:
                    self._leave()
                self._one_step()
                bar.advance(note=f"loss {self.losses[-1]:.4f}" if self.losses else "")
                self._after_step()

    def _one_step(self) -> None:
        torch.manual_seed(derive(self.settings.seed, self.stage.name, self.step))
        self.gradients.zero()
        loss = backward(self.module, self.stage.objective, self._parts())
        norm = float(self.gradients.norm())
        if not (math.isfinite(norm) and math.isfinite(loss)):
            where = f"train {self.stage.name} step {self.step + 1}"
            raise DataError(where, "loss or gradient is not finite", "finite numbers", "lower the learning rate or raise warmup")
        self.gradients.clip(norm, self.stage.clip)
        self.updater.step(self.stage.schedule.factor(self.step, self.stage.steps))
        self.module.similarity.bound()
        self.losses.append(loss)
        self.norms.append(norm)
        self.step += 1

    def _parts(self) -> list[PairBatch]:
        """This step's micro-batches."""
        draw, size = self.draws.of(self.step), self.stage.batch // self.stage.micro_batches
        pairs = [self.materials.pairs[place] for place in draw.pictures]
        texts = [one.captions[number] for one, number in zip(pairs, draw.captions, strict=True)]
        media = [one.media for one in pairs]
        return [self._batch(media[i : i + size], texts[i : i + size]) for i in range(0, len(pairs), size)]

    def _batch(self, media: Sequence[Media], texts: Sequence[str]) -> PairBatch:
        return pair_batch(media, texts, self.module.cfg, self.materials.codec, self.materials.tiles).to(self.device)

    def _after_step(self) -> None:
        """Whatever falls due at this step: a log line, a validation, a checkpoint."""
        last = self.step == self.stage.steps
        if last or self.step % self.settings.log_every == 0:
            self._log_line()
        every = self.stage.validate_every
        if self.materials.heldout and (last or (every and self.step % every == 0)):
            self._validate()
        if last or self.step % self.settings.checkpoint_every == 0:
            self._save()

    def _log_line(self) -> None:
        now, steps = perf_counter(), len(self.losses)
        facts = {
            "loss": sum(self.losses) / steps,
            "grad_norm_max": max(self.norms),
            "scale": self.module.similarity.log_scale.exp().item(),
            "pictures": steps * self.stage.batch,
            "lr": self.updater.rates,
            "time": {"step_s": (now - self.since) / steps},
        }
        self.run.log.write(event="step", stage=self.stage.name, step=self.step, **facts)
        self.losses, self.norms, self.since = [], [], now

    def _validate(self) -> None:
        """Recall among held-out pictures, the first caption of each read."""
        seen = self.materials.heldout[: self.stage.validate_pictures or None]
        texts = [one.captions[0] for one in seen]
        size = self.stage.batch // self.stage.micro_batches
        self.module.eval()
        with torch.inference_mode():
            parts = [self._batch([one.media for one in seen[i : i + size]], texts[i : i + size]) for i in range(0, len(seen), size)]
            pictures, words = vectors(self.module, parts)
        self.module.train()
        facts = recall((pictures @ words.T).float().cpu().numpy(), texts)
        self.run.log.write(event="validation", stage=self.stage.name, step=self.step, **facts)

    def _save(self) -> None:
        window = {"losses": self.losses, "norms": self.norms}
        recipe = fingerprint(self.checkpoints.recipe)
        place = Place(self.stage.name, self.step, self.stage.steps, self.draws.hash, recipe, 1, window)
        self.checkpoints.save(place, self.module, self.updater)
        self.checkpoints.prune(self.stage.name, 1 if self.step == self.stage.steps else self.settings.keep_last)

    def _resume(self) -> None:
        """Go to the last checkpoint, or to the beginning; drop the log lines that will be written again."""
        self.checkpoints.sweep()
        found = self.checkpoints.of(self.stage.name)
        if found:
            place = self.checkpoints.place(found[-1])
            check_plan(place, self.draws.hash, self.stage.steps, str(found[-1].folder))
            copy_weights(found[-1].folder, self.module)
            self.checkpoints.restore_optimizer(found[-1], self.updater)
            self.step, self.losses, self.norms = place.step, place.window["losses"], place.window["norms"]
        self.run.log.rewind(lambda line: not (line.get("event") in EVENTS and line["step"] > self.step))
        if self.step:
            say(f"train {self.stage.name}: continuing after step {self.step} of {self.stage.steps}")

    def _leave(self) -> None:
        self._save()
        got = f"stopped after step {self.step} of {self.stage.steps}, checkpoint written"
        raise Stopped(f"train {self.stage.name}", got, "", "run the same command again to continue")
