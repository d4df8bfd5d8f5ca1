"""Qwen3-VL's vision tower (transformers `Qwen3VLVisionModel`): vision_config ↔ NativeViT, tensor names ↔ ours."""

import math
from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.native import NativeViT
from omma.weights.family import Family
from omma.weights.names import Names, Pair
from omma.weights.native_names import KEPT, native_names, refuse_other_shapes, sizes_from
from omma.weights.vit_names import activation_from, activation_to

MODEL_TYPE = "qwen3_vl_vision"
WHERE = "vision_config of Qwen3-VL"


def config_from(theirs: Mapping[str, Any]) -> NativeViT:
    """vision_config (or a whole config.json) → NativeViT that taps what the deepstack mergers read, without the mergers."""
    theirs = theirs.get("vision_config", theirs)
    places = theirs["num_position_embeddings"]
    if math.isqrt(places) ** 2 != places:
        raise CheckpointError(WHERE, f"num_position_embeddings is {places}", "a square number", "this variant is not covered")
    return NativeViT(
        width=theirs["hidden_size"],
        mlp_width=theirs["intermediate_size"],
        activation=activation_from(theirs.get("hidden_act", "gelu_pytorch_tanh"), WHERE),
        patch_bias=True,
        table_side=math.isqrt(places),
        tap_layers=tuple(block + 1 for block in theirs["deepstack_visual_indexes"]),
        **sizes_from(theirs, WHERE),
    )


def config_to(cfg: NativeViT) -> dict[str, Any]:
    """NativeViT → vision_config; `out_hidden_size`, the language model's width, is for who knows it to set."""
    refuse_other_shapes(cfg, MODEL_TYPE, patch_bias=True, table_side=cfg.table_side or 48, tap_layers=cfg.tap_layers)
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
        "num_position_embeddings": cfg.table_side**2,
        "deepstack_visual_indexes": [layer - 1 for layer in cfg.tap_layers],
    }


def names(cfg: NativeViT) -> Names:
    """NativeViT → names of its tensors."""
    own = (Pair("embed.project.bias", "patch_embed.proj.bias"), Pair("positions", "pos_embed.weight"))
    return native_names(cfg, (("up", "linear_fc1"), ("down", "linear_fc2"))) + Names(own)


FAMILY = Family(
    kind="vision",
    part=NativeViT,
    model_types=(MODEL_TYPE, "qwen3_vl_moe_vision", "qwen3_vl"),
    architectures=("Qwen3VLVisionModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
