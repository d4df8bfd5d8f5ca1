"""Published parts of the InternVL, SAIL-VL and NVLM lines: towers, language models, words. Numbers from the configs named there."""

from dataclasses import replace

from omma.media.footage.frames import Frames
from omma.media.views.marked_tiles import MarkedTiles
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.nn.rotary import DynamicScaling
from omma.pack.chat import Chat
from omma.pack.templates.jinja import Jinja
from omma.pack.tokenizers.released import Released
from omma.weights.internvl_words import CONVERSATIONS
from omma_recipes.parts.language import QWEN2_7B, VICUNA_7B
from omma_recipes.parts.llava import QWEN3_8B
from omma_recipes.parts.qwen import QWEN3_VL_30B_A3B
from omma_recipes.parts.vision import CLIP_MEAN, CLIP_STD, IMAGENET_MEAN, IMAGENET_STD

SLOT = "<IMG_CONTEXT>"

# OpenGVLab/InternViT-300M-448px and -V2_5
INTERNVIT_300M = ViT(
    patch=14, width=1024, depth=24, heads=16, mlp_width=4096, image_size=448, activation="gelu", class_token=True,
    final_norm=False, layer_scale=0.1, mean=IMAGENET_MEAN, std=IMAGENET_STD,
)  # fmt: skip

# OpenGVLab/InternViT-6B-448px-V1-2, -V1-5 and -V2_5, which are 45 blocks deep
INTERNVIT_6B = replace(
    INTERNVIT_300M, width=3200, depth=45, heads=25, mlp_width=12_800, qkv_bias=False, norm="rms", qk_norm="rms_wide"
)

# OpenGVLab/InternViT-6B-448px-V1-0, read at its fourth state from the end
INTERNVIT_6B_V1_0 = replace(INTERNVIT_6B, depth=48, feature_layer=-4)

# apple/aimv2-huge-patch14-448, the tower of SAIL-VL 1.5
AIMV2_HUGE = ViT(
    patch=14, width=1536, depth=24, heads=12, mlp_width=4096, image_size=448, mlp="gated", activation="silu", qkv_bias=False,
    output_bias=False, mlp_bias=False, patch_norm=True, norm="rms", norm_eps=1e-5, mean=CLIP_MEAN, std=CLIP_STD,
)  # fmt: skip

# llm_config of OpenGVLab/InternVL-Chat-V1-1 (Llama 2 13B, tuned in house)
LLAMA2_13B = replace(VICUNA_7B, width=5120, depth=40, heads=40, kv_heads=40, mlp_width=13_824)

# internlm/internlm2-chat-20b, and internlm/internlm2-chat-7b and internlm2_5-7b-chat
INTERNLM2_20B = Decoder(
    width=6144, depth=48, heads=48, kv_heads=8, head_dim=128, mlp_width=16_384, theta=1_000_000.0, norm_eps=1e-5, longest=32_768,
    scaling=DynamicScaling(factor=3.0, trained_length=32_768),
)  # fmt: skip
INTERNLM2_7B = replace(
    INTERNLM2_20B, width=4096, depth=32, heads=32, mlp_width=14_336, scaling=DynamicScaling(factor=2.0, trained_length=32_768)
)

# Qwen/Qwen2.5-7B, and with the rotary scaling of InternVL3 (config.json of OpenGVLab/InternVL3-38B); Qwen2.5-1.5B-Instruct
QWEN2_5_7B = replace(QWEN2_7B, longest=32_768)
QWEN2_5_7B_DYNAMIC = replace(QWEN2_5_7B, scaling=DynamicScaling(factor=2.0, trained_length=32_768))
QWEN2_5_1_5B = replace(QWEN2_5_7B, width=1536, heads=12, kv_heads=2, mlp_width=8960, tied=True)

# Qwen/Qwen3-8B and Qwen/Qwen3-30B-A3B, with the length that InternVL3.5 states
QWEN3_8B_LONG = replace(QWEN3_8B, longest=40_960)
QWEN3_30B_A3B = replace(QWEN3_VL_30B_A3B, theta=1_000_000.0, sections=(), interleaved=False, longest=40_960)


def tiles(max_tiles: int) -> MarkedTiles:
    """Tiles of 448 px between the marks of the line; with more than one, films too, a tile for each frame."""
    if max_tiles == 1:
        return MarkedTiles(max_tiles=1)
    return MarkedTiles(max_tiles=max_tiles, video=Frames(before="Frame{number}: <img>", outer=("", "")))


def internvl_chat(vocab_size: int, conversation: str) -> Chat:
    """Words of a released `template` (`internvl2_5`, `internlm2-chat`, …) over the language model's tokenizer."""
    template = Jinja(source=CONVERSATIONS[conversation].jinja(SLOT), image_token=SLOT, picture=f"{SLOT}\n")
    return Chat(tokenizer=Released(path="", vocab_size=vocab_size), template=template)


def nvlm_chat(vocab_size: int) -> Chat:
    """Words of NVLM-D over Qwen2's tokenizer: each picture between <Image> and </Image>."""
    slot = "<|vision_pad|>"
    template = Jinja(source=CONVERSATIONS["chatml"].jinja(f"<Image>{slot}</Image>"), image_token=slot, picture=f"{slot}\n")
    return Chat(tokenizer=Released(path="", vocab_size=vocab_size), template=template)
