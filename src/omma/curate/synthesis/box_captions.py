"""Box captions: boxes with labels → up to five sentences: what is in the middle, what is around it, and three that count.

RemoteCLIP's box-to-caption rules (Liu et al. 2023, arXiv 2306.11029, "B2C"; the code was never released: ChenDelong1999/
RemoteCLIP, issue 17): the first caption tells of objects in the centre of the picture, the second of those outside of it, by
the middle of their boxes; three more count objects of kinds drawn at random, and more than ten are "many" or "a lot of". How
large the centre is, the sentences and the plurals are ours.
"""

from collections import Counter
from collections.abc import Sequence
from random import Random

from omma.core.errors import DataError

VERSION = "1"
COUNTED = 10  # more than that are many
COUNTING = 3  # captions that count
NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
MANY = ("many", "a lot of", "lots of")
CENTRAL = (
    "In the middle of the picture {are} {things}.",
    "The picture shows {things} in its centre.",
    "There {are} {things} at the centre of the picture.",
)
OUTER = (
    "Away from the middle of the picture {are} {things}.",
    "The picture shows {things} outside of its centre.",
    "There {are} {things} around the centre of the picture.",
)
COUNTS = ("There {are} {things} in the picture.", "The picture shows {things}.", "{Things} can be seen in the picture.")
UNEVEN = {
    "person": "people",
    "man": "men",
    "woman": "women",
    "child": "children",
    "foot": "feet",
    "tooth": "teeth",
    "goose": "geese",
    "mouse": "mice",
    "knife": "knives",
    "leaf": "leaves",
    "shelf": "shelves",
    "sheep": "sheep",
    "fish": "fish",
    "deer": "deer",
    "aircraft": "aircraft",
    "helicopter": "helicopters",
    "broccoli": "broccoli",
}
PLURAL_ALREADY = frozenset(("scissors", "skis", "glasses", "jeans", "trousers", "people", "men", "women", "children", "stairs"))
Box = tuple[float, float, float, float]


def box_captions(boxes: Sequence[tuple[str, Box]], width: int, height: int, random: Random, middle: float = 0.5) -> tuple[str, ...]:
    """(label, xyxy px) of each object in a picture of `width` × `height` px → one to five different captions.

    The centre has `middle` times the picture's sides. DataError for a share that is none.
    """
    if not 0 < middle < 1:
        raise DataError("box_captions", f"a centre of {middle} of the sides", "more than 0 and less than 1")
    inside = [label for label, box in boxes if _central(box, width, height, middle)]
    outside = [label for label, box in boxes if not _central(box, width, height, middle)]
    told = [_told(labels, templates, random) for labels, templates in ((inside, CENTRAL), (outside, OUTER)) if labels]
    counts = Counter(label for label, _ in boxes)
    kinds = sorted(counts)
    for _ in range(COUNTING if kinds else 0):
        drawn = random.sample(kinds, random.randint(1, len(kinds)))
        told.append(_told([label for label in drawn for _ in range(counts[label])], COUNTS, random))
    return tuple(dict.fromkeys(told))


def plural(label: str) -> str:
    """Name of a thing → that of several: its last word in the plural."""
    head, space, word = label.rpartition(" ")
    small = word.lower()
    if small in PLURAL_ALREADY:
        several = word
    elif small in UNEVEN:
        several = UNEVEN[small]
    elif small.endswith(("s", "x", "z", "ch", "sh")):
        several = word + "es"
    elif small.endswith("y") and small[-2:-1] not in tuple("aeiou"):
        several = word[:-1] + "ies"
    else:
        several = word + "s"
    return f"{head}{space}{several}"


def _central(box: Box, width: int, height: int, middle: float) -> bool:
    x, y = (box[0] + box[2]) / 2 / width, (box[1] + box[3]) / 2 / height
    return abs(x - 0.5) <= middle / 2 and abs(y - 0.5) <= middle / 2


def _told(labels: Sequence[str], templates: Sequence[str], random: Random) -> str:
    """Labels, one for each thing → a sentence that names each kind with its number."""
    counts = Counter(labels)
    named = [_counted(label, count, random) for label, count in counts.items()]
    things = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"
    first, number = next(iter(counts.items()))
    one = number == 1 and plural(first) != first
    template = random.choice(templates)
    return template.format(are="is" if one else "are", things=things, Things=things[:1].upper() + things[1:])


def _counted(label: str, count: int, random: Random) -> str:
    if count == 1:
        article = "an" if label[:1].lower() in tuple("aeiou") else "a"
        return label if label.rsplit(maxsplit=1)[-1].lower() in PLURAL_ALREADY else f"{article} {label}"
    number = random.choice(MANY) if count > COUNTED else NUMBERS[count - 2]
    return f"{number} {plural(label)}"
