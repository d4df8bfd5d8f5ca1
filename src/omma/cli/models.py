"""Models: what a person typed for MODEL → an answerer over given pictures."""

from collections.abc import Sequence
from pathlib import Path

import torch

from omma.answerers.answerer import Answerer
from omma.answerers.endpoint import Endpoint
from omma.answerers.opening import open_released
from omma.answerers.saved import CONFIG, find_saved, load_talker
from omma.core.errors import CheckpointError
from omma.evaluate.judges.asked import AskedJudge
from omma.evaluate.judges.judge import Bench
from omma.evaluate.judges.recorded import RecordedJudge
from omma.media.store import Store
from omma.weights.released import CONFIG_FILE

WEB = ("http://", "https://")
RECORDED = (".jsonl", ".json", ".tsv", ".csv")


def open_model(text: str, store: Store, device: torch.device | str, trusted: Sequence[str], cache: Path) -> Answerer:
    """MODEL → answerer: a run, checkpoint or import of omma, a released folder, or an address, whose answers `cache` keeps.

    CheckpointError for anything else, ConfigError for an address that does not answer.
    """
    if text.startswith(WEB):
        return Endpoint(text, store, cache)
    folder = Path(text)
    if is_ours(folder):
        return load_talker(folder, device, trusted).looking_at(store)
    if not (folder / CONFIG_FILE).is_file():
        got = "no model" if folder.is_dir() else "no such folder"
        wanted = f"a folder with {CONFIG} (omma's) or {CONFIG_FILE} (released)"
        raise CheckpointError(text, got, wanted, "give a run, a checkpoint, a released folder, or http://HOST/v1#MODEL")
    return open_released(folder, store, device)


def open_judge(text: str, store: Store, device: torch.device | str, trusted: Sequence[str], cache: Path) -> Bench:
    """What was typed for --judge → who judges a benchmark: a model or an address, or a file (folder: one each) of verdicts."""
    path = Path(text)
    if path.suffix in RECORDED and not path.exists():
        raise CheckpointError(text, "no such file", "verdicts that a judge gave before, or a model, or an address")
    if path.is_file() or (path.is_dir() and not is_ours(path) and not (path / CONFIG_FILE).is_file()):
        return lambda name, ids: RecordedJudge(recorded_file(path, name), ids)
    judge = AskedJudge(open_model(text, store, device, trusted, cache), text if text.startswith(WEB) else path.resolve().name)
    return lambda name, ids: judge


def recorded_file(place: Path, benchmark: str) -> Path:
    """A file, or a folder with one file a benchmark → the file."""
    files = [place / f"{benchmark}{kind}" for kind in RECORDED] if place.is_dir() else [place]
    return next((file for file in files if file.is_file()), files[0])


def is_ours(folder: Path) -> bool:
    """Whether a folder is a run, a checkpoint or an import of omma."""
    return (folder / CONFIG).is_file()


def model_name(text: str, trusted: Sequence[str]) -> str:
    """MODEL → a word for it in names of folders."""
    if text.startswith(WEB):
        return "".join(letter if letter.isalnum() else "-" for letter in text.partition("://")[2]).strip("-")
    folder = Path(text)
    if not is_ours(folder):
        return folder.resolve().name or "model"
    saved = find_saved(folder, trusted).folder
    return saved.name if saved == folder else f"{folder.name}-{saved.name}"
