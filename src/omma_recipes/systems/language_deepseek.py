"""A language model of DeepSeek alone: experts, some of them shared, and latent attention, as a recipe's language slot takes it."""

from omma.recipe import Part
from omma_recipes.parts.alone import language_alone
from omma_recipes.parts.deepseek import DEEPSEEK_V2_LITE


def deepseek_v2_lite() -> Part:
    """DeepSeek-V2-Lite: 6 of 64 experts and two shared ones, keys and values from a latent of 512."""
    return language_alone(
        "deepseek-moe-v2-lite", "DeepSeek-V2-Lite 16B", DEEPSEEK_V2_LITE, 102_400, 15_706_484_224, "deepseek-ai/DeepSeek-V2-Lite"
    )
