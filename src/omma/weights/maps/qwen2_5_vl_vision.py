"""Qwen2.5-VL's vision tower (transformers `Qwen2_5_VisionTransformerPretrainedModel`): vision_config ↔ NativeViT, names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.model.vision.native import NativeViT
from omma.weights.family import Family
from omma.weights.names import Names
from omma.weights.native_names import KEPT, native_names, refuse_other_shapes, sizes_from
from omma.weights.vit_names import OPENAI, activation_from, activation_to

MODEL_TYPE = "qwen2_5_vl_vision"
WHERE = "vision_config of Qwen2.5-VL"


def config_from(theirs: Mapping[str, Any]) -> NativeViT:
    """vision_config (or a whole config.json) → NativeViT, without the merger. Windows are whole squares that it merges."""
    theirs = theirs.get("vision_config", theirs)
    merge = theirs.get("spatial_merge_size", 2)
    return NativeViT(
        width=theirs["hidden_size"],
        mlp_width=theirs["intermediate_size"],
        mlp="gated",
        activation=activation_from(theirs.get("hidden_act", "silu"), WHERE),
        norm="rms",
        window=theirs.get("window_size", 112) // merge // theirs["patch_size"] * merge,
        full_layers=tuple(theirs["fullatt_block_indexes"]),
        **sizes_from(theirs, WHERE),
        **OPENAI,
    )


def config_to(cfg: NativeViT) -> dict[str, Any]:
    """NativeViT → vision_config; `out_hidden_size`, the language model's width, is for who knows it to set."""
    full = cfg.full_layers if cfg.window else ()
    refuse_other_shapes(cfg, MODEL_TYPE, mlp="gated", norm="rms", window=cfg.window or 8, full_layers=full)
    return {
        "model_type": MODEL_TYPE,
        "depth": cfg.depth,
        "hidden_size": cfg.width,
        "out_hidden_size": cfg.width,
        "intermediate_size": cfg.mlp_width,
        "hidden_act": activation_to(cfg.activation, MODEL_TYPE),
        "num_heads": cfg.heads,
        "patch_size": cfg.patch,
        "temporal_patch_size": cfg.temporal,
        "window_size": cfg.window * cfg.patch,
        "fullatt_block_indexes": list(cfg.full_layers),
    }


def names(cfg: NativeViT) -> Names:
    """NativeViT → names of its tensors."""
    return native_names(cfg, (("gate", "gate_proj"), ("up", "up_proj"), ("down", "down_proj")))


FAMILY = Family(
    kind="vision",
    part=NativeViT,
    model_types=(MODEL_TYPE, "qwen2_5_vl"),
    architectures=("Qwen2_5_VisionTransformerPretrainedModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
