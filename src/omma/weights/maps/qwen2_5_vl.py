"""Qwen2.5-VL and MiMo-VL (transformers `Qwen2_5_VLForConditionalGeneration`): Qwen2-VL with windows in its tower and absolute time.

config.json ↔ native view, tower, merger, M-RoPE with time in seconds; tensor names ↔ ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omma.core.errors import CheckpointError
from omma.media.footage.whole import Whole
from omma.model.connectors.merger import Merger
from omma.model.positions.mrope import MRope
from omma.model.slots import Language
from omma.model.splices.in_context import InContext
from omma.model.vision.native import NativeViT
from omma.model.vlm import Vlm
from omma.weights.compose import encoder_from, language_from
from omma.weights.family import Family, Vocabulary
from omma.weights.maps import qwen2_5_vl_vision, qwen2_vl_text
from omma.weights.names import Names, Pair
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

MODEL_TYPE = "qwen2_5_vl"
WHERE = "config.json of Qwen2.5-VL"
MERGER = Names((Pair("norm.weight", "merger.ln_q.weight"), *both("up", "merger.mlp.0"), *both("down", "merger.mlp.2")))


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that config.json alone describes."""

    encoder: NativeViT
    connector: Merger
    language: Language
    positions: MRope


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for variants that are not covered."""
    encoder = encoder_from(theirs["vision_config"], where=WHERE)
    assert isinstance(encoder, NativeViT)
    return Parts(
        encoder=encoder,
        connector=Merger(factor=merge_from(theirs), norm="rms"),
        language=language_from(text_from(theirs), where=WHERE),
        positions=MRope(per_second=float(theirs["vision_config"].get("tokens_per_second", 4))),
    )


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model → config.json. CheckpointError for a model with parts that the layout has no place for."""
    check_slots(model, MODEL_TYPE, connector=Merger, splice=InContext, positions=None, video=Whole)
    encoder, language = tower_of(model, MODEL_TYPE), decoder_of(model, MODEL_TYPE)
    connector, positions = model.connector, model.positions
    assert isinstance(connector, Merger) and isinstance(positions, MRope)
    check_merger(connector, "rms", MODEL_TYPE)
    wanted = MRope(per_second=float(int(positions.per_second)))
    if positions != wanted:
        raise CheckpointError(MODEL_TYPE, repr(positions), repr(wanted), "config.json has whole numbers for seconds")
    vision = {"out_hidden_size": language.width, "tokens_per_second": int(positions.per_second)}
    return whole_to(
        model,
        vocabulary,
        model_type=MODEL_TYPE,
        architecture="Qwen2_5_VLForConditionalGeneration",
        vision=qwen2_5_vl_vision.config_to(encoder) | vision,
        text=qwen2_vl_text.config_to(language, vocabulary.size, "qwen2_5_vl_text"),
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
        positions=parts.positions,
        text=words_from(released),
    )


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("Qwen2_5_VLForConditionalGeneration",),
    model_from=model_from,
    names=names,
    config_to=config_to,
    processor_to=lambda model: processor_to(model, "Qwen2_5_VLProcessor", "Qwen2VLVideoProcessor"),
    portable=PORTABLE,
)
