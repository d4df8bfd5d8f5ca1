"""LLaVA-OneVision (transformers `LlavaOnevisionForConditionalGeneration`): config.json ↔ any-resolution view, parts of LLaVA.

As LLaVA-NeXT with SigLIP, detail maps limited to about `anyres_max_N` tiles' tokens; several pictures are one padded tile each;
frames of videos have their token maps halved.
"""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.media.footage.pooled import Pooled
from omma.media.views.one_vision import OneVision
from omma.model.vlm import Vlm
from omma.weights.any_resolution import BLACK, image_processor, pinpoints_from, tile_from
from omma.weights.family import Family, Processor, Vocabulary
from omma.weights.llava_parts import (
    PORTABLE,
    LlavaParts,
    check_plain,
    encoder_of,
    projector_from,
    projector_names,
    projector_to,
    strategy_of,
    text_from,
    tower,
    tower_from,
    whole_names,
    whole_to,
    words_from,
)
from omma.weights.maps.llava_next import NEWLINE
from omma.weights.names import Names
from omma.weights.released import Released
from omma.weights.sight import RESAMPLE, scaled

MODEL_TYPE = "llava_onevision"
WHERE = "config.json of LLaVA-OneVision"
ANYRES = "anyres_max_"
VIDEO_TOKEN = "<video>"


def config_from(theirs: Mapping[str, Any]) -> LlavaParts:
    """config.json → parts. CheckpointError for towers, language models and feature choices that are not covered."""
    layer, strategy = theirs.get("vision_feature_layer", -1), theirs.get("vision_feature_select_strategy", "full")
    encoder = tower_from(theirs, where=WHERE, strategy=strategy, layer=layer)
    if encoder.features == "all":
        raise CheckpointError(WHERE, f"vision_feature_select_strategy is {strategy!r}", "'default'", "a class token has no place")
    return LlavaParts(encoder, projector_from(theirs, where=WHERE), text_from(theirs, where=WHERE))


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model and vocabulary → config.json, with the tower as deep as it was built."""
    processor = _image_processor(model)
    whole = whole_to(model, vocabulary)
    del whole["image_seq_length"]
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["LlavaOnevisionForConditionalGeneration"],
        **whole,
        **projector_to(model, MODEL_TYPE),
        "video_token_index": vocabulary.specials.get(VIDEO_TOKEN, -1),
        "image_grid_pinpoints": processor["image_grid_pinpoints"],
        "vision_aspect_ratio": _aspect_to(model),
        "use_image_newline_parameter": True,
    }


def names(parts: LlavaParts | Vlm, theirs: Mapping[str, Any]) -> Names:
    """Parts and the config.json beside the tensors → names of all tensors of a `VlmModule` made of them."""
    return whole_names(parts, theirs, projector_names(parts, MODEL_TYPE)) + NEWLINE


def model_from(released: Released) -> Vlm:
    """A LLaVA-OneVision folder → the model with the view of its processors and the words of its tokenizer."""
    parts = config_from(released.config)
    size, resample = tile_from(released, default_size=parts.encoder.image_size)
    encoder = encoder_of(parts, released)
    red, green, blue = (int(255 * value) for value in encoder.mean)
    view = OneVision(
        size=size,
        pinpoints=pinpoints_from(released),
        max_tiles=_max_tiles(released.config.get("vision_aspect_ratio", f"{ANYRES}9")),
        fill=BLACK,
        around=(red, green, blue),
        resample=resample,
        video=Pooled(size=size),
    )
    return Vlm(view=view, encoder=encoder, connector=parts.connector, language=parts.language, text=words_from(released))


def vlm_config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model → config.json. CheckpointError for a model with parts that the layout has no place for."""
    check_plain(model, MODEL_TYPE, layout_tokens=1)
    return config_to(model, vocabulary)


def processor_to(model: Vlm) -> Processor:
    """Model → what LlavaOnevisionProcessor must do."""
    encoder = tower(model)
    slots: dict[str, Any] = {
        "processor_class": "LlavaOnevisionProcessor",
        "num_image_tokens": encoder.side**2,
        "vision_feature_select_strategy": strategy_of(encoder),
        "vision_aspect_ratio": _aspect_to(model),
        "video_token": VIDEO_TOKEN,
    }
    if isinstance(model.view.video, Pooled):
        slots["video_processor"] = _video_processor(model, model.view.video)
    return Processor(image=_image_processor(model), slots=slots)


def _video_processor(model: Vlm, video: Pooled) -> dict[str, Any]:
    """Frames are squashed bicubically; as in releases, whoever asks chooses them."""
    square = {"height": video.size, "width": video.size}
    shown = {"size": square, "resample": RESAMPLE.index("bicubic"), "do_sample_frames": False}
    return scaled(model.view, model.encoder) | shown | {"video_processor_type": "LlavaOnevisionVideoProcessor"}


def _max_tiles(said: str) -> int:
    number = said.removeprefix(ANYRES)
    if not said.startswith(ANYRES) or not number.isdigit():
        raise CheckpointError(WHERE, f"vision_aspect_ratio is {said!r}", f"'{ANYRES}9' or another number", "this is not covered")
    return int(number)


def _aspect_to(model: Vlm) -> str:
    view = model.view
    assert isinstance(view, OneVision)
    return f"{ANYRES}{view.max_tiles}"


def _image_processor(model: Vlm) -> dict[str, Any]:
    view, mean = model.view, tuple(int(255 * value) for value in model.encoder.mean)
    if not isinstance(view, OneVision) or view.around != mean:
        got = f"a view {type(view).__name__}" + (f" with {view.around} around" if isinstance(view, OneVision) else "")
        raise CheckpointError("model.view", got, f"OneVision with the mean {mean} around several pictures")
    return image_processor(view, model.encoder, "LlavaOnevisionImageProcessor")


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("LlavaOnevisionForConditionalGeneration",),
    model_from=model_from,
    names=names,
    config_to=vlm_config_to,
    processor_to=processor_to,
    portable=PORTABLE,
)
