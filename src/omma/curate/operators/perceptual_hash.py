"""perceptual_hash: a picture that looks like an earlier one → dropped. Score: Hamming distance of 64-bit DCT hashes.

Hash: the 64 lowest frequencies but the mean of a 32 × 32 grey thumbnail's cosine transform, each above the median or
not. Drawn pictures, logos and documents share much of it, so a pair of near hashes must also have near colour
thumbnails. Which of copies stays: see `lookalikes`.

JPEGs are decoded as drafts (see `Picture.draft`): above 1,000 pictures of 62 KB a second and core, `benchmarks/decode_hash.py`.
Of 424 photographs all copies of 3/4 size at quality 60, 1/4 size at quality 30 and as WebP lie within 8 bits.
"""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from jaxtyping import UInt64
from PIL import Image

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Look
from omma.curate.picture import Picture
from omma.curate.sets.hamming import near_pairs
from omma.curate.sets.lookalikes import Lookalike

SIDE, CELLS = 32, 16  # sides of the thumbnails for the hash and for the check
DCT = np.cos(np.pi * np.outer(np.arange(SIDE), 2 * np.arange(SIDE) + 1) / (2 * SIDE))  # type-II, rows are frequencies
# Frequencies (row, column) by their sum, without the mean: 64 of them.
LOWEST = sorted(((u, v) for u in range(SIDE) for v in range(SIDE) if u + v), key=lambda uv: (sum(uv), uv))[:64]
ROWS, COLUMNS = np.array(LOWEST).T


@config
class PerceptualHash(Lookalike):
    """Near duplicates: re-encoded, resized, slightly brighter or darker copies. Crops and mirrored copies are not found."""

    version: ClassVar[str] = "3"
    max_distance: int = 8
    max_difference: float = 45.0

    def check(self) -> None:
        if not 0 <= self.max_distance <= 20:
            raise ConfigError("PerceptualHash.max_distance", str(self.max_distance), "0 to 20 of 64 bits")

    def look(self, picture: Picture) -> Look:
        """Eight bytes of hash, then the colour thumbnail."""
        image = Image.fromarray(picture.draft)
        cells = np.asarray(image.resize((CELLS, CELLS), Image.Resampling.BOX))
        return np.concatenate([fingerprint(image).reshape(1).view(np.uint8), cells.reshape(-1)])

    def near(self, hashes: UInt64[np.ndarray, "n hashes"]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """All pairs of hashes within the distance."""
        for first, second in near_pairs(hashes[:, 0], self.max_distance):
            yield first, second, np.bitwise_count(hashes[first, 0] ^ hashes[second, 0])


def fingerprint(image: Image.Image) -> UInt64[np.ndarray, ""]:
    """Picture → 64 bits: which of its lowest frequencies lie above their median."""
    grey = np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), np.float64)
    lowest = (DCT @ grey @ DCT.T)[ROWS, COLUMNS]
    low, high = np.sort(lowest)[31:33]  # their middle is the median: numpy's own takes ten times as long
    return np.packbits(lowest > (low + high) / 2).view(np.uint64)[0]
