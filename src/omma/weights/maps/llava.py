"""LLaVA (transformers `LlavaForConditionalGeneration`): config.json ↔ view, encoder, connector, language; tensor names ↔ ours.

The two-layer MLP between a CLIP or SigLIP tower and any language family that `maps/` has.
"""

from collections.abc import Mapping
from typing import Any

from omma.model.vlm import Vlm
from omma.weights.family import Family, Vocabulary
from omma.weights.llava_parts import (
    PORTABLE,
    LlavaParts,
    check_plain,
    plain_from,
    processor_to,
    projector_from,
    projector_names,
    projector_to,
    text_from,
    tower_from,
    whole_names,
    whole_to,
)
from omma.weights.names import Names
from omma.weights.released import Released
from omma.weights.sight import image_processor

MODEL_TYPE = "llava"
WHERE = "config.json of LLaVA"


def config_from(theirs: Mapping[str, Any]) -> LlavaParts:
    """config.json → parts. CheckpointError for towers, language models and feature choices that are not covered."""
    layer, strategy = theirs.get("vision_feature_layer", -2), theirs.get("vision_feature_select_strategy", "default")
    return LlavaParts(
        encoder=tower_from(theirs, where=WHERE, strategy=strategy, layer=layer),
        connector=projector_from(theirs, where=WHERE),
        language=text_from(theirs, where=WHERE),
    )


def config_to(parts: LlavaParts | Vlm, vocab_size: int, image_id: int) -> dict[str, Any]:
    """Parts, vocabulary and placeholder id → config.json, with the tower as deep as it was built."""
    whole = whole_to(parts, Vocabulary(vocab_size, image_id))
    return {"model_type": MODEL_TYPE, "architectures": ["LlavaForConditionalGeneration"]} | whole | projector_to(parts, MODEL_TYPE)


def names(parts: LlavaParts | Vlm, theirs: Mapping[str, Any] | tuple[()] = ()) -> Names:
    """Parts (and the config.json beside the tensors) → names of all tensors of a `VlmModule` made of them."""
    return whole_names(parts, dict(theirs) or config_to(parts, 1, 0), projector_names(parts, MODEL_TYPE))


def model_from(released: Released) -> Vlm:
    """A LLaVA folder → the model with the view of its image processor and the words of its tokenizer."""
    return plain_from(config_from(released.config), released)


def vlm_config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model → config.json. CheckpointError for a model with parts that the layout has no place for."""
    check_plain(model, MODEL_TYPE)
    image_processor(model.view, model.encoder)
    return config_to(model, vocabulary.size, vocabulary.image_id)


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("LlavaForConditionalGeneration",),
    model_from=model_from,
    names=names,
    config_to=vlm_config_to,
    processor_to=processor_to,
    portable=PORTABLE,
)
