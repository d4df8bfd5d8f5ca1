"""Qwen3 (transformers `Qwen3ForCausalLM`): config.json ↔ Decoder, tensor names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.model.language.decoder import Decoder
from omma.weights.decoder_names import decoder_from, decoder_names, decoder_to, only, windows_from, windows_to
from omma.weights.family import Family
from omma.weights.names import Names

MODEL_TYPE = "qwen3"


def config_from(theirs: Mapping[str, Any]) -> Decoder:
    """config.json → Decoder. CheckpointError for variants that the decoder does not cover."""
    where, bias = f"config.json of {MODEL_TYPE}", bool(theirs.get("attention_bias"))
    window, full_layers = windows_from(theirs, where=where)
    return decoder_from(theirs, where=where, qkv_bias=bias, output_bias=bias, qk_norm="rms", window=window, full_layers=full_layers)


def config_to(cfg: Decoder, vocab_size: int) -> dict[str, Any]:
    """Decoder → config.json. CheckpointError for a decoder of another shape than this family's."""
    only(cfg, MODEL_TYPE, qk_norm="rms", qkv_bias=cfg.output_bias, output_bias=cfg.output_bias, window=cfg.window)
    theirs = decoder_to(cfg, model_type=MODEL_TYPE, architecture="Qwen3ForCausalLM", vocab_size=vocab_size)
    return theirs | {"attention_bias": cfg.output_bias} | windows_to(cfg)


def names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors."""
    return decoder_names(cfg)


FAMILY = Family(
    kind="language",
    part=Decoder,
    model_types=(MODEL_TYPE,),
    architectures=("Qwen3ForCausalLM",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
