"""Mini-Gemini (dvlab-research/MGM `MGMLlamaForCausalLM`, whose code is never run): config.json → two towers, mining, Llama; names.

config.json knows the towers only by the folders that they were copied from, so those are known here by the folder's name. One
square tile of 768 px is cut in patches of 32 px: ConvNeXt sees it as it is, CLIP as the release makes it of the same pixels, 336 px
bilinearly without antialiasing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, TypeVar

from omma.core.errors import CheckpointError
from omma.media.views.crop import Crop
from omma.media.views.pad import Pad
from omma.model.connectors.patch_info_mining import PatchInfoMining
from omma.model.slots import Language
from omma.model.vision.conv_next import ConvNext
from omma.model.vision.fusion import Fusion
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.schema.view import View
from omma.weights.compose import language_from, language_names
from omma.weights.family import Family
from omma.weights.maps import clip, convnext
from omma.weights.maps.eve import TEMPLATE
from omma.weights.names import Names, Pair
from omma.weights.original import unwritten
from omma.weights.released import Released
from omma.weights.speech import chat_from
from omma.weights.vit_names import OPENAI, both

MODEL_TYPE, WHERE = "mgm", "config.json of Mini-Gemini"
IMAGE_TOKEN = "<image>"
# config.json of openai/clip-vit-large-patch14-336
CLIP_L = {
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "patch_size": 14,
    "image_size": 336, "hidden_act": "quick_gelu",
}  # fmt: skip
TOWERS: dict[str, Mapping[str, Any]] = {"clip-vit-large-patch14-336": CLIP_L}
# laion/CLIP-convnext_large_d_320.laion2B-s29B-b131K-ft-soup: timm's convnext_large, all stages
CONVNEXT_L = ConvNext(widths=(192, 384, 768, 1536), depths=(3, 3, 27, 3), features="cells", **OPENAI)
FINER = {"openclip-convnext-large-d-320-laion2B-s29B-b131K-ft-soup": CONVNEXT_L}
TRUNK = replace(convnext.TIMM, stem="vision_stem.0", stem_norm="vision_stem.1", stages="vision_stages")
CLIP_AT, FINER_AT = "model.vision_tower.vision_tower.", "model.vision_tower_aux."
CONNECTOR = {
    "query_norm": "vlm_uni_query_projector.0",
    "query": "vlm_uni_query_projector.1",
    "key_norm": "vlm_uni_aux_projector.0",
    "key": "vlm_uni_aux_projector.1",
    "value_norm": "vlm_uni_val_projector.0",
    "value": "vlm_uni_val_projector.1",
    "up": "mm_projector.0",
    "down": "mm_projector.2",
}
Known = TypeVar("Known")
EXPECTED = {"mm_projector_type": "mlp2x_gelu", "mm_vision_select_feature": "patch", "image_grid": 1}


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that config.json describes."""

    view: View
    encoder: Fusion
    connector: PatchInfoMining
    language: Language


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for other towers, projectors and sizes, and the HD models (`image_grid`)."""
    for key, value in EXPECTED.items():
        if theirs.get(key, value) != value:
            raise CheckpointError(WHERE, f"{key} is {theirs[key]!r}", repr(value), "this variant is not covered")
    coarse = clip.config_from(_known(theirs, "mm_vision_tower", TOWERS), theirs.get("mm_vision_select_layer", -2))
    fine, size = _known(theirs, "mm_vision_tower_aux", FINER), theirs.get("image_size_aux", 320)
    if size != fine.patch * coarse.side:
        fix = "each patch of the coarser tower must cover one of the finer"
        raise CheckpointError(WHERE, f"image_size_aux is {size}", str(fine.patch * coarse.side), fix)
    red, green, blue = (int(255 * value) for value in coarse.mean)
    padded = theirs.get("image_aspect_ratio") == "pad"
    return Parts(
        view=Pad(size=size, fill=(red, green, blue)) if padded else Crop(size=size, edge=size),
        encoder=Fusion(patch=fine.patch, encoders=(coarse, fine), zooms=(1, 1), how="taps", resample="bilinear"),
        connector=PatchInfoMining(fine_width=fine.cell_width),
        language=language_from({**theirs, "model_type": "llama"}, where=WHERE),
    )


def names(parts: Parts | Vlm, theirs: Mapping[str, Any]) -> Names:
    """Parts and the config.json beside the tensors → names of all tensors of a `VlmModule` made of them."""
    assert isinstance(parts.encoder, Fusion)
    coarse, fine = parts.encoder.encoders
    assert isinstance(coarse, ViT) and isinstance(fine, ConvNext)
    own: list[Pair] = [pair for ours, name in CONNECTOR.items() for pair in both(f"connector.{ours}", f"model.{name}")]
    return (
        clip.names(coarse).under("encoder.encoders.0.", CLIP_AT)
        + convnext.spelled(fine, TRUNK).under("encoder.encoders.1.", FINER_AT)
        + Names(tuple(own))
        + language_names(parts.language, {**theirs, "model_type": "llama"}, ())
    )


def model_from(released: Released) -> Vlm:
    """Folder → the model with Vicuna's conversation, or that of its tokenizer if it brings one."""
    parts, theirs = config_from(released.config), released.config
    spoken = replace(released, chat_template=released.chat_template or TEMPLATE)
    return Vlm(
        view=parts.view,
        encoder=parts.encoder,
        connector=parts.connector,
        language=parts.language,
        text=chat_from(spoken, image_token=IMAGE_TOKEN, vocab_size=theirs["vocab_size"]),
    )


def _known(theirs: Mapping[str, Any], key: str, known: Mapping[str, Known]) -> Known:
    """What a key of config.json names by the last part of a folder's path; CheckpointError for another."""
    said = str(theirs.get(key, ""))
    name = PurePosixPath(said).name
    if name not in known:
        raise CheckpointError(WHERE, f"{key} is {said!r}", f"a folder {' or '.join(known)}", "this tower is not covered")
    return known[name]


config_to = unwritten(MODEL_TYPE)

FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("MGMLlamaForCausalLM",),
    model_from=model_from,
    names=names,
    config_to=config_to,
)
