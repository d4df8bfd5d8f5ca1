"""Vision tower inside Ovis2 (transformers `Ovis2VisionModel`): AIMv2 with a table of positions; vision_config ↔ ViT, names ↔ ours.

Its head, which says how much of each visual word a token is, belongs to the connector.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.vision.vit import ViT
from omma.weights.family import Family
from omma.weights.maps import aimv2
from omma.weights.names import Names
from omma.weights.vit_names import KEPT

MODEL_TYPE = "ovis2_vision"


def config_from(theirs: Mapping[str, Any]) -> ViT:
    """vision_config → ViT."""
    return aimv2.config_from({**theirs, "is_native": False})


def config_to(cfg: ViT) -> dict[str, Any]:
    """ViT → vision_config, without what the connector adds. CheckpointError for a ViT of another shape."""
    said = aimv2.config_to(cfg)
    if said.pop("is_native") or not cfg.final_norm:
        raise CheckpointError(MODEL_TYPE, f"positions {cfg.positions!r}, final_norm {cfg.final_norm}", "a table, and the last norm")
    said.pop("use_head")
    return said | {"model_type": MODEL_TYPE, "architectures": ["Ovis2VisionModel"]}


def names(cfg: ViT) -> Names:
    """ViT → names of its tensors under `transformer.`."""
    own = aimv2.names(cfg)
    renamed = (replace(pair, theirs=pair.theirs.replace("patch_embed.", "patch_embedding.")) for pair in own.pairs)
    return Names(tuple(renamed), unused=own.unused).under("", "transformer.")


FAMILY = Family(
    kind="vision",
    part=ViT,
    model_types=(MODEL_TYPE,),
    architectures=("Ovis2VisionModel",),
    model_from=lambda released: config_from(released.config),
    names=lambda cfg, theirs: names(cfg),
    config_to=lambda cfg, vocabulary: config_to(cfg),
    kept=KEPT,
)
