"""file_size: a picture whose file is too small or too large → dropped. Score: bytes."""

from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, PictureOperator
from omma.curate.picture import Picture


@config
class FileSize(PictureOperator):
    """Trackers and spacers below, scans beyond use above. Bytes as stored, whatever they decode to."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = "<"
    min_bytes: int = 100
    max_bytes: int = 50_000_000

    def check(self) -> None:
        if not 0 <= self.min_bytes <= self.max_bytes:
            raise ConfigError("FileSize.min_bytes", f"{self.min_bytes}, max_bytes {self.max_bytes}", "0 ≤ min_bytes ≤ max_bytes")

    @property
    def threshold(self) -> float:
        """Fewest bytes that stay; the ledger's reason names the other bound."""
        return float(self.min_bytes)

    def score(self, picture: Picture) -> float:
        """Bytes of the file."""
        return float(len(picture.data))

    def decide(self, score: float) -> str:
        """Outside of `min_bytes` to `max_bytes`."""
        if score < self.min_bytes:
            return f"{score:,.0f} bytes, fewer than {self.min_bytes:,}"
        return "" if score <= self.max_bytes else f"{score:,.0f} bytes, more than {self.max_bytes:,}"
