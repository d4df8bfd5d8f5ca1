"""Qwen2-VL (transformers `Qwen2VLForConditionalGeneration`): config.json ↔ native view, tower, merger, M-RoPE; names ↔ ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omma.media.footage.whole import Whole
from omma.model.connectors.merger import Merger
from omma.model.positions.mrope import MRope
from omma.model.slots import Language
from omma.model.splices.in_context import InContext
from omma.model.vision.native import NativeViT
from omma.model.vlm import Vlm
from omma.weights.compose import encoder_from, language_from
from omma.weights.family import Family, Vocabulary
from omma.weights.maps import qwen2_vl_text, qwen2_vl_vision
from omma.weights.names import Names
from omma.weights.qwen_vl_parts import (
    PORTABLE,
    check_merger,
    check_slots,
    decoder_of,
    merge_from,
    processor_to,
    text_from,
    tower_of,
    view_from,
    whole_from,
    whole_names,
    whole_to,
    words_from,
)
from omma.weights.released import Released
from omma.weights.sight import normalised
from omma.weights.vit_names import both

MODEL_TYPE = "qwen2_vl"
WHERE = "config.json of Qwen2-VL"
MERGER = Names((*both("norm", "merger.ln_q"), *both("up", "merger.mlp.0"), *both("down", "merger.mlp.2")))


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that config.json alone describes."""

    encoder: NativeViT
    connector: Merger
    language: Language


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for variants that are not covered."""
    encoder = encoder_from(theirs["vision_config"], where=WHERE)
    assert isinstance(encoder, NativeViT)
    return Parts(encoder, Merger(factor=merge_from(theirs)), language_from(text_from(theirs), where=WHERE))


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model → config.json. CheckpointError for a model with parts that the layout has no place for."""
    check_slots(model, MODEL_TYPE, connector=Merger, splice=InContext, positions=MRope(), video=Whole)
    encoder, language, connector = tower_of(model, MODEL_TYPE), decoder_of(model, MODEL_TYPE), model.connector
    assert isinstance(connector, Merger)
    check_merger(connector, "layer", MODEL_TYPE)
    return whole_to(
        model,
        vocabulary,
        model_type=MODEL_TYPE,
        architecture="Qwen2VLForConditionalGeneration",
        vision=qwen2_vl_vision.config_to(encoder) | {"hidden_size": language.width},
        text=qwen2_vl_text.config_to(language, vocabulary.size),
    )


def names(model: Vlm, theirs: Mapping[str, Any]) -> Names:
    """Model and the config.json beside the tensors → names of all tensors."""
    return whole_names(model.encoder, model.language, theirs, MERGER)


def model_from(released: Released) -> Vlm:
    """Folder → the model with the view of its processors and the words of its tokenizer."""
    parts = config_from(released.config)
    return Vlm(
        view=view_from(released, whole_from(released)),
        encoder=normalised(parts.encoder, released),
        connector=parts.connector,
        language=parts.language,
        positions=MRope(),
        text=words_from(released),
    )


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("Qwen2VLForConditionalGeneration",),
    model_from=model_from,
    names=names,
    config_to=config_to,
    processor_to=lambda model: processor_to(model, "Qwen2VLProcessor", "Qwen2VLVideoProcessor"),
    portable=PORTABLE,
)
