"""AIMv2 as Apple released it, without a class in transformers: config.json ↔ ViT, tensor names ↔ ours.

Layout of AIDC-AI/Ovis `ovis/model/visual_tokenizer/modeling_aimv2.py`, a copy of the released code, which is never run.
"""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.vit import ViT
from omma.weights.family import Family, Vocabulary
from omma.weights.names import Led, Names, Pair, Rows
from omma.weights.released import Released
from omma.weights.vit_names import KEPT, OPENAI, conv

MODEL_TYPE, MARK = "aimv2", "use_bias"
PLAIN = (("attention_norm", "norm_1"), ("mlp_norm", "norm_2"))
BIASED = (("attention.output", "attn.proj"), ("mlp.gate", "mlp.fc1"), ("mlp.down", "mlp.fc2"), ("mlp.up", "mlp.fc3"))


def config_from(theirs: Mapping[str, Any]) -> ViT:
    """config.json → ViT."""
    return ViT(
        patch=theirs["patch_size"],
        width=theirs["hidden_size"],
        depth=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        mlp_width=theirs["intermediate_size"],
        image_size=theirs["image_size"],
        mlp="gated",
        activation="silu",
        qkv_bias=theirs.get("qkv_bias", False),
        output_bias=theirs[MARK],
        mlp_bias=theirs[MARK],
        patch_norm=True,
        norm="rms",
        norm_eps=theirs.get("rms_norm_eps", 1e-5),
        **OPENAI,
    )


def config_to(cfg: ViT, vocabulary: Vocabulary) -> dict[str, Any]:
    """CheckpointError always: transformers has a class for the same tower in another layout."""
    raise CheckpointError(MODEL_TYPE, "a layout that only code from a checkpoint reads", "transformers' own layout of AIMv2")


def names(cfg: ViT) -> Names:
    """ViT → names of its tensors; queries, keys and values lie in one."""
    pairs = [
        Pair("embed.project.weight", "preprocessor.patchifier.proj.weight", conv(cfg.patch)),
        Pair("embed.project.bias", "preprocessor.patchifier.proj.bias"),
        Pair("patch_norm.weight", "preprocessor.patchifier.norm.weight"),
        Pair("positions", "preprocessor.pos_embed", Led(1)),
    ]
    for i in range(cfg.num_blocks):
        ours, theirs = f"blocks.{i}.", f"trunk.blocks.{i}."
        for kind in ("weight", "bias") if cfg.qkv_bias else ("weight",):
            fused = (f"{theirs}attn.qkv.{kind}", Rows((cfg.width,) * 3))
            pairs += [Pair(f"{ours}attention.{n}.{kind}", *fused, part) for part, n in enumerate(("query", "key", "value"))]
        kinds = ("weight", "bias") if cfg.mlp_bias else ("weight",)
        pairs += [Pair(f"{ours}{a}.weight", f"{theirs}{b}.weight") for a, b in PLAIN]
        pairs += [Pair(f"{ours}{a}.{kind}", f"{theirs}{b}.{kind}") for a, b in BIASED for kind in kinds]
    behind = tuple(f"trunk.blocks.{i}." for i in range(cfg.num_blocks, cfg.depth))
    if cfg.final_norm:
        return Names((*pairs, Pair("final_norm.weight", "trunk.post_trunk_norm.weight")), unused=behind)
    return Names(tuple(pairs), unused=("trunk.post_trunk_norm.", *behind))


def model_from(released: Released) -> ViT:
    """Folder → the tower."""
    return config_from(released.config)


FAMILY = Family(
    kind="vision",
    part=ViT,
    model_types=(MODEL_TYPE,),
    architectures=("AIMv2Model",),
    model_from=model_from,
    names=lambda cfg, theirs: names(cfg),
    config_to=config_to,
    kept=KEPT,
    mark=MARK,
)
