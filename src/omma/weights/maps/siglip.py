"""SigLIP's vision tower (transformers `SiglipVisionModel`): config.json ↔ ViT, tensor names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.model.vision.vit import ViT
from omma.weights.family import Family
from omma.weights.names import Names, Pair, constant
from omma.weights.vit_names import KEPT, activation_from, activation_to, both, refuse_other_shapes, vit_names

MODEL_TYPE = "siglip_vision_model"


def config_from(theirs: Mapping[str, Any], feature_layer: int = -1, final_norm: bool = True) -> ViT:
    """config.json (of the tower, or of a whole SigLIP) and the hidden state to take → ViT for patch features.

    `final_norm` says whether the features pass the tower's last norm, as in `last_hidden_state`; a hidden state taken
    from the middle, or from the list of hidden states, does not.
    """
    theirs = theirs.get("vision_config", theirs)
    return ViT(
        patch=theirs["patch_size"],
        width=theirs["hidden_size"],
        depth=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        mlp_width=theirs["intermediate_size"],
        image_size=theirs["image_size"],
        activation=activation_from(theirs.get("hidden_act", "gelu_pytorch_tanh"), "config.json of SigLIP"),
        class_token=False,
        input_norm=False,
        final_norm=final_norm,
        patch_bias=True,
        feature_layer=feature_layer,
        norm_eps=theirs.get("layer_norm_eps", 1e-6),
    )


def config_to(cfg: ViT) -> dict[str, Any]:
    """ViT → config.json of the tower, as deep as it was built. CheckpointError for a ViT of another shape."""
    refuse_other_shapes(cfg, "siglip", class_token=False)
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["SiglipVisionModel"],
        "patch_size": cfg.patch,
        "hidden_size": cfg.width,
        "num_hidden_layers": cfg.num_blocks,
        "num_attention_heads": cfg.heads,
        "intermediate_size": cfg.mlp_width,
        "image_size": cfg.image_size,
        "hidden_act": activation_to(cfg.activation, "siglip"),
        "layer_norm_eps": cfg.norm_eps,
        "vision_use_head": False,
    }


def names(cfg: ViT) -> Names:
    """ViT → names of its tensors. The pooling head is not ours: skipped on reading, switched off on writing."""
    bias = Pair("embed.project.bias", "embeddings.patch_embedding.bias")
    unused = ("head.", "text_model.", "logit_scale", "logit_bias")
    if cfg.final_norm:
        return vit_names(cfg) + Names((bias, *both("final_norm", "post_layernorm")), unused=unused)
    neutral = {"post_layernorm.weight": constant(1.0, cfg.width), "post_layernorm.bias": constant(0.0, cfg.width)}
    return vit_names(cfg) + Names((bias,), unused=("post_layernorm.", *unused), added=neutral)


FAMILY = Family(
    kind="vision",
    part=ViT,
    model_types=(MODEL_TYPE, "siglip"),
    architectures=("SiglipVisionModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
