"""Space: a folder with two encoders (CLIP, SigLIP, …) as transformers publishes them → a service that embeds, many at a time."""

from pathlib import Path
from typing import ClassVar

from omma.answerers.service import Service, folder_mark
from omma.core.config import config
from omma.core.errors import ConfigError


@config
class Space(Service):
    """Vectors are the same in any company: batches of `rows` always have the same shape. They are not kept; scores are."""

    opener: ClassVar[str] = "omma.answerers.opening"
    folder: str = ""
    device: str = "auto"
    rows: int = 32

    def check(self) -> None:
        if self.rows < 1:
            raise ConfigError("Space.rows", str(self.rows), "at least 1")

    @property
    def mark(self) -> str:
        """Hash of the folder's files."""
        return folder_mark(Path(self.folder or "missing"))
