"""DeepSeek-V2 (transformers `DeepseekV2ForCausalLM`): config.json ↔ Decoder with experts and latent attention, tensor names ↔ ours.

Covers what the language models of DeepSeek-VL2 have besides (deepseek-ai/DeepSeek-VL2, `modeling_deepseek.py`): plain attention
(`use_mla` false) and sigmoid scores with a bias on the choice (`noaux_tc`), for which transformers has no class under this name.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.language.decoder import Decoder
from omma.nn.experts import Experts
from omma.nn.latent_attention import Latent
from omma.weights.decoder_names import decoder_from, decoder_names, decoder_to, only, refuse
from omma.weights.family import Family
from omma.weights.names import Names

MODEL_TYPE = "deepseek_v2"
CHOICES = ("greedy", "group_limited_greedy", "noaux_tc")


def config_from(theirs: Mapping[str, Any]) -> Decoder:
    """config.json → Decoder. CheckpointError for variants that the decoder does not cover."""
    where = f"config.json of {MODEL_TYPE}"
    refuse(theirs, "scoring_func", ("softmax", "sigmoid"), where=where)
    refuse(theirs, "topk_method", CHOICES, where=where)
    if theirs.get("topk_method") != "noaux_tc":  # the released code drops the factor there, transformers the sum
        refuse(theirs, "norm_topk_prob", (False, None), where=where)
    return latent_decoder(theirs, experts_from(theirs), where=where)


def latent_decoder(theirs: Mapping[str, Any], experts: Experts, *, where: str) -> Decoder:
    """config.json of a DeepSeek family and its experts → Decoder."""
    if not theirs.get("use_mla", True):
        return replace(decoder_from(theirs, where=where, qkv_bias=False, qk_norm="none"), experts=experts)
    turning = theirs["qk_rope_head_dim"]
    cfg = decoder_from({**theirs, "head_dim": turning}, where=where, qkv_bias=False, qk_norm="none")
    if cfg.kv_heads != cfg.heads:
        raise CheckpointError(where, f"num_key_value_heads is {cfg.kv_heads}", f"{cfg.heads}, one per head of latent attention")
    latent = Latent(
        kv_rank=theirs["kv_lora_rank"],
        query_rank=theirs.get("q_lora_rank") or 0,
        still_dim=theirs["qk_nope_head_dim"],
        value_dim=theirs["v_head_dim"],
    )
    return replace(cfg, latent=latent, experts=experts)


def experts_from(theirs: Mapping[str, Any]) -> Experts:
    """config.json of a DeepSeek family → its experts."""
    method, width = theirs.get("topk_method", "greedy"), theirs["moe_intermediate_size"]
    first, step = theirs.get("first_k_dense_replace", 0), theirs.get("moe_layer_freq", 1)
    return Experts(
        num=theirs["n_routed_experts"],
        chosen=theirs["num_experts_per_tok"],
        width=width,
        shared_width=width * (theirs.get("n_shared_experts") or 0),
        score=theirs.get("scoring_func", "softmax"),
        choice_bias=method == "noaux_tc",
        renormalise=bool(theirs.get("norm_topk_prob", False)),
        scale=float(theirs.get("routed_scaling_factor", 1.0)),
        groups=1 if method == "greedy" else theirs["n_group"],
        groups_chosen=1 if method == "greedy" else theirs["topk_group"],
        group_score="top2" if method == "noaux_tc" else "max",
        dense_layers=tuple(i for i in range(theirs["num_hidden_layers"]) if i < first or i % step),
    )


def config_to(cfg: Decoder, vocab_size: int) -> dict[str, Any]:
    """Decoder → config.json. CheckpointError for a decoder of another shape than this family's."""
    experts = cfg.experts
    if experts is not None and experts.score == "softmax" and experts.renormalise:
        fix = "export as the family of that shape"
        raise CheckpointError(MODEL_TYPE, "renormalise=True", "weights of softmax scores as they are", fix)
    said = latent_to(cfg, MODEL_TYPE, vocab_size)
    grouped = "group_limited_greedy" if experts is not None and experts.groups > 1 else "greedy"
    method = "noaux_tc" if experts is not None and experts.choice_bias else grouped
    return said | {"topk_method": method, "use_mla": cfg.latent is not None, "architectures": ["DeepseekV2ForCausalLM"]}


def latent_to(cfg: Decoder, model_type: str, vocab_size: int) -> dict[str, Any]:
    """Decoder → the fields that DeepSeek families share. CheckpointError for a decoder that none of them is."""
    experts, latent = cfg.experts, cfg.latent
    only(cfg, model_type, experts=experts, latent=latent)
    first = 0 if experts is None else len(experts.dense_layers)
    sizes = experts and (experts.shared_width % experts.width, experts.dense_layers)
    if experts is None or sizes != (0, tuple(range(first))):
        got = "no experts" if experts is None else f"shared_width={experts.shared_width}, dense_layers={experts.dense_layers}"
        want = "experts, shared ones as wide as some routed ones together, in all but the first layers"
        raise CheckpointError(model_type, got, want, "export as the family of that shape")
    theirs = decoder_to(cfg, model_type=model_type, architecture="", vocab_size=vocab_size) | {
        "n_routed_experts": experts.num,
        "num_experts_per_tok": experts.chosen,
        "moe_intermediate_size": experts.width,
        "n_shared_experts": experts.shared_width // experts.width,
        "scoring_func": experts.score,
        "norm_topk_prob": experts.renormalise,
        "routed_scaling_factor": experts.scale,
        "n_group": experts.groups,
        "topk_group": experts.groups_chosen,
        "first_k_dense_replace": first,
        "moe_layer_freq": 1,
    }
    return theirs if latent is None else theirs | _latent_said(cfg, latent)


def _latent_said(cfg: Decoder, latent: Latent) -> dict[str, Any]:
    return {
        "q_lora_rank": latent.query_rank or None,
        "kv_lora_rank": latent.kv_rank,
        "qk_nope_head_dim": latent.still_dim,
        "qk_rope_head_dim": cfg.head_dim,
        "v_head_dim": latent.value_dim,
    }


def names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors."""
    return decoder_names(cfg)


FAMILY = Family(
    kind="language",
    part=Decoder,
    model_types=(MODEL_TYPE,),
    architectures=("DeepseekV2ForCausalLM",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
