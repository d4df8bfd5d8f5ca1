"""Released: a folder as transformers publishes models → a service that does what such a model does: write, embed or match."""

from typing import ClassVar

from omma.answerers.service import FolderService
from omma.core.config import config


@config
class Released(FolderService):
    """Image-text and language models write and measure; two encoders embed; models for image-text retrieval match and embed.

    `rows` and `kept` as for `Saved`; embeddings and matches are the same in any company for any `rows`.
    """

    opener: ClassVar[str] = "omma.answerers.opening"
    kept: str = ""
