"""Opening: a folder as transformers publishes models, or a trained Dual of omma → an answerer that does what its model can."""

from pathlib import Path

import torch

from omma.answerers.answerer import Answerer, Embedder
from omma.answerers.loading import load_released, released_kind
from omma.answerers.matching import ReleasedMatcher
from omma.answerers.released import ReleasedTalker
from omma.answerers.remembering import Remembering, answers_file
from omma.answerers.service import needed
from omma.answerers.services.released import Released
from omma.answerers.services.space import Space
from omma.answerers.space import ReleasedSpace
from omma.answerers.space_trained import is_ours, load_space
from omma.core.errors import CheckpointError
from omma.media.store import Store
from omma.nn.device import pick_device

TOGETHER, WRITING = 32, 8  # rows of a batch of those that embed or match, and of those that write


def open_released(folder: Path, store: Store, device: torch.device | str, rows: int = 0) -> Answerer:
    """Folder → the model over the store's pictures, `rows` together (0: as its kind likes it). CheckpointError otherwise."""
    kind = released_kind(folder)
    loaded = load_released(folder, kind, device)
    if kind == "matcher":
        return ReleasedMatcher(loaded, store, batch_rows=rows or TOGETHER)
    if kind == "space":
        return ReleasedSpace(loaded, store, batch_rows=rows or TOGETHER)
    return ReleasedTalker(loaded, store, batch_rows=rows or WRITING)


def open_service(service: Released | Space, store: Store) -> Answerer:
    """What a recipe says → the model, which remembers if it writes. CheckpointError for a Space that embeds nothing."""
    kind = type(service).__name__
    device = pick_device(service.device, f"{kind}.device")
    folder = needed(service.folder, kind)
    if isinstance(service, Space) and is_ours(folder):
        return load_space(folder, store, device, service.rows)
    found = open_released(folder, store, device, service.rows)
    if isinstance(service, Released):
        file = answers_file(service.kept, store)
        return Remembering(found, store, file) if file and isinstance(found, ReleasedTalker) else found
    if not isinstance(found, Embedder):
        raise CheckpointError(service.folder, "a model that writes", "two encoders such as CLIP or SigLIP", "name it as Released")
    return found
