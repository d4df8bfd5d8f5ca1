"""BLIP-2 (transformers `Blip2ForConditionalGeneration`, arXiv 2301.12597) over decoders: config.json and names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vlm import Vlm
from omma.weights.blip_parts import BlipParts, blip_from, blip_processor, blip_to, names, parts_from, q_former, write_said
from omma.weights.family import Family, Vocabulary

MODEL_TYPE, ARCHITECTURE = "blip-2", "Blip2ForConditionalGeneration"


def config_from(theirs: Mapping[str, Any]) -> BlipParts:
    """config.json → parts. CheckpointError for language models and variants that are not covered."""
    return parts_from(theirs, where="config.json of BLIP-2", reads=False)


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model → config.json. CheckpointError for a Q-Former that reads words, which is InstructBLIP's."""
    if q_former(model, MODEL_TYPE).words:
        raise CheckpointError(MODEL_TYPE, "a QFormer that reads words", "one that reads none", "export it as InstructBLIP")
    return blip_to(model, vocabulary, MODEL_TYPE, ARCHITECTURE, "blip_2")


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=(ARCHITECTURE,),
    model_from=lambda released: blip_from(released, reads=False),
    names=names,
    config_to=config_to,
    processor_to=lambda model: blip_processor(model, "Blip2Processor"),
    wording_to=write_said,
)
