"""InternViT (transformers `InternVLVisionModel`; 300M and 6B of InternVL): config.json ↔ ViT, tensor names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.vit import ViT
from omma.weights.family import Family
from omma.weights.names import Led, Names, Pair
from omma.weights.vit_names import (
    IMAGENET,
    KEPT,
    activation_from,
    activation_to,
    block_names,
    both,
    conv,
    refuse_other_shapes,
    side_from,
)

MODEL_TYPE = "internvl_vision"
WHERE = "config.json of InternViT"
QK_EPS = 1e-6  # of the norms of queries and keys, which the config does not state
BLOCK = (
    ("attention_norm", "layernorm_before"),
    ("attention.query", "attention.q_proj"),
    ("attention.key", "attention.k_proj"),
    ("attention.value", "attention.v_proj"),
    ("attention.output", "attention.projection_layer"),
    ("mlp_norm", "layernorm_after"),
    ("mlp.up", "mlp.fc1"),
    ("mlp.down", "mlp.fc2"),
)
QK_NORMS = (("attention.query_norm", "attention.q_norm"), ("attention.key_norm", "attention.k_norm"))


def config_from(theirs: Mapping[str, Any]) -> ViT:
    """config.json (of the tower, or of a whole InternVL) → ViT. CheckpointError for variants that were never released."""
    theirs = theirs.get("vision_config", theirs)
    norm, pooled = theirs.get("norm_type", "layer_norm"), theirs.get("use_mean_pooling", True)
    eps, qk_norm = theirs.get("layer_norm_eps", 1e-6), theirs.get("use_qk_norm", False)
    for wrong, got in (
        (not theirs.get("use_absolute_position_embeddings", True), "use_absolute_position_embeddings is false"),
        (norm == "rms_norm" and not pooled, "a last norm of another kind than the blocks'"),
        (qk_norm and eps != QK_EPS, f"use_qk_norm with layer_norm_eps {eps}"),
    ):
        if wrong:
            raise CheckpointError(WHERE, got, "", "this variant is not covered")
    return ViT(
        patch=side_from(theirs["patch_size"], "patch_size", WHERE),
        width=theirs["hidden_size"],
        depth=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        mlp_width=theirs["intermediate_size"],
        image_size=side_from(theirs["image_size"], "image_size", WHERE),
        activation=activation_from(theirs.get("hidden_act", "gelu"), WHERE),
        class_token=True,
        qkv_bias=theirs.get("attention_bias", False),
        final_norm=not pooled,
        norm="rms" if norm == "rms_norm" else "layer",
        norm_eps=eps,
        qk_norm="rms_wide" if qk_norm else "none",
        layer_scale=theirs.get("layer_scale_init_value", 0.1),
        **IMAGENET,
    )


def config_to(cfg: ViT) -> dict[str, Any]:
    """ViT → config.json of the tower, as deep as it was built. CheckpointError for a ViT of another shape."""
    qk_norm = "rms_wide" if cfg.qk_norm != "none" else "none"
    own = {"qkv_bias": cfg.qkv_bias, "norm": cfg.norm, "qk_norm": qk_norm, "layer_scale": cfg.layer_scale or 0.1}
    refuse_other_shapes(cfg, "internvl", **own)
    if cfg.norm == "rms" and cfg.final_norm:
        raise CheckpointError("internvl", "a last norm of kind 'rms'", "'layer', or none", "set final_norm=False")
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["InternVLVisionModel"],
        "patch_size": [cfg.patch, cfg.patch],
        "hidden_size": cfg.width,
        "num_hidden_layers": cfg.num_blocks,
        "num_attention_heads": cfg.heads,
        "intermediate_size": cfg.mlp_width,
        "image_size": [cfg.image_size, cfg.image_size],
        "hidden_act": activation_to(cfg.activation, "internvl"),
        "layer_norm_eps": cfg.norm_eps,
        "norm_type": "rms_norm" if cfg.norm == "rms" else "layer_norm",
        "attention_bias": cfg.qkv_bias,
        "use_qk_norm": cfg.qk_norm == "rms_wide",
        "layer_scale_init_value": cfg.layer_scale,
        "use_mean_pooling": not cfg.final_norm,
    }


def names(cfg: ViT) -> Names:
    """ViT → names of its tensors. The mask token, where a file has one, is not ours."""
    pairs = [
        Pair("embed.project.weight", "embeddings.patch_embeddings.projection.weight", conv(cfg.patch)),
        Pair("embed.project.bias", "embeddings.patch_embeddings.projection.bias"),
        Pair("positions", "embeddings.position_embeddings", Led(1)),
        Pair("class_token", "embeddings.cls_token", Led(2)),
    ]
    pairs += [
        Pair(f"blocks.{i}.{ours}_scale.scale", f"encoder.layer.{i}.lambda_{n}")
        for i in range(cfg.num_blocks)
        for n, ours in ((1, "attention"), (2, "mlp"))
    ]
    if cfg.final_norm:
        pairs += both("final_norm", "layernorm")
    unused = ("embeddings.mask_token",) if cfg.final_norm else ("embeddings.mask_token", "layernorm.")
    parts = BLOCK + (QK_NORMS if cfg.qk_norm == "rms_wide" else ())
    return Names(tuple(pairs), unused=unused) + block_names(cfg, "encoder.layer", parts)


FAMILY = Family(
    kind="vision",
    part=ViT,
    model_types=(MODEL_TYPE,),
    architectures=("InternVLVisionModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
