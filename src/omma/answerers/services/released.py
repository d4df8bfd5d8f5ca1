"""Released: a folder as transformers publishes models → a service that does what such a model does: write, embed or match."""

from pathlib import Path
from typing import ClassVar

from omma.answerers.service import Service, folder_mark
from omma.core.config import config
from omma.core.errors import ConfigError


@config
class Released(Service):
    """Image-text and language models write and measure; two encoders embed; models for image-text retrieval match and embed.

    `rows` and `kept` as for `Saved`; embeddings and matches are the same in any company for any `rows`.
    """

    opener: ClassVar[str] = "omma.answerers.opening"
    folder: str = ""
    device: str = "auto"
    rows: int = 1
    kept: str = ""

    def check(self) -> None:
        if self.rows < 1:
            raise ConfigError("Released.rows", str(self.rows), "at least 1")

    @property
    def mark(self) -> str:
        """Hash of the folder's files."""
        return folder_mark(Path(self.folder or "missing"))
