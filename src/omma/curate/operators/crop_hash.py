"""crop_hash: a picture that is an earlier one with its border cut off → dropped. Score: least Hamming distance over windows.

Each picture gives 25 hashes: of the whole, and of windows that leave out 2.5 to 10% on all sides, or 5 or 10% on one side, two
neighbours or two opposite ones. A copy's whole is near one of its original's windows. A pair must also have near colours, as in
`perceptual_hash`, whose hash this is.

Measured on 847 photographs (239 of 640 px, 608 of 224 px) at the defaults: of crops of 5% on all sides, on one, on two opposite
ones all are found, on two neighbours 99.8%; no false pair among 358,281. The hashes of 0 to 8% cut at random from each side
are near in 94%; the plain hash at 8 bits finds 33% of the crops on all sides. Tests repeat a part of it.
"""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from jaxtyping import UInt64
from PIL import Image

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Look
from omma.curate.operators.perceptual_hash import COLUMNS, DCT, ROWS, SIDE
from omma.curate.picture import Picture
from omma.curate.sets.hamming import crossing_pairs
from omma.curate.sets.lookalikes import Lookalike

ONE_OR_TWO = ("l", "t", "r", "b", "lt", "tr", "rb", "lb", "lr", "tb")  # sides that lose something: left, top, right, bottom
# What each window leaves out, as shares of the sides: left, top, right, bottom. The first is the whole.
WINDOWS = np.array(
    [
        *([cut] * 4 for cut in (0.0, 0.025, 0.05, 0.075, 0.1)),
        *([cut * (side in sides) for side in "ltrb"] for cut in (0.05, 0.1) for sides in ONE_OR_TWO),
    ]
)
CELLS = 6  # side of the colour thumbnail


@config
class CropHash(Lookalike):
    """Copies with up to a tenth of their sides cut off; re-encoded and resized ones, too. Mirrored ones are not found."""

    version: ClassVar[str] = "2"
    num_hashes: ClassVar[int] = len(WINDOWS)
    likeness: ClassVar[str] = "looks like a part of {}, or it like one of this"
    max_distance: int = 6
    max_difference: float = 80.0

    def check(self) -> None:
        if not 0 <= self.max_distance <= 16:
            raise ConfigError("CropHash.max_distance", str(self.max_distance), "0 to 16 of 64 bits")

    def look(self, picture: Picture) -> Look:
        """Eight bytes of hash for each window, then the colour thumbnail."""
        image = Image.fromarray(picture.draft)
        cells = np.asarray(image.resize((CELLS, CELLS), Image.Resampling.BOX))
        return np.concatenate([window_hashes(image).view(np.uint8), cells.reshape(-1)])

    def near(self, hashes: UInt64[np.ndarray, "n hashes"]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """All pairs of a whole and a window of another picture within the distance."""
        windows = np.ascontiguousarray(hashes).reshape(-1)
        for whole, window in crossing_pairs(hashes[:, 0], windows, self.max_distance):
            owner, bits = window // self.num_hashes, np.bitwise_count(hashes[whole, 0] ^ windows[window])
            other = owner != whole
            yield whole[other], owner[other], bits[other]


def window_hashes(image: Image.Image) -> UInt64[np.ndarray, "windows"]:
    """Picture → 64 bits for each window: which of its lowest frequencies lie above their median, as `fingerprint`."""
    grey = image.convert("L")
    boxes = (WINDOWS * [1, 1, -1, -1] + [0, 0, 1, 1]) * [*grey.size, *grey.size]
    parts = [grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=tuple(box)) for box in boxes]
    lowest = (DCT @ np.stack([np.asarray(part, np.float64) for part in parts]) @ DCT.T)[:, ROWS, COLUMNS]
    bits = np.packbits(lowest > np.median(lowest, axis=1, keepdims=True), axis=1)
    return np.ascontiguousarray(bits).view(np.uint64).reshape(-1)
