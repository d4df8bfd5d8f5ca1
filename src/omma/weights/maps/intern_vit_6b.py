"""InternViT in the layout of its own releases (`intern_vit_6b`; their code is never run): config.json → ViT, names ↔ ours.

OpenGVLab/InternVL `modeling_intern_vit.py`: queries, keys and values in one matrix, no last norm. 300M has biases and LayerNorm, 6B
RMSNorm and norms of queries and keys.
"""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.vit import ViT
from omma.weights.family import Family
from omma.weights.maps import intern_vit
from omma.weights.names import Led, Names, Pair, Rows
from omma.weights.vit_names import KEPT, block_names, conv

MODEL_TYPE = "intern_vit_6b"
BLOCK = (
    ("attention_norm", "norm1"),
    ("attention.output", "attn.proj"),
    ("mlp_norm", "norm2"),
    ("mlp.up", "mlp.fc1"),
    ("mlp.down", "mlp.fc2"),
)
QK_NORMS = (("attention.query_norm", "attn.q_norm"), ("attention.key_norm", "attn.k_norm"))


def config_from(theirs: Mapping[str, Any]) -> ViT:
    """config.json → ViT. CheckpointError for variants that were never released."""
    return intern_vit.config_from(
        {
            **theirs,
            "norm_type": theirs.get("norm_type", "rms_norm"),
            "attention_bias": theirs.get("qkv_bias", False),
            "use_qk_norm": theirs.get("qk_normalization", True),
            "layer_scale_init_value": theirs.get("initializer_factor") or 0.1,
            "use_mean_pooling": True,  # there is no last norm
        }
    )


def config_to(cfg: ViT) -> dict[str, Any]:
    """CheckpointError always: this layout needs code of its own, while transformers' holds the same tower."""
    got, fix = "a layout that only code from a checkpoint reads", "export as internvl_vision, which is the same tower"
    raise CheckpointError(MODEL_TYPE, got, "", fix)


def names(cfg: ViT) -> Names:
    """ViT → names of its tensors."""
    pairs = [
        Pair("embed.project.weight", "embeddings.patch_embedding.weight", conv(cfg.patch)),
        Pair("embed.project.bias", "embeddings.patch_embedding.bias"),
        Pair("positions", "embeddings.position_embedding", Led(1)),
        Pair("class_token", "embeddings.class_embedding", Led(2)),
    ]
    form = Rows((cfg.width,) * 3)
    for i in range(cfg.num_blocks):
        ours, theirs = f"blocks.{i}.", f"encoder.layers.{i}."
        pairs += [Pair(f"{ours}{part}_scale.scale", f"{theirs}ls{n}") for n, part in ((1, "attention"), (2, "mlp"))]
        pairs += [
            Pair(f"{ours}attention.{part}.{kind}", f"{theirs}attn.qkv.{kind}", form, number)
            for kind in (("weight", "bias") if cfg.qkv_bias else ("weight",))
            for number, part in enumerate(("query", "key", "value"))
        ]
    parts = BLOCK + (QK_NORMS if cfg.qk_norm == "rms_wide" else ())
    return Names(tuple(pairs)) + block_names(cfg, "encoder.layers", parts)


FAMILY = Family(
    kind="vision",
    part=ViT,
    model_types=(MODEL_TYPE,),
    architectures=("InternVisionModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
