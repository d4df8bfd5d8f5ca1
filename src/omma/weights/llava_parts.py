"""What the layouts of the LLaVA line share: tower with its chosen layers, two-layer projector, language model; names of each."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.connectors.mlp import Mlp
from omma.model.slots import Connector, Language
from omma.model.splices.in_context import InContext
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.weights.compose import encoder_from, encoder_names, encoder_to, language_from, language_names, language_to
from omma.weights.family import Processor, Vocabulary
from omma.weights.names import Names, Pair
from omma.weights.released import Released
from omma.weights.sight import image_processor, normalised, view_from
from omma.weights.speech import chat_from
from omma.weights.vit_names import activation_from, activation_to, both

TOWERS = ("clip_vision_model", "clip", "siglip_vision_model", "siglip")  # whose list of hidden states ends before the last norm
OLDER = (
    ("language_model.model.", "model.language_model."),
    ("language_model.lm_head.", "lm_head."),
    ("vision_tower.vision_model.", "model.vision_tower."),
    ("vision_tower.", "model.vision_tower."),
    ("multi_modal_projector.", "model.multi_modal_projector."),
    ("image_newline", "model.image_newline"),
)
PORTABLE = (
    ("model.language_model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
    ("model.vision_tower.", "vision_tower.vision_model."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("model.image_newline", "image_newline"),
)


@dataclass(frozen=True, slots=True)
class LlavaParts:
    """The slots that the weights of a LLaVA checkpoint fill."""

    encoder: ViT
    connector: Connector
    language: Language


def tower_from(theirs: Mapping[str, Any], *, where: str, strategy: str, layer: Any) -> ViT:
    """config.json → tower that hands on the hidden states `layer` (one number or several), by `strategy` without class token.

    CheckpointError for towers and choices that are not covered.
    """
    said = theirs["vision_config"]
    tower = encoder_from(said, where=where)
    if not isinstance(tower, ViT) or said["model_type"] not in TOWERS:
        raise CheckpointError(where, f"a vision_config of {said['model_type']!r}", "CLIP or SigLIP", "this tower is not covered")
    layers = (layer,) if isinstance(layer, int) else tuple(layer)
    if not layers or any(not (1 <= number <= tower.depth or -tower.depth <= number <= -1) for number in layers):
        got, fix = f"vision_feature_layer is {layer!r}", "the state before the first block is not covered"
        raise CheckpointError(where, got, f"1 … {tower.depth}, or −1 … −{tower.depth}", fix)
    if strategy not in ("default", "full") or (strategy == "default" and not tower.class_token):
        expected = "'default' or 'full'" if tower.class_token else "'full', of a tower without class token"
        raise CheckpointError(where, f"vision_feature_select_strategy is {strategy!r}", expected)
    return replace(
        tower,
        feature_layer=layers[0] if isinstance(layer, int) else layers,
        features="all" if strategy == "full" and tower.class_token else "patches",
        # The features are hidden states of the list, which the tower's last norm has not seen.
        final_norm=False,
    )


def projector_from(theirs: Mapping[str, Any], *, where: str) -> Mlp:
    """config.json → the two-layer projector."""
    activation = activation_from(theirs.get("projector_hidden_act", "gelu"), where)
    return Mlp(depth=2, activation=activation, bias=theirs.get("multimodal_projector_bias", True))


def text_from(theirs: Mapping[str, Any], *, where: str) -> Language:
    """config.json → language model, its head tied if the whole or the part says so."""
    text = dict(theirs["text_config"])
    text["tie_word_embeddings"] = bool(theirs.get("tie_word_embeddings") or text.get("tie_word_embeddings"))
    return language_from(text, where=where)


def whole_to(parts: LlavaParts | Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Parts → what every config.json of the line holds, with the tower as deep as it was built."""
    encoder = tower(parts)
    language = language_to(parts.language, Vocabulary(vocabulary.size, ids=vocabulary.ids))
    several = isinstance(encoder.feature_layer, tuple)
    return {
        "vision_config": encoder_to(replace(encoder, features="patches")),
        "text_config": language,
        "image_token_index": vocabulary.image_id,
        "image_seq_length": encoder.side**2 + _class_tokens(encoder),
        "vision_feature_layer": list(encoder.layers) if several else -1,
        "vision_feature_select_strategy": strategy_of(encoder),
        "tie_word_embeddings": language.get("tie_word_embeddings", False),
    }


def projector_to(parts: LlavaParts | Vlm, where: str) -> dict[str, Any]:
    """Parts → what config.json says of the two-layer projector. CheckpointError for another connector."""
    connector = projector(parts, where)
    return {"projector_hidden_act": activation_to(connector.activation, where), "multimodal_projector_bias": connector.bias}


def strategy_of(encoder: ViT) -> str:
    """Encoder → whether its class token is left out (`default`), or there is none to leave out (`full`)."""
    return "default" if encoder.class_token and encoder.features == "patches" else "full"


def slots_to(encoder: ViT, processor_class: str) -> dict[str, Any]:
    """Encoder → processor_config.json. A class token is counted, and dropped again where the strategy says so."""
    return {
        "processor_class": processor_class,
        "patch_size": encoder.patch,
        "vision_feature_select_strategy": strategy_of(encoder),
        "num_additional_image_tokens": int(encoder.class_token),
    }


def tower(parts: LlavaParts | Vlm) -> ViT:
    """Parts → their tower. CheckpointError for an encoder that these layouts have no place for."""
    encoder = parts.encoder
    if not isinstance(encoder, ViT) or encoder.final_norm or encoder.tap_layers:
        got = f"an encoder {type(encoder).__name__}" + (" with final_norm or taps" if isinstance(encoder, ViT) else "")
        raise CheckpointError("llava", got, "a ViT without final_norm", "this model has no place in the LLaVA layout")
    return encoder


def projector(parts: LlavaParts | Vlm, where: str) -> Mlp:
    """Parts → their two-layer projector. CheckpointError for another connector."""
    connector = parts.connector
    if not isinstance(connector, Mlp) or connector.depth != 2:
        got = f"a connector {type(connector).__name__}" + (f" of depth {connector.depth}" if isinstance(connector, Mlp) else "")
        raise CheckpointError(where, got, "an Mlp of depth 2", f"this model has no place in the layout of {where}")
    return connector


def projector_names(parts: LlavaParts | Vlm, where: str) -> Names:
    """Parts → names of the projector's tensors."""
    pairs = [
        pair
        for i, name in enumerate(("linear_1", "linear_2"))
        for pair in both(f"connector.layers.{i}", f"model.multi_modal_projector.{name}")
        if projector(parts, where).bias or pair.ours.endswith(".weight")
    ]
    return Names(tuple[Pair, ...](pairs))


def whole_names(parts: LlavaParts | Vlm, said: Mapping[str, Any], connector: Names) -> Names:
    """Parts, their config.json and the connector's names → names of all tensors, in memory, in files and in older files."""
    own = connector + Names((), aliases=OLDER)
    return encoder_names(tower(parts), said["vision_config"]) + own + language_names(parts.language, said["text_config"])


def words_from(released: Released) -> Chat:
    """Folder → text slot with the image token that config.json names."""
    theirs = released.config
    key = "image_token_index" if "image_token_index" in theirs else "image_token_id"
    return chat_from(released, image_token=released.token(theirs[key], key=key), vocab_size=theirs["text_config"]["vocab_size"])


def encoder_of(parts: LlavaParts, released: Released) -> ViT:
    """Parts + folder → the tower with the mean and std of the folder's image processor."""
    return normalised(parts.encoder, released)


def plain_from(parts: LlavaParts, released: Released) -> Vlm:
    """Parts and their folder → the model with the view of its image processor and the words of its tokenizer."""
    return Vlm(
        view=view_from(released, default_size=parts.encoder.image_size),
        encoder=encoder_of(parts, released),
        connector=parts.connector,
        language=parts.language,
        text=words_from(released),
    )


def processor_to(model: Vlm) -> Processor:
    """Model → what LlavaProcessor must do."""
    return Processor(image=image_processor(model.view, model.encoder), slots=slots_to(tower(model), "LlavaProcessor"))


def check_plain(model: Vlm, where: str, layout_tokens: int = 0) -> None:
    """CheckpointError unless visual tokens stand in context, unreduced, with so many learned layout embeddings."""
    if model.reducers or not isinstance(model.splice, InContext) or model.layout_tokens != layout_tokens:
        got = f"reducers {len(model.reducers)}, {type(model.splice).__name__}, {model.layout_tokens} layout tokens"
        expected = f"visual tokens in context and {layout_tokens} layout tokens"
        raise CheckpointError(where, got, expected, f"this model has no place in the layout of {where}")


def _class_tokens(encoder: ViT) -> int:
    return int(encoder.class_token and encoder.features == "all")
