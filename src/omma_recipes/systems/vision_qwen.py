"""Qwen's towers for pictures of any size alone: before their mergers, as a recipe's encoder slot takes them."""

from omma.media.footage.whole import Whole
from omma.media.views.native import Native
from omma.recipe import Part
from omma_recipes.parts.alone import tower_alone
from omma_recipes.parts.qwen import QWEN2_5_VL_TOWER, QWEN2_5_VL_TOWER_WIDE, QWEN2_VL_TOWER, QWEN3_VL_TOWER, QWEN3_VL_TOWER_SMALL

QWEN2_VIEW = Native(min_pixels=56 * 56, max_pixels=16_384 * 28 * 28, video=Whole())
QWEN3_VIEW = Native(min_pixels=65_536, max_pixels=16_777_216)


def qwen2_vl_tower() -> Part:
    """Qwen2-VL's tower: rotary rows and columns, two frames to a time step."""
    return tower_alone(
        "qwen2-vl-tower",
        "Qwen2-VL tower",
        QWEN2_VIEW,
        QWEN2_VL_TOWER,
        631_183_360,
        {"640x480": 46 * 34, "100x2000": 142 * 8},
        "Qwen/Qwen2-VL-7B-Instruct",
        merge=2,
    )


def qwen2_5_vl_tower() -> Part:
    """Qwen2.5-VL's tower, of 3B and 7B: windows of 112 px in all but four blocks."""
    return tower_alone(
        "qwen2-5-vl-tower",
        "Qwen2.5-VL tower",
        QWEN2_VIEW,
        QWEN2_5_VL_TOWER,
        631_975_680,
        {"640x480": 46 * 34, "100x2000": 142 * 8},
        "Qwen/Qwen2.5-VL-7B-Instruct",
        merge=2,
    )


def qwen2_5_vl_tower_wide() -> Part:
    """Qwen2.5-VL's tower, of 32B and 72B: wider MLPs."""
    return tower_alone(
        "qwen2-5-vl-tower-wide",
        "Qwen2.5-VL tower of 32B and 72B",
        QWEN2_VIEW,
        QWEN2_5_VL_TOWER_WIDE,
        636_401_664,
        {"640x480": 46 * 34, "100x2000": 142 * 8},
        "Qwen/Qwen2.5-VL-72B-Instruct",
        merge=2,
    )


def qwen3_vl_tower() -> Part:
    """Qwen3-VL's tower, of 8B and larger: SigLIP 2 SO400M with rotary positions beside its table."""
    return tower_alone(
        "qwen3-vl-tower",
        "Qwen3-VL tower",
        QWEN3_VIEW,
        QWEN3_VL_TOWER,
        415_891_440,
        {"640x480": 40 * 30, "100x2000": 124 * 6},
        "Qwen/Qwen3-VL-8B-Instruct",
        merge=2,
    )


def qwen3_vl_tower_small() -> Part:
    """Qwen3-VL's tower, of 2B and 4B: SigLIP 2 L."""
    return tower_alone(
        "qwen3-vl-tower-small",
        "Qwen3-VL tower of 2B and 4B",
        QWEN3_VIEW,
        QWEN3_VL_TOWER_SMALL,
        306_242_560,
        {"640x480": 40 * 30, "100x2000": 124 * 6},
        "Qwen/Qwen3-VL-4B-Instruct",
        merge=2,
    )
