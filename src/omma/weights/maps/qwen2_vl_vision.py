"""Qwen2-VL's vision tower (transformers `Qwen2VisionTransformerPretrainedModel`): vision_config ↔ NativeViT, names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.native import NativeViT
from omma.weights.family import Family
from omma.weights.names import Names
from omma.weights.native_names import KEPT, native_names, refuse_other_shapes, sizes_from
from omma.weights.vit_names import OPENAI, activation_from, activation_to

MODEL_TYPE = "qwen2_vl_vision"
WHERE = "vision_config of Qwen2-VL"


def config_from(theirs: Mapping[str, Any]) -> NativeViT:
    """vision_config (or a whole config.json) → NativeViT, without the merger."""
    theirs = theirs.get("vision_config", theirs)
    width = theirs["embed_dim"]
    return NativeViT(
        width=width,
        mlp_width=int(width * theirs.get("mlp_ratio", 4)),
        activation=activation_from(theirs.get("hidden_act", "quick_gelu"), WHERE),
        **sizes_from(theirs, WHERE),
        **OPENAI,
    )


def config_to(cfg: NativeViT) -> dict[str, Any]:
    """NativeViT → vision_config; `hidden_size`, the language model's width, is for who knows it to set."""
    refuse_other_shapes(cfg, MODEL_TYPE)
    if cfg.mlp_width % cfg.width:
        raise CheckpointError(MODEL_TYPE, f"an MLP of {cfg.mlp_width}", f"a multiple of the width {cfg.width}")
    return {
        "model_type": MODEL_TYPE,
        "depth": cfg.depth,
        "embed_dim": cfg.width,
        "hidden_size": cfg.width,
        "hidden_act": activation_to(cfg.activation, MODEL_TYPE),
        "mlp_ratio": cfg.mlp_width // cfg.width,
        "num_heads": cfg.heads,
        "patch_size": cfg.patch,
        "temporal_patch_size": cfg.temporal,
    }


def names(cfg: NativeViT) -> Names:
    """NativeViT → names of its tensors."""
    return native_names(cfg, (("up", "fc1"), ("down", "fc2")))


FAMILY = Family(
    kind="vision",
    part=NativeViT,
    model_types=(MODEL_TYPE, "qwen2_vl"),
    architectures=("Qwen2VisionTransformerPretrainedModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
