"""Saved: the folder of a run, a checkpoint or an import of omma → a service that writes and says how likely words are."""

from typing import ClassVar

from omma.answerers.service import FolderService
from omma.core.config import config


@config
class Saved(FolderService):
    """Of a run the newest checkpoint is taken.

    `rows` are asked together. With 1 an answer is the same in any company, digit for digit; with more it may differ in
    the last digits, as sums of another shape do. `kept` is the folder in which answers are kept, so that nothing is asked
    twice; without one they lie in the annex of the store, where it has one.
    """

    opener: ClassVar[str] = "omma.answerers.saved"
    kept: str = ""
