"""Published language models as parts. Numbers from the released configs named behind each."""

from dataclasses import replace

from omma.model.language.decoder import Decoder
from omma.nn.rotary import Llama3Scaling

# lmsys/vicuna-7b-v1.5 (Llama 2 shape)
VICUNA_7B = Decoder(width=4096, depth=32, heads=32, kv_heads=32, head_dim=128, mlp_width=11008, norm_eps=1e-5, longest=4096)

# lmsys/vicuna-7b-v1.1 and v1.3 (Llama 1 shape)
VICUNA_7B_V1 = replace(VICUNA_7B, norm_eps=1e-6, longest=2048)

# Qwen/Qwen2-7B-Instruct, and the same inside Efficient-Large-Model/Qwen2-VL-7B-Instruct
QWEN2_7B = Decoder(
    width=3584, depth=28, heads=28, kv_heads=4, head_dim=128, mlp_width=18944, theta=1_000_000.0, qkv_bias=True, norm_eps=1e-6,
    longest=32_768,
)  # fmt: skip

# Qwen/Qwen3-0.6B, and Qwen3-1.7B and -4B, whose head is the embedding too
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
QWEN3_17B = replace(QWEN3_06B, width=2048, mlp_width=6144)
QWEN3_4B_TIED = replace(QWEN3_06B, width=2560, depth=36, heads=32, mlp_width=9728)

# Qwen/Qwen3-14B and -32B
QWEN3_14B = replace(QWEN3_06B, width=5120, depth=40, heads=40, mlp_width=17_408, tied=False)
QWEN3_32B = replace(QWEN3_14B, depth=64, heads=64, mlp_width=25_600)

# meta-llama/Llama-2-70b-hf
LLAMA2_70B = replace(VICUNA_7B, width=8192, depth=80, heads=64, kv_heads=8, mlp_width=28_672)

# meta-llama/Llama-3.1-8B, and Llama-3.2-1B and -3B, whose head is the embedding
LLAMA3_1_8B = replace(VICUNA_7B, kv_heads=8, mlp_width=14_336, theta=500_000.0, scaling=Llama3Scaling(), longest=131_072)
LLAMA3_2_1B = replace(LLAMA3_1_8B, width=2048, depth=16, head_dim=64, mlp_width=8192, scaling=Llama3Scaling(factor=32.0), tied=True)
LLAMA3_2_3B = replace(LLAMA3_2_1B, width=3072, depth=28, heads=24, head_dim=128)

# mistralai/Mistral-7B-v0.1: a token sees 4096
MISTRAL_7B_V0_1 = replace(VICUNA_7B, kv_heads=8, mlp_width=14_336, window=4096, longest=32_768)

# Qwen/Qwen2-1.5B-Instruct, and Qwen/Qwen2.5-{3B,14B,32B}-Instruct
QWEN2_15B = replace(QWEN2_7B, width=1536, heads=12, kv_heads=2, mlp_width=8960, tied=True)
QWEN2_5_3B = replace(QWEN2_7B, width=2048, depth=36, heads=16, kv_heads=2, mlp_width=11_008, tied=True)
QWEN2_5_14B = replace(QWEN2_7B, width=5120, depth=48, heads=40, kv_heads=8, mlp_width=13_824)
QWEN2_5_32B = replace(QWEN2_5_14B, depth=64, mlp_width=27_648)
