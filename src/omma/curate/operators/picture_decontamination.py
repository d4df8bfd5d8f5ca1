"""picture_decontamination: a picture that looks like one of given benchmarks, or a part of it → dropped. Score: Hamming distance.

Hashes, windows and colour check are those of `crop_hash`: re-encoded, resized, brighter or darker copies are found, and
those with up to a tenth of their sides cut off, on either side of the comparison; mirrored copies are not. All pairs are
compared, none is approximate. One contaminated picture takes its sample out.
"""

from array import array
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float, UInt64

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.core.files import bytes_hash
from omma.curate.operator import Candidate, Drops, Look, Scores, SetOperator
from omma.curate.operators.crop_hash import WINDOWS, CropHash
from omma.curate.picture import Picture
from omma.curate.sets.benchmark_marks import contents, read_pictures
from omma.curate.sets.columns import Rows
from omma.curate.sets.hamming import crossing_pairs
from omma.curate.sets.lookalikes import differences

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
FAR = 64.0  # bits: the score of a picture that none of the benchmarks' looks like
BYTES = 8 * len(WINDOWS)  # of hashes in a look; colours follow


@config
class PictureDecontamination(SetOperator):
    """`marks` are files of `omma data marks`, `benchmarks` folders whose pictures must not be trained on.

    What lies in them belongs to the key of kept scores.
    """

    version: ClassVar[str] = f"1.{CropHash.version}"
    drops: ClassVar[Drops] = "<="
    scope: ClassVar[Literal["all", "train"]] = "train"
    scored_by: ClassVar[tuple[str, ...]] = ("benchmarks", "reach", "max_difference")
    marks: tuple[str, ...] = ()
    benchmarks: tuple[str, ...] = ()
    max_distance: int = 6
    reach: int = 10
    max_difference: float = 80.0

    def check(self) -> None:
        if not 0 <= self.max_distance <= self.reach <= 16:
            got = f"{self.max_distance}, reach {self.reach}"
            raise ConfigError("PictureDecontamination.max_distance", got, "0 ≤ max_distance ≤ reach ≤ 16 of 64 bits")

    @property
    def key(self) -> str:
        """As for all operators, and the content of the benchmarks."""
        held = "".join(mark for folder in self.benchmarks for mark in _hashes(Path(folder)).values()) + contents(self.marks)
        return super().key + (f"-{bytes_hash(held.encode())[:8]}" if held else "")

    @property
    def threshold(self) -> float:
        """Largest distance of copies, bits."""
        return float(self.max_distance)

    def look(self, picture: Picture) -> Look:
        """What `crop_hash` keeps: hashes of windows, then the colour thumbnail."""
        return CropHash().look(picture)

    def score(self, candidates: Collection[Candidate]) -> Scores:
        """Bits to the nearest picture of the benchmarks whose colours agree, 64 beyond `reach`; NaN without pictures."""
        shown, owners = Rows(), array("q")
        for number, candidate in enumerate(candidates):
            for look in candidate.looks:
                shown.add(look)
                owners.append(number)
        values, notes = np.full(len(candidates), np.nan), [""] * len(candidates)
        values[np.array(owners, np.int64)] = FAR
        names, given = self._benchmark()
        if not owners or not given:
            return Scores(values, tuple(notes))
        looks, marked = shown.table, np.stack(given)
        for ours, theirs, distance in near_parts(_bits(looks), _bits(marked), self.reach):
            for one, other, bits in zip(ours.tolist(), theirs.tolist(), distance.tolist(), strict=True):
                best = (float(bits), names[other]) < (values[owners[one]], notes[owners[one]])
                if best and differences(_cells(looks[one]), _cells(marked[other])[None])[0] <= self.max_difference:
                    values[owners[one]], notes[owners[one]] = float(bits), names[other]
        return Scores(values, tuple(notes))

    def decide(self, scores: Scores) -> list[str]:
        """Samples any of whose pictures is near one of the benchmarks'."""
        pairs = zip(scores.values, scores.notes, strict=True)
        return [f"looks like {note} of a benchmark" if value <= self.max_distance else "" for value, note in pairs]

    def _benchmark(self) -> tuple[list[str], list[Look]]:
        """Names and looks of all pictures of the benchmarks. DataError if one cannot be read."""
        files = sorted({file for folder in self.benchmarks for file in _hashes(Path(folder))})
        names, looks = [str(file) for file in files], [self.look(Picture(str(file), file.read_bytes())) for file in files]
        for path in self.marks:
            marks, marked = read_pictures(path)
            names += [f"{mark.picture} ({mark.name})" for mark in marks]
            looks += marked
        return names, looks


def near_parts(
    ours: UInt64[np.ndarray, "n windows"], theirs: UInt64[np.ndarray, "m windows"], radius: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Hashes of windows → blocks of (number of ours, of theirs, bits) of pairs of a whole and any window within `radius` bits."""
    windows = ours.shape[1]
    parts, others = ours.reshape(-1), theirs.reshape(-1)
    for whole, window in crossing_pairs(ours[:, 0], others, radius):
        yield whole, window // windows, np.bitwise_count(ours[whole, 0] ^ others[window])
    for whole, window in crossing_pairs(theirs[:, 0], parts, radius):
        yield window // windows, whole, np.bitwise_count(theirs[whole, 0] ^ parts[window])


def _bits(looks: np.ndarray) -> UInt64[np.ndarray, "n windows"]:
    return np.ascontiguousarray(looks[:, :BYTES]).view(np.uint64)


def _cells(look: Look) -> Float[np.ndarray, "values"]:
    return look[BYTES:].astype(np.float64)


@lru_cache(maxsize=64)
def _hashes(folder: Path) -> dict[Path, str]:
    """Folder → its pictures, by name, with the hash of their bytes; DataError if there is none."""
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES) if folder.is_dir() else []
    if not files:
        raise DataError(str(folder), "no pictures", "a folder with a benchmark's pictures", "change benchmarks")
    return {file: bytes_hash(file.read_bytes()) for file in files}
