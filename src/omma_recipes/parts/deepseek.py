"""Published parts of DeepSeek: language models and a conversation. Numbers from the config.json of the releases named."""

from dataclasses import replace

from omma.model.language.decoder import Decoder
from omma.nn.experts import Experts
from omma.nn.latent_attention import Latent
from omma.nn.rotary import Yarn
from omma.pack.chat import Chat
from omma.pack.templates.jinja import Jinja
from omma.pack.tokenizers.released import Released
from omma.weights.maps.deepseek_vl2 import TEMPLATE

# language_config of deepseek-ai/deepseek-vl2-tiny: plain attention
DEEPSEEK_3B = Decoder(
    width=1280, depth=12, heads=10, kv_heads=10, head_dim=128, mlp_width=6848, norm_eps=1e-6, longest=4096,
    experts=Experts(num=64, chosen=6, width=896, shared_width=2 * 896, dense_layers=(0,)),
)  # fmt: skip

# of deepseek-ai/deepseek-vl2-small: DeepSeek-V2-Lite before its texts grew longer
DEEPSEEK_16B = Decoder(
    width=2048, depth=27, heads=16, kv_heads=16, head_dim=64, mlp_width=10_944, norm_eps=1e-6, longest=4096,
    latent=Latent(kv_rank=512, query_rank=0, still_dim=128, value_dim=128),
    experts=Experts(num=64, chosen=6, width=1408, shared_width=2 * 1408, dense_layers=(0,)),
)  # fmt: skip

# deepseek-ai/DeepSeek-V2-Lite
DEEPSEEK_V2_LITE = replace(
    DEEPSEEK_16B, scaling=Yarn(factor=40.0, trained_length=4096, mscale=0.707, mscale_all_dim=0.707), longest=163_840
)

# of deepseek-ai/deepseek-vl2: sigmoid scores with a bias on the choice
DEEPSEEK_27B = Decoder(
    width=2560, depth=30, heads=32, kv_heads=32, head_dim=64, mlp_width=12_288, norm_eps=1e-6, longest=4096,
    latent=Latent(kv_rank=512, query_rank=0, still_dim=128, value_dim=128),
    experts=Experts(
        num=72, chosen=6, width=1536, shared_width=2 * 1536, dense_layers=(0,), score="sigmoid", choice_bias=True, renormalise=True,
        scale=2.0, group_score="top2",
    ),
)  # fmt: skip


def deepseek_chat(vocab_size: int) -> Chat:
    """The released conversation."""
    template = Jinja(source=TEMPLATE, image_token="<image>", picture="<image>\n", marks=("<|User|>", "<|Assistant|>"))
    return Chat(tokenizer=Released(path="", vocab_size=vocab_size), template=template)
