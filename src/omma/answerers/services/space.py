"""Space: two encoders (CLIP, SigLIP, …), a folder of transformers or a run or checkpoint of omma → a service that embeds."""

from typing import ClassVar

from omma.answerers.service import FolderService
from omma.core.config import config


@config
class Space(FolderService):
    """Vectors are the same in any company: batches of `rows` always have the same shape. They are not kept; scores are.

    Of a run of omma, whose model is a `Dual`, the newest checkpoint is taken.
    """

    opener: ClassVar[str] = "omma.answerers.opening"
    rows: int = 32
