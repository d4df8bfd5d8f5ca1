"""Gallery: picture names → small pictures inside the page, with boxes as vector outlines that stay sharp at any size."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omma.core.errors import DataError, OmmaError
from omma.media.decode import decode, shrink
from omma.media.draw import data_uri, to_jpeg, to_png
from omma.media.store import Store
from omma.media.video import measure_video, read_frames

SIDE = 320  # px; larger pictures are shrunk, smaller ones kept as they are
EXACT = 128 * 128  # up to so many px a picture is stored without loss


@dataclass(frozen=True, slots=True)
class Outline:
    """A box on a shown picture: its corner and size in the picture's own px, and what it is (`gold`, `right` or `wrong`)."""

    x: float
    y: float
    width: float
    height: float
    kind: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture of the page: data address, own size in px, outlines; `trouble` says why there is none."""

    source: str = ""
    width: int = 1
    height: int = 1
    outlines: tuple[Outline, ...] = ()
    trouble: str = ""


class Gallery:
    """Pictures below one data root (and in a run's annex) by their uri; a video is shown by its middle frame."""

    def __init__(self, root: Path, annex: Path | None = None) -> None:
        self.store = Store(root, annex)

    def show(self, uri: str, boxes: Sequence[tuple[str, Sequence[float]]] = ()) -> Shown:
        """uri + (kind, xyxy px) boxes → picture for the page. Anything that cannot be read becomes its reason."""
        if not uri:
            return Shown(trouble="no picture")
        try:
            image = self._pixels(uri)
        except DataError as error:
            return Shown(trouble=error.got)
        height, width, _ = image.shape
        outlines = tuple(_outline(kind, box) for kind, box in boxes if len(box) == 4 and np.isfinite(box).all())
        return Shown(_encoded(shrink(image, SIDE)), width, height, outlines)

    def _pixels(self, uri: str) -> np.ndarray:
        try:
            return decode(self.store.read(uri), name=uri)
        except DataError as unreadable:
            with contextlib.suppress(OmmaError):
                return read_frames(self.store, uri, [measure_video(self.store, uri).frames // 2])[0]
            raise unreadable


def _encoded(image: np.ndarray) -> str:
    small = image.shape[0] * image.shape[1] <= EXACT
    return data_uri(to_png(image) if small else to_jpeg(image, quality=80))


def _outline(kind: str, box: Sequence[float]) -> Outline:
    x0, x1 = sorted((float(box[0]), float(box[2])))
    y0, y1 = sorted((float(box[1]), float(box[3])))
    return Outline(x0, y0, x1 - x0, y1 - y0, kind)
