"""Published parts of the Qwen-VL line: towers, language models, chat format. Numbers from the released configs named at each."""

from dataclasses import replace

from omma.media.footage.stamped import Stamped
from omma.media.footage.whole import Whole
from omma.media.views.native import Native
from omma.model.connectors.deepstack import DeepStack
from omma.model.connectors.merger import Merger
from omma.model.language.decoder import Decoder
from omma.model.positions.mrope import MRope
from omma.model.splices.deepstack import DeepStacked
from omma.model.vision.native import NativeViT
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.nn.experts import Experts
from omma.pack.chat import Chat
from omma.pack.markup.box_text import BoxText
from omma.pack.templates.jinja import Jinja
from omma.pack.tokenizers.released import Released
from omma.weights.maps.qwen_vl import BOXES
from omma.weights.maps.qwen_vl import TEMPLATE as NUMBERED
from omma_recipes.parts.vision import CLIP_MEAN, CLIP_STD

# The visual slot between its two marks, and ChatML around what is said; a system turn opens the conversation
VISION_START, IMAGE_PAD, VISION_END = "<|vision_start|>", "<|image_pad|>", "<|vision_end|>"
TURNS = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<|vision_start|><|image_pad|><|vision_end|>' }}{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}"
    "{{ '<|im_end|>\\n' }}"
    "{% endfor %}"
)
HELPFUL = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
)

# visual.py and the `visual` of config.json of Qwen/Qwen-VL: OpenCLIP's ViT-bigG/14 without its class token, positions of 16 × 16
QWEN_VL_TOWER = ViT(
    patch=14, width=1664, depth=48, heads=16, mlp_width=8192, image_size=224, activation="gelu", input_norm=True,
    final_norm=False, patch_bias=False, mean=CLIP_MEAN, std=CLIP_STD,
)  # fmt: skip

# Qwen/Qwen-7B inside Qwen/Qwen-VL: biases on queries, keys and values, half of `intermediate_size` for each of gate and up
QWEN_7B = Decoder(width=4096, depth=32, heads=32, kv_heads=32, head_dim=128, mlp_width=11008, qkv_bias=True, longest=8192)

# vision_config of Qwen/Qwen2-VL-*
QWEN2_VL_TOWER = NativeViT(
    patch=14, temporal=2, width=1280, depth=32, heads=16, mlp_width=5120, mlp="plain", activation="quick_gelu", mean=CLIP_MEAN,
    std=CLIP_STD,
)  # fmt: skip

# vision_config of Qwen/Qwen2.5-VL-{3B,7B}-Instruct: windows of 112 px, four layers that see whole frames
QWEN2_5_VL_TOWER = NativeViT(
    patch=14, temporal=2, width=1280, depth=32, heads=16, mlp_width=3420, mlp="gated", activation="silu", norm="rms", window=8,
    full_layers=(7, 15, 23, 31), mean=CLIP_MEAN, std=CLIP_STD,
)  # fmt: skip

# vision_config of Qwen/Qwen2.5-VL-{32B,72B}-Instruct and XiaomiMiMo/MiMo-VL-7B-RL
QWEN2_5_VL_TOWER_WIDE = replace(QWEN2_5_VL_TOWER, mlp_width=3456)

# vision_config of Qwen/Qwen3-VL-{8B,32B,30B-A3B}-Instruct: SigLIP-2 SO400M with rotary positions beside a table of 48 × 48
QWEN3_VL_TOWER = NativeViT(
    patch=16, temporal=2, width=1152, depth=27, heads=16, mlp_width=4304, mlp="plain", activation="gelu_tanh", patch_bias=True,
    table_side=48, tap_layers=(9, 17, 25),
)  # fmt: skip

# vision_config of Qwen/Qwen3-VL-{2B,4B}-Instruct: SigLIP-2 Large
QWEN3_VL_TOWER_SMALL = replace(QWEN3_VL_TOWER, width=1024, depth=24, mlp_width=4096, tap_layers=(6, 12, 18))

# text_config of Qwen/Qwen2-VL-{2B,7B,72B}-Instruct
QWEN2_VL_7B = Decoder(
    width=3584, depth=28, heads=28, kv_heads=4, head_dim=128, mlp_width=18944, theta=1_000_000.0, sections=(16, 24, 24),
    qkv_bias=True, longest=32_768,
)  # fmt: skip
QWEN2_VL_2B = replace(QWEN2_VL_7B, width=1536, heads=12, kv_heads=2, mlp_width=8960, tied=True)
QWEN2_VL_72B = replace(QWEN2_VL_7B, width=8192, depth=80, heads=64, kv_heads=8, mlp_width=29568)

# text_config of Qwen/Qwen2.5-VL-{3B,7B,32B,72B}-Instruct
QWEN2_5_VL_7B = replace(QWEN2_VL_7B, longest=128_000)
QWEN2_5_VL_3B = replace(QWEN2_5_VL_7B, width=2048, depth=36, heads=16, kv_heads=2, mlp_width=11008, tied=True)
QWEN2_5_VL_32B = replace(QWEN2_5_VL_7B, width=5120, depth=64, heads=40, kv_heads=8, mlp_width=27648)
QWEN2_5_VL_72B = replace(QWEN2_VL_72B, longest=128_000)

# text_config of Qwen/Qwen3-VL-{2B,4B,8B,32B,30B-A3B}-Instruct
QWEN3_VL_8B = Decoder(
    width=4096, depth=36, heads=32, kv_heads=8, head_dim=128, mlp_width=12288, theta=5_000_000.0, sections=(24, 20, 20),
    interleaved=True, qk_norm="rms", longest=262_144,
)  # fmt: skip
QWEN3_VL_2B = replace(QWEN3_VL_8B, width=2048, depth=28, heads=16, mlp_width=6144, tied=True)
QWEN3_VL_4B = replace(QWEN3_VL_8B, width=2560, mlp_width=9728, tied=True)
QWEN3_VL_32B = replace(QWEN3_VL_8B, width=5120, depth=64, heads=64, mlp_width=25600)
QWEN3_VL_30B_A3B = replace(
    QWEN3_VL_8B, width=2048, depth=48, kv_heads=4, mlp_width=6144, experts=Experts(num=128, chosen=8, width=768, renormalise=True)
)  # fmt: skip

# text part of config.json of XiaomiMiMo/MiMo-VL-7B-RL (MiMo-7B-Base without its multi-token heads)
MIMO_VL_7B = Decoder(
    width=4096, depth=36, heads=32, kv_heads=8, head_dim=128, mlp_width=11008, theta=640_000.0, sections=(16, 24, 24),
    qkv_bias=True, norm_eps=1e-5, longest=128_000,
)  # fmt: skip


def qwen_chat(vocab_size: int, markup: BoxText, *, helpful: bool = True) -> Chat:
    """ChatML with visual slots; `helpful` opens with the line that Qwen2 and Qwen2.5 write where nobody gives a system turn."""
    template = Jinja(source=(HELPFUL if helpful else "") + TURNS, image_token=IMAGE_PAD, picture=IMAGE_PAD)
    return Chat(tokenizer=Released(path="", vocab_size=vocab_size), template=template, markup=markup)


def qwen_vl_chat(vocab_size: int) -> Chat:
    """Qwen-VL 1: numbered pictures, boxes of a thousandth."""
    template = Jinja(source=NUMBERED, image_token="<imgpad>", picture="<imgpad>")
    return Chat(tokenizer=Released(path="", vocab_size=vocab_size), template=template, markup=BOXES)


def qwen2_vl(language: Decoder, vocab_size: int) -> Vlm:
    """Qwen2-VL around a language model; bounds of preprocessor_config.json, boxes of a thousandth."""
    boxes = BoxText(frame="k1000", template="<|box_start|>({},{}),({},{})<|box_end|>")
    return Vlm(
        view=Native(min_pixels=56 * 56, max_pixels=16_384 * 28 * 28, video=Whole()),
        encoder=QWEN2_VL_TOWER,
        connector=Merger(factor=2),
        language=language,
        positions=MRope(),
        text=qwen_chat(vocab_size, boxes),
    )


def qwen2_5_vl(tower: NativeViT, language: Decoder, vocab_size: int) -> Vlm:
    """Qwen2.5-VL around a tower and a language model; boxes in px of the picture as the tower sees it."""
    boxes = BoxText(frame="view_px", template='{"bbox_2d": [{}, {}, {}, {}]}')
    return Vlm(
        view=Native(min_pixels=56 * 56, max_pixels=16_384 * 28 * 28, video=Whole()),
        encoder=tower,
        connector=Merger(factor=2, norm="rms"),
        language=language,
        positions=MRope(per_second=2.0),
        text=qwen_chat(vocab_size, boxes),
    )


def qwen3_vl(tower: NativeViT, language: Decoder, vocab_size: int) -> Vlm:
    """Qwen3-VL around a tower and a language model; bounds of both preprocessor files, boxes of a thousandth."""
    boxes = BoxText(frame="k1000", template='{"bbox_2d": [{}, {}, {}, {}]}')
    return Vlm(
        view=Native(min_pixels=65_536, max_pixels=16_777_216, video=Stamped(min_pixels=4_096, max_pixels=25_165_824)),
        encoder=tower,
        connector=DeepStack(factor=2, levels=3),
        splice=DeepStacked(),
        language=language,
        positions=MRope(),
        text=qwen_chat(vocab_size, boxes, helpful=False),
    )
