"""agreement: a text that fits its picture no better than texts of other pictures do → dropped. Score: z-value of the fit.

It finds swapped and mismatched captions without any model: what the pictures of this very data set show of colours,
edges and brightness, and where, is fitted to the words of their texts (see `probe`). Where such features tell too
little of the words, it says so by abstaining: scores are kept, nothing is dropped.
"""

import heapq
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float32, Int64
from PIL import Image

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.core.progress import say
from omma.curate.operator import Candidate, Drops, Look, Scores, SetOperator, words_of
from omma.curate.picture import Picture
from omma.curate.sets.columns import place
from omma.curate.sets.probe import FOLDS, Probe

SIDE, GRID, HUES, ANGLES = 32, 4, 16, 8  # px of the thumbnail, cells a side, steps of hue, steps of direction
COLOURS = HUES + 3  # and dark, grey, light
CELL = np.arange(SIDE)[:, None] * GRID // SIDE * GRID + np.arange(SIDE) * GRID // SIDE  # number of each pixel's cell
FEWEST, FITTED = 100, 50_000  # samples below which nothing can be fitted; that a fit sees at most, drawn by content
CHUNK = 512  # samples scored at a time


@config
class Agreement(SetOperator):
    """`min_score` is the z-value below which a text is taken for another picture's; random texts lie at 0 ± 1.

    `min_power` is the share of samples that must reach it, or the features tell too little and the operator abstains.
    Texts of fewer than `min_words` words (captions and replies together) are not judged.
    """

    version: ClassVar[str] = "2"
    drops: ClassVar[Drops] = "<"
    scope: ClassVar[Literal["all", "train"]] = "train"
    scored_by: ClassVar[tuple[str, ...]] = ("min_words",)
    min_score: float = 2.0
    min_power: float = 0.8
    min_words: int = 4

    def check(self) -> None:
        if not 0 <= self.min_power <= 1:
            raise ConfigError("Agreement.min_power", str(self.min_power), "a share from 0 to 1")

    @property
    def threshold(self) -> float:
        """Lowest z-value that stays."""
        return self.min_score

    def look(self, picture: Picture) -> Look:
        """Colours by place, edges by place, edges by colour, and a grey thumbnail."""
        return features(picture.small)

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """z-values of samples with one picture and enough words; NaN for all others."""
        values = np.full(len(candidates), np.nan)
        drawn = heapq.nsmallest(FITTED, self._judged(candidates), key=lambda pair: pair.place)
        if len(drawn) >= FEWEST:
            probe, rest = Probe.fit(*_columns(drawn)), self._judged(candidates)
            del drawn
            while part := list(islice(rest, CHUNK)):
                values[[seen.number for seen in part]] = probe.scores(*_columns(part))
        return Scores(values, ("",) * len(candidates))

    def decide(self, scores: Scores) -> list[str]:
        """Those below `min_score`, unless too many are."""
        judged = scores.values[~np.isnan(scores.values)]
        power = float((judged >= self.min_score).mean()) if len(judged) else 0.0
        if power < self.min_power:
            if len(judged):
                told = f"features tell {power:.0%} of {len(judged):,} texts from others', {self.min_power:.0%} are asked"
                say(f"agreement abstains: {told}")
            return [""] * len(scores.values)
        return [f"fits its picture no better than others do (z {z:.1f})" if z < self.min_score else "" for z in scores.values]

    def _judged(self, candidates: Collection[Candidate]) -> "Iterator[_Pair]":
        for number, candidate in enumerate(candidates):
            text = words_of(candidate.sample)
            if len(candidate.looks) == 1 and len(text.split()) >= self.min_words:
                yield _Pair(number, place(candidate.sample), candidate.looks[0].astype(np.float32), text, _fold(candidate))


@dataclass(frozen=True, slots=True)
class _Pair:
    """What is kept of a candidate that is judged: its number, its place in line, features, words, and fold."""

    number: int
    place: bytes
    features: Float32[np.ndarray, "features"]
    text: str
    fold: int


def features(image: np.ndarray) -> Float32[np.ndarray, "features"]:
    """RGB picture (h, w, 3) → features, square roots of shares so that small objects count."""
    small = Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    colours = np.eye(COLOURS, dtype=np.float32)[_colour_steps(small)]
    grey = np.asarray(small.convert("L"), np.float32) / 255
    places, edges = _by_cell(colours), _edges(grey[..., None], CELL)
    outlines, total = _edges(colours, np.zeros_like(CELL)), colours.mean(axis=(0, 1))
    shares = np.sqrt(np.concatenate([part.reshape(-1) for part in (places, edges, outlines, total)]))
    present = (total > 0.005).astype(np.float32)
    return np.concatenate([shares, present, grey.reshape(SIDE // 2, 2, SIDE // 2, 2).mean(axis=(1, 3)).reshape(-1)])


def _colour_steps(image: Image.Image) -> Int64[np.ndarray, "h w"]:
    """Each pixel's step of hue, or dark, grey or light where it has none."""
    hue, saturation, value = np.moveaxis(np.asarray(image.convert("HSV"), np.float32) / 255, -1, 0)
    # Half a step of shift keeps red, which lies at both ends of the circle, in one step.
    step = (hue * HUES + 0.5).astype(np.int64) % HUES
    plain = np.where(value < 0.4, HUES, np.where(value < 0.8, HUES + 1, HUES + 2))
    return np.where((saturation > 0.35) & (value > 0.2), step, plain)


def _edges(layers: Float32[np.ndarray, "h w layers"], place: Int64[np.ndarray, "h w"]) -> Float32[np.ndarray, "values"]:
    """Mean strength of the edges of each layer, by place and by direction."""
    down, right = np.gradient(layers, axis=(0, 1))
    row, column, layer = np.nonzero(down**2 + right**2)  # few pixels have an edge
    down, right = down[row, column, layer], right[row, column, layer]
    angle = np.minimum((np.arctan2(down, right) % np.pi * (ANGLES / np.pi)).astype(np.int64), ANGLES - 1)
    bins = (place[row, column] * layers.shape[2] + layer) * ANGLES + angle
    size = (int(place.max()) + 1) * layers.shape[2] * ANGLES
    return (np.bincount(bins, np.hypot(down, right), size) / place.size).astype(np.float32)


def _by_cell(layers: Float32[np.ndarray, "h w layers"]) -> Float32[np.ndarray, "rows columns layers"]:
    """Mean over each cell of the grid."""
    step = SIDE // GRID
    return layers.reshape(GRID, step, GRID, step, -1).mean(axis=(1, 3))


def _fold(candidate: Candidate) -> int:
    """By the content of its picture, so that no picture is on both sides."""
    mark = next((item.sha256 for item in candidate.sample.media if item.sha256), "0")
    return int(mark[:8], 16) % FOLDS


def _columns(pairs: list[_Pair]) -> tuple[Float32[np.ndarray, "n features"], list[str], Int64[np.ndarray, "n"]]:
    return np.stack([pair.features for pair in pairs]), [pair.text for pair in pairs], np.array([pair.fold for pair in pairs])
