"""Picture: the bytes of one picture → its hash, size and pixels, each made when first asked for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import UInt8

from omma.core.files import bytes_hash
from omma.media.decode import decode, draft, measure, shrink


@dataclass
class Picture:
    """What operators look at. `uri` stands in error messages."""

    uri: str
    data: bytes

    @cached_property
    def sha256(self) -> str:
        """Hash of the stored bytes."""
        return bytes_hash(self.data)

    @cached_property
    def size(self) -> tuple[int, int]:
        """(width, height) px, upright, from the header; DataError if there is none."""
        return measure(self.data, name=self.uri)

    @cached_property
    def pixels(self) -> UInt8[np.ndarray, "h w 3"]:
        """Upright RGB; DataError if the picture cannot be decoded."""
        return decode(self.data, name=self.uri)

    @cached_property
    def small(self) -> UInt8[np.ndarray, "h w 3"]:
        """The same within 256 × 256 px: what hashes and features start from, so that large pictures cost no more than small."""
        return shrink(self.pixels, 256)

    @cached_property
    def draft(self) -> UInt8[np.ndarray, "h w 3"]:
        """Upright RGB of at least 112 px a side where a JPEG gives that cheaper than all its pixels: what hashes start from."""
        return draft(self.data, name=self.uri, side=112)
