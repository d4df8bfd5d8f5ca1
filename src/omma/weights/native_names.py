"""What the towers of Qwen2-VL, Qwen2.5-VL and Qwen3-VL share: vision_config ↔ NativeViT, names of patches and blocks."""

from collections.abc import Mapping, Sequence
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.native import NativeViT
from omma.weights.names import Flat, Names, Pair, Rows
from omma.weights.shapes import refuse_others

KEPT = ("final_norm",)
PLAIN: dict[str, Any] = {
    "theta": 10_000.0, "qk_norm": "none", "norm": "layer", "norm_eps": 1e-6, "mlp": "plain", "patch_bias": False, "table_side": 0,
    "window": 0, "full_layers": (), "tap_layers": (), "final_norm": False,
}  # fmt: skip


def sizes_from(theirs: Mapping[str, Any], where: str) -> dict[str, Any]:
    """vision_config → the fields that all three say alike."""
    theta = dict(theirs.get("rope_parameters") or {}).get("rope_theta", 10_000.0)
    if theta != 10_000.0 or theirs.get("in_channels", theirs.get("in_chans", 3)) != 3:
        raise CheckpointError(where, f"rope_theta {theta}", "10000.0, and 3 channels", "this variant is not covered")
    return {
        "patch": theirs["patch_size"], "temporal": theirs.get("temporal_patch_size", 2), "depth": theirs["depth"],
        "heads": theirs["num_heads"],
    }  # fmt: skip


def native_names(cfg: NativeViT, mlp: Sequence[tuple[str, str]]) -> Names:
    """NativeViT and (our part of the MLP, theirs) → names of patches and blocks. Mergers are a connector's, not the tower's."""
    shape, fused = Flat((3, cfg.temporal, cfg.patch, cfg.patch)), Rows((cfg.width,) * 3)
    norm_kinds = ("weight", "bias") if cfg.norm == "layer" else ("weight",)
    pairs = [Pair("embed.project.weight", "patch_embed.proj.weight", shape)]
    for i in range(cfg.depth):
        block = f"blocks.{i}"
        norms = ((f"{block}.attention_norm", f"{block}.norm1"), (f"{block}.mlp_norm", f"{block}.norm2"))
        pairs += [Pair(f"{ours}.{kind}", f"{theirs}.{kind}") for ours, theirs in norms for kind in norm_kinds]
        for kind in ("weight", "bias"):
            pairs += [
                Pair(f"{block}.attention.{name}.{kind}", f"{block}.attn.qkv.{kind}", fused, part)
                for part, name in enumerate(("query", "key", "value"))
            ]
            pairs.append(Pair(f"{block}.attention.output.{kind}", f"{block}.attn.proj.{kind}"))
            pairs += [Pair(f"{block}.mlp.{ours}.{kind}", f"{block}.mlp.{theirs}.{kind}") for ours, theirs in mlp]
    return Names(tuple(pairs), unused=("merger.", "deepstack_merger_list."))


def refuse_other_shapes(cfg: NativeViT, layout: str, **own: Any) -> None:
    """CheckpointError unless the tower is Qwen2-VL's, but for what this layout has of its `own`."""
    refuse_others(cfg, PLAIN | own, layout, "keep it in our own layout")
