"""LLaVA (transformers `LlavaForConditionalGeneration`): config.json ↔ view, encoder, connector, language; tensor names ↔ ours.

The two-layer MLP between a CLIP or SigLIP tower and any language family that `maps/` has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.connectors.mlp import Mlp
from omma.model.slots import Language
from omma.model.splices.in_context import InContext
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.weights.compose import encoder_from, encoder_names, encoder_to, language_from, language_names, language_to
from omma.weights.family import Family, Processor, Vocabulary
from omma.weights.names import Names, Pair
from omma.weights.released import Released
from omma.weights.sight import image_processor, normalised, view_from
from omma.weights.speech import chat_from
from omma.weights.vit_names import activation_from, activation_to, both

MODEL_TYPE = "llava"
WHERE = "config.json of LLaVA"
OLDER = (
    ("language_model.model.", "model.language_model."),
    ("language_model.lm_head.", "lm_head."),
    ("vision_tower.vision_model.", "model.vision_tower."),
    ("vision_tower.", "model.vision_tower."),
    ("multi_modal_projector.", "model.multi_modal_projector."),
)
PORTABLE = (
    ("model.language_model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
    ("model.vision_tower.", "vision_tower.vision_model."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
)


@dataclass(frozen=True, slots=True)
class LlavaParts:
    """The slots that the weights of a LLaVA checkpoint fill."""

    encoder: ViT
    connector: Mlp
    language: Language


def config_from(theirs: Mapping[str, Any]) -> LlavaParts:
    """config.json → parts. CheckpointError for towers, language models and feature choices that are not covered."""
    tower = encoder_from(theirs["vision_config"], where=WHERE)
    if not isinstance(tower, ViT):
        raise CheckpointError(WHERE, f"vision_config of a {type(tower).__name__}", "CLIP or SigLIP", "this tower is not covered")
    layer, strategy = theirs.get("vision_feature_layer", -2), theirs.get("vision_feature_select_strategy", "default")
    if not isinstance(layer, int):
        raise CheckpointError(WHERE, f"vision_feature_layer is {layer!r}", "one number", "this is not covered")
    wanted = "default" if tower.class_token else "full"
    if strategy != wanted:
        fix = "features with the class token are not covered"
        raise CheckpointError(WHERE, f"vision_feature_select_strategy is {strategy!r}", repr(wanted), fix)
    return LlavaParts(
        # The features are a hidden state of the list, which the tower's last norm has not seen.
        encoder=replace(tower, feature_layer=layer if layer < 0 else layer - tower.depth - 1, final_norm=False),
        connector=Mlp(
            depth=2,
            activation=activation_from(theirs.get("projector_hidden_act", "gelu"), WHERE),
            bias=theirs.get("multimodal_projector_bias", True),
        ),
        language=language_from(theirs["text_config"], where=WHERE),
    )


def config_to(parts: LlavaParts | Vlm, vocab_size: int, image_id: int) -> dict[str, Any]:
    """Parts, vocabulary and placeholder id → config.json, with the tower as deep as it was built."""
    encoder, connector = _tower(parts), _projector(parts)
    language = language_to(parts.language, Vocabulary(vocab_size))
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["LlavaForConditionalGeneration"],
        "vision_config": encoder_to(encoder),
        "text_config": language,
        "image_token_index": image_id,
        "image_seq_length": encoder.side**2,
        "projector_hidden_act": activation_to(connector.activation, "llava"),
        "multimodal_projector_bias": connector.bias,
        "vision_feature_layer": -1,
        "vision_feature_select_strategy": "default" if encoder.class_token else "full",
        "tie_word_embeddings": language.get("tie_word_embeddings", False),
    }


def names(parts: LlavaParts | Vlm, theirs: Mapping[str, Any] | tuple[()] = ()) -> Names:
    """Parts (and the config.json beside the tensors) → names of all tensors of a `VlmModule` made of them.

    Reads the layouts of memory, of files, and of older files.
    """
    said = dict(theirs) or config_to(parts, 1, 0)
    connector = [
        pair
        for i, name in enumerate(("linear_1", "linear_2"))
        for pair in both(f"connector.layers.{i}", f"model.multi_modal_projector.{name}")
        if _projector(parts).bias or pair.ours.endswith(".weight")
    ]
    own = Names(tuple[Pair, ...](connector), aliases=OLDER)
    return encoder_names(_tower(parts), said["vision_config"]) + own + language_names(parts.language, said["text_config"])


def model_from(released: Released) -> Vlm:
    """A LLaVA folder → the model with the view of its image processor and the words of its tokenizer."""
    theirs = released.config
    parts = config_from(theirs)
    key = "image_token_index" if "image_token_index" in theirs else "image_token_id"
    return Vlm(
        view=view_from(released, default_size=parts.encoder.image_size),
        encoder=normalised(parts.encoder, released),
        connector=parts.connector,
        language=parts.language,
        text=chat_from(released, image_token=released.token(theirs[key], key=key), vocab_size=theirs["text_config"]["vocab_size"]),
    )


def vlm_config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model → config.json. CheckpointError for a model with parts that the layout has no place for."""
    if model.reducers or not isinstance(model.splice, InContext) or model.view.layout_tokens:
        got = f"reducers {len(model.reducers)}, {type(model.splice).__name__}, {model.view.layout_tokens} layout tokens"
        raise CheckpointError("llava", got, "one tile of visual tokens in context", "this model has no place in the LLaVA layout")
    image_processor(model.view, model.encoder)
    return config_to(model, vocabulary.size, vocabulary.image_id)


def processor_to(model: Vlm) -> Processor:
    """Model → what LlavaProcessor must do. The class token is counted and dropped again, as the class has it."""
    encoder = _tower(model)
    slots = {
        "processor_class": "LlavaProcessor",
        "patch_size": encoder.patch,
        "vision_feature_select_strategy": "default" if encoder.class_token else "full",
        "num_additional_image_tokens": int(encoder.class_token),
    }
    return Processor(image=image_processor(model.view, encoder), slots=slots)


def _tower(parts: LlavaParts | Vlm) -> ViT:
    encoder = parts.encoder
    if not isinstance(encoder, ViT) or encoder.final_norm:
        got = f"an encoder {type(encoder).__name__}" + (" with final_norm" if isinstance(encoder, ViT) else "")
        raise CheckpointError("llava", got, "a ViT without final_norm", "this model has no place in the LLaVA layout")
    return encoder


def _projector(parts: LlavaParts | Vlm) -> Mlp:
    connector = parts.connector
    if not isinstance(connector, Mlp) or connector.depth != 2:
        got = f"a connector {type(connector).__name__}" + (f" of depth {connector.depth}" if isinstance(connector, Mlp) else "")
        raise CheckpointError("llava", got, "an Mlp of depth 2", "this model has no place in the LLaVA layout")
    return connector


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
