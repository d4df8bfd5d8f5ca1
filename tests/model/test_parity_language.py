"""Decoder = transformers' Llama, Qwen2 and Qwen3 at random tiny weights: packed documents against theirs one by one."""

import copy

import numpy as np
import pytest
import torch
from transformers.models.llama.modeling_llama import LlamaConfig, LlamaForCausalLM
from transformers.models.qwen2.modeling_qwen2 import Qwen2Config, Qwen2ForCausalLM
from transformers.models.qwen3.modeling_qwen3 import Qwen3Config, Qwen3ForCausalLM

from omma.nn.attention import Causal, Packed, PackedAttend
from omma.schema.batch import Stream
from omma.weights.maps import llama, qwen2, qwen3
from omma.weights.native import fill

pytestmark = pytest.mark.parity

FAMILIES = {
    "llama": (llama, LlamaConfig, LlamaForCausalLM),
    "qwen2": (qwen2, Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (qwen3, Qwen3Config, Qwen3ForCausalLM),
}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16}  # fmt: skip
# fp32, in units of the largest value of the tensor compared. Worst case measured over 24 seeds per family: logits 4.1e-6,
# gradients 2.9e-5 (biases of keys, which are small differences of large terms).
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4


def draw(family, seed):
    """A random tiny model of the family with random norms and biases too, and document lengths."""
    rng = np.random.default_rng(seed)
    kv_heads, group, head_dim = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.choice([8, 16]))
    sizes = dict(
        hidden_size=int(rng.choice([24, 32, 48])), intermediate_size=int(rng.integers(20, 90)),
        num_hidden_layers=int(rng.integers(1, 4)), num_attention_heads=kv_heads * group,
        num_key_value_heads=kv_heads, head_dim=head_dim, vocab_size=int(rng.integers(30, 99)),
        tie_word_embeddings=bool(rng.integers(2)), rms_norm_eps=float(rng.choice([1e-5, 1e-6])), attn_implementation="eager",
    )  # fmt: skip
    if family == "qwen2":
        sizes["hidden_size"] = kv_heads * group * head_dim  # the released code derives the head width
    if family == "llama":
        sizes["hidden_size"] = kv_heads * group * int(rng.choice([4, 8, 12]))  # the released config refuses anything else
    if family == "llama" and rng.integers(2):
        sizes["rope_parameters"] = LLAMA3
    maps, config_class, model_class = FAMILIES[family]
    torch.manual_seed(seed)
    theirs = model_class(config_class(**sizes)).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.3 if parameter.ndim == 2 else 0.5) + (parameter.ndim == 1))
    return maps, theirs, [int(n) for n in rng.choice([1, 2, 7, 19, 33, 20, 6], size=5)]


def ours_like(maps, theirs):
    cfg = maps.config_from(theirs.config.to_dict())
    module = cfg.build(vocab_size=theirs.config.vocab_size)
    fill(module, copy.deepcopy(maps.names(cfg).from_theirs(theirs.state_dict(), where="theirs")), where="test")
    return cfg, module


def pack_tokens(lengths, vocab_size):
    tokens = torch.randint(vocab_size, (sum(lengths),))
    positions = torch.cat([torch.arange(n) for n in lengths])[:, None]
    return tokens, positions, torch.tensor([0, *lengths]).cumsum(0)


def run_ours(module, tokens, positions, borders):
    zeros = torch.zeros_like(tokens)
    stream = Stream(module.embed(tokens), positions, borders, zeros, torch.arange(len(tokens)))
    return module(stream, PackedAttend(Packed(borders, Causal()))).hidden @ module.head.T


def worst(ours, theirs):
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-3))


def compare(family, seed):
    maps, theirs, lengths = draw(family, seed)
    cfg, ours = ours_like(maps, theirs)
    tokens, positions, borders = pack_tokens(lengths, theirs.config.vocab_size)
    got = run_ours(ours, tokens, positions, borders)
    want = torch.cat([theirs(input_ids=t[None]).logits[0] for t in tokens.split(lengths)])
    probe = torch.randn_like(want)
    (got - probe).square().mean().backward()
    (want - probe).square().mean().backward()
    their_gradients = {name: p.grad for name, p in theirs.named_parameters()}
    gradients = maps.names(cfg).from_theirs(their_gradients, where="gradients")
    return worst(got, want), max(worst(dict(ours.named_parameters())[name].grad, g) for name, g in gradients.items())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_and_gradients_equal_transformers(family, seed):
    logits, gradients = compare(family, seed)
    assert logits <= TOLERANCE
    assert gradients <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_config_survives_the_way_there_and_back(family):
    for seed in range(8):
        maps, theirs, _ = draw(family, seed)
        cfg = maps.config_from(theirs.config.to_dict())
        back = FAMILIES[family][1](**maps.config_to(cfg, theirs.config.vocab_size))
        for key, value in maps.config_to(cfg, 1).items():
            if key not in ("vocab_size", "architectures", "rope_parameters"):
                assert getattr(theirs.config, key) == value == getattr(back, key) or (family == "qwen2" and key == "head_dim"), key
        assert maps.config_from(back.to_dict()) == cfg


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_survive_the_way_there_and_back(family):
    for seed in range(4):
        maps, theirs, _ = draw(family, seed)
        cfg, ours = ours_like(maps, theirs)
        back = maps.names(cfg).to_theirs(dict(ours.named_parameters()))
        named = dict(theirs.named_parameters())
        assert back.keys() == named.keys()
        assert all(torch.equal(back[name], named[name]) for name in named)


def test_a_decoder_of_another_position_base_differs():
    maps, theirs, _ = draw("qwen3", 3)
    _, ours = ours_like(maps, theirs)
    tokens, positions, borders = pack_tokens([12, 9], theirs.config.vocab_size)
    want = torch.cat([theirs(input_ids=t[None]).logits[0] for t in tokens.split([12, 9])])
    assert worst(run_ours(ours, tokens, positions, borders), want) <= TOLERANCE
    assert worst(run_ours(ours, tokens, 2 * positions, borders), want) > 100 * TOLERANCE
