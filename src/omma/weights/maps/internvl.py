"""InternVL 2.5, 3 and 3.5 in transformers' own layout (`InternVLForConditionalGeneration`, releases named …-hf).

config.json ↔ tiles, InternViT, pixel shuffle, any language family that `maps/` has; tensor names ↔ ours.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.media.footage.frames import Frames
from omma.media.sampling import Uniform
from omma.media.views.marked_tiles import MarkedTiles
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.schema.view import Footage
from omma.weights.any_resolution import tile_from
from omma.weights.compose import encoder_from, encoder_names, encoder_to, language_from, language_names, language_to
from omma.weights.family import Family, Processor, Vocabulary
from omma.weights.internvl_parts import FRAMES, MIDDLE, Marks, Parts, check_slots, factor_from, frames, tower_at
from omma.weights.names import Names
from omma.weights.released import Released
from omma.weights.sight import RESAMPLE, normalised
from omma.weights.speech import chat_from
from omma.weights.vit_names import both

MODEL_TYPE = "internvl"
WHERE = "config.json of InternVL"
VIDEO_TOKEN = "<video>"
TOKENS = {"before": "start_image_token", "behind": "end_image_token", "slot": "context_image_token"}
PROJECTOR = Names(
    (
        *both("norm", "multi_modal_projector.layer_norm"),
        *both("up", "multi_modal_projector.linear_1"),
        *both("down", "multi_modal_projector.linear_2"),
    )
)
OLDER = (
    ("language_model.model.", "model.language_model."),
    ("language_model.lm_head.", "lm_head."),
    ("vision_tower.", "model.vision_tower."),
    ("multi_modal_projector.", "model.multi_modal_projector."),
)


def config_from(theirs: Mapping[str, Any]) -> Parts:
    """config.json → parts. CheckpointError for towers, language models and feature choices that are not covered."""
    strategy, activation = theirs.get("vision_feature_select_strategy", "default"), theirs.get("projector_hidden_act", "gelu")
    if strategy != "default":
        raise CheckpointError(WHERE, f"vision_feature_select_strategy is {strategy!r}", "'default'", "a class token has no place")
    if activation != "gelu":
        raise CheckpointError(WHERE, f"projector_hidden_act is {activation!r}", "'gelu'", "this variant is not covered")
    layer = theirs.get("vision_feature_layer", -1)
    if not isinstance(layer, int):
        raise CheckpointError(WHERE, f"vision_feature_layer is {layer!r}", "one number")
    text = {**theirs["text_config"], "tie_word_embeddings": bool(theirs.get("tie_word_embeddings", True))}
    return Parts(
        encoder=tower_at(encoder_from(theirs["vision_config"], where=WHERE), layer, where=WHERE),
        connector=PixelShuffle(factor=factor_from(theirs, WHERE)),
        language=language_from(text, where=WHERE),
    )


def config_to(model: Vlm, vocabulary: Vocabulary) -> dict[str, Any]:
    """Model → config.json, with the tower as deep as it was built. CheckpointError for parts that the layout has no place for."""
    view, encoder, connector, decoder = check_slots(model, MODEL_TYPE)
    _video_to(view)
    language = language_to(decoder, Vocabulary(vocabulary.size, ids=vocabulary.ids))
    return {
        "model_type": MODEL_TYPE,
        "architectures": ["InternVLForConditionalGeneration"],
        "vision_config": encoder_to(encoder),
        "text_config": language,
        "image_token_id": vocabulary.image_id,
        "image_seq_length": (encoder.side // connector.factor) ** 2,
        "downsample_ratio": 1 / connector.factor,
        "projector_hidden_act": "gelu",
        "vision_feature_layer": -1,
        "vision_feature_select_strategy": "default",
        "tie_word_embeddings": decoder.tied,
    }


def names(parts: Parts | Vlm, theirs: Mapping[str, Any]) -> Names:
    """Parts and the config.json beside the tensors → names of all tensors of a `VlmModule` made of them."""
    projector = replace(PROJECTOR.under("connector.", "model."), aliases=OLDER)
    return encoder_names(parts.encoder, theirs["vision_config"]) + projector + language_names(parts.language, theirs["text_config"])


def model_from(released: Released) -> Vlm:
    """Folder → the model with the view of its processors and the words of its tokenizer."""
    parts, theirs = config_from(released.config), released.config
    size, resample = tile_from(released, default_size=parts.encoder.image_size)
    marks = marks_from(released)
    said = released.preprocessor
    view = MarkedTiles(
        size=size,
        min_tiles=said.get("min_patches", 1),
        max_tiles=said.get("max_patches", 12),
        before=marks.before,
        behind=marks.behind,
        resample=resample,
        video=_video_from(released, size, marks),
    )
    text = chat_from(released, image_token=marks.slot, vocab_size=theirs["text_config"]["vocab_size"])
    encoder = normalised(parts.encoder, released)
    return Vlm(view=view, encoder=encoder, connector=parts.connector, language=parts.language, text=text)


def marks_from(released: Released) -> Marks:
    """Folder → what its tokenizer calls the tokens of a picture. CheckpointError if config.json names another slot."""
    extra = released.tokenizer.get("extra_special_tokens")
    listed = (dict(extra) if isinstance(extra, Mapping) else {}) | dict(released.tokenizer)
    marks = Marks(**{field: _content(listed[key]) for field, key in TOKENS.items() if key in listed})
    slot = released.token(released.config["image_token_id"], key="image_token_id")
    if slot != marks.slot:
        got = f"image_token_id is {slot!r}, context_image_token is {marks.slot!r}"
        raise CheckpointError(released.where, got, "the same token", "copy all files of one release")
    return marks


def processor_to(model: Vlm) -> Processor:
    """Model → what InternVLProcessor must do."""
    view, encoder, connector, _ = check_slots(model, MODEL_TYPE)
    square = {"height": view.size, "width": view.size}
    common = {
        "size": square,
        "do_resize": True,
        "resample": RESAMPLE.index(view.resample),
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(encoder.mean),
        "image_std": list(encoder.std),
        "do_convert_rgb": True,
    }
    tiles = {"crop_to_patches": True, "min_patches": view.min_tiles, "max_patches": view.max_tiles}
    slots: dict[str, Any] = {
        "processor_class": "InternVLProcessor",
        "image_seq_length": (encoder.side // connector.factor) ** 2,
    }
    video = _video_to(view)
    if video:
        slots["video_processor"] = common | video | {"video_processor_type": "InternVLVideoProcessor"}
    tokens = {"start_image_token": view.before, "end_image_token": view.behind, "video_token": VIDEO_TOKEN}
    assert isinstance(model.text, Chat)
    words = tokens | {"context_image_token": model.text.template.image}
    return Processor(image=common | tiles | {"image_processor_type": "GotOcr2ImageProcessor"}, slots=slots, tokens=words)


def _content(token: Any) -> str:
    return str(token["content"]) if isinstance(token, Mapping) else str(token)


def _video_from(released: Released, size: int, marks: Marks) -> Frames:
    said = released.video
    shift = said.get("initial_shift", True)
    if not isinstance(shift, bool):
        where = str(released.folder / "video_preprocessor_config.json")
        raise CheckpointError(where, f"initial_shift is {shift!r}", "true or false", "this variant is not covered")
    return frames(size, marks, said.get("num_frames") or FRAMES, MIDDLE if shift else 0.0)


def _video_to(view: MarkedTiles) -> dict[str, Any]:
    """What a video processor must know; {} for a model that sees none. CheckpointError for other footage."""
    video, marks = view.video, Marks(view.before, view.behind)
    if type(video) is Footage:
        return {}
    if not isinstance(video, Frames) or not isinstance(video.sampling, Uniform):
        raise CheckpointError(MODEL_TYPE, f"videos seen as {type(video).__name__}", "Frames at equal distances")
    own = frames(view.size, marks, video.sampling.count, video.sampling.shift)
    if video != own or video.sampling.shift not in (0.0, MIDDLE):
        raise CheckpointError(MODEL_TYPE, f"videos seen as {video}", f"{own}")
    return {"num_frames": video.sampling.count, "initial_shift": video.sampling.shift == MIDDLE, "do_sample_frames": True}


FAMILY = Family(
    kind="vlm",
    part=Vlm,
    model_types=(MODEL_TYPE,),
    architectures=("InternVLForConditionalGeneration",),
    model_from=model_from,
    names=names,
    config_to=config_to,
    processor_to=processor_to,
    portable=tuple((new, old) for old, new in OLDER),
)
