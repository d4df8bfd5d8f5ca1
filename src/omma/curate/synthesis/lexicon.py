"""Lexicon: a word → the words of its family, any of which makes a caption false in its place."""

from functools import cache

KINDS: tuple[tuple[str, ...], ...] = (
    ("man", "woman"),
    ("boy", "girl"),
    ("men", "women"),
    ("boys", "girls"),
    ("dog", "cat", "horse", "cow", "sheep", "bear", "zebra", "giraffe", "elephant", "bird"),
    ("dogs", "cats", "horses", "cows", "bears", "zebras", "giraffes", "elephants", "birds"),
    ("car", "bus", "truck", "train", "boat", "bicycle", "motorcycle", "airplane"),
    ("cars", "buses", "trucks", "trains", "boats", "bicycles", "motorcycles", "airplanes"),
    ("pizza", "sandwich", "cake", "donut", "banana", "apple", "broccoli", "carrot"),
    ("table", "chair", "couch", "bed", "bench", "desk", "toilet", "sink"),
    ("chairs", "tables", "couches", "beds", "benches", "desks"),
    ("skateboard", "surfboard", "snowboard", "frisbee", "kite", "umbrella"),
    ("laptop", "television", "keyboard", "phone", "refrigerator", "oven"),
    ("kitchen", "bathroom", "bedroom", "street", "beach", "park"),
    ("bowl", "cup", "bottle", "vase", "plate", "box"),
)
ATTRIBUTES: tuple[tuple[str, ...], ...] = (
    ("red", "green", "blue", "yellow", "purple", "pink", "brown", "black", "white", "gray"),
    ("large", "small"),
    ("big", "little"),
    ("tall", "short"),
    ("young", "old"),
    ("empty", "full"),
    ("wooden", "metal", "plastic", "stone"),
    ("open", "closed"),
    ("clean", "dirty"),
    ("wet", "dry"),
)
NUMBERS: tuple[tuple[str, ...], ...] = (("two", "three", "four", "five", "six"),)
OPPOSITES: tuple[tuple[str, str], ...] = (
    ("on top of", "underneath"),
    ("underneath", "on top of"),
    ("in front of", "behind"),
    ("behind", "in front of"),
    ("above", "below"),
    ("below", "above"),
    ("under", "on"),
    ("inside", "outside"),
    ("outside", "inside"),
    ("to the left of", "to the right of"),
    ("to the right of", "to the left of"),
    ("with", "without"),
    ("standing", "sitting"),
    ("sitting", "standing"),
)
DIRECTED = (
    "on",
    "on top of",
    "in",
    "inside",
    "under",
    "underneath",
    "above",
    "below",
    "behind",
    "in front of",
    "to the left of",
    "to the right of",
    "riding",
    "holding",
    "carrying",
    "eating",
    "watching",
    "pulling",
    "chasing",
    "feeding",
    "walking",
    "looking at",
)


def family(word: str, families: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Word → the words of its family, the first that has it, itself among them; empty if it has none."""
    return _by_word(families).get(word.lower(), ())


@cache
def _by_word(families: tuple[tuple[str, ...], ...]) -> dict[str, tuple[str, ...]]:
    return {word: kin for kin in reversed(families) for word in kin}
