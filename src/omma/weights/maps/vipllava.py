"""ViP-LLaVA (transformers `VipLlavaForConditionalGeneration`): config.json ↔ LLaVA over several hidden states of the tower.

The states stand side by side, without class token, and are normed as one vector before the two-layer MLP.
"""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.connectors.normed_mlp import NormedMlp
from omma.model.vlm import Vlm
from omma.weights.family import Family, Vocabulary
from omma.weights.llava_parts import (
    PORTABLE,
    LlavaParts,
    check_plain,
    plain_from,
    processor_to,
    text_from,
    tower,
    tower_from,
    whole_names,
    whole_to,
)
from omma.weights.names import Names
from omma.weights.released import Released
from omma.weights.sight import image_processor
from omma.weights.vit_names import activation_from, activation_to, both

MODEL_TYPE = "vipllava"
WHERE = "config.json of ViP-LLaVA"
LAYERS = (-2, -5, -8, -11, 6)


def config_from(theirs: Mapping[str, Any]) -> LlavaParts:
    """config.json → parts. CheckpointError for towers, language models and feature choices that are not covered."""
    layer = theirs.get("vision_feature_layer", theirs.get("vision_feature_layers", LAYERS))
    return LlavaParts(
        encoder=tower_from(theirs, where=WHERE, strategy="default", layer=layer),
        connector=NormedMlp(
            activation=activation_from(theirs.get("projector_hidden_act", "gelu"), WHERE),
            norm_eps=theirs.get("projector_layernorm_eps", 1e-5),
        ),
        language=text_from(theirs, where=WHERE),
    )


def config_to(parts: LlavaParts | Vlm, vocab_size: int, image_id: int) -> dict[str, Any]:
    """Parts, vocabulary and placeholder id → config.json, with the tower as deep as its farthest state."""
    whole, connector, encoder = whole_to(parts, Vocabulary(vocab_size, image_id)), _connector(parts), tower(parts)
    if not encoder.class_token or encoder.features != "patches":
        raise CheckpointError(MODEL_TYPE, "a tower without a class token to leave out", "one like CLIP's, and its patches")
    del whole["vision_feature_select_strategy"]
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["VipLlavaForConditionalGeneration"],
        **whole,
        "projector_hidden_act": activation_to(connector.activation, MODEL_TYPE),
        "projector_layernorm_eps": connector.norm_eps,
    }


def names(parts: LlavaParts | Vlm, theirs: Mapping[str, Any] | tuple[()] = ()) -> Names:
    """Parts (and the config.json beside the tensors) → names of all tensors of a `VlmModule` made of them."""
    _connector(parts)
    own = {"norm": "projector_layernorm", "up": "linear_1", "down": "linear_2"}
    pairs = [both(f"connector.{ours}", f"model.multi_modal_projector.{name}") for ours, name in own.items()]
    return whole_names(parts, dict(theirs) or config_to(parts, 1, 0), Names(tuple(sum(pairs, ()))))


def model_from(released: Released) -> Vlm:
    """A ViP-LLaVA folder → the model with the view of its image processor and the words of its tokenizer."""
    return plain_from(config_from(released.config), released)


def vlm_config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model → config.json. CheckpointError for a model with parts that the layout has no place for."""
    check_plain(model, MODEL_TYPE)
    image_processor(model.view, model.encoder)
    return config_to(model, vocabulary.size, vocabulary.image_id)


def _connector(parts: LlavaParts | Vlm) -> NormedMlp:
    connector = parts.connector
    if not isinstance(connector, NormedMlp):
        raise CheckpointError(MODEL_TYPE, f"a connector {type(connector).__name__}", "a NormedMlp")
    return connector


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("VipLlavaForConditionalGeneration",),
    model_from=model_from,
    names=names,
    config_to=vlm_config_to,
    processor_to=processor_to,
    portable=PORTABLE,
)
