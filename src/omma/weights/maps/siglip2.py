"""SigLIP 2 for pictures of any aspect (NaFlex; transformers `Siglip2VisionModel`): config.json ↔ ViT, tensor names ↔ ours.

SigLIP 2 for one fixed size has the layout of SigLIP (`siglip.py`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from omma.core.errors import CheckpointError
from omma.model.vision.vit import ViT
from omma.weights.family import Family
from omma.weights.names import Form, Names, Pair, constant
from omma.weights.vit_names import (
    BLOCK,
    KEPT,
    activation_from,
    activation_to,
    block_names,
    both,
    refuse_other_shapes,
    side_from,
)

MODEL_TYPE = "siglip2_vision_model"
WHERE = "config.json of SigLIP 2"


@dataclass(frozen=True, slots=True)
class ColourLast(Form):
    """A patch embedding whose values stand in (row, column, channel) order: (D, p² · 3), ours (D, 3 · p²)."""

    patch: int

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """Their matrix → ours."""
        return (theirs.unflatten(1, (self.patch, self.patch, 3)).permute(0, 3, 1, 2).flatten(1),)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """Inverse of `split`."""
        return ours[0].unflatten(1, (3, self.patch, self.patch)).permute(0, 2, 3, 1).flatten(1)


def config_from(theirs: Mapping[str, Any]) -> ViT:
    """config.json (of the tower, or of a whole SigLIP 2) → ViT with the features of `last_hidden_state`."""
    theirs = theirs.get("vision_config", theirs)
    patch, side = side_from(theirs["patch_size"], "patch_size", WHERE), math.isqrt(theirs["num_patches"])
    if side**2 != theirs["num_patches"]:
        raise CheckpointError(WHERE, f"num_patches is {theirs['num_patches']}", "a square number", "this variant is not covered")
    return ViT(
        patch=patch,
        width=theirs["hidden_size"],
        depth=theirs["num_hidden_layers"],
        heads=theirs["num_attention_heads"],
        mlp_width=theirs["intermediate_size"],
        image_size=side * patch,
        positions="bilinear_smooth",
        activation=activation_from(theirs.get("hidden_act", "gelu_pytorch_tanh"), WHERE),
        norm_eps=theirs.get("layer_norm_eps", 1e-6),
    )


def config_to(cfg: ViT) -> dict[str, Any]:
    """ViT → config.json of the tower, as deep as it was built. CheckpointError for a ViT of another shape."""
    refuse_other_shapes(cfg, "siglip2", positions="bilinear_smooth", class_token=False)
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["Siglip2VisionModel"],
        "patch_size": cfg.patch,
        "hidden_size": cfg.width,
        "num_hidden_layers": cfg.num_blocks,
        "num_attention_heads": cfg.heads,
        "intermediate_size": cfg.mlp_width,
        "num_patches": cfg.side**2,
        "hidden_act": activation_to(cfg.activation, "siglip2"),
        "layer_norm_eps": cfg.norm_eps,
        "vision_use_head": False,
    }


def names(cfg: ViT) -> Names:
    """ViT → names of its tensors. The pooling head is not ours: skipped on reading, switched off on writing."""
    pairs = [
        Pair("embed.project.weight", "embeddings.patch_embedding.weight", ColourLast(cfg.patch)),
        Pair("embed.project.bias", "embeddings.patch_embedding.bias"),
        Pair("positions", "embeddings.position_embedding.weight"),
    ]
    unused: tuple[str, ...] = ("head.", "text_model.", "logit_scale", "logit_bias")
    added = {}
    if cfg.final_norm:
        pairs += both("final_norm", "post_layernorm")
    else:
        unused += ("post_layernorm.",)
        added = {"post_layernorm.weight": constant(1.0, cfg.width), "post_layernorm.bias": constant(0.0, cfg.width)}
    own = Names(tuple(pairs), unused=unused, added=added, aliases=(("vision_model.", ""),))
    return own + block_names(cfg, "encoder.layers", BLOCK)


FAMILY = Family(
    kind="vision",
    part=ViT,
    model_types=(MODEL_TYPE, "siglip2"),
    architectures=("Siglip2VisionModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
