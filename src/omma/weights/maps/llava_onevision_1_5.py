"""LLaVA-OneVision-1.5 (`ds/llavaonevision1_5` of EvolvingLMMs-Lab): config.json ↔ RICE, merger, Qwen3; tensor names ↔ ours.

Pictures at their own resolution, positions that run on through pictures. transformers has no class of it, so folders are read,
without the code that lies in them, and none is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.model.connectors.merger import Merger
from omma.model.slots import Language
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.weights.compose import encoder_from, encoder_names, language_from, language_names
from omma.weights.family import Family, Vocabulary
from omma.weights.names import Names
from omma.weights.qwen_vl_parts import OLDER, TOWER, merge_from, view_from, whole_from, words_from
from omma.weights.released import Released
from omma.weights.sight import normalised
from omma.weights.vit_names import both

MODEL_TYPE = "llavaonevision1_5"
WHERE = "config.json of LLaVA-OneVision-1.5"
MERGER = Names((*both("norm", "merger.ln_q"), *both("up", "merger.mlp.0"), *both("down", "merger.mlp.2")))


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that config.json alone describes."""

    encoder: ViT
    connector: Merger
    language: Language


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for variants that are not covered, such as the one with experts."""
    encoder = encoder_from(theirs["vision_config"], where=WHERE)
    if not isinstance(encoder, ViT):
        raise CheckpointError(WHERE, f"a vision_config of a {type(encoder).__name__}", "RICE (rice_vit)", "this is not covered")
    eps = theirs["vision_config"].get("layer_norm_eps", 1e-5)
    return Parts(
        encoder=encoder,
        connector=Merger(factor=merge_from(theirs), norm="layer", norm_eps=eps),
        language=language_from(_text(theirs), where=WHERE),
    )


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """CheckpointError: no program but its own code loads this layout."""
    raise CheckpointError(MODEL_TYPE, "a layout that only code of its own loads", "one with a class in transformers")


def names(parts: Parts | Vlm, theirs: Mapping[str, Any]) -> Names:
    """Parts and the config.json beside the tensors → names of all tensors of a `VlmModule` made of them."""
    tower = encoder_names(parts.encoder, theirs["vision_config"], TOWER)
    tower = replace(tower, unused=tuple(name for name in tower.unused if not name.endswith("merger.")))
    merger = replace(MERGER.under("connector.", TOWER), aliases=OLDER)
    return merger + tower + language_names(parts.language, _text(theirs))


def model_from(released: Released) -> Vlm:
    """Folder → the model with the view of its processors and the words of its tokenizer."""
    parts = config_from(released.config)
    return Vlm(
        view=view_from(released, whole_from(released)),
        encoder=normalised(parts.encoder, released),
        connector=parts.connector,
        language=parts.language,
        text=words_from(released),
    )


def _text(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Its text_config as Qwen3's, which it is under another name."""
    text = dict(theirs["text_config"])
    if text.get("model_type") not in ("LLaVAOneVision1_5_text", "qwen3"):
        raise CheckpointError(
            WHERE, f"a text_config of {text.get('model_type')!r}", "'LLaVAOneVision1_5_text'", "this is not covered"
        )
    tied = bool(theirs.get("tie_word_embeddings", text.get("tie_word_embeddings", False)))
    return text | {"model_type": "qwen3", "tie_word_embeddings": tied}


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("LLaVAOneVision1_5_ForConditionalGeneration",),
    model_from=model_from,
    names=names,
    config_to=config_to,
)
