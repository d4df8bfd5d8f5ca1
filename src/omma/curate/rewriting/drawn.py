"""Drawn: pixels that curation made → a picture of a sample, and its bytes under the name by which a store finds them."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from omma.core.files import bytes_hash
from omma.media.draw import to_png
from omma.media.store import made
from omma.schema.sample import Media


@dataclass(frozen=True, slots=True)
class Drawn:
    """A new picture: how a sample names it, and its bytes (PNG)."""

    media: Media
    data: bytes

    @property
    def pictures(self) -> dict[str, bytes]:
        """As `Rewritten.pictures` has it."""
        return {self.media.uri: self.data}


def drawn(image: UInt8[np.ndarray, "h w 3"]) -> Drawn:
    """Pixels → the picture. The same pixels give the same name."""
    data = to_png(image)
    height, width = image.shape[:2]
    return Drawn(Media(made(data), sha256=bytes_hash(data), width=width, height=height), data)
