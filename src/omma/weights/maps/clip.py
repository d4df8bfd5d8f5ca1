"""CLIP's vision tower (transformers `CLIPVisionModel`): config.json ↔ ViT, tensor names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.model.vision.vit import ViT
from omma.weights.family import Family
from omma.weights.names import Names, Pair, constant
from omma.weights.vit_names import KEPT, OPENAI, activation_from, activation_to, both, refuse_other_shapes, vit_names

MODEL_TYPE = "clip_vision_model"


def config_from(theirs: Mapping[str, Any], feature_layer: int = -1) -> ViT:
    """config.json (of the tower, or of a whole CLIP) and the hidden state to take → ViT for patch features.

    CLIP's last norm only sees the pooled class token, so patch features go without.
    """
    theirs = theirs.get("vision_config", theirs)
    return ViT(
        patch=theirs["patch_size"],
        width=theirs["hidden_size"],
        depth=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        mlp_width=theirs["intermediate_size"],
        image_size=theirs["image_size"],
        activation=activation_from(theirs.get("hidden_act", "quick_gelu"), "config.json of CLIP"),
        class_token=True,
        input_norm=True,
        final_norm=False,
        patch_bias=False,
        feature_layer=feature_layer,
        norm_eps=theirs.get("layer_norm_eps", 1e-5),
        **OPENAI,
    )


def config_to(cfg: ViT) -> dict[str, Any]:
    """ViT → config.json of the tower, as deep as it was built. CheckpointError for a ViT of another shape."""
    refuse_other_shapes(cfg, "clip", input_norm=True, patch_bias=False, final_norm=False)
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["CLIPVisionModel"],
        "patch_size": cfg.patch,
        "hidden_size": cfg.width,
        "num_hidden_layers": cfg.num_blocks,
        "num_attention_heads": cfg.heads,
        "intermediate_size": cfg.mlp_width,
        "image_size": cfg.image_size,
        "hidden_act": activation_to(cfg.activation, "clip"),
        "layer_norm_eps": cfg.norm_eps,
    }


def names(cfg: ViT) -> Names:
    """ViT → names of its tensors. The norm of the pooled token is not ours: skipped on reading, neutral on writing."""
    own = Names(
        (Pair("class_token", "embeddings.class_embedding"), *both("input_norm", "pre_layrnorm")),
        unused=("post_layernorm.", "text_model.", "text_projection.", "visual_projection.", "logit_scale"),
        added={"post_layernorm.weight": constant(1.0, cfg.width), "post_layernorm.bias": constant(0.0, cfg.width)},
    )
    return vit_names(cfg) + own


FAMILY = Family(
    kind="vision",
    part=ViT,
    model_types=(MODEL_TYPE, "clip"),
    architectures=("CLIPVisionModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
