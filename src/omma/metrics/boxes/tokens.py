"""Box tokens: location tokens of Kosmos-2, PaliGemma and Florence-2 → boxes in px of the picture. One class a model."""

import re
from typing import ClassVar

from omma.core.config import config
from omma.metrics.boxes.written import BoxFormat, Corners, Picture


@config
class Kosmos2(BoxFormat):
    """`<patch_index_0044><patch_index_0863>`: cells of a 32 × 32 grid, upper left and lower right.

    Corners are the middles of the cells; in one row, column or cell, the outer edges (transformers
    `models/kosmos2/processing_kosmos2.py`, `patch_index_to_coordinate`).
    """

    side: ClassVar[int] = 32
    pattern: ClassVar[re.Pattern[str]] = re.compile(r"<patch_index_(\d{1,6})>\s{0,9}<patch_index_(\d{1,6})>")

    def place(self, numbers: tuple[float, ...], picture: Picture) -> Corners:
        (y0, x0), (y1, x1) = (divmod(number, self.side) for number in numbers)
        if max(numbers) >= self.side**2:
            return (float("nan"),) * 4
        first, last = (0.0, 1.0) if x0 == x1 or y0 == y1 else (0.5, 0.5)
        across, down = picture.width / self.side, picture.height / self.side
        return (x0 + first) * across, (y0 + first) * down, (x1 + last) * across, (y1 + last) * down


@config
class PaliGemma(BoxFormat):
    """`<loc0246><loc0229><loc0872><loc0904>`: y1, x1, y2, x2 of 1024 (google-research/big_vision)."""

    pattern: ClassVar[re.Pattern[str]] = re.compile(r"<loc(\d{4})>" * 4)

    def place(self, numbers: tuple[float, ...], picture: Picture) -> Corners:
        y0, x0, y1, x1 = (number / 1024 for number in numbers)
        return x0 * picture.width, y0 * picture.height, x1 * picture.width, y1 * picture.height


@config
class Florence2(BoxFormat):
    """`<loc_52><loc_333><loc_932><loc_774>`: x1, y1, x2, y2 as middles of 1000 bins (transformers
    `models/florence2/processing_florence2.py`, `dequantize`, which then drops fractions of a pixel; here they stay).
    """

    pattern: ClassVar[re.Pattern[str]] = re.compile(r"<loc_(\d{1,6})>" * 4)

    def place(self, numbers: tuple[float, ...], picture: Picture) -> Corners:
        x0, y0, x1, y1 = ((number + 0.5) / 1000 for number in numbers)
        return x0 * picture.width, y0 * picture.height, x1 * picture.width, y1 * picture.height
