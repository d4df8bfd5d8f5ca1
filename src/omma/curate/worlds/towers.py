"""Towers: blocks piled one on one → what stands where (descriptive), and whether and to which side it falls (predictive).

Blocks are of one density. A pile stands where, at every joint, the centre of mass of all above lies over the touching width
of the block below; the lowest joint at which it does not is where it breaks. Falling towers with descriptive and predictive
questions and scene text: Synthetic Vision (its notes); the rule is statics.
"""

from dataclasses import dataclass
from random import Random

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.scenery.album import Album, Asked, Page, Thing
from omma.curate.scenery.pen import Pen
from omma.curate.scenery.shapes import COLOURS

FATES = ("stands", "left", "stands", "right")  # in turn: half of all towers stand
MARGIN = 0.12  # of a block's width, by which the centre of mass is clear of every edge


@dataclass(frozen=True, slots=True)
class Block:
    """Colour, middle, width and height, px; blocks come from the ground up."""

    colour: str
    x: float
    width: float
    height: float


@config
class Towers(Album):
    """Towers of three to five blocks, `size` px a side. Tasks: blocks, top, bottom, above, widest, stable, side, breaks."""

    folder: str = "towers"
    size: int = 320

    def check(self) -> None:
        Album.check(self)
        if not 160 <= self.size <= 1024:
            raise ConfigError("Towers.size", str(self.size), "160 to 1024 px: overhangs of smaller towers cannot be seen")

    def page(self, random: Random, number: int) -> Page:
        """A tower with the fate whose turn it is."""
        wanted = FATES[number % len(FATES)]
        while True:
            blocks = _pile(random, self.size, 3 + number // len(FATES) % 3)
            fate, joint = falls(blocks)
            if fate == wanted:
                break
        floor = self.size - 28.0
        pen = Pen(self.size, self.size, (236, 243, 250))
        pen.box((0, floor, self.size, self.size), (150, 135, 115))
        things, y = [], floor
        for block in blocks:
            box = (block.x - block.width / 2, y - block.height, block.x + block.width / 2, y)
            pen.box(box, COLOURS[block.colour], (20, 20, 20), 1.5)
            things.append(Thing(f"{block.colour} block", box))
            y -= block.height
        told = " on ".join(f"a {block.colour} block" for block in reversed(blocks))
        return Page(pen.picture(), _ask(blocks, fate, joint, random), tuple(things), f"A tower: {told} on the ground.")


def falls(blocks: list[Block]) -> tuple[str, int]:
    """Blocks from the ground up → (`stands`, `left` or `right`; number of the block on which it breaks, -1 if none).

    `unclear` where a centre of mass lies within the margin of an edge, or where another joint would break as well.
    """
    broken = []
    for i in range(len(blocks) - 1):
        below, upper = blocks[i], blocks[i + 1 :]
        mass = sum(block.width * block.height for block in upper)
        centre = sum(block.x * block.width * block.height for block in upper) / mass
        left = max(below.x - below.width / 2, upper[0].x - upper[0].width / 2)
        right = min(below.x + below.width / 2, upper[0].x + upper[0].width / 2)
        if min(abs(centre - left), abs(centre - right)) < MARGIN * below.width:
            return "unclear", -1
        if not left < centre < right:
            broken.append((("left", "right")[centre > right], i))
    if len(broken) > 1:
        return "unclear", -1
    return broken[0] if broken else ("stands", -1)


def _pile(random: Random, size: int, count: int) -> list[Block]:
    """Blocks of random widths, each touching the one below over a quarter of the narrower one at least."""
    colours = random.sample(list(COLOURS), count)
    blocks: list[Block] = []
    for colour in colours:
        width, height = size * random.uniform(0.2, 0.34), size * random.uniform(0.11, 0.15)
        x = size / 2.0
        if blocks:
            below = blocks[-1]
            reach = (below.width + width) / 2 - 0.25 * min(width, below.width)
            x = below.x + random.uniform(-reach, reach)
        x = min(max(x, width / 2 + 4), size - width / 2 - 4)
        blocks.append(Block(colour, x, width, height))
    return blocks


def _ask(blocks: list[Block], fate: str, joint: int, random: Random) -> tuple[Asked, ...]:
    names = [block.colour for block in blocks]
    i = random.randrange(len(blocks) - 1)
    wide = sorted(blocks, key=lambda block: block.width)
    stable = "yes" if fate == "stands" else "no"
    asked = [
        Asked("blocks", "How many blocks is the tower made of?", str(len(blocks)), str(len(blocks))),
        Asked("top", "What colour is the block at the top?", names[-1]),
        Asked("bottom", "What colour is the block at the bottom?", names[0]),
        Asked("above", f"What colour is the block directly on the {names[i]} one?", names[i + 1]),
        Asked("stable", "Will the tower stand as it is?", stable, stable),
    ]
    if wide[-1].width > 1.1 * wide[-2].width:
        asked.append(Asked("widest", "What colour is the widest block?", wide[-1].colour))
    if joint >= 0:
        asked.append(Asked("side", "The tower falls. To which side?", fate, fate, choices=("left", "right")))
        asked.append(Asked("breaks", "The tower falls. What colour is the block that the falling part stood on?", names[joint]))
    return tuple(asked)
