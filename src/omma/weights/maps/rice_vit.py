"""RICE (arXiv 2507.20025), the tower of LLaVA-OneVision-1.5: vision_config ↔ ViT, tensor names ↔ ours.

MLCD's network on pictures of any size, in the layout of the released `modeling_llavaonevision1_5.py`: fused queries, keys and
values, frames of a video as pictures of their own. The merger behind it is a connector.
"""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.vit import ViT
from omma.weights.family import Family
from omma.weights.names import Led, Names, Pair, Rows
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

MODEL_TYPE = "rice_vit"
WHERE = "vision_config of LLaVA-OneVision-1.5"
BLOCK = (
    ("attention_norm", "norm1"),
    ("attention.output", "attn.proj"),
    ("mlp_norm", "norm2"),
    ("mlp.up", "mlp.fc1"),
    ("mlp.down", "mlp.fc2"),
)


def config_from(theirs: Mapping[str, Any]) -> ViT:
    """vision_config (or a whole config.json) → ViT. CheckpointError for frames that are embedded together."""
    theirs = theirs.get("vision_config", theirs)
    if theirs.get("temporal_patch_size", 1) != 1:
        got = f"temporal_patch_size {theirs['temporal_patch_size']}"
        raise CheckpointError(WHERE, got, "1", "this variant is not covered")
    return ViT(
        patch=side_from(theirs["patch_size"], "patch_size", WHERE),
        width=theirs["hidden_size"],
        depth=theirs["depth"],
        heads=theirs["num_heads"],
        mlp_width=theirs["intermediate_size"],
        positions="rotary",
        activation=activation_from(theirs.get("hidden_act", "gelu"), WHERE),
        class_token=True,
        input_norm=True,
        final_norm=False,
        patch_bias=False,
        norm_eps=theirs.get("layer_norm_eps", 1e-5),
        **OPENAI,
    )


def config_to(cfg: ViT) -> dict[str, Any]:
    """ViT → vision_config, as deep as it was built; `text_hidden_size` is for who knows the language model to add."""
    refuse_other_shapes(cfg, MODEL_TYPE, positions="rotary", input_norm=True, patch_bias=False, final_norm=False)
    return {
        "model_type": MODEL_TYPE,
        "patch_size": cfg.patch,
        "temporal_patch_size": 1,
        "embed_dim": cfg.width,
        "hidden_size": cfg.width,
        "depth": cfg.num_blocks,
        "num_heads": cfg.heads,
        "intermediate_size": cfg.mlp_width,
        "hidden_act": activation_to(cfg.activation, MODEL_TYPE),
        "layer_norm_eps": cfg.norm_eps,
    }


def names(cfg: ViT) -> Names:
    """ViT → names of its tensors. The merger is not the tower's."""
    fused = Rows((cfg.width,) * 3)
    pairs = [
        Pair("embed.project.weight", "patch_embed.proj.weight", conv(cfg.patch)),
        Pair("class_token", "class_embedding"),
        Pair("class_angles", "class_pos_emb", Led(1)),
        *both("input_norm", "pre_layernorm"),
    ]
    pairs += [
        Pair(f"blocks.{i}.attention.{name}.{kind}", f"blocks.{i}.attn.qkv.{kind}", fused, part)
        for i in range(cfg.num_blocks)
        for part, name in enumerate(("query", "key", "value"))
        for kind in ("weight", "bias")
    ]
    return Names(tuple(pairs), unused=("merger.",)) + block_names(cfg, "blocks", BLOCK)


FAMILY = Family(
    kind="vision",
    part=ViT,
    model_types=(MODEL_TYPE,),
    architectures=(),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
