"""Views at a picture's own size against the processors of Fuyu, Qwen-VL and SigLIP 2: the same grids, order and pixels."""

import numpy as np
import pytest
from family_pictures import RAW, picture, sizes, worst
from PIL import Image
from transformers.models.fuyu.image_processing_pil_fuyu import FuyuImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

from omma.media.apply import apply, patchify
from omma.media.views.lined_patches import LinedPatches
from omma.media.views.na_flex import NaFlex
from omma.media.views.native import Native
from omma.schema.view import Unit

pytestmark = pytest.mark.parity


LARGE = [(1024, 1000), (1601, 640), (97, 1800), (2600, 390)]  # px, up to a million of them


def check_fuyu(view, processor, patch, width, height):
    """Grid and pixels; the lower and right border of a picture counts as 1 of 255 in both. → whether it was shrunk."""
    image = picture(width, height)
    found = processor.preprocess(Image.fromarray(image), return_tensors="np", **RAW)
    high, wide = (int(np.ravel(found[key])[0]) for key in ("image_unpadded_heights", "image_unpadded_widths"))
    plan = view.plan(width, height, Unit(patch))
    rows, columns = -(-high // patch), -(-wide // patch)
    assert plan.grids(patch) == ((1, rows, columns),), (width, height)
    theirs = np.asarray(found["images"][0][0]).transpose(1, 2, 0)[: patch * rows, : patch * columns]
    assert worst(apply(view, image, plan), [theirs]) == 0, (width, height)
    return (wide, high) != (width, height)


def test_lined_patches_are_fuyus():
    view = LinedPatches(width=96, height=64, fill=(1, 1, 1), resample="bilinear")
    processor = FuyuImageProcessorPil(size={"height": 64, "width": 96}, patch_size={"height": 8, "width": 8})
    # where a side would be less than a pixel, the reference has no size
    seen = [size for size in sizes() if min(96 / size[0], 64 / size[1]) * min(size) >= 1]
    assert 20 < sum(check_fuyu(view, processor, 8, *size) for size in seen) < 180


def test_lined_patches_of_released_size_are_fuyus():
    view = LinedPatches(fill=(1, 1, 1), resample="bilinear")
    shrunk = [check_fuyu(view, FuyuImageProcessorPil(), 30, *size) for size in LARGE]
    assert shrunk == [False, False, True, True]


def check_qwen(view, processor, patch, width, height):
    """Grid, and the pixels of every patch in the order of the reference, twice each."""
    image = picture(width, height)
    plan = view.plan(width, height, Unit(patch, 2, 2))
    (grid,) = plan.grids(patch)
    found = processor(images=Image.fromarray(image), return_tensors="np", **RAW)
    assert found["image_grid_thw"].tolist() == [list(grid)], (width, height)
    ours = patchify(apply(view, image, plan)[0], patch)
    _, rows, columns = grid
    windows = np.arange(rows * columns).reshape(rows // 2, 2, columns // 2, 2).transpose(0, 2, 1, 3).ravel()
    theirs = found["pixel_values"].reshape(len(ours), 3, 2, -1)
    assert (theirs[:, :, 0] == theirs[:, :, 1]).all()
    assert (ours[windows].reshape(len(ours), 3, -1) == theirs[:, :, 0]).all(), (width, height)


@pytest.mark.parametrize(("patch", "low", "high"), [(14, 56 * 56, 100_000), (16, 64 * 64, 200_000)], ids=["Qwen2-VL", "Qwen3-VL"])
def test_native_patches_are_those_of_qwen(patch, low, high):
    view = Native(min_pixels=low, max_pixels=high)
    processor = Qwen2VLImageProcessorPil(size={"shortest_edge": low, "longest_edge": high}, patch_size=patch)
    for size in sizes(longest=600):
        check_qwen(view, processor, patch, *size)


@pytest.mark.parametrize(
    ("patch", "low", "high"), [(14, 56 * 56, 1280 * 28 * 28), (16, 256 * 256, 4096 * 4096)], ids=["Qwen2-VL", "Qwen3-VL"]
)
def test_native_patches_of_large_pictures_are_those_of_qwen_within_released_bounds(patch, low, high):
    view = Native(min_pixels=low, max_pixels=high)
    processor = Qwen2VLImageProcessorPil(size={"shortest_edge": low, "longest_edge": high}, patch_size=patch)
    for size in LARGE:
        check_qwen(view, processor, patch, *size)


def check_siglip2(view, processor, patch, width, height):
    """Grid, pixels of every patch, and what is masked behind them."""
    image = picture(width, height)
    found = processor(images=Image.fromarray(image), return_tensors="np", **RAW)
    plan = view.plan(width, height, Unit(patch))
    ours = patchify(apply(view, image, plan)[0], patch)
    assert found["spatial_shapes"].tolist() == [list(plan.grids(patch)[0][1:])], (width, height)
    theirs = found["pixel_values"][0, : len(ours)].reshape(len(ours), patch**2, 3).transpose(0, 2, 1).reshape(len(ours), -1)
    assert (ours == theirs).all() and not found["pixel_attention_mask"][0, len(ours) :].any(), (width, height)


def test_na_flex_patches_are_siglip2s():
    view, processor = NaFlex(max_patches=64, resample="bilinear"), Siglip2ImageProcessorPil(patch_size=8, max_num_patches=64)
    for size in sizes():
        check_siglip2(view, processor, 8, *size)


@pytest.mark.parametrize("most", [256, 4096])
def test_na_flex_patches_of_large_pictures_are_siglip2s(most):
    view, processor = NaFlex(max_patches=most, resample="bilinear"), Siglip2ImageProcessorPil(patch_size=16, max_num_patches=most)
    for size in LARGE:
        check_siglip2(view, processor, 16, *size)
