"""Mistral (transformers `MistralForCausalLM`): config.json ↔ Decoder, tensor names ↔ ours. Its window is in every layer."""

from collections.abc import Mapping
from typing import Any

from omma.model.language.decoder import Decoder
from omma.weights.decoder_names import decoder_from, decoder_names, decoder_to, only
from omma.weights.family import Family
from omma.weights.names import Names

MODEL_TYPE = "mistral"


def config_from(theirs: Mapping[str, Any]) -> Decoder:
    """config.json → Decoder. CheckpointError for variants that the decoder does not cover."""
    window = theirs.get("sliding_window", 4096) or 0
    return decoder_from(theirs, where=f"config.json of {MODEL_TYPE}", qkv_bias=False, qk_norm="none", window=window)


def config_to(cfg: Decoder, vocab_size: int) -> dict[str, Any]:
    """Decoder → config.json. CheckpointError for a decoder of another shape than this family's."""
    only(cfg, MODEL_TYPE, window=cfg.window, full_layers=())
    window = {"sliding_window": cfg.window or None}
    return decoder_to(cfg, model_type=MODEL_TYPE, architecture="MistralForCausalLM", vocab_size=vocab_size) | window


def names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors."""
    return decoder_names(cfg)


FAMILY = Family(
    kind="language",
    part=Decoder,
    model_types=(MODEL_TYPE,),
    architectures=("MistralForCausalLM",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
