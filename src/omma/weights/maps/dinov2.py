"""DINOv2, with and without registers (transformers `Dinov2Model`, `Dinov2WithRegistersModel`): config.json ↔ ViT, names ↔ ours.

The names are those of released files, which transformers reads and writes; in memory it renames attention and MLP.
"""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.vit import ViT
from omma.weights.family import Family
from omma.weights.names import Led, Names, Pair, Rows, constant
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

MODEL_TYPE = "dinov2"
WITH_REGISTERS = "dinov2_with_registers"
WHERE = "config.json of DINOv2"
BLOCK = (
    ("attention_norm", "norm1"),
    ("attention.query", "attention.attention.query"),
    ("attention.key", "attention.attention.key"),
    ("attention.value", "attention.attention.value"),
    ("attention.output", "attention.output.dense"),
    ("mlp_norm", "norm2"),
)


def config_from(theirs: Mapping[str, Any]) -> ViT:
    """config.json → ViT. A gated MLP keeps two thirds of the plain one's width, rounded up to a multiple of 8."""
    theirs = theirs.get("vision_config", theirs)
    plain, gated = int(theirs["hidden_size"] * theirs.get("mlp_ratio", 4)), theirs.get("use_swiglu_ffn", False)
    registers = theirs.get("num_register_tokens", 4) if theirs["model_type"] == WITH_REGISTERS else 0
    return ViT(
        patch=side_from(theirs["patch_size"], "patch_size", WHERE),
        width=theirs["hidden_size"],
        depth=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        mlp_width=_gated_width(plain) if gated else plain,
        image_size=side_from(theirs["image_size"], "image_size", WHERE),
        positions="bicubic_smooth" if theirs["model_type"] == WITH_REGISTERS else "bicubic",
        mlp="gated" if gated else "plain",
        activation="silu" if gated else activation_from(theirs.get("hidden_act", "gelu"), WHERE),
        class_token=True,
        registers=registers,
        qkv_bias=theirs.get("qkv_bias", True),
        layer_scale=theirs.get("layerscale_value", 1.0),
        norm_eps=theirs.get("layer_norm_eps", 1e-6),
        **IMAGENET,
    )


def config_to(cfg: ViT) -> dict[str, Any]:
    """ViT → config.json, as deep as it was built. CheckpointError for a ViT of another shape."""
    registered = cfg.positions == "bicubic_smooth"
    own = {"registers": cfg.registers if registered else 0, "mlp": cfg.mlp, "qkv_bias": cfg.qkv_bias}
    positions = "bicubic_smooth" if registered else "bicubic"
    refuse_other_shapes(cfg, MODEL_TYPE, positions=positions, layer_scale=cfg.layer_scale or 1.0, **own)
    ratio = next((r for r in range(1, 17) if _hidden(cfg, r) == cfg.mlp_width), 0)
    if not ratio or (cfg.mlp == "gated" and cfg.activation != "silu"):
        got = f"an MLP of {cfg.mlp_width} with {cfg.activation}"
        raise CheckpointError(MODEL_TYPE, got, f"a whole multiple of the width {cfg.width}; gated: two thirds of it, with silu")
    return {
        "model_type": WITH_REGISTERS if registered else MODEL_TYPE,
        "architectures": ["Dinov2WithRegistersModel" if registered else "Dinov2Model"],
        "patch_size": cfg.patch,
        "hidden_size": cfg.width,
        "num_hidden_layers": cfg.num_blocks,
        "num_attention_heads": cfg.heads,
        "mlp_ratio": ratio,
        "image_size": cfg.image_size,
        "hidden_act": "gelu" if cfg.mlp == "gated" else activation_to(cfg.activation, MODEL_TYPE),
        "use_swiglu_ffn": cfg.mlp == "gated",
        "layer_norm_eps": cfg.norm_eps,
        "layerscale_value": cfg.layer_scale,
        "qkv_bias": cfg.qkv_bias,
    } | ({"num_register_tokens": cfg.registers} if registered else {})


def names(cfg: ViT) -> Names:
    """ViT → names of its tensors. The mask token of the training task is not ours: skipped on reading, zero on writing."""
    pairs = [
        Pair("embed.project.weight", "embeddings.patch_embeddings.projection.weight", conv(cfg.patch)),
        Pair("embed.project.bias", "embeddings.patch_embeddings.projection.bias"),
        Pair("positions", "embeddings.position_embeddings", Led(1)),
        Pair("class_token", "embeddings.cls_token", Led(2)),
    ]
    if cfg.registers:
        pairs.append(Pair("registers", "embeddings.register_tokens", Led(1)))
    for i in range(cfg.num_blocks):
        ours, theirs = f"blocks.{i}", f"encoder.layer.{i}"
        pairs += [
            Pair(f"{ours}.{own}_scale.scale", f"{theirs}.layer_scale{n}.lambda1") for n, own in ((1, "attention"), (2, "mlp"))
        ]
        pairs += _mlp(cfg, f"{ours}.mlp", f"{theirs}.mlp")
    added = {"embeddings.mask_token": constant(0.0, 1, cfg.width)}
    unused: tuple[str, ...] = ("embeddings.mask_token", "classifier.")
    if cfg.final_norm:
        pairs += both("final_norm", "layernorm")
    else:
        unused += ("layernorm.",)
        added |= {"layernorm.weight": constant(1.0, cfg.width), "layernorm.bias": constant(0.0, cfg.width)}
    rest = Names(tuple(pairs), unused=unused, added=added, aliases=(("dinov2.", ""), ("dinov2_with_registers.", "")))
    return rest + block_names(cfg, "encoder.layer", BLOCK)


def _mlp(cfg: ViT, ours: str, theirs: str) -> list[Pair]:
    if cfg.mlp == "plain":
        return [*both(f"{ours}.up", f"{theirs}.fc1"), *both(f"{ours}.down", f"{theirs}.fc2")]
    fused = Rows((cfg.mlp_width, cfg.mlp_width))
    return [*both(f"{ours}.down", f"{theirs}.weights_out")] + [
        Pair(f"{ours}.{name}.{kind}", f"{theirs}.weights_in.{kind}", fused, part)
        for part, name in enumerate(("gate", "up"))
        for kind in ("weight", "bias")
    ]


def _hidden(cfg: ViT, ratio: int) -> int:
    return _gated_width(cfg.width * ratio) if cfg.mlp == "gated" else cfg.width * ratio


def _gated_width(plain: int) -> int:
    return (int(plain * 2 / 3) + 7) // 8 * 8


FAMILY = Family(
    kind="vision",
    part=ViT,
    model_types=(MODEL_TYPE, WITH_REGISTERS),
    architectures=("Dinov2Model", "Dinov2WithRegistersModel"),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
