"""Views that lay tiles out against the families they are named after: grids, token counts, order, tags and pixels."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from family_pictures import RAW, picture, sizes, worst
from PIL import Image, ImageOps
from transformers.models.llava_onevision.modeling_llava_onevision import LlavaOnevisionModel
from transformers.models.llava_onevision.processing_llava_onevision import LlavaOnevisionProcessor
from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import MiniCPMV4_6ImageProcessorPil
from transformers.models.ovis2.image_processing_pil_ovis2 import get_min_tile_covering_grid as ovis_grid

from omma.media.apply import apply, patchify
from omma.media.views.covering import Covering
from omma.media.views.global_local import GlobalLocal
from omma.media.views.high_definition import HighDefinition
from omma.media.views.low_high import LowHigh
from omma.media.views.one_vision import OneVision
from omma.media.views.slices import Slices
from omma.schema.view import NEWLINE, SEPARATOR, Blend, Unit, num_slots

pytestmark = pytest.mark.parity


def test_covering_chooses_ovis_grid():
    """Ovis's function says rows first, as its own code cuts; transformers' processor reads columns first."""
    for width, height in sizes(2000, seed=5, longest=3000):
        theirs = ovis_grid.__wrapped__((height, width), 448, 9)
        for first, grid in (("rows", theirs), ("columns", theirs[::-1])):
            sheet = Covering(first=first).plan(width, height, Unit(14)).canvases[-1]
            assert (sheet.height // 448, sheet.width // 448) == tuple(grid), (width, height)


def test_covering_says_its_grid_as_ovis():
    layout = Covering(size=32).layout
    plan = next(p for p in (Covering(size=32).plan(64, side, Unit(8)) for side in (60, 64, 62)) if len(p.tiles) == 5)  # 2 × 2 tiles
    said = ["·" if not isinstance(run, str) else run for run in layout(plan, plan.grids(8))]
    inner = ["·", "<IMG_COL>", "·", "<IMG_ROW>", "·", "<IMG_COL>", "·"]
    assert said == ["<IMG_START>", "·", "<IMG_GRID>", *inner, "<IMG_END>"]


def test_slices_cut_minicpms_pixels():
    view = Slices(size=64, max_slices=4)
    processor = MiniCPMV4_6ImageProcessorPil(scale_resolution=64, patch_size=8, max_slice_nums=4, downsample_mode="4x")
    for width, height in sizes():
        image = picture(width, height)
        found = processor(images=Image.fromarray(image), return_tensors="np", **RAW)
        plan = view.plan(width, height, Unit(8, 2))
        assert found["target_sizes"].tolist() == [[rows, columns] for _, rows, columns in plan.grids(8)], (width, height)
        ours = np.concatenate([patchify(tile, 8) for tile in apply(view, image, plan)])
        theirs = found["pixel_values"][0].reshape(3, 8, -1, 8).transpose(2, 0, 1, 3).reshape(len(ours), -1)
        assert (ours == theirs).all(), (width, height)


def test_slices_are_tagged_line_by_line():
    view = Slices(size=32)
    plan = view.plan(64, 96, Unit(8))
    said = "".join("·" if not isinstance(run, str) else run for run in view.layout(plan, plan.grids(8)))
    line = "<slice>·</slice><slice>·</slice>"
    assert said == f"<image>·</image>{line}\n{line}\n{line}"
    alone = view.plan(30, 30, Unit(8))
    assert len(view.layout(alone, alone.grids(8))) == 3
    older = Slices(size=32, slice=("<image>", "</image>"), around=("<slice>", "</slice>"))
    said = "".join("·" if not isinstance(run, str) else run for run in older.layout(plan, plan.grids(8)))
    line = "<image>·</image>" * 2
    assert said == f"<image>·</image><slice>{line}\n{line}\n{line}</slice>"


def one_vision_reference(size, patch, pinpoints):
    config = SimpleNamespace(vision_config=SimpleNamespace(image_size=size, patch_size=patch), image_grid_pinpoints=pinpoints)
    return SimpleNamespace(config=config)


def test_one_vision_counts_are_the_published_ones():
    """384 px tiles and patches of 14 px: 27 a side, the last 6 px unseen."""
    view = OneVision()
    processor = LlavaOnevisionProcessor.__new__(LlavaOnevisionProcessor)
    processor.image_processor = SimpleNamespace(image_grid_pinpoints=[list(point) for point in view.pinpoints])
    processor.patch_size, processor.num_image_tokens, processor.vision_aspect_ratio = 14, 729, "anyres_max_9"
    processor.vision_feature_select_strategy, processor.num_additional_image_tokens = "full", 0
    blended = 0
    for width, height in sizes(1500, longest=4000):
        plan = view.plan(width, height, Unit(14, cut=384))
        layout = view.layout(plan, plan.grids(14))
        blended += any(isinstance(run, Blend) for run in layout)
        assert num_slots(layout) == processor._get_number_of_features(height, width, 384, 384), (width, height)
    assert blended > 40


def test_one_vision_tokens_are_the_published_ones():
    """Random features through the reference's unpad, resize and newline code, and through our layout. Worst case 3.6e-7."""
    pinpoints = [[32 * rows, 32 * columns] for rows in range(1, 5) for columns in range(1, 5)]
    view = OneVision(size=32, pinpoints=tuple(map(tuple, pinpoints)), max_tiles=2)
    newline = torch.full((5,), 7.0)
    for width, height in sizes(200, longest=300):
        plan = view.plan(width, height, Unit(8))
        features = torch.randn(len(plan.tiles), 16, 5, generator=torch.Generator().manual_seed(width))
        theirs, _ = LlavaOnevisionModel.pack_image_features(
            one_vision_reference(32, 8, pinpoints), [features], torch.tensor([[height, width]]), newline, "anyres_max_2"
        )
        rows = torch.cat([features.flatten(0, 1), newline[None]])  # −1 is the newline
        runs = [
            torch.einsum("mk,mkd->md", torch.from_numpy(run.weight), rows[run.index]) if isinstance(run, Blend) else rows[run]
            for run in view.layout(plan, plan.grids(8))
        ]
        assert torch.allclose(torch.cat(runs), theirs[0], atol=1e-6), (width, height)


def test_global_local_pads_as_deepseek_vl2():
    """ImageOps.pad to the tile and to the best size, cut row by row."""
    view = GlobalLocal(size=32, pinpoints=tuple((32 * r, 32 * c) for r in range(1, 4) for c in range(1, 4)), fill=(127, 127, 127))
    for width, height in sizes():
        image = picture(width, height)
        plan = view.plan(width, height, Unit(8))
        high, wide = plan.canvases[1].height, plan.canvases[1].width
        whole, sheet = (
            np.asarray(ImageOps.pad(Image.fromarray(image), size, color=(127, 127, 127))) for size in ((32, 32), (wide, high))
        )
        tiles = [sheet[y : y + 32, x : x + 32] for y in range(0, high, 32) for x in range(0, wide, 32)]
        assert worst(apply(view, image, plan), [whole, *tiles]) == 0, (width, height)


def test_two_maps_by_hand():
    """One global tile of 1 × 2 tokens, then two tiles beside each other of 2 × 1."""
    view = GlobalLocal(size=32, pinpoints=((32, 64),))
    (layout,) = view.layout(view.plan(64, 32, Unit(16)), ((1, 1, 2), (1, 2, 1), (1, 2, 1)))
    assert layout.tolist() == [0, 1, NEWLINE, SEPARATOR, 2, 4, NEWLINE, 3, 5, NEWLINE]


def hd_reference(image, most, size):
    """InternLM-XComposer's HD_transform with Pillow: lay the picture down, resize, pad with white, stand it up again."""
    picture, turned = Image.fromarray(image), image.shape[0] > image.shape[1]
    if turned:
        picture = picture.transpose(Image.Transpose.TRANSPOSE)
    ratio, scale = picture.width / picture.height, 1
    while scale * np.ceil(scale / ratio) <= most:
        scale += 1
    wide = (scale - 1) * size
    picture = picture.resize((wide, int(wide / ratio)), Image.Resampling.BILINEAR)
    high = int(np.ceil(picture.height / size) * size)
    sheet = Image.new("RGB", (wide, high), (255, 255, 255))
    sheet.paste(picture, (0, int((high - picture.height) / 2)))
    return np.asarray(sheet.transpose(Image.Transpose.TRANSPOSE) if turned else sheet)


def test_high_definition_is_xcomposers():
    view = HighDefinition(size=32, max_tiles=8, resample="bilinear")
    for width, height in sizes():
        if max(width, height) / min(width, height) > 30:
            continue
        image = picture(width, height)
        sheet = hd_reference(image, 8, 32)
        plan = view.plan(width, height, Unit(8))
        assert (plan.canvases[1].height, plan.canvases[1].width) == sheet.shape[:2], (width, height)
        tiles = [sheet[y : y + 32, x : x + 32] for y in range(0, sheet.shape[0], 32) for x in range(0, sheet.shape[1], 32)]
        assert worst(apply(view, image, plan)[1:], tiles) <= 1, (width, height)  # one pass lies, the other stands: they round once


def test_low_and_high_show_the_same_square():
    """Of a 64 px square, the high tile is the picture itself and the low one its 2 × 2 means."""
    view = LowHigh(size=32, high=64, fill=(9, 9, 9), resample="box")
    for width, height in [(64, side) for side in range(1, 65, 7)] + [(side, 64) for side in range(1, 65, 7)]:
        plan = view.plan(width, height, Unit(8))
        low, high = apply(view, picture(width, height), plan)
        assert np.abs(high.reshape(32, 2, 32, 2, 3).mean((1, 3)) - low).max() <= 1
        left, top, _, _ = plan.canvases[0].border
        assert (high[top : top + height, left : left + width] == picture(width, height)).all()
        assert view.layout(plan, plan.grids(8))[0].tolist() == list(range(16))
