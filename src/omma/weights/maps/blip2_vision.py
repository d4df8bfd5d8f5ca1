"""Vision tower of BLIP-2 and InstructBLIP, EVA-CLIP's ViT-g (transformers `Blip2VisionModel`): config.json ↔ ViT, names ↔ ours."""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.vit import ViT
from omma.weights.family import Family
from omma.weights.names import Led, Names, Pair, Rows, constant
from omma.weights.vit_names import (
    KEPT,
    OPENAI,
    activation_from,
    activation_to,
    block_names,
    both,
    conv,
    refuse_other_shapes,
    side_from,
)

MODEL_TYPE, INSTRUCT = "blip_2_vision_model", "instructblip_vision_model"
WHERE = "config.json of BLIP-2"
BLOCK = (
    ("attention_norm", "layer_norm1"),
    ("attention.output", "self_attn.projection"),
    ("mlp_norm", "layer_norm2"),
    ("mlp.up", "mlp.fc1"),
    ("mlp.down", "mlp.fc2"),
)


def config_from(theirs: Mapping[str, Any]) -> ViT:
    """config.json of the tower → ViT that hands on the patches."""
    return ViT(
        patch=side_from(theirs["patch_size"], "patch_size", WHERE),
        width=theirs["hidden_size"],
        depth=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        mlp_width=theirs["intermediate_size"],
        image_size=side_from(theirs["image_size"], "image_size", WHERE),
        activation=activation_from(theirs.get("hidden_act", "gelu"), WHERE),
        class_token=True,
        qkv_bias=theirs.get("qkv_bias", True),
        norm_eps=theirs.get("layer_norm_eps", 1e-6),
        **OPENAI,
    )


def config_to(cfg: ViT) -> dict[str, Any]:
    """ViT → config.json of the tower, as deep as it was built. CheckpointError for a ViT of another shape."""
    refuse_other_shapes(cfg, "blip-2", qkv_bias=cfg.qkv_bias)
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["Blip2VisionModel"],
        "patch_size": cfg.patch,
        "hidden_size": cfg.width,
        "num_hidden_layers": cfg.num_blocks,
        "num_attention_heads": cfg.heads,
        "intermediate_size": cfg.mlp_width,
        "image_size": cfg.image_size,
        "hidden_act": activation_to(cfg.activation, "blip-2"),
        "qkv_bias": cfg.qkv_bias,
        "layer_norm_eps": cfg.norm_eps,
    }


def names(cfg: ViT) -> Names:
    """ViT → names of its tensors. Queries, keys and values are one matrix there."""
    if len(cfg.layers) > 1:
        raise CheckpointError("blip-2", f"feature_layer {cfg.feature_layer}", "one layer", "keep it in our own layout")
    pairs = [
        Pair("positions", "embeddings.position_embedding", Led(1)),
        Pair("class_token", "embeddings.class_embedding", Led(2)),
        Pair("embed.project.weight", "embeddings.patch_embedding.weight", conv(cfg.patch)),
        Pair("embed.project.bias", "embeddings.patch_embedding.bias"),
    ]
    fused = Rows((cfg.width,) * 3)
    for i in range(cfg.num_blocks):
        pairs += [
            Pair(f"blocks.{i}.attention.{name}.{kind}", f"encoder.layers.{i}.self_attn.qkv.{kind}", fused, part)
            for kind in (("weight", "bias") if cfg.qkv_bias else ("weight",))
            for part, name in enumerate(("query", "key", "value"))
        ]
    blocks = block_names(cfg, "encoder.layers", BLOCK)
    if cfg.final_norm:
        return Names((*pairs, *both("final_norm", "post_layernorm"))) + blocks
    neutral = {"post_layernorm.weight": constant(1.0, cfg.width), "post_layernorm.bias": constant(0.0, cfg.width)}
    return Names(tuple(pairs), unused=("post_layernorm.",), added=neutral) + blocks


FAMILY = Family(
    kind="vision",
    part=ViT,
    model_types=(MODEL_TYPE, INSTRUCT),
    architectures=("Blip2VisionModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
