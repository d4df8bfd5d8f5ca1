"""InternLM2 and Qwen, which have no class in transformers: tensors fused by their own arithmetic give the same model."""

import pytest
import torch

from omma.core.errors import CheckpointError
from omma.model.language.decoder import Decoder
from omma.nn.attention import Packed, PackedAttend
from omma.nn.init import init
from omma.nn.rotary import DynamicScaling, Scaling, Unscaled
from omma.schema.batch import Stream
from omma.weights.maps import internlm2, llama, qwen, qwen2
from omma.weights.native import fill

VOCABULARY = 31
INTERNLM2 = {
    "model_type": "internlm2", "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2,
    "intermediate_size": 40, "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 1e6, "max_position_embeddings": 64,
    "rope_scaling": {"type": "dynamic", "factor": 2.0}, "bias": False, "tie_word_embeddings": False, "vocab_size": VOCABULARY,
}  # fmt: skip
QWEN = {
    "model_type": "qwen", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "kv_channels": 8,
    "intermediate_size": 80, "layer_norm_epsilon": 1e-6, "rotary_emb_base": 10000, "rotary_pct": 1.0, "seq_length": 48,
    "use_dynamic_ntk": True, "use_logn_attn": True, "no_bias": True, "tie_word_embeddings": False, "scale_attn_weights": True,
}  # fmt: skip


def logits(module, tokens):
    index = torch.arange(len(tokens))
    borders = torch.tensor([0, len(tokens)])
    stream = Stream(module.embed(tokens), index[:, None], borders, torch.zeros_like(index), index)
    return module(stream, PackedAttend(Packed(borders))).hidden @ module.head.T


def twins(maps, theirs):
    """A model of random weights, the released layout of them, and the model that is filled from it."""
    cfg = maps.config_from(theirs)
    one = init(cfg.build(vocab_size=VOCABULARY), 1)
    with torch.no_grad():
        for parameter in one.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel())))
    released = maps.names(cfg).to_theirs({name: p.detach() for name, p in one.named_parameters()})
    other = cfg.build(vocab_size=VOCABULARY)
    fill(other, maps.names(cfg).from_theirs(released, where="test"), where="test")
    return cfg, one, released, other


@pytest.mark.parametrize(("maps", "theirs"), [(internlm2, INTERNLM2), (qwen, QWEN)], ids=["internlm2", "qwen"])
def test_fused_layouts_survive_the_way_there_and_back(maps, theirs):
    _, one, _, other = twins(maps, theirs)
    assert all(torch.equal(p, dict(other.named_parameters())[name]) for name, p in one.named_parameters())
    tokens = torch.arange(20) % VOCABULARY
    assert torch.equal(logits(one, tokens), logits(other, tokens))


def test_internlm2_lays_queries_keys_and_values_group_by_group():
    """Its code reads wqkv(x) as (groups, queries of the group + key + value, channels)."""
    cfg, one, released, _ = twins(internlm2, INTERNLM2)
    x = torch.randn(5, 48)
    fused = (x @ released["model.layers.1.attention.wqkv.weight"].T).view(5, 2, 5, 8)
    attention = one.blocks[1].attention
    torch.testing.assert_close(attention.query(x).view(5, 6, 8), fused[:, :, :3].reshape(5, 6, 8))
    torch.testing.assert_close(attention.key(x).view(5, 2, 8), fused[:, :, 3])
    torch.testing.assert_close(attention.value(x).view(5, 2, 8), fused[:, :, 4])
    gate, up, down = (released[f"model.layers.0.feed_forward.w{i}.weight"] for i in (1, 3, 2))
    want = (torch.nn.functional.silu(x @ gate.T) * (x @ up.T)) @ down.T
    torch.testing.assert_close(one.blocks[0].mlp(x), want)
    assert cfg.scaling == DynamicScaling(factor=2.0, trained_length=64) and cfg.longest == 64
    assert {name.split(".")[-2] for name in released if ".layers." not in name} == {"tok_embeddings", "norm", "output"}


def test_qwen_lays_queries_keys_and_values_one_under_the_other():
    """Its code splits c_attn(x) in three and multiplies w1(x) by silu(w2(x))."""
    cfg, one, released, _ = twins(qwen, QWEN)
    x = torch.randn(5, 32)
    fused = x @ released["transformer.h.0.attn.c_attn.weight"].T + released["transformer.h.0.attn.c_attn.bias"]
    attention = one.blocks[0].attention
    torch.testing.assert_close(torch.cat([part(x) for part in (attention.query, attention.key, attention.value)], 1), fused)
    w1, w2, out = (released[f"transformer.h.0.mlp.{name}.weight"] for name in ("w1", "w2", "c_proj"))
    torch.testing.assert_close(one.blocks[0].mlp(x), ((x @ w1.T) * torch.nn.functional.silu(x @ w2.T)) @ out.T)
    assert cfg.mlp_width == 40 and cfg.scaling == Unscaled(trained_length=48)
    assert qwen.config_from(QWEN | {"use_dynamic_ntk": False, "use_logn_attn": False}).scaling == Scaling()


def test_both_are_exported_in_the_layout_that_servers_read():
    for maps, theirs, plain in ((internlm2, INTERNLM2, llama), (qwen, QWEN, qwen2)):
        cfg = maps.config_from(theirs)
        with pytest.raises(CheckpointError, match=f"export as {plain.MODEL_TYPE}, which is the same model"):
            maps.config_to(cfg, VOCABULARY)
        again = plain.config_from(plain.config_to(cfg, VOCABULARY))
        assert (
            isinstance(again, Decoder)
            and again.build(vocab_size=3).state_dict().keys() == cfg.build(vocab_size=3).state_dict().keys()
        )
    with pytest.raises(CheckpointError, match="rotary_pct is 0.5"):
        qwen.config_from(QWEN | {"rotary_pct": 0.5})
