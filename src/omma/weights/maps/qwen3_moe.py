"""Qwen3-MoE (transformers `Qwen3MoeForCausalLM`): config.json ↔ Decoder with experts, tensor names ↔ ours."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.language.decoder import Decoder
from omma.nn.experts import Experts
from omma.weights.decoder_names import decoder_from, decoder_names, decoder_to, only
from omma.weights.family import Family
from omma.weights.names import Names

MODEL_TYPE = "qwen3_moe"


def config_from(theirs: Mapping[str, Any]) -> Decoder:
    """config.json → Decoder. CheckpointError for variants that the decoder does not cover."""
    where, bias = f"config.json of {MODEL_TYPE}", bool(theirs.get("attention_bias"))
    window = (theirs.get("sliding_window", 4096) or 0) if theirs.get("use_sliding_window") else 0
    cfg = decoder_from(theirs, where=where, qkv_bias=bias, output_bias=bias, qk_norm="rms", window=window)
    return replace(cfg, experts=_experts_from(theirs))


def _experts_from(theirs: Mapping[str, Any]) -> Experts:
    step, dense = theirs.get("decoder_sparse_step", 1), theirs.get("mlp_only_layers") or ()
    return Experts(
        num=theirs.get("num_experts") or theirs["num_local_experts"],
        chosen=theirs["num_experts_per_tok"],
        width=theirs["moe_intermediate_size"],
        renormalise=bool(theirs.get("norm_topk_prob", False)),
        dense_layers=tuple(i for i in range(theirs["num_hidden_layers"]) if i in dense or (i + 1) % step),
    )


def config_to(cfg: Decoder, vocab_size: int) -> dict[str, Any]:
    """Decoder → config.json. CheckpointError for a decoder of another shape than this family's."""
    bias, experts = cfg.output_bias, cfg.experts
    only(cfg, MODEL_TYPE, qk_norm="rms", qkv_bias=bias, output_bias=bias, window=cfg.window, full_layers=(), experts=experts)
    if experts is None or experts != replace(Experts(), **_said(experts)):
        fix = "export as the family of that shape"
        raise CheckpointError(MODEL_TYPE, f"experts={experts!r}", "softmax experts without groups or shared ones", fix)
    theirs = decoder_to(cfg, model_type=MODEL_TYPE, architecture="Qwen3MoeForCausalLM", vocab_size=vocab_size)
    window = {"use_sliding_window": bool(cfg.window)} | ({"sliding_window": cfg.window} if cfg.window else {})
    return (
        theirs
        | window
        | {
            "attention_bias": bias,
            "num_experts": experts.num,
            "num_experts_per_tok": experts.chosen,
            "moe_intermediate_size": experts.width,
            "norm_topk_prob": experts.renormalise,
            "decoder_sparse_step": 1,
            "mlp_only_layers": list(experts.dense_layers),
        }
    )


def _said(experts: Experts) -> dict[str, Any]:
    """What this layout can say of experts."""
    return {name: getattr(experts, name) for name in ("num", "chosen", "width", "renormalise", "dense_layers")}


def names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors."""
    return decoder_names(cfg)


FAMILY = Family(
    kind="language",
    part=Decoder,
    model_types=(MODEL_TYPE,),
    architectures=("Qwen3MoeForCausalLM",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
