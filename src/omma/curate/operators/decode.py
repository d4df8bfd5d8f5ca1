"""decode: a picture whose pixels cannot be read → row state `error:decode`. Score: 1 for readable."""

from typing import ClassVar

from omma.core.config import config
from omma.curate.operator import PictureOperator
from omma.curate.picture import Picture


@config
class Decode(PictureOperator):
    """Missing, empty, truncated, damaged and oversized pictures, and files that are none. It decodes every pixel."""

    version: ClassVar[str] = "1"

    @property
    def threshold(self) -> float:
        """A picture is readable or not."""
        return 1.0

    def score(self, picture: Picture) -> float:
        """1, or DataError saying what is wrong."""
        return float(picture.pixels.shape[2] == 3)

    def decide(self, score: float) -> str:
        """Nothing: what cannot be read has raised."""
        return "" if score >= self.threshold else "no RGB picture"
