"""Qwen3-VL-MoE (transformers `Qwen3VLMoeForConditionalGeneration`): Qwen3-VL with sparse experts. config.json, names ↔ ours."""

from typing import Any

from omma.model.vlm import Vlm
from omma.weights.family import Family, Vocabulary
from omma.weights.maps import qwen3_vl, qwen3_vl_moe_text
from omma.weights.qwen_vl_parts import decoder_of

MODEL_TYPE = "qwen3_vl_moe"
ARCHITECTURE = "Qwen3VLMoeForConditionalGeneration"


config_from, names = qwen3_vl.config_from, qwen3_vl.names  # text_config says by its own model_type that it is sparse


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model → config.json. CheckpointError for a model with parts that the layout has no place for."""
    text = qwen3_vl_moe_text.config_to(decoder_of(model, MODEL_TYPE), vocabulary.size)
    return qwen3_vl.config_with(model, vocabulary, model_type=MODEL_TYPE, architecture=ARCHITECTURE, text=text)


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=(ARCHITECTURE,),
    model_from=qwen3_vl.model_from,
    names=names,
    config_to=config_to,
    processor_to=qwen3_vl.FAMILY.processor_to,
)
