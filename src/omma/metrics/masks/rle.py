"""Run lengths: masks ↔ runs ↔ the text COCO stores, and areas, boxes, unions and overlaps of masks without a pixel drawn.

A mask is read down its columns (pixel (y, x) is number x·height + y) as runs of background, foreground, background, …;
the first may be empty. The text has five bits a character above "0", and every run from the fourth on as its difference
from the last but one. Equal to pycocotools 2.0 (cocodataset/cocoapi `common/maskApi.c` at 8c9bcc3).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from omma.core.errors import DataError

BITS, MORE, SIGN, FIRST_CHARACTER = 5, 0x20, 0x10, 48
LONGEST = 12  # characters of one run; 60 bits
MOST_PIXELS = 2**40


@dataclass(frozen=True, eq=False)
class Rle:
    """A binary mask of `height` × `width` px as run lengths, background first. Two are compared by `same`."""

    height: int
    width: int
    counts: Int[np.ndarray, " runs"]

    def __post_init__(self) -> None:
        total = int(self.counts.sum()) if self.counts.size else 0
        if self.counts.size and int(self.counts.min()) < 0:
            raise DataError("mask", f"a run of {int(self.counts.min())} px", "run lengths of 0 and more")
        if total != self.height * self.width:
            raise DataError("mask", f"runs of {total:,} px in all", f"{self.height} × {self.width} = {self.height * self.width:,}")

    @cached_property
    def bounds(self) -> Int[np.ndarray, " runs+1"]:
        """Where the runs begin, and the end of the last."""
        return np.concatenate([[0], np.cumsum(self.counts)]).astype(np.int64)

    @cached_property
    def covered(self) -> Int[np.ndarray, " runs+1"]:
        """Foreground before each of `bounds`."""
        return np.concatenate([[0], np.cumsum(np.where(np.arange(len(self.counts)) % 2, self.counts, 0))]).astype(np.int64)

    @property
    def area(self) -> int:
        """Foreground px."""
        return int(self.covered[-1])

    @cached_property
    def box_xywh(self) -> tuple[float, float, float, float]:
        """The smallest box of whole pixels around the foreground; four zeros if there is none."""
        starts, ends = self.bounds[1:-1:2], self.bounds[2::2]
        kept = ends > starts
        starts, ends = starts[kept], ends[kept] - 1
        if not starts.size:
            return 0.0, 0.0, 0.0, 0.0
        left, right = int(starts[0]) // self.height, int(ends[-1]) // self.height
        wraps = bool((starts // self.height != ends // self.height).any())
        top = 0 if wraps else int((starts % self.height).min())
        bottom = self.height - 1 if wraps else int((ends % self.height).max())
        return float(left), float(top), float(right - left + 1), float(bottom - top + 1)

    @property
    def size_yx(self) -> tuple[int, int]:
        """Height and width, px."""
        return self.height, self.width


def encode(mask_YX: Bool[np.ndarray, "Y X"]) -> Rle:
    """Mask → its runs."""
    flat = np.asarray(mask_YX, bool).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    start = [0] if flat.size and flat[0] else []
    return _between(np.concatenate([start, changes]), *mask_YX.shape)


def decode(rle: Rle) -> Bool[np.ndarray, "Y X"]:
    """Runs → the mask."""
    values = np.arange(len(rle.counts)) % 2 == 1
    return np.repeat(values, rle.counts).reshape(rle.height, rle.width, order="F")


def from_text(text: str, height: int, width: int) -> Rle:
    """COCO's compressed text → runs. DataError for text that no encoder writes, or runs that do not fill the mask."""
    try:
        codes = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64) - FIRST_CHARACTER
    except UnicodeEncodeError:
        raise _unreadable("characters beyond ASCII") from None
    _check_size(height, width)
    if not codes.size:
        return Rle(height, width, codes)
    last = np.flatnonzero(codes & MORE == 0)
    starts = np.concatenate([[0], last[:-1] + 1]) if last.size else last
    if codes.min() < 0 or codes.max() > 63 or not last.size or last[-1] != codes.size - 1:
        raise _unreadable("a character or an end that it cannot have")
    lengths = last - starts + 1
    if lengths.max() > LONGEST:
        raise _unreadable(f"a run of {lengths.max()} characters")
    shift = BITS * (np.arange(codes.size) - np.repeat(starts, lengths))
    values = np.add.reduceat((codes & (MORE - 1)) << shift, starts)
    values -= np.where(codes[last] & SIGN, np.int64(1) << (BITS * lengths), 0)
    values[1::2], values[2::2] = np.cumsum(values[1::2]), np.cumsum(values[2::2])
    return Rle(height, width, values)


def to_text(rle: Rle) -> str:
    """Runs → COCO's compressed text."""
    counts = rle.counts.astype(np.int64)
    values = counts.copy()
    values[3:] -= counts[1:-2]
    letters = []
    for value in values.tolist():
        rest, more = value, True
        while more:
            bits = rest & (MORE - 1)
            rest >>= BITS
            more = rest != (-1 if bits & SIGN else 0)
            letters.append(chr(FIRST_CHARACTER + bits + MORE * more))
    return "".join(letters)


def union(masks: Sequence[Rle]) -> Rle:
    """Masks of one size → what any of them covers. DataError for none or for unequal sizes."""
    return _overlay(masks, 1)


def intersection(masks: Sequence[Rle]) -> Rle:
    """Masks of one size → what all of them cover. DataError for none or for unequal sizes."""
    return _overlay(masks, len(masks))


def without(a: Rle, b: Rle) -> Rle:
    """Two masks of one size → what the first covers and the second does not. DataError for unequal sizes."""
    return intersection([a, Rle(b.height, b.width, np.concatenate([[0], b.counts]))])


def shared_pixels(a: Rle, b: Rle) -> int:
    """Two masks of one size → px that both cover. DataError for unequal sizes."""
    require_same_size(a, b)
    return int(np.diff(np.interp(b.bounds, a.bounds, a.covered))[1::2].sum())


def mask_iou(a: Rle, b: Rle) -> float:
    """Two masks of one size → intersection over union; 0.0 if both are empty, as in COCO. DataError for unequal sizes."""
    both = shared_pixels(a, b)
    return both / (a.area + b.area - both) if both else 0.0


def pair_overlaps(
    a: Sequence[Rle], b: Sequence[Rle], i: Int[np.ndarray, " P"], j: Int[np.ndarray, " P"]
) -> Float[np.ndarray, " P"]:
    """Masks + masks + pairs of numbers → px that each pair shares. All pairs at once; each pair must be of one size.

    Foreground before a pixel is a line of slope 0 or 1 between the bounds of runs, so the runs of b meet the mask a at
    differences of one interpolation. All a stand one behind the other on one axis.
    """
    if not len(i):
        return np.zeros(0)
    used, place = np.unique(i, return_inverse=True)
    sizes = np.array([a[k].height * a[k].width for k in used], float)
    offsets = np.concatenate([[0.0], np.cumsum(sizes + 1)])
    areas = np.concatenate([[0.0], np.cumsum([a[k].area for k in used])])
    axis = np.concatenate([a[k].bounds + start for k, start in zip(used, offsets, strict=False)])
    covered = np.concatenate([a[k].covered + start for k, start in zip(used, areas, strict=False)])
    edges = [b[k].bounds[1 : 1 + len(b[k].counts) // 2 * 2] for k in range(len(b))]
    lengths = np.array([len(edge) for edge in edges])[j]
    flat = np.concatenate([edges[k] for k in j]) + np.repeat(offsets[place], lengths)
    heights = np.interp(flat, axis, covered)
    inside = heights[1::2] - heights[::2]
    sums = np.concatenate([[0.0], np.cumsum(inside)])
    ends = np.cumsum(lengths // 2)
    return sums[ends] - sums[ends - lengths // 2]


def require_same_size(a: Rle, b: Rle) -> None:
    """DataError unless both masks are of one size."""
    if a.size_yx != b.size_yx:
        raise DataError("mask", f"{a.height} × {a.width} px (height × width)", f"{b.height} × {b.width} as the other mask")


def same(a: Rle, b: Rle) -> bool:
    """Whether two masks cover the same pixels of the same size."""
    return a.size_yx == b.size_yx and a.area == b.area == shared_pixels(a, b)


def _overlay(masks: Sequence[Rle], needed: int) -> Rle:
    if not masks:
        raise DataError("mask", "no masks to put together", "at least one")
    for mask in masks[1:]:
        require_same_size(mask, masks[0])
    if len(masks) == 1:
        return masks[0]
    edges = np.concatenate([mask.bounds[1 : 1 + len(mask.counts) // 2 * 2] for mask in masks])
    steps = np.where(np.arange(edges.size) % 2, -1, 1)
    places, inverse = np.unique(edges, return_inverse=True)
    inside = np.cumsum(np.bincount(inverse, weights=steps, minlength=places.size)) >= needed
    return _between(places[inside != np.concatenate([[False], inside[:-1]])], *masks[0].size_yx)


def _between(changes: np.ndarray, height: int, width: int) -> Rle:
    """Sorted places where the mask changes → runs."""
    places = changes[changes < height * width]
    return Rle(height, width, np.diff(np.concatenate([[0], places, [height * width]])).astype(np.int64))


def _check_size(height: int, width: int) -> None:
    if not (height > 0 and width > 0 and height * width <= MOST_PIXELS):
        raise DataError("mask", f"{height} × {width} px", "a height and a width of 1 and more")


def _unreadable(got: str) -> DataError:
    return DataError("mask", got, "COCO's compressed run lengths", "pycocotools' `encode` writes them")
