"""BoxText: boxes as numbers in text, "[102, 40, 388, 512]". Region ↔ text."""

import re

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.media.geometry import Box
from omma.pack.markup.markup import Markup, box_in, region_of
from omma.schema.sample import Frame, Order, Region
from omma.schema.view import TilePlan

FULL = {"unit": 1.0, "view_unit": 1.0, "k1000": 1000.0, "view_k1000": 1000.0}
NUMBER = r"(-?[0-9]+(?:\.[0-9]+)?)"


@config
class BoxText(Markup):
    """Integers in k1000 and px frames, `decimals` places in unit frames. `template` has four `{}` for the numbers in `order`."""

    frame: Frame = "k1000"
    order: Order = "xyxy"
    template: str = "[{}, {}, {}, {}]"
    decimals: int = 3

    def check(self) -> None:
        if self.template.count("{}") != 4 or not all(self.template.split("{}")[1:4]):
            raise ConfigError("BoxText.template", repr(self.template), "four {} with text between them")
        if not 1 <= self.decimals <= 6:
            raise ConfigError("BoxText.decimals", str(self.decimals), "1 to 6")

    def write(self, region: Region, plan: TilePlan) -> str:
        numbers = [self._number(value, plan) for value in box_in(region, self.frame, self.order, plan)]
        gaps = self.template.split("{}")
        return gaps[0] + "".join(number + gap for number, gap in zip(numbers, gaps[1:], strict=True))

    def read(self, text: str, plan: TilePlan) -> tuple[Region, ...]:
        found = re.findall(NUMBER.join(map(_lenient, self.template.split("{}"))), text)
        regions = [self._region(tuple(map(float, numbers)), plan) for numbers in found]
        return () if None in regions else tuple(region for region in regions if region is not None)

    def _number(self, value: float, plan: TilePlan) -> str:
        return f"{value:.{self.decimals}f}" if self.frame.endswith("unit") else str(round(value))

    def _region(self, box: tuple[float, ...], plan: TilePlan) -> Region | None:
        full = FULL.get(self.frame)
        if full is not None and not all(0 <= value <= full for value in box):
            return None
        x, y, z, w = box
        numbers: Box = (x, y, z, w)
        return region_of(numbers, self.frame, self.order, plan)


def _lenient(gap: str) -> str:
    """Text between numbers → pattern in which the amount of white space does not matter."""
    words = [re.escape(word) for word in gap.split()]
    return r"\s*" + r"\s*".join(words) + r"\s*" if words else r"\s+" * bool(gap)
