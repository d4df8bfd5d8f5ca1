"""picture_decontamination: a picture that looks like one of given benchmarks → dropped. Score: Hamming distance to the nearest.

Hash and colour check are those of `perceptual_hash`: re-encoded, resized, brighter or darker copies are found; crops and
mirrored copies are not. All pairs are compared, none is approximate. One contaminated picture takes its sample out.
"""

from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Shaped, UInt8, UInt64

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.core.files import bytes_hash
from omma.curate.operator import Candidate, Look, Scores, SetOperator
from omma.curate.operators.perceptual_hash import PerceptualHash, differences
from omma.curate.picture import Picture

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
FAR = 64.0  # bits: the score of a picture that none of the benchmarks' looks like
REACH = 20  # bits within which colours are compared


@config
class PictureDecontamination(SetOperator):
    """`benchmarks` are folders whose pictures must not be trained on. Their bytes belong to the key of kept scores."""

    version: ClassVar[str] = "1"
    scope: ClassVar[Literal["all", "train"]] = "train"
    scored_by: ClassVar[tuple[str, ...]] = ("benchmarks", "max_difference")
    benchmarks: tuple[str, ...] = ()
    max_distance: int = 8
    max_difference: float = 45.0

    def check(self) -> None:
        if not 0 <= self.max_distance <= REACH:
            raise ConfigError("PictureDecontamination.max_distance", str(self.max_distance), f"0 to {REACH} of 64 bits")

    @property
    def key(self) -> str:
        """As for all operators, and the content of the benchmarks."""
        marks = "".join(mark for folder in self.benchmarks for mark in _hashes(Path(folder)).values())
        return super().key + (f"-{bytes_hash(marks.encode())[:8]}" if marks else "")

    @property
    def threshold(self) -> float:
        """Largest distance of copies, bits."""
        return float(self.max_distance)

    def look(self, picture: Picture) -> Look:
        """What `perceptual_hash` keeps: eight bytes of hash, then the colour thumbnail."""
        return PerceptualHash().look(picture)

    def score(self, candidates: tuple[Candidate, ...]) -> Scores:
        """Bits to the nearest picture of the benchmarks whose colours agree too, 64 where there is none; NaN without pictures."""
        names, looks = self._benchmark()
        values, notes = np.full(len(candidates), np.nan), [""] * len(candidates)
        hashes = _bits(looks)
        for i, candidate in enumerate(candidates):
            found = [self._nearest(look, hashes, looks, names) for look in candidate.looks]
            if found:
                values[i], notes[i] = min(found)
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Samples any of whose pictures is near one of the benchmarks'."""
        pairs = zip(scores.values, scores.notes, strict=True)
        return [f"looks like {note} of a benchmark" if value <= self.max_distance else "" for value, note in pairs]

    def _benchmark(self) -> tuple[list[str], Shaped[np.ndarray, "n bytes"]]:
        """Names and looks of all pictures of the benchmarks, ordered by name. DataError if one cannot be read."""
        looks: dict[str, Look] = {}
        for folder in self.benchmarks:
            for file in _hashes(Path(folder)):
                looks[str(file)] = self.look(Picture(str(file), file.read_bytes()))
        return sorted(looks), np.stack([looks[name] for name in sorted(looks)]) if looks else np.zeros((0, 8), np.uint8)

    def _nearest(
        self, look: Look, hashes: UInt64[np.ndarray, "n"], looks: UInt8[np.ndarray, "n bytes"], names: list[str]
    ) -> tuple[float, str]:
        distance = np.bitwise_count(hashes ^ _bits(look[None])[0])
        near = np.flatnonzero(distance <= REACH)
        if not len(near):
            return FAR, ""
        alike = differences(look[8:].astype(np.float64), looks[near, 8:].astype(np.float64)) <= self.max_difference
        return min(((float(distance[i]), names[i]) for i in near[alike]), default=(FAR, ""))


def _bits(looks: Shaped[np.ndarray, "n bytes"]) -> UInt64[np.ndarray, "n"]:
    return np.ascontiguousarray(looks[:, :8]).view(np.uint64).reshape(-1)


@lru_cache(maxsize=64)
def _hashes(folder: Path) -> dict[Path, str]:
    """Folder → its pictures, by name, with the hash of their bytes; DataError if there is none."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not files:
        raise DataError(str(folder), "no pictures", "a folder with a benchmark's pictures", "change benchmarks")
    return {file: bytes_hash(file.read_bytes()) for file in files}
