"""Published parts of the LLaVA and VILA lines: towers, language models, chat formats. Numbers from the configs named at each."""

from dataclasses import replace

from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.pack.chat import Chat
from omma.pack.templates.jinja import Jinja
from omma.pack.tokenizers.released import Released
from omma_recipes.parts.language import QWEN2_7B, VICUNA_7B
from omma_recipes.parts.vision import CLIP_L_336, CLIP_MEAN, CLIP_STD

# openai/clip-vit-large-patch14, read as its 336 px sibling
CLIP_L_224 = replace(CLIP_L_336, image_size=224)

# google/siglip-so400m-patch14-384, read at its second-to-last layer: what the LLaVA line does, and llava-hf cuts off
SIGLIP_384 = ViT(
    patch=14, width=1152, depth=27, heads=16, mlp_width=4304, image_size=384, activation="gelu_tanh", final_norm=False,
    feature_layer=-2,
)  # fmt: skip

# Efficient-Large-Model/paligemma-siglip-so400m-patch14-448
SIGLIP_448 = replace(SIGLIP_384, image_size=448)

# vision_config of lmms-lab/LLaVA-OneVision-1.5-{4B,8B}-Instruct (`ds/llavaonevision1_5` of the released code): RICE ViT-L/14
RICE_L = ViT(
    patch=14, width=1024, depth=24, heads=16, mlp_width=4096, positions="rotary", activation="gelu", class_token=True,
    input_norm=True, final_norm=False, patch_bias=False, norm_eps=1e-5, mean=CLIP_MEAN, std=CLIP_STD,
)  # fmt: skip

# lmsys/vicuna-13b-v1.5
VICUNA_13B = replace(VICUNA_7B, width=5120, depth=40, heads=40, kv_heads=40, mlp_width=13824)

# mistralai/Mistral-7B-Instruct-v0.2
MISTRAL_7B = replace(VICUNA_7B, kv_heads=8, mlp_width=14336, theta=1_000_000.0, longest=32_768)

# liuhaotian/llava-v1.6-34b (Nous-Hermes-2-Yi-34B inside)
YI_34B = replace(VICUNA_7B, width=7168, depth=60, heads=56, kv_heads=8, mlp_width=20480, theta=5_000_000.0)

# meta-llama/Meta-Llama-3-8B-Instruct inside Efficient-Large-Model/Llama-3-VILA1.5-8B
LLAMA3_8B = replace(MISTRAL_7B, theta=500_000.0, longest=8192)

# Qwen/Qwen2-0.5B-Instruct
QWEN2_05B = replace(QWEN2_7B, width=896, depth=24, heads=14, kv_heads=2, head_dim=64, mlp_width=4864, tied=True)

# Qwen/Qwen2-72B-Instruct
QWEN2_72B = replace(QWEN2_7B, width=8192, depth=80, heads=64, kv_heads=8, mlp_width=29568)

# Qwen/Qwen3-8B, and Qwen/Qwen3-4B-Instruct-2507 with a head of its own as LLaVA-OneVision-1.5 trains it
QWEN3_8B = Decoder(
    width=4096, depth=36, heads=32, kv_heads=8, head_dim=128, mlp_width=12288, theta=1_000_000.0, qk_norm="rms", norm_eps=1e-6,
    longest=40_960,
)  # fmt: skip
QWEN3_4B = replace(QWEN3_8B, width=2560, mlp_width=9728, theta=5_000_000.0, longest=262_144)

# llava-hf/llava-v1.6-mistral-7b-hf
INST = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}"
    "{% endfor %}"
)

# the "qwen_1_5" conversation of LLaVA-NeXT's `conversation.py`
CHATML = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
)

# the "chatml_direct" conversation of LLaVA's `conversation.py`: no line ends behind turns
CHATML_DIRECT = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nAnswer the questions.<|im_end|>' }}{% endif %}"
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' }}"
    "{% endfor %}"
)

# the "llama_3" conversation of VILA's `conversation.py`
LLAMA3 = (
    "{{ '<|begin_of_text|><|start_header_id|>system<|end_header_id|>\\n\\nYou are a helpful language and vision assistant. "
    "You are able to understand the visual content that the user provides, "
    "and assist the user with a variety of tasks using natural language.<|eot_id|>' }}"
    "{% for message in messages %}"
    "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] + '<|eot_id|>' }}"
    "{% endfor %}"
)


def instruct(vocab_size: int) -> Chat:
    """Mistral's instruction format."""
    return Chat(tokenizer=Released(path="", vocab_size=vocab_size), template=Jinja(source=INST, end="</s>"))


def chatml(vocab_size: int, image_token: str = "<image>", picture: str = "<image>\n") -> Chat:
    """ChatML, as Qwen's language models were trained with, and what a picture writes."""
    template = Jinja(source=CHATML, image_token=image_token, picture=picture)
    return Chat(tokenizer=Released(path="", vocab_size=vocab_size), template=template)


def chatml_direct(vocab_size: int) -> Chat:
    """ChatML as LLaVA-NeXT writes it for Yi."""
    return Chat(tokenizer=Released(path="", vocab_size=vocab_size), template=Jinja(source=CHATML_DIRECT))


def llama3(vocab_size: int) -> Chat:
    """Llama 3's headers."""
    return Chat(tokenizer=Released(path="", vocab_size=vocab_size), template=Jinja(source=LLAMA3, picture="<image>"))
