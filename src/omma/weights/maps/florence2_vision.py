"""DaViT of Florence-2 (transformers `Florence2VisionBackbone`, and `davit` of Microsoft's own files): config.json ↔ DaViT, names.

Stochastic depth, which only training knows, is not ours.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.davit import DaViT
from omma.weights.family import Family
from omma.weights.names import Names, Pair, Rows
from omma.weights.vit_names import activation_from, activation_to, both

MODEL_TYPE, ORIGINAL = "florence_vision", "davit"
WHERE = "config.json of Florence-2"
PER_STAGE = {
    "depths": "depths", "heads": "num_heads", "groups": "num_groups", "kernels": "patch_size", "strides": "patch_stride",
    "paddings": "patch_padding", "norm_first": "patch_prenorm",
}  # fmt: skip
BLOCKS = (("places", "spatial_block", "window_attn"), ("channels", "channel_block", "channel_attn"))


def config_from(theirs: Mapping[str, Any]) -> DaViT:
    """config.json (of the tower, or of a whole Florence-2) → DaViT. CheckpointError for variants that were never released."""
    return DaViT(**tower_fields(theirs.get("vision_config", theirs)))


def tower_fields(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """vision_config, of transformers or of the original → fields of a DaViT."""
    if theirs.get("in_channels", theirs.get("in_chans", 3)) != 3:
        raise CheckpointError(WHERE, "pictures of another number of colours", "3", "this variant is not covered")
    widths = theirs["dim_embed"] if is_original(theirs) else theirs["embed_dim"]
    stages = {ours: tuple(theirs[name]) for ours, name in PER_STAGE.items()}
    return stages | {
        "patch": prod(stages["strides"]),
        "widths": tuple(widths),
        "window": theirs["window_size"],
        "mlp_ratio": float(theirs.get("mlp_ratio", 4.0)),
        "qkv_bias": theirs.get("qkv_bias", True),
        "activation": activation_from(theirs.get("activation_function", "gelu"), WHERE),
    }


def is_original(theirs: Mapping[str, Any]) -> bool:
    """Whether a vision_config is that of Microsoft's own files."""
    return "dim_embed" in theirs


def config_to(cfg: DaViT) -> dict[str, Any]:
    """DaViT → config.json of the tower. CheckpointError for one with Florence-2's transformer behind it."""
    if type(cfg) is not DaViT:
        raise CheckpointError(MODEL_TYPE, f"a {type(cfg).__name__}", "a DaViT alone", "keep it in our own layout")
    stages = {theirs: list(getattr(cfg, ours)) for ours, theirs in PER_STAGE.items()}
    return {"model_type": MODEL_TYPE, "architectures": ["Florence2VisionBackbone"]} | stages | {
        "embed_dim": list(cfg.widths),
        "window_size": cfg.window,
        "mlp_ratio": cfg.mlp_ratio,
        "qkv_bias": cfg.qkv_bias,
        "activation_function": activation_to(cfg.activation, MODEL_TYPE),
    }  # fmt: skip


def names(cfg: DaViT, *, original: bool = False) -> Names:
    """DaViT → names of its tensors, in transformers or in the original."""
    pairs: list[Pair] = []
    for stage, depth in enumerate(cfg.depths):
        conv = f"convs.{stage}.{'proj' if original else 'conv'}"
        pairs += [*both(f"embeds.{stage}.project", conv), *both(f"embeds.{stage}.norm", f"convs.{stage}.norm")]
        for i in range(depth):
            for ours, theirs, attention in BLOCKS:
                here = f"stages.{stage}.{i}.{ours}."
                parts = _original_parts(attention) if original else _parts(attention)
                under = f"blocks.{stage}.{i}.{theirs}."
                pairs += [pair for own, name in parts.items() for pair in both(here + own, under + name)]
                fused = under + (f"{attention}.fn.qkv" if original else f"{attention}.qkv")
                pairs += _fused(here + "attention.", fused, cfg.widths[stage], cfg.qkv_bias)
    whole = (("model.vision_tower.", ""), ("vision_tower.", ""))
    behind = ("model.", "language_model.", "lm_head.", "image_", "visual_temporal_embed.")
    return Names(tuple(pairs), unused=behind, aliases=whole)


def _parts(attention: str) -> dict[str, str]:
    return {
        "attention_conv": "conv1", "attention_norm": "norm1", "attention.output": f"{attention}.proj", "mlp_conv": "conv2",
        "mlp_norm": "norm2", "mlp.up": "ffn.fc1", "mlp.down": "ffn.fc2",
    }  # fmt: skip


def _original_parts(attention: str) -> dict[str, str]:
    return {
        "attention_conv": "conv1.fn.dw", "attention_norm": f"{attention}.norm", "attention.output": f"{attention}.fn.proj",
        "mlp_conv": "conv2.fn.dw", "mlp_norm": "ffn.norm", "mlp.up": "ffn.fn.net.fc1", "mlp.down": "ffn.fn.net.fc2",
    }  # fmt: skip


def _fused(ours: str, theirs: str, width: int, bias: bool) -> list[Pair]:
    form = Rows((width,) * 3)
    return [
        Pair(f"{ours}{name}.{kind}", f"{theirs}.{kind}", form, part)
        for kind in (("weight", "bias") if bias else ("weight",))
        for part, name in enumerate(("query", "key", "value"))
    ]


FAMILY = Family(
    kind="vision",
    part=DaViT,
    model_types=(MODEL_TYPE, ORIGINAL),
    architectures=("Florence2VisionBackbone",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg, original=is_original(theirs.get("vision_config", theirs))),
    config_to=lambda cfg, vocabulary: config_to(cfg),
)
