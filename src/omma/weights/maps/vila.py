"""VILA-1.5 and NVILA-Lite (NVlabs/VILA, `llava_llama`): config.json of a folder in three parts ↔ tiles, SigLIP, projector; names.

`llm/`, `vision_tower/` and `mm_projector/` hold a config.json and weights each; names of their tensors stand behind the part's.
transformers has no class of it, so folders are read, without the code that lies in them, and none is written. What ends a tile is
the embedding of a line break, which becomes a learned embedding of its own here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from omma.core.errors import CheckpointError
from omma.media.views.lined_tiles import LinedTiles
from omma.model.connectors.nine_shuffle import NineShuffle
from omma.model.connectors.padded_shuffle import PaddedShuffle
from omma.model.slots import Connector, Language
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.weights.compose import language_from, language_names
from omma.weights.family import Family, Vocabulary
from omma.weights.llava_parts import tower_from
from omma.weights.maps import siglip
from omma.weights.names import Form, Names, Pair
from omma.weights.released import Released, read_released
from omma.weights.sight import normalised
from omma.weights.speech import chat_from
from omma.weights.vit_names import both

MODEL_TYPE = "llava_llama"
WHERE = "config.json of VILA"
LINE_BREAK = 198  # "\n" in the vocabularies of GPT-2, Llama 3 and Qwen
EMBEDDING = "llm.model.embed_tokens.weight"
PROJECTORS: dict[str, tuple[Connector, dict[str, str]]] = {
    "mlp_downsample": (PaddedShuffle(factor=2), {"norm": "1", "up": "2", "down": "4"}),
    "mlp_downsample_2x2_fix": (PaddedShuffle(factor=2), {"norm": "1", "up": "2", "down": "4"}),
    "mlp_downsample_3x3_fix": (
        NineShuffle(factor=3),
        {"norm": "1", "narrow": "2", "middle_norm": "4", "up": "5", "down": "7"},
    ),
}
ASPECTS = ("resize", "dynamic")
OLDER = (("vision_tower.vision_tower.vision_model.", "vision_tower."), ("vision_tower.vision_tower.", "vision_tower."))


@dataclass(frozen=True, slots=True)
class LineBreak(Form):
    """One row of the embedding; it is the embedding that is written."""

    def split(self, theirs: Tensor) -> tuple[Tensor, ...]:
        """The embedding → the row of the line break, as a matrix."""
        return (theirs[LINE_BREAK : LINE_BREAK + 1].clone(),)

    def join(self, ours: Sequence[Tensor]) -> Tensor:
        """The embedding, which comes first."""
        return ours[0]


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that config.json describes."""

    view: LinedTiles
    encoder: ViT
    connector: Connector
    language: Language


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for projectors, tilings and towers that are not covered."""
    projector, aspect = theirs["mm_projector_cfg"].get("mm_projector_type"), theirs.get("image_aspect_ratio", "resize")
    if projector not in PROJECTORS:
        raise CheckpointError(
            WHERE, f"mm_projector_type is {projector!r}", " or ".join(map(repr, PROJECTORS)), "this is not covered"
        )
    if aspect not in ASPECTS or theirs.get("s2") or theirs.get("dynamic_s2"):
        got = f"image_aspect_ratio is {aspect!r}" + (" with several scales (s2)" if aspect in ASPECTS else "")
        raise CheckpointError(WHERE, got, " or ".join(map(repr, ASPECTS)), "this way to see pictures is not covered")
    whole = {"vision_config": theirs["vision_tower_cfg"]}
    encoder = tower_from(whole, where=WHERE, strategy="full", layer=theirs.get("mm_vision_select_layer", -2))
    if encoder.class_token:
        raise CheckpointError(WHERE, "a tower with a class token", "SigLIP")
    most = theirs.get("max_tiles", 12) if aspect == "dynamic" else 1
    least = theirs.get("min_tiles", 1) if aspect == "dynamic" else 1
    return Parts(
        view=LinedTiles(size=encoder.image_size, min_tiles=least, max_tiles=most),
        encoder=encoder,
        connector=PROJECTORS[projector][0],
        language=language_from(theirs["llm_cfg"], where=WHERE),
    )


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """CheckpointError: no program but its own code loads this layout."""
    raise CheckpointError(MODEL_TYPE, "a layout that only code of its own loads", "one with a class in transformers")


def names(parts: Parts | Vlm, theirs: Mapping[str, Any]) -> Names:
    """Parts and the config.json → names of all tensors of a `VlmModule` made of them."""
    layers = PROJECTORS[theirs["mm_projector_cfg"]["mm_projector_type"]][1]
    own = [pair for ours, number in layers.items() for pair in both(f"connector.{ours}", f"mm_projector.layers.{number}")]
    assert isinstance(parts.encoder, ViT)
    tower = siglip.names(parts.encoder).under("encoder.", "vision_tower.")
    language = language_names(parts.language, theirs["llm_cfg"], (("model.", "llm.model."), ("lm_head.", "llm.lm_head.")))
    line = Names((*own, Pair("splice.layout", EMBEDDING, LineBreak(), part=1)), aliases=OLDER)
    return tower + line + language


def model_from(released: Released) -> Vlm:
    """Folder in parts → the model with the words of its language model's tokenizer. The slot token is added where it lacks."""
    spoken, seen = read_released(released.folder / "llm"), read_released(released.folder / "vision_tower")
    parts = config_from({**released.config, "llm_cfg": spoken.config, "vision_tower_cfg": seen.config})
    _check_line_break(spoken.folder)
    tower = replace(released, preprocessor=seen.preprocessor)
    return Vlm(
        view=parts.view,
        encoder=normalised(parts.encoder, tower),
        connector=parts.connector,
        language=parts.language,
        text=chat_from(spoken, image_token="<image>", vocab_size=spoken.config["vocab_size"]),
    )


def _check_line_break(folder: Path) -> None:
    """CheckpointError for a vocabulary in which a line break has another number."""
    file = folder / "tokenizer.json"
    model = json.loads(file.read_text(encoding="utf-8")).get("model", {}) if file.is_file() else {}
    found = model.get("vocab", {}).get("Ċ") if isinstance(model.get("vocab"), dict) else None
    if found != LINE_BREAK:
        raise CheckpointError(str(file), f"a line break is token {found}", str(LINE_BREAK), "this vocabulary is not covered")


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("LlavaLlamaModel",),
    model_from=model_from,
    names=names,
    config_to=config_to,
    mark="mm_projector_cfg",
    folders=("llm", "mm_projector", "vision_tower"),
)
