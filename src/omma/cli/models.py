"""Models: what a person typed for MODEL → an answerer over given pictures."""

from collections.abc import Sequence
from pathlib import Path

import torch

from omma.core.errors import CheckpointError
from omma.evaluate.answerer import Answerer
from omma.evaluate.saved import CONFIG, find_saved, load_talker
from omma.media.store import Store

WEB = ("http://", "https://")


def open_model(text: str, store: Store, device: torch.device | str, trusted: Sequence[str]) -> Answerer:
    """MODEL → answerer. CheckpointError for a folder that is not omma's."""
    folder = Path(text)
    if is_ours(folder):
        return load_talker(folder, device, trusted).looking_at(store)
    got = "no model of omma" if folder.is_dir() else "no such folder"
    raise CheckpointError(text, got, f"a folder with {CONFIG}", "give a run, a checkpoint or an imported folder")


def is_ours(folder: Path) -> bool:
    """Whether a folder is a run, a checkpoint or an import of omma."""
    return (folder / CONFIG).is_file()


def model_name(text: str, trusted: Sequence[str]) -> str:
    """MODEL → a word for it in names of folders."""
    if text.startswith(WEB):
        return "".join(letter if letter.isalnum() else "-" for letter in text.partition("://")[2]).strip("-")
    folder = Path(text)
    if not is_ours(folder):
        return folder.name or "model"
    saved = find_saved(folder, trusted).folder
    return saved.name if saved == folder else f"{folder.name}-{saved.name}"
