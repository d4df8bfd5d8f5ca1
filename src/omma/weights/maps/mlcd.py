"""MLCD's vision tower (transformers `MLCDVisionModel`, arXiv 2407.17331): config.json ↔ ViT, tensor names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.vit import THETA, ViT
from omma.weights.family import Family
from omma.weights.names import Led, Names, Pair, constant
from omma.weights.vit_names import (
    KEPT,
    OPENAI,
    activation_from,
    activation_to,
    both,
    refuse_other_shapes,
    side_from,
    vit_names,
)

MODEL_TYPE = "mlcd_vision_model"
WHERE = "config.json of MLCD"


def config_from(theirs: Mapping[str, Any]) -> ViT:
    """config.json → ViT for patch features, without the norm that only sees the pooled class token."""
    theirs = theirs.get("vision_config", theirs)
    theta = dict(theirs.get("rope_parameters") or {}).get("rope_theta", THETA)
    if theirs.get("num_key_value_groups", 1) != 1 or theta != THETA:
        got = f"num_key_value_groups {theirs.get('num_key_value_groups', 1)}, rope_theta {theta}"
        raise CheckpointError(WHERE, got, f"1 and {THETA}", "this variant is not covered")
    return ViT(
        patch=side_from(theirs["patch_size"], "patch_size", WHERE),
        width=theirs["hidden_size"],
        depth=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        mlp_width=theirs["intermediate_size"],
        image_size=side_from(theirs["image_size"], "image_size", WHERE),
        positions="rotary",
        activation=activation_from(theirs.get("hidden_act", "gelu"), WHERE),
        class_token=True,
        input_norm=True,
        final_norm=False,
        patch_bias=False,
        norm_eps=theirs.get("layer_norm_eps", 1e-5),
        **OPENAI,
    )


def config_to(cfg: ViT) -> dict[str, Any]:
    """ViT → config.json of the tower, as deep as it was built. CheckpointError for a ViT of another shape."""
    refuse_other_shapes(cfg, "mlcd", positions="rotary", input_norm=True, patch_bias=False, final_norm=False)
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["MLCDVisionModel"],
        "patch_size": cfg.patch,
        "hidden_size": cfg.width,
        "num_hidden_layers": cfg.num_blocks,
        "num_attention_heads": cfg.heads,
        "intermediate_size": cfg.mlp_width,
        "image_size": cfg.image_size,
        "hidden_act": activation_to(cfg.activation, "mlcd"),
        "layer_norm_eps": cfg.norm_eps,
    }


def names(cfg: ViT) -> Names:
    """ViT → names of its tensors. The norm of the pooled token is not ours: skipped on reading, neutral on writing."""
    pairs = (
        Pair("class_token", "embeddings.class_embedding"),
        Pair("class_angles", "class_pos_emb", Led(1)),
        *both("input_norm", "pre_layrnorm"),
    )
    added = {"post_layernorm.weight": constant(1.0, cfg.width), "post_layernorm.bias": constant(0.0, cfg.width)}
    return vit_names(cfg) + Names(pairs, unused=("post_layernorm.",), added=added)


FAMILY = Family(
    kind="vision",
    part=ViT,
    model_types=(MODEL_TYPE,),
    architectures=("MLCDVisionModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
