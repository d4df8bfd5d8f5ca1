"""Language models of the Llama shape alone: Llama, Vicuna, Mistral, InternLM2, as a recipe's language slot takes them."""

from omma.recipe import Part
from omma_recipes.parts.alone import language_alone
from omma_recipes.parts.internvl import INTERNLM2_7B, INTERNLM2_20B, LLAMA2_13B
from omma_recipes.parts.language import LLAMA2_70B, LLAMA3_1_8B, LLAMA3_2_1B, LLAMA3_2_3B, MISTRAL_7B_V0_1, VICUNA_7B
from omma_recipes.parts.llava import LLAMA3_8B, MISTRAL_7B, VICUNA_13B


def llama_2_7b() -> Part:
    """Llama 2 7B: 32 blocks, a key for every query head, 4,096 tokens."""
    return language_alone("decoder-lm-llama-2-7b", "Llama 2 7B", VICUNA_7B, 32_000, 6_738_415_616, "meta-llama/Llama-2-7b-hf")


def llama_2_13b() -> Part:
    """Llama 2 13B: 40 blocks."""
    return language_alone("decoder-lm-llama-2-13b", "Llama 2 13B", LLAMA2_13B, 32_000, 13_015_864_320, "meta-llama/Llama-2-13b-hf")


def llama_2_70b() -> Part:
    """Llama 2 70B: 80 blocks, eight query heads share a key."""
    return language_alone("decoder-lm-llama-2-70b", "Llama 2 70B", LLAMA2_70B, 32_000, 68_976_648_192, "meta-llama/Llama-2-70b-hf")


def llama_3_8b() -> Part:
    """Llama 3 8B: four query heads share a key, 128,256 words, 8,192 tokens."""
    return language_alone("decoder-lm-llama-3-8b", "Llama 3 8B", LLAMA3_8B, 128_256, 8_030_261_248, "meta-llama/Meta-Llama-3-8B")


def llama_3_1_8b() -> Part:
    """Llama 3.1 8B: the same, its long waves stretched for 131,072 tokens."""
    return language_alone("decoder-lm-llama-3-1-8b", "Llama 3.1 8B", LLAMA3_1_8B, 128_256, 8_030_261_248, "meta-llama/Llama-3.1-8B")


def llama_3_2_1b() -> Part:
    """Llama 3.2 1B: 16 blocks, the head is the embedding."""
    return language_alone("decoder-lm-llama-3-2-1b", "Llama 3.2 1B", LLAMA3_2_1B, 128_256, 1_235_814_400, "meta-llama/Llama-3.2-1B")


def llama_3_2_3b() -> Part:
    """Llama 3.2 3B: 28 blocks, the head is the embedding."""
    return language_alone("decoder-lm-llama-3-2-3b", "Llama 3.2 3B", LLAMA3_2_3B, 128_256, 3_212_749_824, "meta-llama/Llama-3.2-3B")


def vicuna_7b() -> Part:
    """Vicuna 7B: Llama 2 7B after conversations."""
    return language_alone("decoder-lm-vicuna-7b", "Vicuna 7B v1.5", VICUNA_7B, 32_000, 6_738_415_616, "lmsys/vicuna-7b-v1.5")


def vicuna_13b() -> Part:
    """Vicuna 13B: Llama 2 13B after conversations."""
    return language_alone("decoder-lm-vicuna-13b", "Vicuna 13B v1.5", VICUNA_13B, 32_000, 13_015_864_320, "lmsys/vicuna-13b-v1.5")


def mistral_7b_v0_1() -> Part:
    """Mistral 7B: a token sees the 4,096 before it."""
    return language_alone(
        "decoder-lm-mistral-7b-v0-1", "Mistral 7B v0.1", MISTRAL_7B_V0_1, 32_000, 7_241_732_096, "mistralai/Mistral-7B-v0.1"
    )


def mistral_7b_v0_2() -> Part:
    """Mistral 7B v0.2: a token sees everything before it, up to 32,768."""
    return language_alone(
        "decoder-lm-mistral-7b-v0-2", "Mistral 7B v0.2", MISTRAL_7B, 32_000, 7_241_732_096, "mistralai/Mistral-7B-Instruct-v0.2"
    )


def mistral_7b_v0_3() -> Part:
    """Mistral 7B v0.3: the same with 32,768 words."""
    return language_alone(
        "decoder-lm-mistral-7b-v0-3", "Mistral 7B v0.3", MISTRAL_7B, 32_768, 7_248_023_552, "mistralai/Mistral-7B-Instruct-v0.3"
    )


def internlm2_7b() -> Part:
    """InternLM2 7B: Llama's shape, its rotation slowed down beyond 32,768 tokens."""
    return language_alone(
        "decoder-lm-internlm2-7b", "InternLM2 7B", INTERNLM2_7B, 92_544, 7_737_708_544, "internlm/internlm2-chat-7b"
    )


def internlm2_20b() -> Part:
    """InternLM2 20B: 48 blocks."""
    return language_alone(
        "decoder-lm-internlm2-20b", "InternLM2 20B", INTERNLM2_20B, 92_544, 19_861_149_696, "internlm/internlm2-chat-20b"
    )
