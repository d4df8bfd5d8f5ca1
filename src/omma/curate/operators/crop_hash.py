"""crop_hash: a picture that is an earlier one with its border cut off → dropped. Score: least Hamming distance over windows.

Each picture gives 25 hashes: of the whole, and of windows that leave out 2.5 to 10% on all sides, or 5 or 10% on one side, two
neighbours or two opposite ones. A copy's whole is near one of its original's windows. A pair must also have near colours, as in
`perceptual_hash`, whose hash this is.

Measured on 847 photographs (239 of 640 px, 608 of 224 px) at the defaults: of crops of 5% on all sides, on one, on two opposite
ones all are found, on two neighbours 99.8%; no false pair among 358,281. The hashes of 0 to 8% cut at random from each side
are near in 94%; the plain hash at 8 bits finds 33% of the crops on all sides. Tests repeat a part of it.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, UInt64
from PIL import Image

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.hamming import crossing_pairs
from omma.curate.operator import Candidate, Look, Scores, SetOperator
from omma.curate.operators.perceptual_hash import COLUMNS, DCT, ROWS, SIDE, differences
from omma.curate.picture import Picture

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
class CropHash(SetOperator):
    """Copies with up to a tenth of their sides cut off; re-encoded and resized ones, too. Of copies one stays.

    The held-out one, else the largest, else the first read. Copies are between distinct files. Mirrored ones are not found.
    """

    version: ClassVar[str] = "1"
    scope: ClassVar[Literal["all", "train"]] = "train"
    scored_by: ClassVar[tuple[str, ...]] = ("max_distance", "max_difference")
    max_distance: int = 6
    max_difference: float = 80.0

    def check(self) -> None:
        if not 0 <= self.max_distance <= 16:
            raise ConfigError("CropHash.max_distance", str(self.max_distance), "0 to 16 of 64 bits")

    @property
    def threshold(self) -> float:
        """Largest distance of copies, bits."""
        return float(self.max_distance)

    def look(self, picture: Picture) -> Look:
        """Eight bytes of hash for each window, then the colour thumbnail."""
        image = Image.fromarray(picture.draft)
        cells = np.asarray(image.resize((CELLS, CELLS), Image.Resampling.BOX))
        return np.concatenate([window_hashes(image).view(np.uint8), cells.reshape(-1)])

    def score(self, candidates: tuple[Candidate, ...]) -> Scores:
        """Distance to the kept picture that a sample's picture copies; NaN where it copies none."""
        pictures = _pictures(candidates)
        copies = self._copies(pictures)
        values, notes = np.full(len(candidates), np.nan), [""] * len(candidates)
        for i, candidate in enumerate(candidates):
            found = [copies.get(item.uri) for item in candidate.sample.media if item.kind == "image"]
            if found and all(found):
                values[i], notes[i] = max(item for item in found if item)
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Samples all of whose pictures are copies."""
        pairs = zip(scores.values, scores.notes, strict=True)
        return [
            f"looks like a part of {note}, or it like one of this" if value <= self.max_distance else "" for value, note in pairs
        ]

    def _copies(self, pictures: "list[_Seen]") -> dict[str, tuple[float, str]]:
        """Pictures, best first → for each copy its distance to, and the uri of, the kept picture that it copies."""
        if not pictures:
            return {}
        looks = np.stack([picture.look for picture in pictures])
        hashes = np.ascontiguousarray(looks[:, : 8 * len(WINDOWS)]).view(np.uint64)
        cells = looks[:, 8 * len(WINDOWS) :].astype(np.float64)
        near: list[dict[int, int]] = [{} for _ in pictures]
        for first, second, distance in near_crops(hashes, cells, self.max_distance, self.max_difference):
            near[second][first] = distance
        kept, copies = [True] * len(pictures), dict[str, tuple[float, str]]()
        for number, picture in enumerate(pictures):
            originals = sorted((distance, other) for other, distance in near[number].items() if kept[other])
            if originals:
                kept[number] = False
                copies[picture.uri] = (float(originals[0][0]), pictures[originals[0][1]].uri)
        return copies


@dataclass(slots=True)
class _Seen:
    """A distinct picture: what decides which of its copies stays, and its look."""

    uri: str
    area: int
    look: Look
    heldout: bool


def window_hashes(image: Image.Image) -> UInt64[np.ndarray, "windows"]:
    """Picture → 64 bits for each window: which of its lowest frequencies lie above their median, as `fingerprint`."""
    grey = image.convert("L")
    boxes = (WINDOWS * [1, 1, -1, -1] + [0, 0, 1, 1]) * [*grey.size, *grey.size]
    parts = [grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=tuple(box)) for box in boxes]
    lowest = (DCT @ np.stack([np.asarray(part, np.float64) for part in parts]) @ DCT.T)[:, ROWS, COLUMNS]
    bits = np.packbits(lowest > np.median(lowest, axis=1, keepdims=True), axis=1)
    return np.ascontiguousarray(bits).view(np.uint64).reshape(-1)


def near_crops(
    hashes: UInt64[np.ndarray, "n windows"], cells: Float[np.ndarray, "n values"], max_distance: int, max_difference: float
) -> list[tuple[int, int, int]]:
    """Hashes of windows and colour thumbnails → (first, second, distance) of pairs, first < second, each once, in order."""
    whole = hashes[:, 0]
    left, right = crossing_pairs(whole, hashes.reshape(-1), max_distance)
    owner = right // hashes.shape[1]
    left, right, owner = (values[left != owner] for values in (left, right, owner))
    distances = np.bitwise_count(whole[left] ^ hashes.reshape(-1)[right])
    best: dict[tuple[int, int], int] = {}
    for one, other, distance in zip(left.tolist(), owner.tolist(), distances.tolist(), strict=True):
        pair = (min(one, other), max(one, other))
        best[pair] = min(distance, best.get(pair, distance))
    alike = ((pair, distance) for pair, distance in sorted(best.items()) if _alike(cells, *pair, max_difference))
    return [(first, second, distance) for (first, second), distance in alike]


def _alike(cells: Float[np.ndarray, "n values"], first: int, second: int, max_difference: float) -> bool:
    return bool(differences(cells[first], cells[second][None])[0] <= max_difference)


def _pictures(candidates: tuple[Candidate, ...]) -> list[_Seen]:
    """Distinct pictures, best to keep first: held out, larger, read earlier."""
    seen: dict[str, _Seen] = {}
    for candidate in candidates:
        images = [item for item in candidate.sample.media if item.kind == "image"]
        for item, look in zip(images, candidate.looks, strict=True):
            known = seen.setdefault(item.uri, _Seen(item.uri, item.width * item.height, look, candidate.heldout))
            known.heldout |= candidate.heldout
    return sorted(seen.values(), key=lambda picture: (not picture.heldout, -picture.area))
