"""LLaVA-NeXT, or 1.6 (transformers `LlavaNextForConditionalGeneration`): config.json ↔ any-resolution view and the parts of LLaVA.

A base tile, then the tiles of the best size as one map without its padding, each row ended by a learned newline.
"""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.media.views.best_fit import BestFit
from omma.model.vlm import Vlm
from omma.weights.any_resolution import BLACK, image_processor, pinpoints_from, tile_from
from omma.weights.family import Family, Processor, Vocabulary
from omma.weights.llava_parts import (
    PORTABLE,
    LlavaParts,
    check_plain,
    encoder_of,
    projector_from,
    projector_names,
    projector_to,
    slots_to,
    text_from,
    tower,
    tower_from,
    whole_names,
    whole_to,
    words_from,
)
from omma.weights.names import Names, Pair, Row
from omma.weights.released import Released

MODEL_TYPE = "llava_next"
WHERE = "config.json of LLaVA-NeXT"
NEWLINE = Names((Pair("splice.layout", "model.image_newline", Row()),))


def config_from(theirs: Mapping[str, Any]) -> LlavaParts:
    """config.json → parts. CheckpointError for towers, language models and feature choices that are not covered."""
    layer, strategy = theirs.get("vision_feature_layer", -2), theirs.get("vision_feature_select_strategy", "default")
    encoder = tower_from(theirs, where=WHERE, strategy=strategy, layer=layer)
    if encoder.features == "all":
        fix = "a class token has no place on a map of tiles"
        raise CheckpointError(WHERE, f"vision_feature_select_strategy is {strategy!r}", "'default'", fix)
    return LlavaParts(encoder, projector_from(theirs, where=WHERE), text_from(theirs, where=WHERE))


def config_to(model: Vlm, vocab_size: int, image_id: int) -> dict[str, Any]:
    """Model, vocabulary and placeholder id → config.json, with the tower as deep as it was built."""
    processor = image_processor(model.view, model.encoder, "LlavaNextImageProcessor")
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["LlavaNextForConditionalGeneration"],
        **whole_to(model, Vocabulary(vocab_size, image_id)),
        **projector_to(model, MODEL_TYPE),
        "image_grid_pinpoints": processor["image_grid_pinpoints"],
        "use_image_newline_parameter": True,
    }


def names(parts: LlavaParts | Vlm, theirs: Mapping[str, Any]) -> Names:
    """Parts and the config.json beside the tensors → names of all tensors of a `VlmModule` made of them."""
    return whole_names(parts, theirs, projector_names(parts, MODEL_TYPE)) + NEWLINE


def model_from(released: Released) -> Vlm:
    """A LLaVA-NeXT folder → the model with the view of its image processor and the words of its tokenizer."""
    parts = config_from(released.config)
    size, resample = tile_from(released, default_size=parts.encoder.image_size)
    return Vlm(
        view=BestFit(size=size, pinpoints=pinpoints_from(released), fill=BLACK, resample=resample),
        encoder=encoder_of(parts, released),
        connector=parts.connector,
        language=parts.language,
        text=words_from(released),
    )


def vlm_config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model → config.json. CheckpointError for a model with parts that the layout has no place for."""
    if type(model.view) is not BestFit:
        raise CheckpointError(MODEL_TYPE, f"a view {type(model.view).__name__}", "BestFit")
    check_plain(model, MODEL_TYPE, layout_tokens=1)
    return config_to(model, vocabulary.size, vocabulary.image_id)


def processor_to(model: Vlm) -> Processor:
    """Model → what LlavaNextProcessor must do."""
    image = image_processor(model.view, model.encoder, "LlavaNextImageProcessor")
    return Processor(image=image, slots=slots_to(tower(model), "LlavaNextProcessor"))


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("LlavaNextForConditionalGeneration",),
    model_from=model_from,
    names=names,
    config_to=vlm_config_to,
    processor_to=processor_to,
    portable=PORTABLE,
)
