"""Llama and Vicuna (transformers `LlamaForCausalLM`): config.json ↔ Decoder, tensor names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.model.language.decoder import Decoder
from omma.weights.decoder_names import decoder_from, decoder_names, decoder_to, only
from omma.weights.family import Family
from omma.weights.names import Names

MODEL_TYPE = "llama"


def config_from(theirs: Mapping[str, Any]) -> Decoder:
    """config.json → Decoder. CheckpointError for variants that the decoder does not cover."""
    bias, mlp_bias = bool(theirs.get("attention_bias")), bool(theirs.get("mlp_bias"))
    where = f"config.json of {MODEL_TYPE}"
    return decoder_from(theirs, where=where, qkv_bias=bias, output_bias=bias, mlp_bias=mlp_bias, qk_norm="none")


def config_to(cfg: Decoder, vocab_size: int) -> dict[str, Any]:
    """Decoder → config.json. CheckpointError for a decoder of another shape than this family's."""
    only(cfg, MODEL_TYPE, qkv_bias=cfg.output_bias, output_bias=cfg.output_bias, mlp_bias=cfg.mlp_bias)
    biases = {"attention_bias": cfg.output_bias, "mlp_bias": cfg.mlp_bias}
    return decoder_to(cfg, model_type=MODEL_TYPE, architecture="LlamaForCausalLM", vocab_size=vocab_size) | biases


def names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors."""
    return decoder_names(cfg)


FAMILY = Family(
    kind="language",
    part=Decoder,
    model_types=(MODEL_TYPE,),
    architectures=("LlamaForCausalLM",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
