"""Space: two encoders (CLIP, SigLIP, …), a folder of transformers or a run or checkpoint of omma → a service that embeds."""

from pathlib import Path
from typing import ClassVar

from omma.answerers.service import Service, folder_mark
from omma.core.config import config
from omma.core.errors import ConfigError
from omma.core.files import bytes_hash


@config
class Space(Service):
    """Vectors are the same in any company: batches of `rows` always have the same shape. They are not kept; scores are.

    Of a run of omma, whose model is a `Dual`, the newest checkpoint is taken.
    """

    opener: ClassVar[str] = "omma.answerers.opening"
    folder: str = ""
    device: str = "auto"
    rows: int = 32

    def check(self) -> None:
        if self.rows < 1:
            raise ConfigError("Space.rows", str(self.rows), "at least 1")

    @property
    def mark(self) -> str:
        """Hash of the folder's files, and of the checkpoints of a run."""
        folder = Path(self.folder or "missing")
        checkpoints = sorted(folder.glob("checkpoints/*"))
        marks = [folder_mark(place) for place in (folder, *checkpoints)]
        return bytes_hash("\n".join(marks).encode())[:16] if checkpoints else marks[0]
