"""What the vision layouts share: names of a ViT's blocks, activations, and which shapes of ViT a layout has no place for."""

from collections.abc import Sequence
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.vit import ViT
from omma.nn.mlp import Activation
from omma.weights.names import Flat, Names, Pair
from omma.weights.shapes import refuse_others

ACTIVATIONS: dict[str, Activation] = {
    "quick_gelu": "quick_gelu", "gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh", "silu": "silu", "relu": "relu",
}  # fmt: skip
IMAGENET: dict[str, Any] = {
    "mean": (0.485, 0.456, 0.406),
    "std": (0.229, 0.224, 0.225),
}  # of the pictures that a tower was trained on
OPENAI: dict[str, Any] = {"mean": (0.48145466, 0.4578275, 0.40821073), "std": (0.26862954, 0.26130258, 0.27577711)}
KEPT = ("feature_layer", "tap_layers", "features", "final_norm")  # what a recipe chooses and no file states
PLAIN: dict[str, Any] = {
    "positions": "bicubic", "mlp": "plain", "class_token": True, "registers": 0, "patch_bias": True, "qkv_bias": True,
    "output_bias": True, "mlp_bias": True, "patch_norm": False, "input_norm": False, "norm": "layer", "qk_norm": "none",
    "layer_scale": 0.0,
}  # fmt: skip
BLOCK = (
    ("attention_norm", "layer_norm1"),
    ("attention.query", "self_attn.q_proj"),
    ("attention.key", "self_attn.k_proj"),
    ("attention.value", "self_attn.v_proj"),
    ("attention.output", "self_attn.out_proj"),
    ("mlp_norm", "layer_norm2"),
    ("mlp.up", "mlp.fc1"),
    ("mlp.down", "mlp.fc2"),
)


def vit_names(cfg: ViT) -> Names:
    """ViT → names of patch embedding, positions and blocks in CLIP's layout; blocks behind the feature layer are not used."""
    pairs = [Pair("embed.project.weight", "embeddings.patch_embedding.weight", conv(cfg.patch))]
    if cfg.has_table:
        pairs.append(Pair("positions", "embeddings.position_embedding.weight"))
    blocks = block_names(cfg, "encoder.layers", BLOCK)
    return Names(tuple(pairs), unused=("embeddings.position_ids",), aliases=(("vision_model.", ""),)) + blocks


def block_names(cfg: ViT, under: str, parts: Sequence[tuple[str, str]]) -> Names:
    """ViT, where its blocks stand, (our part, theirs) → names of what the built blocks hold; those behind are not used."""
    pairs = [
        Pair(f"blocks.{i}.{ours}.{kind}", f"{under}.{i}.{theirs}.{kind}")
        for i in range(cfg.num_blocks)
        for ours, theirs in parts
        for kind in (("weight", "bias") if _has_bias(cfg, ours) else ("weight",))
    ]
    return Names(tuple(pairs), unused=tuple(f"{under}.{i}." for i in range(cfg.num_blocks, cfg.depth)))


def conv(patch: int) -> Flat:
    """Patch side → how a patch embedding is held that is a convolution (D, 3, patch, patch)."""
    return Flat((3, patch, patch))


def both(ours: str, theirs: str) -> tuple[Pair, Pair]:
    """Names of a part → the pairs of its weight and its bias."""
    return Pair(f"{ours}.weight", f"{theirs}.weight"), Pair(f"{ours}.bias", f"{theirs}.bias")


def refuse_other_shapes(cfg: ViT, layout: str, **own: Any) -> None:
    """CheckpointError unless the ViT is a plain one with a class token, but for what this layout has of its `own`."""
    refuse_others(cfg, PLAIN | own, layout, "export it as the family of that shape, or in ours")


def side_from(value: Any, key: str, where: str) -> int:
    """A side of theirs in px, one number or (height, width) → the side of the square. CheckpointError for an oblong."""
    sides = set(value) if isinstance(value, (list, tuple)) else {value}
    if len(sides) != 1:
        raise CheckpointError(where, f"{key} is {value!r}", "a square", "this variant is not covered")
    return int(sides.pop())


def activation_from(name: str, where: str) -> Activation:
    """Their word for an activation → ours. CheckpointError for one that we do not have."""
    if name not in ACTIVATIONS:
        raise CheckpointError(where, f"hidden_act is {name!r}", " or ".join(map(repr, ACTIVATIONS)), "this variant is not covered")
    return ACTIVATIONS[name]


def activation_to(name: Activation, where: str) -> str:
    """Our word for an activation → theirs. CheckpointError for one that these families do not have."""
    for theirs, ours in ACTIVATIONS.items():
        if ours == name:
            return theirs
    raise CheckpointError(where, f"activation {name!r}", " or ".join(map(repr, ACTIVATIONS.values())), "it has no name there")


def _has_bias(cfg: ViT, part: str) -> bool:
    if part in ("attention_norm", "mlp_norm"):
        return cfg.norm == "layer"
    if part in ("attention.query_norm", "attention.key_norm"):
        return cfg.qk_norm == "layer"
    if part.startswith("mlp."):
        return cfg.mlp_bias
    return cfg.output_bias if part == "attention.output" else cfg.qkv_bias
