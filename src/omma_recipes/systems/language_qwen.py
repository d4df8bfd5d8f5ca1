"""Qwen's language models alone: Qwen2, Qwen2.5 and Qwen3, dense and with experts, as a recipe's language slot takes them."""

from omma.recipe import Part
from omma_recipes.parts.alone import language_alone
from omma_recipes.parts.internvl import QWEN2_5_1_5B, QWEN2_5_7B, QWEN3_30B_A3B
from omma_recipes.parts.language import (
    QWEN2_5_3B,
    QWEN2_5_14B,
    QWEN2_5_32B,
    QWEN2_7B,
    QWEN2_15B,
    QWEN3_06B,
    QWEN3_4B_TIED,
    QWEN3_14B,
    QWEN3_17B,
    QWEN3_32B,
)
from omma_recipes.parts.llava import QWEN2_05B, QWEN2_72B, QWEN3_8B


def qwen2_05b() -> Part:
    """Qwen2 0.5B: biases on queries, keys and values; the head is the embedding."""
    return language_alone("decoder-lm-qwen2-05b", "Qwen2 0.5B", QWEN2_05B, 151_936, 494_032_768, "Qwen/Qwen2-0.5B-Instruct")


def qwen2_15b() -> Part:
    """Qwen2 1.5B: 28 blocks, the head is the embedding."""
    return language_alone("decoder-lm-qwen2-15b", "Qwen2 1.5B", QWEN2_15B, 151_936, 1_543_714_304, "Qwen/Qwen2-1.5B-Instruct")


def qwen2_7b() -> Part:
    """Qwen2 7B: a head of its own."""
    return language_alone("decoder-lm-qwen2-7b", "Qwen2 7B", QWEN2_7B, 152_064, 7_615_616_512, "Qwen/Qwen2-7B-Instruct")


def qwen2_72b() -> Part:
    """Qwen2 72B: 80 blocks."""
    return language_alone("decoder-lm-qwen2-72b", "Qwen2 72B", QWEN2_72B, 152_064, 72_706_203_648, "Qwen/Qwen2-72B-Instruct")


def qwen2_5_05b() -> Part:
    """Qwen2.5 0.5B: built as Qwen2 is."""
    return language_alone("decoder-lm-qwen2-5-05b", "Qwen2.5 0.5B", QWEN2_05B, 151_936, 494_032_768, "Qwen/Qwen2.5-0.5B-Instruct")


def qwen2_5_15b() -> Part:
    """Qwen2.5 1.5B: built as Qwen2 is."""
    return language_alone(
        "decoder-lm-qwen2-5-15b", "Qwen2.5 1.5B", QWEN2_5_1_5B, 151_936, 1_543_714_304, "Qwen/Qwen2.5-1.5B-Instruct"
    )


def qwen2_5_3b() -> Part:
    """Qwen2.5 3B: 36 blocks, the head is the embedding."""
    return language_alone("decoder-lm-qwen2-5-3b", "Qwen2.5 3B", QWEN2_5_3B, 151_936, 3_085_938_688, "Qwen/Qwen2.5-3B-Instruct")


def qwen2_5_7b() -> Part:
    """Qwen2.5 7B: built as Qwen2 is."""
    return language_alone("decoder-lm-qwen2-5-7b", "Qwen2.5 7B", QWEN2_5_7B, 152_064, 7_615_616_512, "Qwen/Qwen2.5-7B-Instruct")


def qwen2_5_14b() -> Part:
    """Qwen2.5 14B: 48 blocks."""
    return language_alone(
        "decoder-lm-qwen2-5-14b", "Qwen2.5 14B", QWEN2_5_14B, 152_064, 14_770_033_664, "Qwen/Qwen2.5-14B-Instruct"
    )


def qwen2_5_32b() -> Part:
    """Qwen2.5 32B: 64 blocks."""
    return language_alone(
        "decoder-lm-qwen2-5-32b", "Qwen2.5 32B", QWEN2_5_32B, 152_064, 32_763_876_352, "Qwen/Qwen2.5-32B-Instruct"
    )


def qwen2_5_72b() -> Part:
    """Qwen2.5 72B: built as Qwen2 is."""
    return language_alone("decoder-lm-qwen2-5-72b", "Qwen2.5 72B", QWEN2_72B, 152_064, 72_706_203_648, "Qwen/Qwen2.5-72B-Instruct")


def qwen3_06b() -> Part:
    """Qwen3 0.6B: norms of each head's queries and keys instead of biases; the head is the embedding."""
    return language_alone("decoder-lm-qwen3-06b", "Qwen3 0.6B", QWEN3_06B, 151_936, 596_049_920, "Qwen/Qwen3-0.6B")


def qwen3_17b() -> Part:
    """Qwen3 1.7B: 28 blocks, the head is the embedding."""
    return language_alone("decoder-lm-qwen3-17b", "Qwen3 1.7B", QWEN3_17B, 151_936, 1_720_574_976, "Qwen/Qwen3-1.7B")


def qwen3_4b() -> Part:
    """Qwen3 4B: 36 blocks, the head is the embedding."""
    return language_alone("decoder-lm-qwen3-4b", "Qwen3 4B", QWEN3_4B_TIED, 151_936, 4_022_468_096, "Qwen/Qwen3-4B")


def qwen3_8b() -> Part:
    """Qwen3 8B: 36 blocks, a head of its own."""
    return language_alone("decoder-lm-qwen3-8b", "Qwen3 8B", QWEN3_8B, 151_936, 8_190_735_360, "Qwen/Qwen3-8B")


def qwen3_14b() -> Part:
    """Qwen3 14B: 40 blocks."""
    return language_alone("decoder-lm-qwen3-14b", "Qwen3 14B", QWEN3_14B, 151_936, 14_768_307_200, "Qwen/Qwen3-14B")


def qwen3_32b() -> Part:
    """Qwen3 32B: 64 blocks, heads wider together than the states."""
    return language_alone("decoder-lm-qwen3-32b", "Qwen3 32B", QWEN3_32B, 151_936, 32_762_123_264, "Qwen/Qwen3-32B")


def qwen3_30b_a3b() -> Part:
    """Qwen3 30B-A3B: 128 experts a block, 8 of them for each token."""
    return language_alone("decoder-lm-qwen3-30b-a3b", "Qwen3 30B-A3B", QWEN3_30B_A3B, 151_936, 30_532_122_624, "Qwen/Qwen3-30B-A3B")
