"""Views against the image processors of the families they are named after: the same grids, token counts, order and pixels."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.fuyu.image_processing_pil_fuyu import FuyuImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.llava_onevision.modeling_llava_onevision import LlavaOnevisionModel
from transformers.models.llava_onevision.processing_llava_onevision import LlavaOnevisionProcessor
from transformers.models.minicpmv4_6.image_processing_pil_minicpmv4_6 import MiniCPMV4_6ImageProcessorPil
from transformers.models.ovis2.image_processing_pil_ovis2 import Ovis2ImageProcessorPil
from transformers.models.ovis2.image_processing_pil_ovis2 import get_min_tile_covering_grid as ovis_grid
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

from omma.media.apply import apply, patchify
from omma.media.views.best_fit import BestFit
from omma.media.views.covering import Covering
from omma.media.views.crop import Crop
from omma.media.views.fixed import Fixed
from omma.media.views.global_local import GlobalLocal
from omma.media.views.high_definition import HighDefinition
from omma.media.views.lined_patches import LinedPatches
from omma.media.views.low_high import LowHigh
from omma.media.views.na_flex import NaFlex
from omma.media.views.native import Native
from omma.media.views.one_vision import OneVision
from omma.media.views.pad import Pad
from omma.media.views.slices import Slices
from omma.media.views.tiles import Tiles
from omma.schema.view import NEWLINE, SEPARATOR, Blend, Unit, num_slots

pytestmark = pytest.mark.parity
RAW = {"do_rescale": False, "do_normalize": False}  # pixel values as they are, so that 1 is a 255th


def sizes(count=200, seed=0, longest=200):
    """Random picture sizes, log-uniform, no side below 4 px."""
    random = np.random.default_rng(seed)
    return np.exp(random.uniform(np.log(4), np.log(longest), (count, 2))).astype(int).tolist()


def picture(width, height):
    return np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)


def values(processor, image, **options):
    """What a processor makes of one picture: its tiles as (height, width, 3)."""
    found = processor(images=Image.fromarray(image), return_tensors="np", **RAW, **options)["pixel_values"]
    return [tile.transpose(1, 2, 0) for tile in found.reshape(-1, *found.shape[-3:])]


def worst(ours, theirs):
    assert [a.shape for a in ours] == [b.shape for b in theirs]
    return max(float(np.abs(a.astype(float) - b).max()) for a, b in zip(ours, theirs, strict=True))


BICUBIC, BILINEAR = 3, 2
PINPOINTS = [[32, 64], [64, 32], [64, 64], [96, 32], [32, 96]]
GRID = [[32 * rows, 32 * columns] for rows in range(1, 4) for columns in range(1, 4)]
CUT_ALIKE = {
    "crop as CLIP": (
        Crop(size=32, edge=32),
        CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, resample=BICUBIC),
    ),
    "crop as CLIP with a margin": (
        Crop(size=32, edge=40),
        CLIPImageProcessorPil(size={"shortest_edge": 40}, crop_size={"height": 32, "width": 32}, resample=BICUBIC),
    ),
    "crop with a margin as DINOv2": (
        Crop(size=32, edge=36),
        BitImageProcessorPil(size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32}),
    ),
    "crop with a margin as a small ConvNeXt": (
        Crop(size=32, edge=36),
        ConvNextImageProcessorPil(size={"shortest_edge": 32}, crop_pct=224 / 256),
    ),
    "squash as SigLIP": (Fixed(size=32), SiglipImageProcessorPil(size={"height": 32, "width": 32}, resample=BICUBIC)),
    "squash as BLIP-2": (Fixed(size=32), BlipImageProcessorPil(size={"height": 32, "width": 32}, resample=BICUBIC)),
    "tiles as InternVL and SAIL-VL": (
        Tiles(size=32, max_tiles=6),
        GotOcr2ImageProcessorPil(size={"height": 32, "width": 32}, crop_to_patches=True, max_patches=6, resample=BICUBIC),
    ),
    "tiles, thumbnail first, as Ovis2 by aspect": (
        Tiles(size=32, max_tiles=6, thumbnail="first"),
        Ovis2ImageProcessorPil(
            size={"height": 32, "width": 32}, crop_to_patches=True, max_patches=6, use_covering_area_grid=False, resample=BICUBIC
        ),
    ),
    "tiles as Ovis2": (
        Covering(size=32, max_tiles=9, first="columns"),
        Ovis2ImageProcessorPil(size={"height": 32, "width": 32}, crop_to_patches=True, max_patches=9, resample=BICUBIC),
    ),
    "best fit as LLaVA-NeXT": (
        BestFit(size=32, pinpoints=tuple(map(tuple, PINPOINTS)), fill=(0, 0, 0)),
        LlavaNextImageProcessorPil(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}, image_grid_pinpoints=PINPOINTS, resample=BICUBIC
        ),
    ),
    "best fit as LLaVA-OneVision": (
        OneVision(size=32, pinpoints=tuple(map(tuple, GRID)), fill=(0, 0, 0)),
        LlavaOnevisionImageProcessorPil(size={"height": 32, "width": 32}, image_grid_pinpoints=GRID, resample=BICUBIC),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CUT_ALIKE)
def test_tiles_are_those_of_the_family(case):
    view, processor = CUT_ALIKE[case]
    for width, height in sizes():
        image = picture(width, height)
        ours = apply(view, image, view.plan(width, height, Unit(8)))
        theirs = values(processor, image)[: len(ours)] if "best fit" in case else values(processor, image)
        assert worst(ours, theirs) == 0, (width, height)


def test_a_large_convnext_sees_the_squashed_picture():
    view, processor = Fixed(size=384), ConvNextImageProcessorPil(size={"shortest_edge": 384})
    for width, height in sizes(20):
        image = picture(width, height)
        assert worst(apply(view, image, view.plan(width, height, Unit(32))), values(processor, image)) == 0, (width, height)


def expand2square(image, fill):
    """LLaVA's `mm_utils.py`: a square sheet of the longer side, the picture pasted at the floor of half the rest."""
    side = max(image.size)
    sheet = Image.new("RGB", (side, side), fill)
    sheet.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return sheet


def test_pad_shows_clip_the_square_of_llava():
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    fill = tuple(int(255 * mean) for mean in processor.image_mean)
    view = Pad(size=32, fill=fill)
    for width, height in sizes():
        image = picture(width, height)
        theirs = values(processor, np.asarray(expand2square(Image.fromarray(image), fill)))
        assert worst(apply(view, image, view.plan(width, height, Unit(8))), theirs) == 0, (width, height)


def test_lined_patches_are_fuyus():
    """Grid and pixels; the lower and right border of a picture counts as 1 of 255 in both."""
    view = LinedPatches(width=96, height=64, fill=(1, 1, 1), resample="bilinear")
    processor = FuyuImageProcessorPil(size={"height": 64, "width": 96}, patch_size={"height": 8, "width": 8})
    shrunk = 0
    for width, height in sizes():
        if min(64 / height, 96 / width) * min(width, height) < 1:
            continue  # the reference has no size for it
        image = picture(width, height)
        found = processor.preprocess(Image.fromarray(image), return_tensors="np", **RAW)
        high, wide = (int(np.ravel(found[key])[0]) for key in ("image_unpadded_heights", "image_unpadded_widths"))
        plan = view.plan(width, height, Unit(8))
        rows, columns = -(-high // 8), -(-wide // 8)
        assert plan.grids(8) == ((1, rows, columns),), (width, height)
        (ours,) = apply(view, image, plan)
        theirs = np.asarray(found["images"][0][0]).transpose(1, 2, 0)[: 8 * rows, : 8 * columns]
        assert worst([ours], [theirs]) == 0, (width, height)
        shrunk += (wide, high) != (width, height)
    assert 20 < shrunk < 180


@pytest.mark.parametrize(("patch", "low", "high"), [(14, 56 * 56, 100_000), (16, 64 * 64, 200_000)], ids=["Qwen2-VL", "Qwen3-VL"])
def test_native_patches_are_those_of_qwen(patch, low, high):
    view = Native(min_pixels=low, max_pixels=high)
    processor = Qwen2VLImageProcessorPil(size={"shortest_edge": low, "longest_edge": high}, patch_size=patch)
    for width, height in sizes(longest=600):
        image = picture(width, height)
        found = processor(images=Image.fromarray(image), return_tensors="np", **RAW)
        plan = view.plan(width, height, Unit(patch, 2, 2))
        (grid,) = plan.grids(patch)
        assert found["image_grid_thw"].tolist() == [list(grid)], (width, height)
        if width * height > 40_000:  # pixels of the smaller ones only, for time
            continue
        ours = patchify(apply(view, image, plan)[0], patch)
        _, rows, columns = grid
        windows = np.arange(rows * columns).reshape(rows // 2, 2, columns // 2, 2).transpose(0, 2, 1, 3).ravel()
        theirs = found["pixel_values"].reshape(len(ours), 3, 2, -1)
        assert (theirs[:, :, 0] == theirs[:, :, 1]).all()
        assert (ours[windows].reshape(len(ours), 3, -1) == theirs[:, :, 0]).all()


def test_na_flex_patches_are_siglip2s():
    view, processor = NaFlex(max_patches=64, resample="bilinear"), Siglip2ImageProcessorPil(patch_size=8, max_num_patches=64)
    for width, height in sizes():
        image = picture(width, height)
        found = processor(images=Image.fromarray(image), return_tensors="np", **RAW)
        plan = view.plan(width, height, Unit(8))
        ours = patchify(apply(view, image, plan)[0], 8)
        assert found["spatial_shapes"].tolist() == [list(plan.grids(8)[0][1:])]
        theirs = found["pixel_values"][0, : len(ours)].reshape(len(ours), 64, 3).transpose(0, 2, 1).reshape(len(ours), -1)
        assert (ours == theirs).all() and not found["pixel_attention_mask"][0, len(ours) :].any()


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
