"""Decoder = transformers' language models at random tiny weights: packed documents against theirs one by one, and decoding."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.models.deepseek_v2.modeling_deepseek_v2 import DeepseekV2Config, DeepseekV2ForCausalLM
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3Config, DeepseekV3ForCausalLM
from transformers.models.llama.modeling_llama import LlamaConfig, LlamaForCausalLM
from transformers.models.mistral.modeling_mistral import MistralConfig, MistralForCausalLM
from transformers.models.qwen2.modeling_qwen2 import Qwen2Config, Qwen2ForCausalLM
from transformers.models.qwen3.modeling_qwen3 import Qwen3Config, Qwen3ForCausalLM
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeConfig, Qwen3MoeForCausalLM

from omma.generate.cache import Cache, DecodeAttend, PrefillAttend
from omma.model.language.decoder import Decoder
from omma.model.slots import built_on_meta, num_parameters
from omma.nn.attention import Causal, Packed, PackedAttend
from omma.nn.experts import Experts
from omma.nn.latent_attention import Latent
from omma.schema.batch import Stream
from omma.weights.maps import deepseek_v2, deepseek_v3, llama, mistral, qwen2, qwen3, qwen3_moe
from omma.weights.native import fill

pytestmark = pytest.mark.parity

FAMILIES = {
    "llama": (llama, LlamaConfig, LlamaForCausalLM),
    "mistral": (mistral, MistralConfig, MistralForCausalLM),
    "qwen2": (qwen2, Qwen2Config, Qwen2ForCausalLM),
    "qwen3": (qwen3, Qwen3Config, Qwen3ForCausalLM),
    "qwen3_moe": (qwen3_moe, Qwen3MoeConfig, Qwen3MoeForCausalLM),
    "deepseek_v2": (deepseek_v2, DeepseekV2Config, DeepseekV2ForCausalLM),
    "deepseek_v3": (deepseek_v3, DeepseekV3Config, DeepseekV3ForCausalLM),
}
LATENT = ("deepseek_v2", "deepseek_v3")
SPARSE = ("qwen3_moe", *LATENT)
BASE = {"rope_theta": 500.0}
ROPES = (
    BASE | {"rope_type": "default"},
    BASE | {"rope_type": "linear", "factor": 3.0},
    BASE | {"rope_type": "dynamic", "factor": 2.0},
    BASE | {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16},
    BASE | {"rope_type": "yarn", "factor": 2.5, "original_max_position_embeddings": 12, "beta_fast": 8.0, "beta_slow": 0.5,
            "mscale": 0.7, "mscale_all_dim": 0.9},
    BASE | {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16},
)  # fmt: skip
# Said in other words on the way back, or not known to transformers' class; the config made of them is compared as a whole.
RESTATED = {
    "vocab_size", "architectures", "rope_parameters", "decoder_sparse_step", "mlp_only_layers", "max_window_layers",
    "sliding_window", "head_dim", "scoring_func", "n_group", "topk_group", "use_mla", "moe_layer_freq", "topk_method",
    "norm_topk_prob",
}  # fmt: skip
LENGTHS = (1, 2, 7, 19, 33, 20, 6)
# fp32, in units of the largest value of the tensor compared. Worst case measured over 20 seeds per family: logits 8.6e-6,
# gradients 1.2e-4 (biases of keys, which are small differences of large terms).
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 2e-4
SEEDS = range(6)


def sizes_of(family, rng):
    """Sizes at random within the family, with windows, scalings, biases and ties where it has them."""
    kv_heads, group, head_dim = int(rng.integers(1, 4)), int(rng.integers(1, 4)), int(rng.choice([8, 16]))
    depth = int(rng.integers(1, 4))
    sizes = dict(
        hidden_size=int(rng.choice([24, 32, 48])), intermediate_size=int(rng.integers(20, 90)), num_hidden_layers=depth,
        num_attention_heads=kv_heads * group, num_key_value_heads=kv_heads, vocab_size=int(rng.integers(30, 99)),
        tie_word_embeddings=bool(rng.integers(2)), rms_norm_eps=float(rng.choice([1e-5, 1e-6])),
        max_position_embeddings=int(rng.choice([24, 64])), rope_parameters=dict(ROPES[rng.integers(len(ROPES))]),
        attn_implementation="eager", pad_token_id=None, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    bias, window = bool(rng.integers(2)), int(rng.choice([3, 8, 11]))
    if family == "llama":
        sizes |= {"attention_bias": bias, "mlp_bias": bool(rng.integers(2))}
    if family in ("llama", *LATENT):
        sizes["hidden_size"] = kv_heads * group * 12  # the released configs refuse anything else
    if family == "mistral":
        sizes |= {"head_dim": head_dim, "sliding_window": window if rng.integers(2) else None}
    if family == "qwen2":
        sizes["hidden_size"] = kv_heads * group * head_dim  # the released code derives the head width
    if family in ("qwen2", "qwen3"):
        sizes |= {"use_sliding_window": bool(rng.integers(2)), "sliding_window": window, "max_window_layers": depth // 2}
    if family in ("qwen3", "qwen3_moe"):
        sizes |= {"head_dim": head_dim, "attention_bias": bias}
    if family == "qwen3_moe":
        sizes |= {"use_sliding_window": bool(rng.integers(2)), "sliding_window": window} | expert_sizes(rng)
        sizes |= {"decoder_sparse_step": int(rng.choice([1, 2])), "mlp_only_layers": [0] if rng.integers(2) else []}
        sizes |= {"num_experts": sizes.pop("n_routed_experts"), "norm_topk_prob": bool(rng.integers(2))}
    if family in LATENT:
        sizes |= expert_sizes(rng) | latent_sizes(family, rng) | {"num_key_value_heads": kv_heads * group}
    return sizes


def expert_sizes(rng):
    return {"n_routed_experts": int(rng.choice([6, 8])), "num_experts_per_tok": int(rng.integers(1, 4)),
            "moe_intermediate_size": int(rng.choice([12, 20]))}  # fmt: skip


def latent_sizes(family, rng):
    method = "noaux_tc" if family == "deepseek_v3" else str(rng.choice(["greedy", "group_limited_greedy"]))
    said = {"topk_method": method, "norm_topk_prob": bool(rng.integers(2))} if family == "deepseek_v3" else {"topk_method": method}
    return said | {
        "q_lora_rank": [None, 20][rng.integers(2)], "kv_lora_rank": int(rng.choice([8, 16])), "qk_nope_head_dim": 12,
        "qk_rope_head_dim": int(rng.choice([4, 8])), "v_head_dim": int(rng.choice([6, 10])), "n_group": 2,
        "topk_group": int(rng.integers(1, 3)), "n_shared_experts": int(rng.integers(1, 3)),
        "first_k_dense_replace": int(rng.integers(2)), "routed_scaling_factor": float(rng.choice([1.0, 2.5])),
    }  # fmt: skip


def draw(family, seed):
    """A random tiny model of the family with random norms and biases too, and document lengths."""
    rng = np.random.default_rng(seed)
    maps, config_class, model_class = FAMILIES[family]
    torch.manual_seed(seed)
    theirs = model_class(config_class(**sizes_of(family, rng))).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.3 if parameter.ndim > 1 else 0.5) + (parameter.ndim == 1))
        for name, buffer in theirs.named_buffers():
            if name.endswith("e_score_correction_bias"):
                buffer.copy_(torch.randn_like(buffer) * 0.3)
    return maps, theirs, [int(n) for n in rng.choice(LENGTHS, size=5)]


def stored(theirs, tensors, folder):
    """Their tensors as a file holds them: experts one by one."""
    if theirs.config.model_type not in SPARSE:
        return tensors
    twin = copy.deepcopy(theirs)
    twin.load_state_dict(tensors, strict=False)
    twin.save_pretrained(folder)
    return load_file(folder / "model.safetensors")


def ours_like(maps, theirs, folder):
    cfg = maps.config_from(theirs.config.to_dict())
    module = cfg.build(vocab_size=theirs.config.vocab_size)
    tensors = stored(theirs, theirs.state_dict(), folder)
    fill(module, copy.deepcopy(maps.names(cfg).from_theirs(tensors, where="theirs")), where="test")
    return cfg, module


def pack_tokens(lengths, vocab_size):
    tokens = torch.randint(vocab_size, (sum(lengths),))
    positions = torch.cat([torch.arange(n) for n in lengths])[:, None]
    return tokens, positions, torch.tensor([0, *lengths]).cumsum(0)


def states(module, tokens, positions, borders, attend):
    zeros = torch.zeros_like(tokens)
    return module(Stream(module.embed(tokens), positions, borders, zeros, torch.arange(len(tokens))), attend).hidden


def run_ours(module, tokens, positions, borders):
    return states(module, tokens, positions, borders, PackedAttend(Packed(borders, Causal()))) @ module.head.T


def worst(ours, theirs):
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-3))


def compare(family, seed, folder):
    """Worst differences of logits and of the gradients of one scalar."""
    maps, theirs, lengths = draw(family, seed)
    cfg, ours = ours_like(maps, theirs, folder)
    tokens, positions, borders = pack_tokens(lengths, theirs.config.vocab_size)
    got = run_ours(ours, tokens, positions, borders)
    want = torch.cat([theirs(input_ids=t[None]).logits[0] for t in tokens.split(lengths)])
    probe = torch.randn_like(want)
    (got - probe).square().mean().backward()
    (want - probe).square().mean().backward()
    with torch.no_grad():
        zero = {name: torch.zeros_like(buffer) for name, buffer in theirs.named_buffers()}
        given = {name: p.grad if p.grad is not None else torch.zeros_like(p) for name, p in theirs.named_parameters()}
    gradients = maps.names(cfg).from_theirs(stored(theirs, given | persistent(theirs, zero), folder), where="gradients")
    own = dict(ours.named_parameters())
    return worst(got, want), max(worst(own[name].grad, gradients[name]) for name in own)


def persistent(module, buffers):
    return {name: value for name, value in buffers.items() if name in module.state_dict()}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_and_gradients_equal_transformers(family, seed, tmp_path):
    logits, gradients = compare(family, seed, tmp_path)
    assert logits <= TOLERANCE
    assert gradients <= GRADIENT_TOLERANCE


def greedy(module, prompts, steps):
    """Prompts → (tokens, logits) that follow each, all of them packed and then decoded through the cache."""
    lengths = [len(prompt) for prompt in prompts]
    cache, borders = Cache(lengths, module.num_layers), torch.tensor([0, *lengths]).cumsum(0)
    positions = torch.cat([torch.arange(n) for n in lengths])[:, None]
    prefill = PrefillAttend(PackedAttend(Packed(borders, Causal())), cache)
    hidden = states(module, torch.cat(prompts), positions, borders, prefill)[borders[1:] - 1]
    said, seen = [], []
    for step in range(steps):
        seen.append(hidden @ module.head.T)
        said.append(seen[-1].argmax(dim=-1))
        cache.open()
        position = torch.tensor(lengths)[:, None] + step
        hidden = states(module, said[-1], position, torch.arange(len(lengths) + 1), DecodeAttend(cache))
    return torch.stack(said, dim=1), torch.stack(seen, dim=1)


@torch.no_grad()
@pytest.mark.parametrize("seed", SEEDS[:3])
@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_decoding_through_the_cache_says_the_same(family, seed, tmp_path):
    maps, theirs, lengths = draw(family, seed)
    _, ours = ours_like(maps, theirs, tmp_path)
    prompts = [torch.randint(theirs.config.vocab_size, (n,)) for n in lengths[:3]]
    tokens, logits = greedy(ours, prompts, 9)
    for row, prompt in enumerate(prompts):
        said = theirs.generate(
            prompt[None], attention_mask=torch.ones_like(prompt[None]), max_new_tokens=9, do_sample=False, output_logits=True,
            return_dict_in_generate=True, pad_token_id=0,
        )  # fmt: skip
        assert tokens[row].tolist() == said.sequences[0, len(prompt) :].tolist()
        assert worst(logits[row], torch.cat(said.logits)) <= 2 * TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_config_survives_the_way_there_and_back(family):
    for seed in range(8):
        maps, theirs, _ = draw(family, seed)
        cfg = maps.config_from(theirs.config.to_dict())
        back = FAMILIES[family][1](**maps.config_to(cfg, theirs.config.vocab_size))
        for key, value in maps.config_to(cfg, 1).items():
            if key not in RESTATED:
                assert getattr(theirs.config, key) == value == getattr(back, key), key
        assert maps.config_from(back.to_dict()) == cfg


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_survive_the_way_there_and_back(family, tmp_path):
    for seed in range(3):
        maps, theirs, _ = draw(family, seed)
        cfg, ours = ours_like(maps, theirs, tmp_path)
        back = maps.names(cfg).to_theirs(ours.state_dict())
        named = stored(theirs, theirs.state_dict(), tmp_path)
        assert back.keys() == named.keys() - ({"lm_head.weight"} if cfg.tied else set())
        assert all(torch.equal(back[name], named[name]) for name in back)


@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_transformers_loads_what_we_write_and_says_the_same(family, tmp_path):
    maps, theirs, _ = draw(family, 1)
    cfg, ours = ours_like(maps, theirs, tmp_path / "theirs")
    folder = tmp_path / "ours"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(maps.config_to(cfg, theirs.config.vocab_size)), encoding="utf-8")
    tensors = {name: tensor.contiguous() for name, tensor in maps.names(cfg).to_theirs(ours.state_dict()).items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    loaded = FAMILIES[family][2].from_pretrained(folder, attn_implementation="eager")
    tokens, positions, borders = pack_tokens([17], theirs.config.vocab_size)
    assert worst(run_ours(ours, tokens, positions, borders), loaded(input_ids=tokens[None]).logits[0]) <= TOLERANCE


# Bytes of the released bf16 files (metadata of model.safetensors.index.json), halved.
RELEASED = {
    "mistralai/Mistral-7B-v0.1": (32_000, 7_241_732_096, Decoder(
        width=4096, depth=32, heads=32, kv_heads=8, head_dim=128, mlp_width=14336, window=4096)),
    "internlm/internlm2-7b": (92_544, 7_737_708_544, Decoder(
        width=4096, depth=32, heads=32, kv_heads=8, head_dim=128, mlp_width=14336)),
    "Qwen/Qwen-7B": (151_936, 7_721_324_544, Decoder(
        width=4096, depth=32, heads=32, kv_heads=32, head_dim=128, mlp_width=11008, qkv_bias=True)),
    "Qwen/Qwen3-30B-A3B": (151_936, 30_532_122_624, Decoder(
        width=2048, depth=48, heads=32, kv_heads=4, head_dim=128, mlp_width=6144, qk_norm="rms",
        experts=Experts(num=128, chosen=8, width=768, renormalise=True))),
    "deepseek-ai/DeepSeek-V2-Lite": (102_400, 15_706_484_224, Decoder(
        width=2048, depth=27, heads=16, kv_heads=16, head_dim=64, mlp_width=10944, latent=Latent(kv_rank=512),
        experts=Experts(num=64, chosen=6, width=1408, shared_width=2816, dense_layers=(0,)))),
}  # fmt: skip


@pytest.mark.parametrize("name", RELEASED)
def test_released_sizes_have_as_many_values_as_their_files(name):
    vocab_size, count, cfg = RELEASED[name]
    two, three = (built_on_meta(lambda n=n: replace(cfg, depth=n).build(vocab_size=vocab_size)) for n in (2, 3))
    block = num_parameters(three) - num_parameters(two)
    assert num_parameters(two) + (cfg.depth - 2) * block == count  # blocks behind the second are alike


def test_a_decoder_of_another_position_base_differs(tmp_path):
    maps, theirs, _ = draw("qwen3", 3)
    _, ours = ours_like(maps, theirs, tmp_path)
    tokens, positions, borders = pack_tokens([12, 9], theirs.config.vocab_size)
    want = torch.cat([theirs(input_ids=t[None]).logits[0] for t in tokens.split([12, 9])])
    assert worst(run_ours(ours, tokens, positions, borders), want) <= TOLERANCE
    assert worst(run_ours(ours, tokens, 2 * positions, borders), want) > 100 * TOLERANCE
