"""Qwen3 (transformers `Qwen3ForCausalLM`): config.json ↔ Decoder, tensor names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.language.decoder import Decoder
from omma.weights.decoder_names import decoder_from, decoder_names, decoder_to
from omma.weights.family import Family
from omma.weights.names import Names

MODEL_TYPE = "qwen3"


def config_from(theirs: Mapping[str, Any]) -> Decoder:
    """config.json → Decoder. CheckpointError for variants that the decoder does not cover."""
    return decoder_from(theirs, where=f"config.json of {MODEL_TYPE}", qkv_bias=False, qk_norm="rms")


def config_to(cfg: Decoder, vocab_size: int) -> dict[str, Any]:
    """Decoder → config.json. CheckpointError for a decoder of another shape than this family's."""
    if cfg.qkv_bias is not False or cfg.qk_norm != "rms":
        got = f"qkv_bias={cfg.qkv_bias}, qk_norm={cfg.qk_norm!r}"
        raise CheckpointError(MODEL_TYPE, got, "qkv_bias=False, qk_norm='rms'", "export as the family of that shape")
    return decoder_to(cfg, model_type=MODEL_TYPE, architecture="Qwen3ForCausalLM", vocab_size=vocab_size)


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
