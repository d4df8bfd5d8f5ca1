"""Run lengths and polygons: equal to pycocotools, to plain arrays, and closed to broken text."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.core.errors import DataError
from omma.metrics.detection.annotations import read_mask
from omma.metrics.masks.polygon import polygon_to_mask, polygons_to_mask
from omma.metrics.masks.rle import decode, encode, from_text, intersection, mask_iou, same, to_text, union

GOLDEN = Path(__file__).parents[2] / "../shared/golden/coco-detection"


@pytest.fixture(scope="module")
def pycocomask():
    return pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed (extra `coco`)")


def masks(seed: int, count: int):
    random = np.random.default_rng(seed)
    for _ in range(count):
        height, width = random.integers(1, 40, 2)
        yield random.random((2, height, width)) < random.choice([0, 0.05, 0.3, 0.7, 1], 2)[:, None, None]


@pytest.mark.parity
def test_text_boxes_and_overlaps_equal_pycocotools(pycocomask):
    for first, second in masks(0, 300):
        theirs = [pycocomask.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in (first, second)]
        ours = [encode(mask) for mask in (first, second)]
        assert [to_text(mask) for mask in ours] == [mask["counts"].decode() for mask in theirs]
        assert ours[0].box_xywh == tuple(pycocomask.toBbox(theirs[0]))
        assert ours[0].area == pycocomask.area(theirs[0])
        assert mask_iou(*ours) == pycocomask.iou(theirs[:1], theirs[1:], [0])[0, 0]


@pytest.mark.parity
@pytest.mark.parametrize("kind", ["anywhere", "whole pixels", "tenths"])
def test_polygons_equal_pycocotools_pixel_for_pixel(pycocomask, kind: str):
    random = np.random.default_rng(1)
    for _ in range(500):
        height, width = (int(side) for side in random.integers(1, 60, 2))
        corners = random.uniform(-10, 70, 2 * random.integers(3, 9))
        corners = corners.round() if kind == "whole pixels" else corners.clip(0).round(1) if kind == "tenths" else corners
        theirs = pycocomask.frPyObjects([corners.tolist()], height, width)[0]
        assert to_text(polygon_to_mask(corners, height, width)) == theirs["counts"].decode()


@pytest.mark.parity
@pytest.mark.skipif(not GOLDEN.is_dir(), reason="../shared/golden/coco-detection is not there")
def test_every_mask_of_the_golden_set_is_that_of_pycocotools(pycocomask):
    notes = json.loads((GOLDEN / "instances_val2014_100.json").read_text())
    sizes = {one["id"]: (one["height"], one["width"]) for one in notes["images"]}
    for note in notes["annotations"][:300]:
        size, shape = sizes[note["image_id"]], note["segmentation"]
        theirs = pycocomask.frPyObjects(shape, *size)
        merged = pycocomask.merge(theirs) if isinstance(theirs, list) else theirs
        assert to_text(read_mask(shape, size)) == merged["counts"].decode()


def test_runs_draw_the_mask_they_were_made_of():
    for first, second in masks(2, 100):
        one, other = encode(first), encode(second)
        assert (decode(one) == first).all()
        assert (decode(union([one, other])) == (first | second)).all()
        assert (decode(intersection([one, other])) == (first & second)).all()
        assert (decode(from_text(to_text(one), *first.shape)) == first).all()
        assert same(one, encode(first))
        assert same(one, other) == bool((first == second).all())


def test_runs_by_hand():
    """Ours: a 2 × 3 mask with the middle column and the last pixel: 2 background, 2 foreground, 1, 1."""
    mask = np.array([[0, 1, 0], [0, 1, 1]], bool)
    assert encode(mask).counts.tolist() == [2, 2, 1, 1]
    assert encode(mask).box_xywh == (1.0, 0.0, 2.0, 2.0)
    assert encode(np.ones((2, 2), bool)).counts.tolist() == [0, 4]
    assert encode(np.zeros((2, 2), bool)).box_xywh == (0.0, 0.0, 0.0, 0.0)


def test_a_polygon_by_hand_and_overlapping_parts_count_once():
    """Ours: the square from (1, 1) to (4, 4) is 3 × 3 pixels."""
    square = [1.0, 1, 4, 1, 4, 4, 1, 4]
    assert polygon_to_mask(square, 6, 6).area == 9
    assert polygons_to_mask([square, square], 6, 6).area == 9


def test_masks_of_two_sizes_are_not_compared():
    with pytest.raises(DataError, match=r"2 × 3 px.*3 × 2 as the other mask"):
        mask_iou(encode(np.ones((2, 3), bool)), encode(np.ones((3, 2), bool)))


@pytest.mark.parametrize(
    "value",
    [
        {"size": [2, 2], "counts": [1, 1]},
        {"size": [2, 2], "counts": [-1, 5]},
        {"size": [2, 2], "counts": [True, 3]},
        {"size": [2, 2], "counts": "é"},
        {"size": [2, 2], "counts": "o"},
        {"size": [2, 2], "counts": "o" * 30 + "0"},
        {"size": [0, 2], "counts": "0"},
        {"size": "22", "counts": "4"},
        {"size": [2], "counts": "4"},
        {"counts": "4"},
        [],
        "4",
        3,
        [[1, 2, 3, 4]],
        [[1, 2, 3, 4, 5, float("nan")]],
        [["a", 2, 3, 4, 5, 6]],
        [[1, 2, 3, 4, 5, 1e300]],
        [[0, 0, 900_000, 0] * 20],
    ],
)
def test_broken_masks_are_data_errors(value):
    with pytest.raises(DataError):
        read_mask(value, (4, 4))


@given(text=st.text(max_size=30), height=st.integers(-2, 30), width=st.integers(-2, 30))
def test_no_text_breaks_the_reader(text: str, height: int, width: int):
    try:
        mask = from_text(text, height, width)
    except DataError:
        return
    assert mask.counts.sum() == height * width
