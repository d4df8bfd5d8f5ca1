"""Counts of the families' views over 10,000 random sizes: the grids of the reference functions, or the published formula."""

import math

import numpy as np
import pytest
from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import MiniCPMV4_6ImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import get_image_size_for_max_num_patches

from omma.core.errors import DataError
from omma.media.views.crop import Crop
from omma.media.views.global_local import GlobalLocal
from omma.media.views.high_definition import HighDefinition
from omma.media.views.low_high import LowHigh
from omma.media.views.na_flex import NaFlex
from omma.media.views.slices import Slices
from omma.media.views.tagged_tiles import TaggedTiles
from omma.schema.view import Unit, num_slots

pytestmark = pytest.mark.parity


def sizes(count=200, seed=0, longest=200):
    """Random picture sizes, log-uniform, no side below 4 px."""
    random = np.random.default_rng(seed)
    return np.exp(random.uniform(np.log(4), np.log(longest), (count, 2))).astype(int).tolist()


def test_na_flex_is_siglip2s():
    view = NaFlex(max_patches=256, resample="bilinear")
    for width, height in sizes(10_000, longest=4000):
        tall, wide = get_image_size_for_max_num_patches(height, width, 16, 256)
        if tall * wide > 256 * 256:  # so narrow that the rule breaks its own bound
            with pytest.raises(DataError, match="at the smallest scale"):
                view.plan(width, height, Unit(16))
            continue
        (tile,) = view.plan(width, height, Unit(16)).tiles
        assert (tile.height, tile.width) == (tall, wide), (width, height)


@pytest.mark.parametrize(("merge", "mode"), [(4, "16x"), (2, "4x")])
def test_slices_are_minicpms(merge, mode):
    view, unit = Slices(size=448), Unit(14, merge)
    processor = MiniCPMV4_6ImageProcessorPil(downsample_mode=mode)
    for width, height in sizes(10_000, longest=3000):
        plan = view.plan(width, height, unit)
        grid = processor.get_sliced_grid((height, width), 9, 448)
        source = processor.find_best_resize((height, width), 448, 14, mode, allow_upscale=grid is None)
        assert (plan.canvases[0].height, plan.canvases[0].width) == source, (width, height)
        assert len(plan.tiles) == 1 + (math.prod(grid) if grid else 0)
        if grid:
            refined = processor.get_refine_size((height, width), grid, 448, 14, mode, allow_upscale=True)
            assert (plan.canvases[1].height, plan.canvases[1].width) == refined, (width, height)
            assert (plan.tiles[1].height * grid[0], plan.tiles[1].width * grid[1]) == refined


def test_global_local_counts_as_deepseek_vl2():
    """14 · 15 + 1 + 14 m · (14 n + 1) for m × n tiles of 27 × 27 patches, two by two."""
    view = GlobalLocal()
    for width, height in sizes(10_000, longest=4000):
        plan = view.plan(width, height, Unit(14, cut=384))
        m, n = plan.canvases[1].height // 384, plan.canvases[1].width // 384
        assert len(plan.tiles) == m * n + 1
        if width % 5:  # layouts of a fifth, for time
            continue
        layout = view.layout(plan, ((1, 14, 14),) * len(plan.tiles))
        assert num_slots(layout) == 14 * 15 + 1 + 14 * m * (14 * n + 1)
        if width == height:
            assert num_slots(layout) in (421, 14 * 15 + 1 + 28 * 29, 2017)


def test_high_definition_counts_as_xcomposer():
    """(h · w + 1) · 144 + 1 + (h + 1) · 12 for h × w tiles of 12 × 12 tokens; 3840 × 1600 px make 11 × 5."""
    view = HighDefinition()
    for width, height in sizes(10_000, longest=4000):
        plan = view.plan(width, height, Unit(14, 2))
        h, w = plan.canvases[1].height // 336, plan.canvases[1].width // 336
        assert h * w <= 55
        assert len(plan.tiles) == h * w + 1
        if width % 5 == 0:  # layouts of a fifth, for time
            assert num_slots(view.layout(plan, ((1, 12, 12),) * len(plan.tiles))) == (h * w + 1) * 144 + 1 + (h + 1) * 12
    sheet = view.plan(3840, 1600, Unit(14, 2)).canvases[1]
    assert (sheet.width // 336, sheet.height // 336) == (11, 5)


def test_tags_name_tiles_as_nvlm():
    view = TaggedTiles(size=32)
    for width, height in sizes(10_000, longest=4000):
        plan = view.plan(width, height, Unit(8))
        said = [run for run in view.layout(plan, plan.grids(8)) if isinstance(run, str)]
        assert said == [f"<tile_{i}>" for i in range(1, len(plan.tiles))] + ["<tile_global_thumbnail>"]
        assert num_slots(view.layout(plan, plan.grids(8))) == 16 * len(plan.tiles)


def test_crop_and_low_high_always_cost_the_same():
    crop, pair = Crop(size=336, edge=336), LowHigh(size=336, high=672)
    for width, height in sizes(10_000, longest=4000):
        plan = crop.plan(width, height, Unit(14))
        (tile,), sheet = plan.tiles, plan.canvases[0]
        assert plan.num_patches(14) == 576 and min(sheet.width, sheet.height) == 336
        assert abs((sheet.width - 336) // 2 - tile.x0) == abs((sheet.height - 336) // 2 - tile.y0) == 0
        assert pair.plan(width, height, Unit(14)).num_patches(14) == 576 + 48 * 48
