"""DINOv2 and InternViT alone: towers learnt without texts and with a language model, as a recipe's encoder slot takes them."""

from omma.media.views.crop import Crop
from omma.media.views.fixed import Fixed
from omma.recipe import Part
from omma_recipes.parts.alone import always, tower_alone
from omma_recipes.parts.internvl import INTERNVIT_6B, INTERNVIT_300M
from omma_recipes.parts.vision import DINOV2_B, DINOV2_G, DINOV2_L, DINOV2_L_REGISTERS, DINOV2_S

CROP = Crop(size=224, edge=256)


def dinov2_s() -> Part:
    """DINOv2 S/14: 256 features of the middle square of 224 px; its table is for 518 px."""
    return tower_alone("dinov2-s", "DINOv2 ViT-S/14", CROP, DINOV2_S, 22_056_192, always(256), "facebook/dinov2-small")


def dinov2_b() -> Part:
    """DINOv2 B/14."""
    return tower_alone("dinov2-b", "DINOv2 ViT-B/14", CROP, DINOV2_B, 86_579_712, always(256), "facebook/dinov2-base")


def dinov2_l() -> Part:
    """DINOv2 L/14."""
    return tower_alone("dinov2", "DINOv2 ViT-L/14", CROP, DINOV2_L, 304_367_616, always(256), "facebook/dinov2-large")


def dinov2_l_registers() -> Part:
    """DINOv2 L/14 with four registers that take part and are not handed on."""
    return tower_alone(
        "dinov2-registers",
        "DINOv2 ViT-L/14 with registers",
        CROP,
        DINOV2_L_REGISTERS,
        304_371_712,
        always(256),
        "facebook/dinov2-with-registers-large",
    )


def dinov2_g() -> Part:
    """DINOv2 g/14: 40 blocks with gated MLPs."""
    return tower_alone("dinov2-g", "DINOv2 ViT-g/14", CROP, DINOV2_G, 1_136_479_232, always(256), "facebook/dinov2-giant")


def internvit_300m() -> Part:
    """InternViT 300M: 1,024 features of a tile of 448 px."""
    return tower_alone(
        "internvit-300m",
        "InternViT 300M",
        Fixed(size=448),
        INTERNVIT_300M,
        304_012_288,
        always(1024),
        "OpenGVLab/InternViT-300M-448px",
    )


def internvit_6b() -> Part:
    """InternViT 6B: 45 blocks of width 3200, norms of all queries and keys of a token as one vector."""
    return tower_alone(
        "internvit",
        "InternViT 6B v1.5",
        Fixed(size=448),
        INTERNVIT_6B,
        5_536_496_000,
        always(1024),
        "OpenGVLab/InternViT-6B-448px-V1-5",
    )
