"""Checkpoint: model, optimizer and place in the plan ↔ `checkpoints/<stage>-<step>/`, whole or not at all, nothing pickled.

Random state needs no file: every step seeds itself from (seed, stage, step, rank).
"""

import dataclasses
import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from omma.core.config import Config, difference, fingerprint, load, packages, show
from omma.core.errors import CheckpointError
from omma.core.files import atomic_path, write_text
from omma.schema.verdict import Checkpoint
from omma.train.optimizers.optimizer import Updater
from omma.weights.native import MODEL_FILE, audit, read_tensors, save_model, stored_tensors

OPTIMIZER_FILE = "optimizer.safetensors"
PARTS = (MODEL_FILE, OPTIMIZER_FILE, "state.json", "config.yaml")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands: `step` of `steps` are done. `window` are the sums of the log line that has begun."""

    stage: str
    step: int
    steps: int
    plan: str
    recipe: str
    ranks: int
    window: dict[str, Any]


class Checkpoints:
    """The checkpoints of one run. `recipe` is saved with each and compared on resuming; `save_tokenizer` fills `tokenizer/`."""

    def __init__(self, folder: Path, recipe: Config, save_tokenizer: Callable[[Path], None]) -> None:
        self.folder, self.recipe, self.save_tokenizer = folder, recipe, save_tokenizer

    def save(
        self, place: Place, module: nn.Module, updater: Updater, extra: Callable[[Path], None] = lambda folder: None
    ) -> Checkpoint:
        """Write one, with what `extra` adds; CheckpointError if the disk is full, with all earlier ones unharmed."""
        target = self.folder / f"{place.stage}-{place.step:08d}"
        with atomic_path(target) as temporary:
            temporary.mkdir(parents=True)
            save_model(temporary, module)
            _save_tensors(temporary / OPTIMIZER_FILE, updater.state())
            write_text(temporary / "config.yaml", show(self.recipe))
            self.save_tokenizer(temporary / "tokenizer")
            extra(temporary)
            write_text(temporary / "state.json", json.dumps(dataclasses.asdict(place), indent=1))
        return Checkpoint(target, place.stage, place.step)

    def of(self, stage: str) -> list[Checkpoint]:
        """Checkpoints of a stage, oldest first."""
        found = [_parse(folder) for folder in self.folder.glob(f"{stage}-*") if folder.is_dir()]
        return sorted((c for c in found if c is not None and c.stage == stage), key=lambda c: c.step)

    def prune(self, stage: str, keep: int) -> None:
        """Delete all but the last `keep` of a stage."""
        for old in self.of(stage)[: -max(1, keep)]:
            shutil.rmtree(old.folder)

    def sweep(self) -> None:
        """Delete what killed writers left half written."""
        for left in self.folder.glob(".*.tmp"):
            shutil.rmtree(left, ignore_errors=True)

    def place(self, checkpoint: Checkpoint) -> Place:
        """Where a checkpoint stands. CheckpointError if a file is missing or broken, or if it belongs to another recipe."""
        missing = [name for name in PARTS if not (checkpoint.folder / name).is_file()]
        if missing:
            raise _broken(checkpoint, f"lacks {', '.join(missing)}")
        try:
            place = Place(**json.loads((checkpoint.folder / "state.json").read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise _broken(checkpoint, f"state.json is unreadable ({error})") from None
        if place.recipe != fingerprint(self.recipe):
            raise CheckpointError(
                str(checkpoint.folder), self._changes(checkpoint), "", "give another run folder, or the recipe it began with"
            )
        return place

    def restore_optimizer(self, checkpoint: Checkpoint, updater: Updater) -> None:
        """Checkpoint → the optimizer's state, bit by bit."""
        file = checkpoint.folder / OPTIMIZER_FILE
        updater.load(read_tensors(file), where=str(file))

    def _changes(self, checkpoint: Checkpoint) -> str:
        file = checkpoint.folder / "config.yaml"
        old = load(file.read_text(encoding="utf-8"), where=str(file), trusted=packages(self.recipe))
        return "was written by another recipe:\n  " + "\n  ".join(difference(old, self.recipe)) + "\n"


def copy_weights(folder: Path, module: nn.Module) -> None:
    """Checkpoint folder → the module's weights, copied into its own tensors so that an optimizer keeps hold of them."""
    file = folder / MODEL_FILE
    own, given = stored_tensors(module), read_tensors(file)
    audit({name: tuple(t.shape) for name, t in own.items()}, {name: tuple(t.shape) for name, t in given.items()}, where=str(file))
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(given[name])


def check_plan(place: Place, plan: str, steps: int, where: str) -> None:
    """CheckpointError if a checkpoint was trained on another plan: its data order would not continue."""
    if (place.plan, place.steps) != (plan, steps):
        got = f"was trained on plan {place.plan} of {place.steps} steps; now the plan is {plan} of {steps} steps"
        raise CheckpointError(where, got, "", "restore the data and plan it began with, or give another run folder")


def _parse(folder: Path) -> Checkpoint | None:
    stage, _, step = folder.name.rpartition("-")
    return Checkpoint(folder, stage, int(step)) if step.isdigit() else None


def _broken(checkpoint: Checkpoint, got: str) -> CheckpointError:
    return CheckpointError(str(checkpoint.folder), got, "a whole checkpoint", "delete this folder to continue from the one before")


def _save_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    try:
        save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    except SafetensorError as error:
        if any(f"os error {number}" in str(error) for number in (errno.ENOSPC, errno.EDQUOT)):
            raise OSError(errno.ENOSPC, str(error)) from None  # told as a full disk by whoever replaces the target
        raise CheckpointError(str(path), f"cannot be written: {error}") from None
