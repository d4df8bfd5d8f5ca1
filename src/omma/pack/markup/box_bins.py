"""BoxBins: boxes as four tokens of a grid of bins, "<loc_17><loc_3><loc_40><loc_22>". Region ↔ text. (Pix2Seq, Kosmos-2)"""

import re
from typing import Literal

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.geometry import Box
from omma.pack.markup.markup import Markup, box_in, region_of
from omma.schema.sample import Order, Region
from omma.schema.view import TilePlan

FOUR = re.compile(r"(?:<loc_[0-9]+>)+")
ONE = re.compile(r"<loc_([0-9]+)>")


@config
class BoxBins(Markup):
    """Each number of a unit frame falls into one of `bins` equal bins and is read back as the middle of its bin."""

    bins: int = 1000
    frame: Literal["unit", "view_unit"] = "unit"
    order: Order = "xyxy"

    def check(self) -> None:
        if self.bins < 2:
            raise ConfigError("BoxBins.bins", str(self.bins), "at least 2")

    def tiny(self) -> "BoxBins":
        return BoxBins(bins=min(self.bins, 32), frame=self.frame, order=self.order)

    @property
    def tokens(self) -> tuple[str, ...]:
        return tuple(f"<loc_{number}>" for number in range(self.bins))

    def write(self, region: Region, plan: TilePlan) -> str:
        return "".join(f"<loc_{self._bin(value)}>" for value in box_in(region, self.frame, self.order, plan))

    def read(self, text: str, plan: TilePlan) -> tuple[Region, ...]:
        """Location tokens that stand in a row must come in fours of known bins, else nothing is read."""
        regions: list[Region] = []
        for run in FOUR.findall(text):
            numbers = [int(number) for number in ONE.findall(run)]
            if len(numbers) % 4 or max(numbers) >= self.bins:
                return ()
            for i in range(0, len(numbers), 4):
                region = self._region(numbers[i : i + 4], plan)
                if region is None:
                    return ()
                regions.append(region)
        return tuple(regions)

    def _bin(self, value: float) -> int:
        return min(max(int(value * self.bins), 0), self.bins - 1)

    def _region(self, numbers: list[int], plan: TilePlan) -> Region | None:
        x, y, z, w = ((number + 0.5) / self.bins for number in numbers)
        box: Box = (x, y, z, w)
        return region_of(box, self.frame, self.order, plan)
