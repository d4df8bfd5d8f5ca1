"""CLIP, SigLIP and SigLIP 2 alone: towers learnt with texts, as a recipe's encoder slot takes them."""

from dataclasses import replace

from omma.media.views.crop import Crop
from omma.media.views.fixed import Fixed
from omma.media.views.na_flex import NaFlex
from omma.recipe import Part
from omma_recipes.parts.alone import always, tower_alone
from omma_recipes.parts.llava import CLIP_L_224
from omma_recipes.parts.vision import (
    CLIP_B_16,
    CLIP_B_32,
    CLIP_L_336,
    SIGLIP2_B_NAFLEX,
    SIGLIP2_GIANT_384,
    SIGLIP2_SO_512,
    SIGLIP2_SO_NAFLEX,
    SIGLIP_B_224,
    SIGLIP_L_384,
    SIGLIP_SO_384,
)  # fmt: skip

CROP_224, CROP_336 = Crop(size=224, edge=224), Crop(size=336, edge=336)
NA_FLEX = NaFlex(max_patches=256, resample="bilinear")


def clip_b_32() -> Part:
    """CLIP ViT-B/32: 49 features of the middle square of 224 px."""
    return tower_alone(
        "clip-b-32",
        "CLIP ViT-B/32",
        CROP_224,
        CLIP_B_32,
        87_454_464,
        always(49),
        "openai/clip-vit-base-patch32",
    )


def clip_b_16() -> Part:
    """CLIP ViT-B/16: 196 features."""
    return tower_alone(
        "clip-b-16",
        "CLIP ViT-B/16",
        CROP_224,
        CLIP_B_16,
        85_797_888,
        always(196),
        "openai/clip-vit-base-patch16",
    )


def clip_l_14() -> Part:
    """CLIP ViT-L/14: 256 features."""
    return tower_alone(
        "clip-l-14",
        "CLIP ViT-L/14",
        CROP_224,
        replace(CLIP_L_224, feature_layer=-1),
        303_177_728,
        always(256),
        "openai/clip-vit-large-patch14",
    )


def clip_l_14_336() -> Part:
    """CLIP ViT-L/14 at 336 px: 576 features; LLaVA reads its last block but one."""
    return tower_alone(
        "clip-l-14-336",
        "CLIP ViT-L/14 336 px",
        CROP_336,
        replace(CLIP_L_336, feature_layer=-1),
        303_505_408,
        always(576),
        "openai/clip-vit-large-patch14-336",
    )


def siglip_b_16_224() -> Part:
    """SigLIP B/16: 196 features of the whole picture, squashed; no class token."""
    return tower_alone(
        "siglip-b-16",
        "SigLIP ViT-B/16 224 px",
        Fixed(size=224),
        SIGLIP_B_224,
        85_797_120,
        always(196),
        "google/siglip-base-patch16-224",
    )


def siglip_l_16_384() -> Part:
    """SigLIP L/16: 576 features."""
    return tower_alone(
        "siglip-l-16",
        "SigLIP ViT-L/16 384 px",
        Fixed(size=384),
        SIGLIP_L_384,
        303_688_704,
        always(576),
        "google/siglip-large-patch16-384",
    )


def siglip_so400m_14_384() -> Part:
    """SigLIP SO400M/14: 729 features of 384 px, of which the last 6 fill no patch."""
    return tower_alone(
        "siglip",
        "SigLIP SO400M/14 384 px",
        Fixed(size=384),
        SIGLIP_SO_384,
        412_987_248,
        always(729),
        "google/siglip-so400m-patch14-384",
    )


def siglip2_b_16_224() -> Part:
    """SigLIP 2 B/16: built as SigLIP is, resized bilinearly."""
    return tower_alone(
        "siglip-2-b-16",
        "SigLIP 2 ViT-B/16 224 px",
        Fixed(size=224, resample="bilinear"),
        SIGLIP_B_224,
        85_797_120,
        always(196),
        "google/siglip2-base-patch16-224",
    )


def siglip2_l_16_384() -> Part:
    """SigLIP 2 L/16: 576 features."""
    return tower_alone(
        "siglip-2-l-16",
        "SigLIP 2 ViT-L/16 384 px",
        Fixed(size=384, resample="bilinear"),
        SIGLIP_L_384,
        303_688_704,
        always(576),
        "google/siglip2-large-patch16-384",
    )


def siglip2_so400m_14_384() -> Part:
    """SigLIP 2 SO400M/14: 729 features."""
    return tower_alone(
        "siglip-2",
        "SigLIP 2 SO400M/14 384 px",
        Fixed(size=384, resample="bilinear"),
        SIGLIP_SO_384,
        412_987_248,
        always(729),
        "google/siglip2-so400m-patch14-384",
    )


def siglip2_so400m_16_512() -> Part:
    """SigLIP 2 SO400M/16: 1,024 features of 512 px."""
    return tower_alone(
        "siglip-2-16-512",
        "SigLIP 2 SO400M/16 512 px",
        Fixed(size=512, resample="bilinear"),
        SIGLIP2_SO_512,
        413_534_448,
        always(1024),
        "google/siglip2-so400m-patch16-512",
    )


def siglip2_giant_16_384() -> Part:
    """SigLIP 2 giant/16: 40 blocks of width 1536, 576 features."""
    return tower_alone(
        "siglip-2-giant",
        "SigLIP 2 giant-opt/16 384 px",
        Fixed(size=384, resample="bilinear"),
        SIGLIP2_GIANT_384,
        1_135_329_792,
        always(576),
        "google/siglip2-giant-opt-patch16-384",
    )


def siglip2_b_16_naflex() -> Part:
    """SigLIP 2 B/16 NaFlex: nearly the picture's own aspect in at most 256 patches."""
    return tower_alone(
        "siglip-2-b-naflex",
        "SigLIP 2 ViT-B/16 NaFlex",
        NA_FLEX,
        SIGLIP2_B_NAFLEX,
        85_843_200,
        {"640x480": 14 * 18, "100x2000": 64 * 4},
        "google/siglip2-base-patch16-naflex",
    )


def siglip2_so400m_16_naflex() -> Part:
    """SigLIP 2 SO400M/16 NaFlex: the same, 27 blocks of width 1152."""
    return tower_alone(
        "siglip-2-naflex",
        "SigLIP 2 SO400M/16 NaFlex",
        NA_FLEX,
        SIGLIP2_SO_NAFLEX,
        412_649_712,
        {"640x480": 14 * 18, "100x2000": 64 * 4},
        "google/siglip2-so400m-patch16-naflex",
    )
