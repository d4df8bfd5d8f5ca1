"""Qwen3-VL (transformers `Qwen3VLForConditionalGeneration`): config.json ↔ native view, tower with taps, deepstack; names ↔ ours.

Features of inner layers are added behind the first blocks of the language model; videos come as steps with their times in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omma.core.errors import CheckpointError
from omma.media.footage.stamped import Stamped
from omma.model.connectors.deepstack import DeepStack
from omma.model.positions.mrope import MRope
from omma.model.slots import Language
from omma.model.splices.deepstack import DeepStacked
from omma.model.vision.native import NativeViT
from omma.model.vlm import Vlm
from omma.weights.compose import encoder_from, language_from
from omma.weights.family import Family, Vocabulary
from omma.weights.maps import qwen3_vl_text, qwen3_vl_vision
from omma.weights.names import Names
from omma.weights.qwen_vl_parts import (
    check_slots,
    decoder_of,
    merge_from,
    processor_to,
    stamped_from,
    text_from,
    tower_of,
    view_from,
    whole_names,
    whole_to,
    words_from,
)
from omma.weights.released import Released
from omma.weights.sight import normalised
from omma.weights.vit_names import both

MODEL_TYPE = "qwen3_vl"
ARCHITECTURE = "Qwen3VLForConditionalGeneration"
WHERE = "config.json of Qwen3-VL"
MERGER = (("norm", "norm"), ("up", "linear_fc1"), ("down", "linear_fc2"))


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that config.json alone describes."""

    encoder: NativeViT
    connector: DeepStack
    splice: DeepStacked
    language: Language


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for variants that are not covered."""
    encoder = encoder_from(theirs["vision_config"], where=WHERE)
    assert isinstance(encoder, NativeViT)
    levels = len(encoder.tap_layers)
    if not levels:
        raise CheckpointError(WHERE, "deepstack_visual_indexes is empty", "at least one layer", "this variant is not covered")
    language = language_from(text_from(theirs), where=WHERE)
    return Parts(encoder, DeepStack(factor=merge_from(theirs), levels=levels), DeepStacked(), language)


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model → config.json. CheckpointError for a model with parts that the layout has no place for."""
    text = qwen3_vl_text.config_to(decoder_of(model, MODEL_TYPE), vocabulary.size)
    return config_with(model, vocabulary, model_type=MODEL_TYPE, architecture=ARCHITECTURE, text=text)


def config_with(model: Vlm, vocabulary: Vocabulary, *, model_type: str, architecture: str, text: dict[str, Any]) -> dict[str, Any]:
    """Model and its text_config → config.json; the dense and the sparse model differ in nothing else."""
    check_slots(model, model_type, connector=DeepStack, splice=DeepStacked, positions=MRope(), video=Stamped)
    vision = qwen3_vl_vision.config_to(tower_of(model, model_type)) | {"out_hidden_size": model.language.width}
    if model_type != MODEL_TYPE:
        vision["model_type"] = f"{model_type}_vision"
    return whole_to(model, vocabulary, model_type=model_type, architecture=architecture, vision=vision, text=text)


def names(model: Vlm, theirs: Mapping[str, Any]) -> Names:
    """Model and the config.json beside the tensors → names of all tensors."""
    assert isinstance(model.connector, DeepStack)
    ends = [("merger", "merger"), *((f"levels.{i}", f"deepstack_merger_list.{i}") for i in range(model.connector.levels))]
    pairs = [pair for a, b in ends for x, y in MERGER for pair in both(f"{a}.{x}", f"{b}.{y}")]
    return whole_names(model.encoder, model.language, theirs, Names(tuple(pairs)))


def model_from(released: Released) -> Vlm:
    """Folder → the model with the view of its processors and the words of its tokenizer."""
    parts = config_from(released.config)
    return Vlm(
        view=view_from(released, stamped_from(released)),
        encoder=normalised(parts.encoder, released),
        connector=parts.connector,
        splice=parts.splice,
        language=parts.language,
        positions=MRope(),
        text=words_from(released),
    )


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=(ARCHITECTURE,),
    model_from=model_from,
    names=names,
    config_to=config_to,
    processor_to=lambda model: processor_to(model, "Qwen3VLProcessor", "Qwen3VLVideoProcessor"),
)
