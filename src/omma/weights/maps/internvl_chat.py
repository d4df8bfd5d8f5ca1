"""InternVL 1.1 to 3.5 as OpenGVLab released it (`InternVLChatModel`, whose code is never run): config.json → model, names ↔ ours.

OpenGVLab/InternVL `modeling_internvl_chat.py`, `configuration_internvl_chat.py`; V2PE's positions as in OpenGVLab/V2PE. An export
takes transformers' own layout, which holds the same model (`maps/internvl.py`).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.media.views.marked_tiles import MarkedTiles
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.connectors.transposed_shuffle import TransposedShuffle
from omma.model.positions.sequential import Sequential
from omma.model.positions.v2pe import V2pe
from omma.model.slots import Positions
from omma.model.vlm import Vlm
from omma.weights.compose import encoder_from, encoder_names, language_from, language_names
from omma.weights.family import Family, Vocabulary
from omma.weights.internvl_parts import Marks, Parts, factor_from, frames, tower_at
from omma.weights.internvl_words import conversation
from omma.weights.names import Names
from omma.weights.released import Released
from omma.weights.sight import normalised
from omma.weights.speech import chat_from
from omma.weights.vit_names import both

MODEL_TYPE = "internvl_chat"
WHERE = "config.json of InternVL"
PROJECTOR = Names((*both("norm", "mlp1.0"), *both("up", "mlp1.1"), *both("down", "mlp1.3")))
MOVED = (("", "language_model."),)
STRIDE = 64  # of V2PE's visual positions where a checkpoint leaves it to the asker, in 1 / tokens of a tile


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for towers, language models and feature choices that are not covered."""
    tower = encoder_from(theirs["vision_config"], where=WHERE)
    shuffle = {"v1": TransposedShuffle, "v2": PixelShuffle}.get(theirs.get("ps_version", "v1"))
    if shuffle is None:
        raise CheckpointError(WHERE, f"ps_version is {theirs['ps_version']!r}", "'v1' or 'v2'", "this variant is not covered")
    return Parts(
        encoder=tower_at(tower, theirs.get("select_layer", -1), where=WHERE),
        connector=shuffle(factor=factor_from(theirs, WHERE)),
        language=language_from(theirs["llm_config"], where=WHERE),
    )


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """CheckpointError always: this layout needs code of its own."""
    raise CheckpointError(MODEL_TYPE, "a layout that only code from a checkpoint reads", "", "export as internvl")


def names(parts: Parts | Vlm, theirs: Mapping[str, Any]) -> Names:
    """Parts and the config.json beside the tensors → names of all tensors of a `VlmModule` made of them."""
    tower = encoder_names(parts.encoder, theirs["vision_config"], "vision_model.")
    return tower + PROJECTOR.under("connector.", "") + language_names(parts.language, theirs["llm_config"], MOVED)


def model_from(released: Released) -> Vlm:
    """Folder → the model with the tiles, words and positions that config.json and its `template` say."""
    theirs, parts, marks = released.config, config_from(released.config), Marks()
    template = conversation(theirs.get("template", ""), marks.slot, theirs.get("system_message"), where=released.where)
    text = chat_from(
        replace(released, chat_template=template), image_token=marks.slot, vocab_size=theirs["llm_config"]["vocab_size"]
    )
    return Vlm(
        view=view_from(theirs, parts, marks),
        encoder=normalised(parts.encoder, released),
        connector=parts.connector,
        language=parts.language,
        positions=positions_from(theirs, parts),
        text=text,
    )


def view_from(theirs: Mapping[str, Any], parts: Parts, marks: Marks) -> MarkedTiles:
    """config.json → tiles. CheckpointError for pictures that are padded."""
    if theirs.get("pad2square"):
        raise CheckpointError(WHERE, "pad2square is true", "false", "this variant is not covered")
    size = theirs.get("force_image_size") or parts.encoder.image_size
    tiled = theirs.get("dynamic_image_size", False)
    return MarkedTiles(
        size=size,
        min_tiles=theirs.get("min_dynamic_patch", 1) if tiled else 1,
        max_tiles=theirs.get("max_dynamic_patch", 6) if tiled else 1,
        thumbnail="last" if theirs.get("use_thumbnail") or not tiled else "none",
        before=marks.before,
        behind=marks.behind,
        video=frames(size, marks),
    )


def positions_from(theirs: Mapping[str, Any], parts: Parts) -> Positions:
    """`rope_pos_id_version` and `rope_pos_id_stride` of V2PE's checkpoints → positions. CheckpointError for another version."""
    version = theirs.get("rope_pos_id_version") or "default"
    if version == "default":
        return Sequential()
    if version not in ("v2pe_fix", "v2pe_rnd"):
        expected = "'default', 'v2pe_fix' or 'v2pe_rnd'"
        raise CheckpointError(WHERE, f"rope_pos_id_version is {version!r}", expected, "this variant is not covered")
    tokens = (parts.encoder.side // parts.connector.factor) ** 2
    return V2pe(step=(theirs.get("rope_pos_id_stride") or STRIDE) / tokens)


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("InternVLChatModel",),
    model_from=model_from,
    names=names,
    config_to=config_to,
)
