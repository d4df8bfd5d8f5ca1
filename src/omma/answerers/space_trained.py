"""Trained space: a run, or a checkpoint, of a Dual of omma → an answerer that embeds pictures and words as unit vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from omma.answerers.service import folder_mark
from omma.answerers.shapes import batches, filled
from omma.answerers.space import TwoTowers
from omma.answerers.words import question_words
from omma.core.config import HOUSE, Config, field_types, load
from omma.core.errors import CheckpointError
from omma.media.decode import measure
from omma.media.store import Store
from omma.model.dual import Dual, DualModule
from omma.pack.captions import Tiles, caption_ids, packed
from omma.pack.chat import Chat
from omma.pack.codec import Codec
from omma.schema.sample import Sample
from omma.weights.native import MODEL_FILE, fill, has_weights, read_tensors

CONFIG, MODEL = "config.yaml", "model"  # the recipe beside weights; its field, whose class belongs to a floor above this one


@dataclass(frozen=True, slots=True)
class SavedDual:
    """Where a trained one lies: weights and tokenizer in `folder`."""

    folder: Path
    model: Dual


class TrainedSpace(TwoTowers):
    """A batch is one packed stream, of texts of equal length or of tiles, and always of the same shape for its kind."""

    def __init__(self, module: DualModule, codec: Codec, folder: Path, store: Store, *, batch_rows: int = 32) -> None:
        super().__init__(store, batch_rows)
        self.module, self.codec, self.folder = module.eval(), codec, folder
        self.device = module.word_head.weight.device

    def fingerprint(self) -> str:
        """The checkpoint's files → 16 hex digits."""
        return folder_mark(self.folder)

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        return list(map(len, caption_ids(self.codec, texts, self.module.cfg.longest)))

    @torch.inference_mode()
    def _seen(self, batch: Sequence[Sample], store: Store) -> Tensor:
        tiles, cfg = Tiles(store, self.module.cfg), self.module.cfg
        shown = [(media, cfg.plan(*measure(store.read(media.uri), name=media.uri))) for (media,) in (s.media for s in batch)]
        grids = [plan.grids(cfg.patch) for _, plan in shown]
        found = torch.empty(len(batch), cfg.dim, device=self.device)
        for places in batches([grids.index(grid) for grid in grids], self.batch_rows):
            pictures = tiles.packed(filled([shown[place] for place in places], self.batch_rows)).to(self.device)
            found[places] = self.module.see(pictures)[: len(places)].float()
        return found

    @torch.inference_mode()
    def _read(self, batch: Sequence[Sample], length: int) -> Tensor:
        texts = packed(caption_ids(self.codec, [question_words(sample) for sample in batch], self.module.cfg.longest))
        return self.module.read(texts.tokens.to(self.device), texts.cu_seqlens.to(self.device))


def is_ours(folder: Path) -> bool:
    """Whether a folder is a run or a checkpoint of omma."""
    return (folder / CONFIG).is_file()


def load_space(folder: Path, store: Store, device: torch.device | str = "cpu", rows: int = 32) -> TrainedSpace:
    """Run folder (its newest checkpoint is taken) or checkpoint folder → the space over the store's pictures, `rows` together.

    CheckpointError if no Dual was trained there, or its weights are not those of its recipe.
    """
    saved = find_dual(folder)
    text = saved.model.text
    if not isinstance(text, Chat):
        raise CheckpointError(str(saved.folder), f"a model whose text is a {type(text).__name__}", "a Chat")
    with torch.device(device):
        module = saved.model.build()
    fill(module, read_tensors(saved.folder / MODEL_FILE, device), where=str(saved.folder / MODEL_FILE))
    return TrainedSpace(module, text.load(saved.folder / "tokenizer"), saved.folder, store, batch_rows=rows)


def find_dual(folder: Path, trusted: Sequence[str] = HOUSE) -> SavedDual:
    """Run folder or checkpoint folder → what was saved there; errors as `load_space`."""
    checkpoint = folder if has_weights(folder) else _newest(folder)
    file = checkpoint / CONFIG
    if not file.is_file():
        raise CheckpointError(str(file), "no such file", "the recipe that the model was trained with")
    recipe = load(file.read_text(encoding="utf-8"), where=str(file), trusted=trusted)
    has_model = isinstance(recipe, Config) and MODEL in field_types(type(recipe))
    model = getattr(recipe, MODEL) if has_model else recipe
    if not isinstance(model, Dual):
        fix = "name a model that writes as Saved"
        raise CheckpointError(str(file), f"a recipe whose model is a {type(model).__name__}", "a Dual, two towers", fix)
    return SavedDual(checkpoint, model)


def _newest(run: Path) -> Path:
    places = [path.parent for path in run.glob(f"checkpoints/*/{MODEL_FILE}") if path.parent.name.rpartition("-")[2].isdigit()]
    if not places:
        fix = "`omma train` writes one; give its run folder or one of its checkpoints"
        raise CheckpointError(str(run), "no trained model", "a run folder with a checkpoint", fix)
    return max(places, key=lambda place: int(place.name.rpartition("-")[2]))
