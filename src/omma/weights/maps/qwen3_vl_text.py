"""The language model of Qwen3-VL (`text_config`): Qwen3 with interleaved rotary sections. config ↔ Decoder, names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.model.language.decoder import Decoder
from omma.weights.decoder_names import decoder_from, decoder_names, decoder_to, only
from omma.weights.family import Family
from omma.weights.names import Names

MODEL_TYPE = "qwen3_vl_text"


def config_from(theirs: Mapping[str, Any]) -> Decoder:
    """text_config → Decoder. CheckpointError for variants that the decoder does not cover."""
    bias = bool(theirs.get("attention_bias"))
    return decoder_from(theirs, where=f"text_config of {MODEL_TYPE}", qkv_bias=bias, output_bias=bias, qk_norm="rms")


def config_to(cfg: Decoder, vocab_size: int) -> dict[str, Any]:
    """Decoder → text_config. CheckpointError for a decoder of another shape than this family's."""
    bias, sections = cfg.output_bias, cfg.sections or (0, 0, 0)
    only(cfg, MODEL_TYPE, qk_norm="rms", qkv_bias=bias, output_bias=bias, sections=sections, interleaved=True)
    theirs = decoder_to(cfg, model_type=MODEL_TYPE, architecture="Qwen3VLTextModel", vocab_size=vocab_size)
    return theirs | {"attention_bias": bias}


def names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors."""
    return decoder_names(cfg)


FAMILY = Family(
    kind="language",
    part=Decoder,
    model_types=(MODEL_TYPE,),
    architectures=("Qwen3VLTextModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
