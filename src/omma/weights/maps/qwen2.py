"""Qwen2 and Qwen2.5 (transformers `Qwen2ForCausalLM`): config.json ↔ Decoder, tensor names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.model.language.decoder import Decoder
from omma.weights.decoder_names import decoder_from, decoder_names, decoder_to, only, windows_from, windows_to
from omma.weights.family import Family
from omma.weights.names import Names

MODEL_TYPE = "qwen2"


def config_from(theirs: Mapping[str, Any]) -> Decoder:
    """config.json → Decoder. CheckpointError for variants that the decoder does not cover."""
    where = f"config.json of {MODEL_TYPE}"
    window, full_layers = windows_from(theirs, where=where)
    return decoder_from(theirs, where=where, qkv_bias=True, qk_norm="none", window=window, full_layers=full_layers)


def config_to(cfg: Decoder, vocab_size: int) -> dict[str, Any]:
    """Decoder → config.json. CheckpointError for a decoder of another shape than this family's."""
    only(cfg, MODEL_TYPE, qkv_bias=True, window=cfg.window)
    return decoder_to(cfg, model_type=MODEL_TYPE, architecture="Qwen2ForCausalLM", vocab_size=vocab_size) | windows_to(cfg)


def names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors."""
    return decoder_names(cfg)


FAMILY = Family(
    kind="language",
    part=Decoder,
    model_types=(MODEL_TYPE,),
    architectures=("Qwen2ForCausalLM",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
