"""Ovis 1.0 to 1.6 and Ovis2 in their own layout (`ovis`, whose code is never run): config.json → model, tensor names ↔ ours.

AIDC-AI/Ovis v1.0, v1.5, v1.6 and v2.0: `ovis/model/modeling_ovis.py`, `visual_tokenizer/*.py`, `conversation_formatter.py`.
Features are the last of the tower's list of hidden states, which its last norm has not seen: so in AIMv2 too, where transformers'
Ovis2 norms them and vLLM does not. The table's last rows are those of the indicators, here layout embeddings: start and end of a
picture where config.json has `use_indicators` (1.0, 1.5), five around the cells of a grid where it has not. `st_argmax` passes the
gradient of a softmax, as in transformers' Ovis2; the release passes it to the scores. How many cells there may be no file says:
the code's 9.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.media.views.cells import Cells
from omma.media.views.framed import Framed
from omma.media.views.framed_quarters import FramedQuarters
from omma.model.connectors.visual_embedding import VisualEmbedding
from omma.model.slots import Language
from omma.model.vision.two_scales import TwoScales
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.schema.view import View
from omma.weights.compose import encoder_from, encoder_names, language_from, language_names
from omma.weights.family import Family
from omma.weights.maps.ovis2 import CHOICES
from omma.weights.names import Names, Pair, Rows
from omma.weights.original import moved, unwritten
from omma.weights.ovis_words import conversation, slot_token
from omma.weights.released import Released
from omma.weights.sight import RESAMPLE, mean_colour, normalised
from omma.weights.speech import chat_from
from omma.weights.vit_names import both

MODEL_TYPE, WHERE = "ovis", "config.json of Ovis"
LEAST = {"s2wrapper": 0.0, "s2wrapper-adaptive": 1.5}  # times a tile's side, from which a picture's quarters are shown
TOWERS = ("clip_visual_tokenizer", "siglip_visual_tokenizer", "aimv2_visual_tokenizer")


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that config.json alone describes."""

    view: View
    encoder: ViT | TwoScales
    connector: VisualEmbedding
    language: Language


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for variants that are not covered."""
    said = _visual(theirs)
    tower = encoder_from(said["backbone_config"], where=WHERE)
    assert isinstance(tower, ViT)
    stride, dropped = said.get("hidden_stride", 1), said.get("drop_cls_token", False) or not tower.class_token
    if not dropped and stride > 1:
        raise CheckpointError(WHERE, f"hidden_stride {stride} over a class token", "drop_cls_token", "this is not covered")
    tower = replace(tower, final_norm=False, feature_layer=-1, features="patches" if dropped else "all")
    view, encoder = sight_from(said, tower)
    words = said["vocab_size"] - view.layout_tokens
    connector = VisualEmbedding(factor=stride, words=words, choice=CHOICES[said.get("tokenize_function", "softmax")])
    if connector.choice == "gumbel" and said.get("tau", 1.0) != 1.0:
        raise CheckpointError(WHERE, f"tau is {said['tau']}", "1.0", "this is not covered")
    return Parts(view, encoder, connector, language_from(theirs["llm_config"], where=WHERE))


def sight_from(said: Mapping[str, Any], tower: ViT) -> tuple[View, ViT | TwoScales]:
    """visual_tokenizer_config and tower → view and encoder. CheckpointError for those that are not covered."""
    booster, size = said.get("hd_booster"), tower.image_size
    if "use_indicators" not in said and booster is None:
        return Cells(size=size), tower
    if not said.get("use_indicators"):
        raise CheckpointError(WHERE, "use_indicators is false", "true", "this variant is not covered")
    if booster is None:
        return Framed(size=size), tower
    if booster not in LEAST or tower.features != "patches":
        got = f"hd_booster is {booster!r}, drop_cls_token {tower.features == 'patches'}"
        raise CheckpointError(WHERE, got, f"{' or '.join(map(repr, LEAST))}, without class token", "this variant is not covered")
    return FramedQuarters(size=size, least=LEAST[booster]), TwoScales(patch=tower.patch, tower=tower, hands="wholes")


def model_from(released: Released) -> Vlm:
    """Folder → the model with the pictures and the prompts of its code. CheckpointError for other sides of tiles."""
    theirs, parts = released.config, config_from(released.config)
    slot = slot_token(released)
    told = replace(released, chat_template=conversation(theirs.get("conversation_formatter_class"), slot, where=WHERE))
    encoder = _coloured(parts.encoder, released)
    _check_sight(released, _tower(encoder).image_size)
    resample = RESAMPLE[released.preprocessor.get("resample", RESAMPLE.index("bicubic"))]
    return Vlm(
        view=replace(parts.view, fill=mean_colour(encoder), resample=resample),
        encoder=encoder,
        connector=parts.connector,
        language=parts.language,
        text=chat_from(told, image_token=slot, vocab_size=theirs["llm_config"]["vocab_size"]),
    )


def names(parts: Parts | Vlm, theirs: Mapping[str, Any]) -> Names:
    """Parts and the config.json beside the tensors → names of all tensors of a `VlmModule` made of them."""
    assert isinstance(parts.encoder, ViT | TwoScales) and isinstance(parts.connector, VisualEmbedding)
    table = Rows((parts.connector.words, parts.view.layout_tokens))
    pairs = (
        Pair("connector.head.weight", "visual_tokenizer.head.0.weight"),
        *both("connector.norm", "visual_tokenizer.head.1"),
        Pair("connector.table.weight", "vte.weight", table, 0),
        Pair("splice.layout", "vte.weight", table, 1),
    )
    tower = encoder_names(_tower(parts.encoder), _visual(theirs)["backbone_config"], "visual_tokenizer.backbone.")
    if isinstance(parts.encoder, TwoScales):
        inner = (replace(pair, ours=pair.ours.replace("encoder.", "encoder.tower.", 1)) for pair in tower.pairs)
        tower = replace(tower, pairs=tuple(inner))
    return tower + Names(pairs) + language_names(parts.language, theirs["llm_config"], moved("llm."))


def _tower(encoder: ViT | TwoScales) -> ViT:
    return encoder.tower if isinstance(encoder, TwoScales) else encoder


def _coloured(encoder: ViT | TwoScales, released: Released) -> ViT | TwoScales:
    """Encoder and the tower in it → with the mean and std of the folder's image processor."""
    tower = normalised(_tower(encoder), released)
    return replace(encoder, tower=tower, mean=tower.mean, std=tower.std) if isinstance(encoder, TwoScales) else tower


def _visual(theirs: Mapping[str, Any]) -> Mapping[str, Any]:
    said = theirs.get("visual_tokenizer_config")
    if not isinstance(said, Mapping) or said.get("model_type") not in TOWERS or "backbone_config" not in said:
        got = f"a visual tokenizer {said.get('model_type')!r}" if isinstance(said, Mapping) else "no visual_tokenizer_config"
        raise CheckpointError(WHERE, got, " or ".join(map(repr, TOWERS)), "this variant is not covered")
    return said


def _check_sight(released: Released, side: int) -> None:
    """CheckpointError where the image processor makes squares of another side than the tower's; CLIP's says it as `crop_size`."""
    said = released.preprocessor
    size = said.get("crop_size") or said.get("size")
    if size and (size.get("height"), size.get("width")) != (side, side):
        where = str(released.folder / "preprocessor_config.json")
        raise CheckpointError(where, f"size {size}", f"squares of {side} px, the image_size of config.json")


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("Ovis",),
    model_from=model_from,
    names=names,
    config_to=unwritten(MODEL_TYPE),
)
