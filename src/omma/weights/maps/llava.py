"""LLaVA (transformers `LlavaForConditionalGeneration`): config.json ↔ encoder, connector, language; tensor names ↔ ours.

Covers CLIP or SigLIP towers, the two-layer MLP, and Llama, Qwen2 or Qwen3 behind it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.connectors.mlp import Mlp
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.weights.maps import clip, llama, qwen2, qwen3, siglip
from omma.weights.names import Names
from omma.weights.vit_names import activation_from, activation_to, both

MODEL_TYPE = "llava"
TOWERS: dict[str, ModuleType] = {clip.MODEL_TYPE: clip, siglip.MODEL_TYPE: siglip}
LANGUAGES: dict[str, ModuleType] = {family.MODEL_TYPE: family for family in (llama, qwen2, qwen3)}


@dataclass(frozen=True, slots=True)
class LlavaParts:
    """The slots that a LLaVA checkpoint fills."""

    encoder: ViT
    connector: Mlp
    language: Decoder


def config_from(theirs: Mapping[str, Any]) -> LlavaParts:
    """config.json → parts. CheckpointError for towers, language models and feature choices that are not covered."""
    tower = _family(theirs["vision_config"], TOWERS)
    language = _family(theirs["text_config"], LANGUAGES)
    layer, strategy = theirs.get("vision_feature_layer", -2), theirs.get("vision_feature_select_strategy", "default")
    if not isinstance(layer, int) or layer >= 0:
        raise CheckpointError("config.json", f"vision_feature_layer is {layer!r}", "one negative number", "this is not covered")
    wanted = "default" if tower is clip else "full"
    if strategy != wanted:
        fix = "features with the class token are not covered"
        raise CheckpointError("config.json", f"vision_feature_select_strategy is {strategy!r}", repr(wanted), fix)
    activation = activation_from(theirs.get("projector_hidden_act", "gelu"), "config.json of LLaVA")
    # The features are a hidden state of the list, which the tower's last norm has not seen.
    unnormed = {} if tower is clip else {"final_norm": False}
    return LlavaParts(
        encoder=tower.config_from(theirs["vision_config"], feature_layer=layer, **unnormed),
        connector=Mlp(depth=2, activation=activation, bias=theirs.get("multimodal_projector_bias", True)),
        language=language.config_from(theirs["text_config"]),
    )


def config_to(parts: LlavaParts, vocab_size: int, image_id: int) -> dict[str, Any]:
    """Parts, vocabulary and placeholder id → config.json, with the tower as deep as it was built."""
    tower, language = _tower(parts.encoder), _language(parts.language)
    _refuse_other_connectors(parts)
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["LlavaForConditionalGeneration"],
        "vision_config": tower.config_to(parts.encoder),
        "text_config": language.config_to(parts.language, vocab_size),
        "image_token_index": image_id,
        "image_seq_length": parts.encoder.side**2,
        "projector_hidden_act": activation_to(parts.connector.activation, "llava"),
        "multimodal_projector_bias": parts.connector.bias,
        "vision_feature_layer": -1,
        "vision_feature_select_strategy": "default" if parts.encoder.class_token else "full",
        "tie_word_embeddings": parts.language.tied,
    }


def names(parts: LlavaParts) -> Names:
    """Parts → names of all tensors of a `VlmModule` made of them. Reads the layouts of memory, of files, and of older files."""
    _refuse_other_connectors(parts)
    tower = _tower(parts.encoder).names(parts.encoder).under("encoder.", "model.vision_tower.")
    language = _language(parts.language).names(parts.language)
    connector = [
        pair
        for i, name in enumerate(("linear_1", "linear_2"))
        for pair in both(f"connector.layers.{i}", f"model.multi_modal_projector.{name}")
        if parts.connector.bias or pair.ours.endswith(".weight")
    ]
    moved = [(pair.ours, pair.theirs.replace("model.", "model.language_model.", 1)) for pair in language.pairs]
    pairs = tuple(type(language.pairs[0])(f"language.{ours}", theirs) for ours, theirs in moved)
    unused = tuple(name.replace("model.", "model.language_model.", 1) for name in language.unused)
    aliases = (
        ("language_model.model.", "model.language_model."),
        ("language_model.lm_head.", "lm_head."),
        ("vision_tower.vision_model.", "model.vision_tower."),
        ("vision_tower.", "model.vision_tower."),
        ("multi_modal_projector.", "model.multi_modal_projector."),
    )
    return tower + Names(tuple(connector) + pairs, unused=unused, aliases=aliases)


def _family(theirs: Mapping[str, Any], families: Mapping[str, ModuleType]) -> ModuleType:
    name = theirs.get("model_type", "")
    if name not in families:
        raise CheckpointError("config.json of LLaVA", f"model_type {name!r}", " or ".join(map(repr, families)), "not covered")
    return families[name]


def _tower(cfg: ViT) -> ModuleType:
    return clip if cfg.class_token else siglip


def _language(cfg: Decoder) -> ModuleType:
    if cfg.qk_norm == "rms":
        return qwen3
    return qwen2 if cfg.qkv_bias else llama


def _refuse_other_connectors(parts: LlavaParts) -> None:
    if parts.connector.depth != 2 or parts.encoder.final_norm:
        got = f"a connector of depth {parts.connector.depth}, final_norm={parts.encoder.final_norm}"
        raise CheckpointError("llava", got, "depth 2, final_norm=False", "this model has no place in the LLaVA layout")
