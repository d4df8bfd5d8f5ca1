"""Views of one square or of equal tiles against the image processors of the families they are named after: every pixel."""

import numpy as np
import pytest
from family_pictures import picture, sizes, values, worst
from PIL import Image
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil
from transformers.models.ovis2.image_processing_pil_ovis2 import Ovis2ImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from omma.media.apply import apply
from omma.media.views.best_fit import BestFit
from omma.media.views.covering import Covering
from omma.media.views.crop import Crop
from omma.media.views.fixed import Fixed
from omma.media.views.one_vision import OneVision
from omma.media.views.pad import Pad
from omma.media.views.tiles import Tiles
from omma.schema.view import Unit

pytestmark = pytest.mark.parity
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
