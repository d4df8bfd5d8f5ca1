"""Service: a model that a recipe names → an answerer, opened once in a process. Nothing here loads torch until it is asked.

Kinds lie in `services/`, one file each: plain values and the name of the module whose `open_service` opens them.
"""

import hashlib
import importlib
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import ClassVar

from omma.answerers.answerer import Answerer, Embedder, Matcher, Measurer
from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.core.files import bytes_hash, file_hash
from omma.media.store import Store

OPENED = 4  # models that a process holds, the last ones used
SAYS = (".safetensors", ".json", ".jinja", ".model", ".txt", ".yaml")  # files that have a say in what a model answers
OPTIMIZER = "optimizer.safetensors"  # has none


@config
class Service(Config):
    """A model by name. Equal configs over equal stores are one model in memory."""

    opener: ClassVar[str] = ""  # module with `open_service(service, store)`; it may load torch

    @property
    def mark(self) -> str:
        """What tells the model's answers from another's with an equal config; it belongs into keys under which scores are kept."""
        raise NotImplementedError(f"{type(self).__name__} has no mark")

    def open(self, store: Store) -> Answerer:
        """Store of the pictures → the model. ConfigError or CheckpointError if there is none."""
        return _opened(self, self.mark, _Place(type(store), store.root, store.annex, store))

    def embedder(self, store: Store) -> Embedder:
        """The same, which embeds. ConfigError for one that does not."""
        found = self.open(store)
        if isinstance(found, Embedder):
            return found
        raise self._unable("embeds nothing", "a model with an embedding space, such as Space over a CLIP folder")

    def measurer(self, store: Store) -> Measurer:
        """The same, which says how likely words are. ConfigError for one that does not."""
        found = self.open(store)
        if isinstance(found, Measurer):
            return found
        raise self._unable("does not say how likely words are", "a model of omma (Saved) or a released one that writes (Released)")

    def matcher(self, store: Store) -> Matcher:
        """The same, which says whether words belong to a picture. ConfigError for one that does not."""
        found = self.open(store)
        if isinstance(found, Matcher):
            return found
        raise self._unable("has no head for matching", "Released over a folder of BlipForImageTextRetrieval")

    def _unable(self, got: str, expected: str) -> ConfigError:
        return ConfigError("model", f"{type(self).__name__}, which {got}", expected)


@config
class FolderService(Service):
    """A model that lies in a folder; of a run of omma the newest checkpoint is taken. `rows` are asked together."""

    folder: str = ""
    device: str = "auto"
    rows: int = 1

    def check(self) -> None:
        if self.rows < 1:
            raise ConfigError(f"{type(self).__name__}.rows", str(self.rows), "at least 1")

    @property
    def mark(self) -> str:
        """Hash of the folder's files, and of the checkpoints of a run."""
        folder = Path(self.folder or "missing")
        marks = [folder_mark(place) for place in (folder, *sorted(folder.glob("checkpoints/*")))]
        return bytes_hash("\n".join(marks).encode())[:16] if len(marks) > 1 else marks[0]


@dataclass(frozen=True, slots=True)
class _Place:
    """Stores that read the same are equal, the one in hand aside."""

    kind: type
    root: Path
    annex: Path | None
    store: Store = field(compare=False)


@lru_cache(maxsize=OPENED)
def _opened(service: Service, mark: str, place: _Place) -> Answerer:
    found: Answerer = importlib.import_module(service.opener).open_service(service, place.store)
    return found


def folder_mark(folder: Path) -> str:
    """Folder → 16 hex digits over the names and bytes of the files in it that say what a model answers; "missing" without one."""
    if not folder.is_dir():
        return "missing"
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.iterdir() if path.suffix in SAYS and path.name != OPTIMIZER):
        facts = file.stat()
        digest.update(f"{file.name} {_hash(file, facts.st_size, facts.st_mtime_ns)}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _hash(file: Path, size: int, changed: int) -> str:
    """A file is read once in a process for each of its states."""
    return file_hash(file)


def needed(folder: str, kind: str) -> Path:
    """A service's folder as a path. ConfigError if none is named."""
    if not folder:
        raise ConfigError(f"{kind}.folder", "''", "the folder of a model")
    return Path(folder)
