"""Tiles and patches: order of values as a convolution reads them, colours of the padding, refusals with both numbers."""

import numpy as np
import pytest
import torch

from omma.core.errors import ShapeError
from omma.media.apply import apply, patchify, unpatchify
from omma.media.views.best_fit import BestFit
from omma.media.views.fixed import Fixed
from omma.media.views.native import Native
from omma.media.views.pad import Pad
from omma.schema.view import Unit


def picture(width, height, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_patches_by_hand():
    """A 2 × 4 tile, patch 2: two patches side by side; in each first red (top row, bottom row), then green, then blue."""
    tile = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert patchify(tile, 2).tolist() == [
        [0, 3, 12, 15, 1, 4, 13, 16, 2, 5, 14, 17],
        [6, 9, 18, 21, 7, 10, 19, 22, 8, 11, 20, 23],
    ]


def test_patches_times_a_flat_weight_equal_a_convolution():
    tile, weight = picture(24, 16), torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    image = torch.from_numpy(tile).double().permute(2, 0, 1)[None]
    expected = torch.nn.functional.conv2d(image, weight, stride=8)[0].flatten(1).T
    ours = torch.from_numpy(patchify(tile, 8)).double() @ weight.flatten(1).T
    assert torch.allclose(ours, expected, atol=1e-9)


def test_patches_invert_and_do_not_alias():
    tile = picture(40, 24)
    patches = patchify(tile, 8)
    assert patches.dtype == np.uint8 and patches.shape == (15, 192)
    patches_before = patches.copy()
    back = unpatchify(patches, 3, 5, 8)
    back[:] = 0
    assert (patches == patches_before).all() and (unpatchify(patches, 3, 5, 8) == tile).all()


def test_sizes_that_do_not_fit_are_refused_with_both_numbers():
    with pytest.raises(ShapeError, match="patchify: tile of 20 × 16 px; expected multiples of the patch of 8 px"):
        patchify(picture(20, 16), 8)
    with pytest.raises(ShapeError, match=r"unpatchify: patches of shape \(6, 192\); expected \(4, 192\)"):
        unpatchify(patchify(picture(24, 16), 8), 2, 2, 8)
    view = Fixed(size=32)
    with pytest.raises(ShapeError) as error:
        apply(view, picture(50, 40), view.plan(40, 50, Unit(8)))
    assert "apply: picture of shape (40, 50, 3) uint8; expected (50, 40, 3) uint8 as planned" in str(error.value)
    with pytest.raises(ShapeError, match="float64; expected"):
        apply(view, picture(40, 50).astype(float), view.plan(40, 50, Unit(8)))


def test_a_picture_of_the_tile_size_is_untouched():
    for view in (Fixed(size=32), Pad(size=32), Native(min_pixels=16, max_pixels=4096)):
        (tile,) = apply(view, picture(32, 32), view.plan(32, 32, Unit(8)))
        assert (tile == picture(32, 32)).all()


def test_padding_wears_the_fill_colour():
    white = np.full((20, 60, 3), 255, np.uint8)
    view = Pad(size=32, fill=(1, 2, 3), resample="nearest")
    (tile,) = apply(view, white, view.plan(60, 20, Unit(8)))
    assert (tile[:10] == (1, 2, 3)).all() and (tile[12:20] == 255).all() and (tile[23:] == (1, 2, 3)).all()
    view = BestFit(size=32, pinpoints=((64, 64),), fill=(4, 5, 6), resample="nearest")
    base, *detail = apply(view, white, view.plan(60, 20, Unit(8)))
    assert (base == 255).all() and (detail[0][0] == (4, 5, 6)).all() and (detail[2][-1] == (4, 5, 6)).all()


def test_the_resampling_filter_is_obeyed():
    image = picture(50, 50)
    results = [
        apply(Fixed(size=32, resample=name), image, Fixed(size=32).plan(50, 50, Unit(8)))[0]
        for name in ("nearest", "bicubic", "lanczos")
    ]
    assert (results[0] != results[1]).any() and (results[1] != results[2]).any()
    assert {tuple(value) for value in results[0].reshape(-1, 3)} <= {tuple(value) for value in image.reshape(-1, 3)}
