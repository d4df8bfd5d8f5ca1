"""Published language models as parts. Numbers from the released configs named behind each."""

from dataclasses import replace

from omma.model.language.decoder import Decoder

# lmsys/vicuna-7b-v1.5 (Llama 2 shape)
VICUNA_7B = Decoder(width=4096, depth=32, heads=32, kv_heads=32, head_dim=128, mlp_width=11008, norm_eps=1e-5, longest=4096)

# lmsys/vicuna-7b-v1.1 and v1.3 (Llama 1 shape)
VICUNA_7B_V1 = replace(VICUNA_7B, norm_eps=1e-6, longest=2048)

# Qwen/Qwen2-7B-Instruct, and the same inside Efficient-Large-Model/Qwen2-VL-7B-Instruct
QWEN2_7B = Decoder(
    width=3584, depth=28, heads=28, kv_heads=4, head_dim=128, mlp_width=18944, theta=1_000_000.0, qkv_bias=True, norm_eps=1e-6,
    longest=32_768,
)  # fmt: skip

# Qwen/Qwen3-0.6B
QWEN3_06B = Decoder(
    width=1024,
    depth=28,
    heads=16,
    kv_heads=8,
    head_dim=128,
    mlp_width=3072,
    theta=1_000_000.0,
    qk_norm="rms",
    norm_eps=1e-6,
    longest=40_960,
    tied=True,
)
