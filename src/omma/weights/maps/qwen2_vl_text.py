"""The language model of Qwen2-VL and Qwen2.5-VL (`text_config`): Qwen2 with rotary sections. config ↔ Decoder, names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.model.language.decoder import Decoder
from omma.weights.decoder_names import decoder_from, decoder_names, decoder_to, only, windows_from, windows_to
from omma.weights.family import Family
from omma.weights.names import Names

MODEL_TYPE = "qwen2_vl_text"


def config_from(theirs: Mapping[str, Any]) -> Decoder:
    """text_config → Decoder. CheckpointError for variants that the decoder does not cover."""
    where = f"text_config of {MODEL_TYPE}"
    window, full_layers = windows_from(theirs, where=where)
    return decoder_from(theirs, where=where, qkv_bias=True, qk_norm="none", window=window, full_layers=full_layers)


def config_to(cfg: Decoder, vocab_size: int, model_type: str = MODEL_TYPE) -> dict[str, Any]:
    """Decoder → text_config. CheckpointError for a decoder of another shape than this family's."""
    only(cfg, model_type, qkv_bias=True, window=cfg.window, sections=cfg.sections or (0, 0, 0), interleaved=False)
    return decoder_to(cfg, model_type=model_type, architecture="Qwen2VLTextModel", vocab_size=vocab_size) | windows_to(cfg)


def names(cfg: Decoder) -> Names:
    """Decoder → names of its tensors."""
    return decoder_names(cfg)


FAMILY = Family(
    kind="language",
    part=Decoder,
    model_types=(MODEL_TYPE, "qwen2_5_vl_text"),
    architectures=("Qwen2VLTextModel", "Qwen2_5_VLTextModel"),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg, vocabulary.size),
)
