"""Saved: a run folder or a checkpoint folder → a talker with the model, words and pictures that lie there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from omma.answerers.answerer import Answerer
from omma.answerers.remembering import Remembering, answers_file
from omma.answerers.service import needed
from omma.answerers.services.saved import Saved as SavedService
from omma.core.config import HOUSE, Config, field_types, load
from omma.core.errors import CheckpointError
from omma.core.runs import ANNEX
from omma.generate.talker import Talker
from omma.media.store import Store
from omma.model.vlm import Vlm
from omma.nn.device import pick_device
from omma.pack.chat import Chat
from omma.weights.imported import Imported
from omma.weights.native import MODEL_FILE, has_weights, load_model

CONFIG = "config.yaml"


@dataclass(frozen=True, slots=True)
class Saved:
    """Where one trained model lies: `folder` holds its weights and tokenizer, `root` the pictures of its recipe."""

    folder: Path
    model: Vlm
    root: Path

    @property
    def store(self) -> Store:
        """The pictures of its recipe, those among them that curation fetched or made."""
        return Store(self.root, self.folder.parent.parent / ANNEX)


def load_talker(folder: Path, device: torch.device | str = "cpu", trusted: Sequence[str] = HOUSE) -> Talker:
    """Run folder (its newest checkpoint is taken) or checkpoint folder → talker over the pictures of its recipe.

    Raises CheckpointError if there is no trained model, ConfigError if its recipe names parts that are not `trusted`.
    """
    saved = find_saved(folder, trusted)
    text = saved.model.text
    if not isinstance(text, Chat):
        raise CheckpointError(str(saved.folder), f"a model whose text is a {type(text).__name__}", "a Chat")
    module = load_model(saved.folder, saved.model, device)
    return Talker(module, text.load(saved.folder / "tokenizer"), saved.model, saved.store, device)


def open_service(service: SavedService, store: Store) -> Answerer:
    """What a recipe says → the model over the store's pictures, which remembers. Errors as `load_talker`."""
    talker = load_talker(needed(service.folder, "Saved"), pick_device(service.device, "Saved.device"))
    asked = Talker(talker.module, talker.codec, talker.eye, store, talker.device, batch_rows=service.rows)
    file = answers_file(service.kept, store)
    return Remembering(asked, store, file) if file else asked


def find_saved(folder: Path, trusted: Sequence[str] = HOUSE) -> Saved:
    """Run folder or checkpoint folder → what was saved there; errors as `load_talker`."""
    checkpoint = folder if has_weights(folder) else _newest(folder, trusted)
    recipe = _recipe(checkpoint, trusted)
    model = _field(recipe, "model", checkpoint)
    if not isinstance(model, Vlm):
        raise CheckpointError(str(checkpoint), f"a recipe whose model is a {type(model).__name__}", "a Vlm")
    if isinstance(recipe, Imported):
        return Saved(checkpoint, model, checkpoint)
    data_root = _field(_field(recipe, "data", checkpoint), "root", checkpoint)
    return Saved(checkpoint, model, Path(data_root) if data_root else checkpoint.parent.parent / "raw")


def _newest(run: Path, trusted: Sequence[str]) -> Path:
    """Run folder → the checkpoint with the most steps of the latest stage that has one, by the recipe's order of stages."""
    places = [path for path in run.glob(f"checkpoints/*/{MODEL_FILE}") if path.parent.name.rpartition("-")[2].isdigit()]
    if not places:
        fix = "`omma train` writes one; give its run folder or one of its checkpoints"
        raise CheckpointError(
            str(run), "no trained model" if run.is_dir() else "no such folder", "a run folder with a checkpoint", fix
        )
    recipe = _recipe(run, trusted)
    stages = [_field(stage, "name", run) for stage in _field(recipe, "stages", run)]
    ranked = [
        (stages.index(name), int(step), path.parent) for path in places for name, step in [_named(path.parent)] if name in stages
    ]
    if not ranked:
        got = f"checkpoints of {', '.join(sorted({_named(path.parent)[0] for path in places}))}"
        raise CheckpointError(str(run), got, f"one of the recipe's stages: {', '.join(stages)}")
    return max(ranked)[2]


def _named(checkpoint: Path) -> tuple[str, str]:
    stage, _, step = checkpoint.name.rpartition("-")
    return stage, step


def _recipe(folder: Path, trusted: Sequence[str]) -> Config:
    file = folder / CONFIG
    if not file.is_file():
        raise CheckpointError(str(file), "no such file", "the recipe that the model was trained with")
    return load(file.read_text(encoding="utf-8"), where=str(file), trusted=trusted)


def _field(tree: object, name: str, where: Path) -> Any:
    """A field of a recipe tree whose class belongs to a floor above this one."""
    if not isinstance(tree, Config) or name not in field_types(type(tree)):
        raise CheckpointError(f"{where}/{CONFIG}", f"{type(tree).__name__} without {name!r}", "a recipe that `omma run` wrote")
    return getattr(tree, name)
