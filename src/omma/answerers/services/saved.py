"""Saved: the folder of a run, a checkpoint or an import of omma → a service that writes and says how likely words are."""

from pathlib import Path
from typing import ClassVar

from omma.answerers.service import Service, folder_mark
from omma.core.config import config
from omma.core.errors import ConfigError
from omma.core.files import bytes_hash


@config
class Saved(Service):
    """Of a run the newest checkpoint is taken.

    `rows` are asked together. With 1 an answer is the same in any company, digit for digit; with more it may differ in
    the last digits, as sums of another shape do. `kept` is the folder in which answers are kept, so that nothing is asked
    twice; without one they lie in the annex of the store, where it has one.
    """

    opener: ClassVar[str] = "omma.answerers.saved"
    folder: str = ""
    device: str = "auto"
    rows: int = 1
    kept: str = ""

    def check(self) -> None:
        if self.rows < 1:
            raise ConfigError("Saved.rows", str(self.rows), "at least 1")

    @property
    def mark(self) -> str:
        """Hash of the folder's files, and of the checkpoints of a run."""
        folder = Path(self.folder or "missing")
        marks = [folder_mark(place) for place in (folder, *sorted(folder.glob("checkpoints/*")))]
        return bytes_hash("\n".join(marks).encode())[:16]
