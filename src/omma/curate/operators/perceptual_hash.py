"""perceptual_hash: a picture that looks like an earlier one → dropped. Score: Hamming distance of 64-bit DCT hashes.

Hash: the 64 lowest frequencies but the mean of a 32 × 32 grey thumbnail's cosine transform, each above the median or
not. Drawn pictures, logos and documents share much of it, so a pair of near hashes must also have near colour
thumbnails: equal in every cell up to `max_difference` after the best common gain and offset (brightness, contrast).

Copies are between distinct files: many samples may speak of one picture. Of copies the held-out one stays, else the
largest, else the first read; a picture near a dropped one but near no kept one stays.

JPEGs are decoded as drafts (see `Picture.draft`): above 1,000 pictures of 62 KB a second and core, `benchmarks/decode_hash.py`.
Of 424 photographs all copies of 3/4 size at quality 60, 1/4 size at quality 30 and as WebP lie within 8 bits.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Bool, Float, UInt8, UInt64
from PIL import Image

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.hamming import near_pairs
from omma.curate.operator import Candidate, Look, Scores, SetOperator
from omma.curate.picture import Picture

SIDE, CELLS = 32, 16  # sides of the thumbnails for the hash and for the check
DCT = np.cos(np.pi * np.outer(np.arange(SIDE), 2 * np.arange(SIDE) + 1) / (2 * SIDE))  # type-II, rows are frequencies
# Frequencies (row, column) by their sum, without the mean: 64 of them.
LOWEST = sorted(((u, v) for u in range(SIDE) for v in range(SIDE) if u + v), key=lambda uv: (sum(uv), uv))[:64]
ROWS, COLUMNS = np.array(LOWEST).T


@config
class PerceptualHash(SetOperator):
    """Near duplicates: re-encoded, resized, slightly brighter or darker copies. Crops and mirrored copies are not found."""

    version: ClassVar[str] = "2"
    scope: ClassVar[Literal["all", "train"]] = "train"
    scored_by: ClassVar[tuple[str, ...]] = ("max_distance", "max_difference")
    max_distance: int = 8
    max_difference: float = 45.0

    def check(self) -> None:
        if not 0 <= self.max_distance <= 20:
            raise ConfigError("PerceptualHash.max_distance", str(self.max_distance), "0 to 20 of 64 bits")

    @property
    def threshold(self) -> float:
        """Largest distance of copies, bits."""
        return float(self.max_distance)

    def look(self, picture: Picture) -> Look:
        """Eight bytes of hash, then the colour thumbnail."""
        image = Image.fromarray(picture.draft)
        cells = np.asarray(image.resize((CELLS, CELLS), Image.Resampling.BOX))
        return np.concatenate([fingerprint(image).reshape(1).view(np.uint8), cells.reshape(-1)])

    def score(self, candidates: tuple[Candidate, ...]) -> Scores:
        """Distance to the kept picture that a sample's picture copies; NaN where it copies none."""
        pictures = _pictures(candidates)
        copies = _copies(list(pictures.values()), self.max_distance, self.max_difference)
        values, notes = np.full(len(candidates), np.nan), [""] * len(candidates)
        for i, candidate in enumerate(candidates):
            found = [_copy(uri, pictures, copies, candidate.heldout) for uri in _uris(candidate)]
            if found and all(found):
                values[i], notes[i] = max(item for item in found if item)
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Samples all of whose pictures are copies."""
        pairs = zip(scores.values, scores.notes, strict=True)
        return [f"looks like {note}" if value <= self.max_distance else "" for value, note in pairs]


@dataclass(slots=True)
class _Seen:
    """A distinct picture: what decides which of its copies stays, and its look."""

    uri: str
    area: int
    order: int
    look: Look
    heldout: bool


@dataclass(slots=True)
class _Kept:
    """Pictures kept so far that share one hash."""

    numbers: list[int] = field(default_factory=list)


def fingerprint(image: Image.Image) -> UInt64[np.ndarray, ""]:
    """Picture → 64 bits: which of its lowest frequencies lie above their median."""
    grey = np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX), np.float64)
    lowest = (DCT @ grey @ DCT.T)[ROWS, COLUMNS]
    low, high = np.sort(lowest)[31:33]  # their middle is the median: numpy's own takes ten times as long
    return np.packbits(lowest > (low + high) / 2).view(np.uint64)[0]


def differences(cells: Float[np.ndarray, "values"], others: Float[np.ndarray, "n values"]) -> Float[np.ndarray, "n"]:
    """Colour thumbnail + others → the largest difference in any cell after the best common gain and offset."""
    centred, shifted = cells - cells.mean(), others - others.mean(axis=1, keepdims=True)
    energy = (shifted**2).sum(axis=1)
    gain = np.clip((shifted @ centred) / np.maximum(energy, 1e-9), 0.5, 2.0)
    return np.abs(shifted * gain[:, None] - centred).max(axis=1)


def _uris(candidate: Candidate) -> list[str]:
    return [item.uri for item in candidate.sample.media if item.kind == "image"]


def _pictures(candidates: tuple[Candidate, ...]) -> dict[str, _Seen]:
    """Distinct pictures by uri, best to keep first."""
    seen: dict[str, _Seen] = {}
    for candidate in candidates:
        images = [item for item in candidate.sample.media if item.kind == "image"]
        for item, look in zip(images, candidate.looks, strict=True):
            known = seen.setdefault(item.uri, _Seen(item.uri, item.width * item.height, len(seen), look, candidate.heldout))
            known.heldout |= candidate.heldout
    return dict(sorted(seen.items(), key=lambda pair: (not pair[1].heldout, -pair[1].area, pair[1].order)))


def _copies(pictures: list[_Seen], max_distance: int, max_difference: float) -> dict[str, tuple[float, str]]:
    """Pictures, best first → for each copy its distance to, and the uri of, the kept picture that it copies."""
    if not pictures:
        return {}
    looks = np.stack([picture.look for picture in pictures])
    hashes = np.ascontiguousarray(looks[:, :8]).view(np.uint64).reshape(-1)
    cells = looks[:, 8:]
    unique, group = np.unique(hashes, return_inverse=True)
    near = _neighbours(unique, max_distance)
    kept = [_Kept() for _ in unique]
    copies: dict[str, tuple[float, str]] = {}
    for number, picture in enumerate(pictures):
        rivals = np.array([other for there in near[group[number]] for other in kept[there].numbers], dtype=np.int64)
        found = rivals[_alike(cells, number, rivals, max_difference)]
        if len(found):
            distance = np.bitwise_count(hashes[found] ^ hashes[number])
            best = min(range(len(found)), key=lambda i: (distance[i], found[i]))
            copies[picture.uri] = (float(distance[best]), pictures[found[best]].uri)
        else:
            kept[group[number]].numbers.append(number)
    return copies


def _alike(
    cells: UInt8[np.ndarray, "n values"], number: int, rivals: np.ndarray, max_difference: float
) -> Bool[np.ndarray, "rivals"]:
    if not len(rivals):
        return np.zeros(0, bool)
    return differences(cells[number].astype(np.float64), cells[rivals].astype(np.float64)) <= max_difference


def _neighbours(unique: UInt64[np.ndarray, "n"], radius: int) -> list[list[int]]:
    """Distinct hashes → for each the hashes within the radius, itself among them."""
    near = [[number] for number in range(len(unique))]
    for first, second in zip(*near_pairs(unique, radius), strict=True):
        near[first].append(int(second))
        near[second].append(int(first))
    return near


def _copy(uri: str, pictures: dict[str, _Seen], copies: dict[str, tuple[float, str]], heldout: bool) -> tuple[float, str] | None:
    """A sample's picture → what it copies; a train sample of a held-out file copies that file."""
    if pictures[uri].heldout and not heldout:
        return 0.0, f"{uri} (held out)"
    return copies.get(uri)
