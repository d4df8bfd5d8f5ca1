"""Views against the published rules: equal plans over 10,000 random sizes, equal pixels, equal token order."""

import math
from functools import cache
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from transformers.image_utils import PILImageResampling, SizeDict
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil, get_optimal_tiled_canvas
from transformers.models.llava.image_processing_pil_llava import LlavaImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_next.modeling_llava_next import LlavaNextModel
from transformers.models.llava_next.processing_llava_next import LlavaNextProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

from omma.core.errors import DataError
from omma.media.apply import apply
from omma.media.views.best_fit import BestFit
from omma.media.views.native import Native
from omma.media.views.pad import Pad
from omma.media.views.tiles import Tiles
from omma.schema.view import NEWLINE, Unit, num_slots

pytestmark = pytest.mark.parity
BICUBIC = PILImageResampling.BICUBIC
CLIP_MEAN = (122, 116, 104)
PIXEL_SIZES = [(37, 90), (90, 37), (64, 64), (301, 100), (5, 60), (251, 250)]


def random_sizes(count=10_000, seed=0, longest=4000):
    """Half log-uniform, half near each other, where ties and roundings live."""
    random = np.random.default_rng(seed)
    wide = np.exp(random.uniform(0, np.log(longest), (count // 2, 2))).astype(int)
    near = random.integers(200, 1500, (count - count // 2, 1)) * random.choice([1, 2, 3, 4, 6], (count - count // 2, 2))
    return np.concatenate([wide.clip(1), near]).tolist()


def picture(width, height):
    return np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def channels_last(tiles):
    return [np.asarray(tile).transpose(1, 2, 0) for tile in tiles]


@cache
def internvl_ratios(low, high):
    ratios = {(i, j) for n in range(low, high + 1) for i in range(1, n + 1) for j in range(1, n + 1) if low <= i * j <= high}
    return sorted(ratios, key=lambda ratio: ratio[0] * ratio[1])


def internvl_grid(width, height, low, high, size):
    """InternVL's rule as its repository states it, with its set of candidates sorted by area."""
    best, best_difference = (1, 1), float("inf")
    for i, j in internvl_ratios(low, high):
        difference = abs(width / height - i / j)
        if difference < best_difference:
            best, best_difference = (i, j), difference
        elif difference == best_difference and width * height > 0.5 * size * size * i * j:
            best = (i, j)
    return best


@pytest.mark.parametrize("bounds", [(1, 12), (1, 6), (2, 9)])
def test_tiles_choose_the_published_grid(bounds):
    view = Tiles(size=448, min_tiles=bounds[0], max_tiles=bounds[1])
    for width, height in random_sizes():
        plan = view.plan(width, height, Unit(14, 2))
        grid = plan.canvases[0].width // 448, plan.canvases[0].height // 448
        assert grid == get_optimal_tiled_canvas.__wrapped__((height, width), (448, 448), *bounds), (width, height)
        if bounds[0] == 1:  # with other bounds the order of a set decides some ties there
            assert grid == internvl_grid(width, height, *bounds, 448), (width, height)
        assert len(plan.tiles) == grid[0] * grid[1] + (grid != (1, 1))


@pytest.mark.parametrize("size", PIXEL_SIZES)
def test_tiles_cut_the_published_pixels(size):
    view = Tiles(size=32, max_tiles=6)
    image = picture(*size)
    processor = GotOcr2ImageProcessorPil()
    theirs = processor.crop_image_to_patches(
        image.transpose(2, 0, 1), 1, 6, use_thumbnail=True, patch_size=SizeDict(height=32, width=32), resample=BICUBIC
    )
    ours = apply(view, image, view.plan(*size, Unit(8, 2)))
    assert len(ours) == len(theirs) and all((a == b).all() for a, b in zip(ours, channels_last(theirs), strict=True))


@pytest.mark.parametrize(("factor", "low", "high"), [(28, 56 * 56, 14 * 14 * 4 * 1280), (32, 65_536, 16_777_216), (28, 3136, 4000)])
def test_native_equals_smart_resize(factor, low, high):
    view = Native(min_pixels=low, max_pixels=high)
    refused = 0
    for width, height in random_sizes():
        try:
            tall, wide = smart_resize(height, width, factor, low, high)
        except ValueError:
            refused += 1
            with pytest.raises(DataError):
                view.plan(width, height, Unit(factor // 2, 2))
            continue
        (tile,) = view.plan(width, height, Unit(factor // 2, 2)).tiles
        assert (tile.height, tile.width) == (tall, wide), (width, height)
    assert refused > 100


PINPOINTS = (
    ((336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)),
    tuple((336 * rows, 336 * columns) for rows in range(1, 7) for columns in range(1, 7)),
)


def llava_next_reference(pinpoints, patch=14):
    """The processor's own count, without its tokenizer."""
    processor = LlavaNextProcessor.__new__(LlavaNextProcessor)
    processor.image_processor = SimpleNamespace(image_grid_pinpoints=[list(point) for point in pinpoints])
    processor.patch_size, processor.num_additional_image_tokens = patch, 0
    return processor


@pytest.mark.parametrize("pinpoints", PINPOINTS, ids=["five", "all"])
def test_best_fit_counts_equal_the_published_ones(pinpoints):
    view = BestFit(size=336, pinpoints=pinpoints)
    reference = llava_next_reference(pinpoints)
    sizes = random_sizes() if len(pinpoints) == 5 else random_sizes(1500)
    for width, height in sizes:
        plan = view.plan(width, height, Unit(14))
        expected = reference._get_number_of_features(height, width, 336, 336)
        assert num_slots(view.layout(plan, plan.grids(14))) == expected, (width, height)


def test_best_fit_orders_tokens_as_pack_image_features():
    """Feature maps that hold their own index go through the reference's unpad and newline code."""
    pinpoints = [[32, 64], [64, 32], [64, 64], [96, 32], [32, 96]]
    view = BestFit(size=32, pinpoints=tuple(map(tuple, pinpoints)))
    config = SimpleNamespace(vision_config=SimpleNamespace(image_size=32, patch_size=8), image_grid_pinpoints=pinpoints)
    for width, height in random_sizes(400, seed=7, longest=300):
        plan = view.plan(width, height, Unit(8))
        (ours,) = view.layout(plan, plan.grids(8))
        features = torch.arange(16 * len(plan.tiles), dtype=torch.float32).view(len(plan.tiles), 16, 1)
        packed, lengths = LlavaNextModel.pack_image_features(
            SimpleNamespace(config=config), [features], torch.tensor([[height, width]]), "full", torch.tensor([float(NEWLINE)])
        )
        assert lengths.tolist() == [len(ours)] and packed[0][:, 0].int().tolist() == ours.tolist(), (width, height)


@pytest.mark.parametrize("size", PIXEL_SIZES)
def test_best_fit_cuts_the_published_pixels(size):
    pinpoints = [[32, 64], [64, 32], [64, 64], [96, 32], [32, 96]]
    view = BestFit(size=32, pinpoints=tuple(map(tuple, pinpoints)), fill=(0, 0, 0))
    image = picture(*size)
    theirs = LlavaNextImageProcessorPil().get_image_patches(image.transpose(2, 0, 1), pinpoints, (32, 32), 32, BICUBIC)
    ours = apply(view, image, view.plan(*size, Unit(8)))
    assert len(ours) == len(theirs) and all((a == b).all() for a, b in zip(ours, channels_last(theirs), strict=True))


def test_best_fit_places_the_picture_as_the_published_rule():
    view = BestFit(size=336)
    for width, height in random_sizes(3000, seed=3):
        sheet = view.plan(width, height, Unit(14)).canvases[1]
        scale_w, scale_h = sheet.width / width, sheet.height / height
        wide = sheet.width if scale_w < scale_h else min(math.ceil(width * scale_h), sheet.width)
        high = min(math.ceil(height * scale_w), sheet.height) if scale_w < scale_h else sheet.height
        left, top = divmod(sheet.width - wide, 2)[0], divmod(sheet.height - high, 2)[0]
        assert sheet.content == (left, top, left + wide, top + high)


@pytest.mark.parametrize("size", PIXEL_SIZES)
def test_pad_makes_the_published_pixels(size):
    """LLaVA's expand2square (paste on a square of the longer side) and then a bicubic resize, by Pillow and by transformers."""
    view = Pad(size=32, fill=CLIP_MEAN)
    image = picture(*size)
    (ours,) = apply(view, image, view.plan(*size, Unit(8)))
    width, height = size
    square = Image.new("RGB", (max(size), max(size)), CLIP_MEAN)
    square.paste(Image.fromarray(image), ((0, (width - height) // 2) if width > height else ((height - width) // 2, 0)))
    assert (ours == np.asarray(square.resize((32, 32), Image.Resampling.BICUBIC))).all()
    processor = LlavaImageProcessorPil()
    padded = processor.pad_to_square(image.transpose(2, 0, 1), background_color=CLIP_MEAN)
    theirs = processor.resize(padded, SizeDict(height=32, width=32), resample=BICUBIC)
    assert (ours == channels_last([theirs])[0]).all()
