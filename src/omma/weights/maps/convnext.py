"""ConvNeXt and its version 2 (transformers `ConvNextModel`, `ConvNextV2Model`): config.json ↔ ConvNext, names ↔ ours; timm's names.

The norm of the pooled vector is not ours: skipped on reading, neutral on writing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.conv_next import ConvNext
from omma.weights.family import Family
from omma.weights.names import Form, Led, Names, Pair, constant
from omma.weights.vit_names import IMAGENET, activation_from, activation_to, both, side_from

MODEL_TYPE, SECOND = "convnext", "convnextv2"
WHERE = "config.json of ConvNeXt"
EPS = 1e-6  # of every norm, whatever config.json says of the pooled vector's


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a layout calls the parts of a ConvNeXt, and what it holds the two vectors of a response norm in."""

    stem: str
    stem_norm: str
    stages: str
    shrink: str
    blocks: str
    parts: Mapping[str, str]
    scale: str
    response: str
    vector: Form


TRANSFORMERS = Spelling(
    stem="embeddings.patch_embeddings",
    stem_norm="embeddings.layernorm",
    stages="encoder.stages",
    shrink="downsampling_layer",
    blocks="layers",
    parts={"depthwise": "dwconv", "norm": "layernorm", "up": "pwconv1", "down": "pwconv2"},
    scale="layer_scale_parameter",
    response="grn",
    vector=Led(3),
)
# huggingface/pytorch-image-models `convnext.py`, which OpenCLIP's towers are made of
TIMM = Spelling(
    stem="stem.0",
    stem_norm="stem.1",
    stages="stages",
    shrink="downsample",
    blocks="blocks",
    parts={"depthwise": "conv_dw", "norm": "norm", "up": "mlp.fc1", "down": "mlp.fc2"},
    scale="gamma",
    response="mlp.grn",
    vector=Form(),
)


def config_from(theirs: Mapping[str, Any]) -> ConvNext:
    """config.json → ConvNext. CheckpointError for sizes that are not of one network."""
    stem, widths = side_from(theirs["patch_size"], "patch_size", WHERE), tuple(theirs["hidden_sizes"])
    second = theirs["model_type"] == SECOND
    return ConvNext(
        patch=stem * 2 ** (len(widths) - 1),
        stem=stem,
        widths=widths,
        depths=tuple(theirs["depths"]),
        activation=activation_from(theirs.get("hidden_act", "gelu"), WHERE),
        norm_eps=EPS,
        layer_scale=0.0 if second else theirs.get("layer_scale_init_value", 1e-6),
        response_norm=second,
        **IMAGENET,
    )


def config_to(cfg: ConvNext) -> dict[str, Any]:
    """ConvNext → config.json. CheckpointError for norms and scales that neither version has."""
    if cfg.norm_eps != EPS or (cfg.response_norm and cfg.layer_scale):
        got = f"norm_eps={cfg.norm_eps:g}, response_norm={cfg.response_norm}, layer_scale={cfg.layer_scale:g}"
        raise CheckpointError(MODEL_TYPE, got, f"norm_eps={EPS:g}, and a response norm or scales", "keep it in our own layout")
    own = {} if cfg.response_norm else {"layer_scale_init_value": cfg.layer_scale}
    return {
        "model_type": SECOND if cfg.response_norm else MODEL_TYPE,
        "architectures": ["ConvNextV2Model" if cfg.response_norm else "ConvNextModel"],
        "patch_size": cfg.stem,
        "num_stages": len(cfg.widths),
        "hidden_sizes": list(cfg.widths),
        "depths": list(cfg.depths),
        "hidden_act": activation_to(cfg.activation, MODEL_TYPE),
    } | own


def names(cfg: ConvNext) -> Names:
    """ConvNext → names of its tensors in transformers' layout."""
    last = cfg.widths[-1]
    rest = Names(
        (),
        unused=("layernorm.", "classifier."),
        added={"layernorm.weight": constant(1.0, last), "layernorm.bias": constant(0.0, last)},
        aliases=(("convnext.", ""), ("convnextv2.", "")),
    )
    return spelled(cfg, TRANSFORMERS) + rest


def spelled(cfg: ConvNext, layout: Spelling) -> Names:
    """ConvNext → names of its tensors as a layout spells them."""
    pairs = [*both("stem", layout.stem), *both("stem_norm", layout.stem_norm)]
    for i, depth in enumerate(cfg.depths):
        stage, theirs = f"stages.{i}", f"{layout.stages}.{i}"
        if i:
            pairs += [*both(f"{stage}.shrink_norm", f"{theirs}.{layout.shrink}.0")]
            pairs += [*both(f"{stage}.shrink", f"{theirs}.{layout.shrink}.1")]
        for j in range(depth):
            pairs += _block(cfg, layout, f"{stage}.blocks.{j}", f"{theirs}.{layout.blocks}.{j}")
    return Names(tuple(pairs))


def _block(cfg: ConvNext, layout: Spelling, ours: str, theirs: str) -> list[Pair]:
    pairs = [pair for own, name in layout.parts.items() for pair in both(f"{ours}.{own}", f"{theirs}.{name}")]
    if cfg.layer_scale:
        pairs.append(Pair(f"{ours}.scale.scale", f"{theirs}.{layout.scale}"))
    if cfg.response_norm:
        pairs += [
            Pair(f"{ours}.response.{kind}", f"{theirs}.{layout.response}.{kind}", layout.vector) for kind in ("weight", "bias")
        ]
    return pairs


FAMILY = Family(
    kind="vision",
    part=ConvNext,
    model_types=(MODEL_TYPE, SECOND),
    architectures=("ConvNextModel", "ConvNextV2Model"),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=("features",),
)
