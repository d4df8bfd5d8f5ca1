"""AIMv2's vision tower (transformers `Aimv2VisionModel`, arXiv 2411.14402): config.json ↔ ViT, tensor names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.model.vision.vit import ViT
from omma.weights.family import Family
from omma.weights.names import Names, Pair, constant
from omma.weights.vit_names import (
    KEPT,
    OPENAI,
    activation_from,
    activation_to,
    block_names,
    conv,
    refuse_other_shapes,
    side_from,
)

MODEL_TYPE = "aimv2_vision_model"
WHERE = "config.json of AIMv2"
BLOCK = (
    ("attention_norm", "rms_norm1"),
    ("attention.query", "attention.q_proj"),
    ("attention.key", "attention.k_proj"),
    ("attention.value", "attention.v_proj"),
    ("attention.output", "attention.out_proj"),
    ("mlp_norm", "rms_norm2"),
    ("mlp.gate", "ffn.gate_proj"),
    ("mlp.up", "ffn.up_proj"),
    ("mlp.down", "ffn.down_proj"),
)


def config_from(theirs: Mapping[str, Any]) -> ViT:
    """config.json (of the tower, or of a whole AIMv2) → ViT."""
    theirs = theirs.get("vision_config", theirs)
    return ViT(
        patch=side_from(theirs["patch_size"], "patch_size", WHERE),
        width=theirs["hidden_size"],
        depth=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        mlp_width=theirs["intermediate_size"],
        image_size=side_from(theirs["image_size"], "image_size", WHERE),
        positions="sincos" if theirs.get("is_native", False) else "bicubic",
        mlp="gated",
        activation=activation_from(theirs.get("hidden_act", "silu"), WHERE),
        qkv_bias=theirs.get("qkv_bias", False),
        output_bias=theirs.get("qkv_bias", False),
        mlp_bias=theirs.get("mlp_bias", False),
        patch_norm=True,
        norm="rms",
        norm_eps=theirs.get("rms_norm_eps", 1e-5),
        **OPENAI,
    )


def config_to(cfg: ViT) -> dict[str, Any]:
    """ViT → config.json of the tower, as deep as it was built. CheckpointError for a ViT of another shape."""
    free = {"positions": "bicubic" if cfg.positions != "sincos" else "sincos", "mlp_bias": cfg.mlp_bias, "qkv_bias": cfg.qkv_bias}
    own = {"mlp": "gated", "class_token": False, "patch_norm": True, "norm": "rms", "output_bias": cfg.qkv_bias}
    refuse_other_shapes(cfg, "aimv2", **free, **own)
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["Aimv2VisionModel"],
        "patch_size": cfg.patch,
        "hidden_size": cfg.width,
        "num_hidden_layers": cfg.num_blocks,
        "num_attention_heads": cfg.heads,
        "intermediate_size": cfg.mlp_width,
        "image_size": cfg.image_size,
        "hidden_act": activation_to(cfg.activation, "aimv2"),
        "rms_norm_eps": cfg.norm_eps,
        "qkv_bias": cfg.qkv_bias,
        "mlp_bias": cfg.mlp_bias,
        "is_native": cfg.positions == "sincos",
        "use_head": False,
    }


def names(cfg: ViT) -> Names:
    """ViT → names of its tensors. The pooling head is not ours: skipped on reading, switched off on writing."""
    pairs = [
        Pair("embed.project.weight", "embeddings.patch_embed.weight", conv(cfg.patch)),
        Pair("embed.project.bias", "embeddings.patch_embed.bias"),
        Pair("patch_norm.weight", "embeddings.rms_norm.weight"),
    ]
    if cfg.has_table:
        pairs.append(Pair("positions", "embeddings.position_embedding.weight"))
    unused = ("head.", "embeddings.position_ids", "text_model.", "logit_scale", "visual_projection.", "text_projection.")
    aliases = (("vision_model.", ""),)
    blocks = block_names(cfg, "encoder.layers", BLOCK)
    if cfg.final_norm:
        pairs.append(Pair("final_norm.weight", "rms_norm.weight"))
        return Names(tuple(pairs), unused=unused, aliases=aliases) + blocks
    neutral = {"rms_norm.weight": constant(1.0, cfg.width)}
    return Names(tuple(pairs), unused=("rms_norm.", *unused), added=neutral, aliases=aliases) + blocks


FAMILY = Family(
    kind="vision",
    part=ViT,
    model_types=(MODEL_TYPE, "aimv2"),
    architectures=("Aimv2VisionModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
