"""What the layouts of Qwen2-VL, Qwen2.5-VL and Qwen3-VL share: pictures and videos near their own size, merged patches, names."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from omma.core.errors import CheckpointError
from omma.media.footage.stamped import Stamped
from omma.media.footage.whole import Whole
from omma.media.sampling import Endwise, Stepwise
from omma.media.views.native import Native
from omma.model.connectors.merger import Merger
from omma.model.language.decoder import Decoder
from omma.model.positions.mrope import MRope
from omma.model.slots import Encoder, Language
from omma.model.vision.native import NativeViT
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.schema.view import Footage
from omma.weights.compose import encoder_names, language_names
from omma.weights.family import Processor, Vocabulary
from omma.weights.names import Names
from omma.weights.released import Released
from omma.weights.sight import RESAMPLE
from omma.weights.speech import chat_from

TOWER = "model.visual."
OLDER = (
    ("visual.", TOWER),
    ("model.visual.", TOWER),
    ("model.language_model.", "model.language_model."),
    ("model.", "model.language_model."),
)
PORTABLE = ((TOWER, "visual."), ("model.language_model.", "model."))
BICUBIC = RESAMPLE.index("bicubic")
TOKENS = {"video_token_id": "<|video_pad|>", "vision_start_token_id": "<|vision_start|>", "vision_end_token_id": "<|vision_end|>"}


def view_from(released: Released, video: Footage) -> Native:
    """preprocessor_config.json (the class's own bounds where there is none) → view that sees videos as `video` does."""
    said, own = released.preprocessor, Native()
    low, high = bounds_from(said, own.min_pixels, own.max_pixels)
    if said.get("do_resize") is False:
        where = str(released.folder / "preprocessor_config.json")
        raise CheckpointError(where, "do_resize is false", "pictures that are resized", "this image processor is not covered")
    resample: Any = RESAMPLE[said.get("resample", BICUBIC)]
    return Native(min_pixels=low, max_pixels=high, resample=resample, video=video)


def bounds_from(said: Mapping[str, Any], low: int, high: int) -> tuple[int, int]:
    """What a processor says of sizes, in the present spelling or the older one → smallest and largest area in px."""
    size = said.get("size") or {}
    return said.get("min_pixels") or size.get("shortest_edge", low), said.get("max_pixels") or size.get("longest_edge", high)


def whole_from(released: Released) -> Whole:
    """video_preprocessor_config.json (the class's own numbers where there is none) → videos as one block of tokens."""
    own, said = Whole(), released.video
    low, high = bounds_from(said, own.min_pixels, own.max_pixels)
    total = said.get("max_video_tokens") or own.total_tokens
    return Whole(min_pixels=low, max_pixels=high, total_tokens=total, sampling=Stepwise(**_pace(said)))


def stamped_from(released: Released) -> Stamped:
    """video_preprocessor_config.json (the class's own numbers where there is none) → videos as steps with their times."""
    own, said = Stamped(), released.video
    low, high = bounds_from(said, own.min_pixels, own.max_pixels)
    share: Literal["clip", "frame"] = "frame" if said.get("cap_pixels_per_frame") else "clip"
    tokens = said.get("max_video_tokens") or own.frame_tokens
    return Stamped(min_pixels=low, max_pixels=high, share=share, frame_tokens=tokens, sampling=Endwise(**_pace(said)))


def _pace(said: Mapping[str, Any]) -> dict[str, Any]:
    return {key: said[key] for key in ("fps", "min_frames", "max_frames") if said.get(key)}


def merge_from(theirs: Mapping[str, Any]) -> int:
    """config.json → patches per side that one visual token covers."""
    return int(theirs["vision_config"].get("spatial_merge_size", 2))


def text_from(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """config.json → its text_config, tied as the whole says: what the part says of it is not read."""
    return {**theirs["text_config"], "tie_word_embeddings": bool(theirs.get("tie_word_embeddings", False))}


def words_from(released: Released) -> Chat:
    """Folder → text slot with the image token that config.json names."""
    image = released.token(released.config["image_token_id"], key="image_token_id")
    return chat_from(released, image_token=image, vocab_size=released.config["text_config"]["vocab_size"])


def whole_to(
    model: Vlm, vocabulary: Vocabulary, *, model_type: str, architecture: str, vision: dict[str, Any], text: dict[str, Any]
) -> dict[str, Any]:
    """Model and its parts' configs → config.json."""
    ids = {key: vocabulary.specials.get(token, -1) for key, token in TOKENS.items()}
    return {
        "model_type": model_type,
        "architectures": [architecture],
        "image_token_id": vocabulary.image_id,
        **ids,
        "vision_config": vision | {"spatial_merge_size": model.connector.merge},
        "text_config": text,
        "tie_word_embeddings": text["tie_word_embeddings"],
    }


def check_merger(connector: Merger, norm: str, where: str) -> None:
    """CheckpointError unless the merger norms patches as the layout does."""
    if connector.norm != norm or connector.norm_eps != 1e-6:
        got = f"Merger(norm={connector.norm!r}, norm_eps={connector.norm_eps})"
        raise CheckpointError(where, got, f"norm={norm!r}, norm_eps=1e-06", f"this model has no place in the layout of {where}")


def whole_names(encoder: Encoder, language: Language, said: Mapping[str, Any], connector: Names) -> Names:
    """Parts, their config.json and the connector's names below the tower → names of all tensors, in memory and in files."""
    tower = encoder_names(encoder, said["vision_config"], TOWER)
    merger = replace(connector.under("connector.", TOWER), aliases=OLDER)
    return merger + tower + language_names(language, said["text_config"])


def tower_of(model: Vlm, where: str) -> NativeViT:
    """Model → its tower. CheckpointError for one of another kind."""
    if not isinstance(model.encoder, NativeViT):
        raise CheckpointError(where, f"an encoder {type(model.encoder).__name__}", "a NativeViT")
    return model.encoder


def decoder_of(model: Vlm, where: str) -> Decoder:
    """Model → its language model. CheckpointError for one of another kind."""
    if not isinstance(model.language, Decoder):
        raise CheckpointError(where, f"a language model {type(model.language).__name__}", "a Decoder")
    return model.language


def check_slots(model: Vlm, where: str, *, connector: type, splice: type, positions: MRope | None, video: type[Footage]) -> None:
    """CheckpointError unless the slots around tower and language model are those that the layout has a place for."""
    wanted = {"view": Native, "connector": connector, "splice": splice, "positions": MRope}
    other = {name: type(getattr(model, name)).__name__ for name, kind in wanted.items() if type(getattr(model, name)) is not kind}
    if model.reducers:
        other["reducers"] = str(len(model.reducers))
    if positions is not None and model.positions != positions:
        other["positions"] = repr(model.positions)
    if type(model.view.video) not in (video, Footage):
        other["view.video"] = type(model.view.video).__name__
    if other:
        got = ", ".join(f"{name} {kind}" for name, kind in other.items())
        expected = ", ".join(kind.__name__ for kind in (*wanted.values(), video))
        raise CheckpointError(where, got, expected, f"this model has no place in the layout of {where}")


def processor_to(model: Vlm, processor_class: str, video_class: str) -> Processor:
    """Model → what the image, video and text processors of transformers must do."""
    view, unit = model.view, model.unit
    assert isinstance(view, Native)
    common = {
        "do_resize": True,
        "resample": RESAMPLE.index(view.resample),
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(model.encoder.mean),
        "image_std": list(model.encoder.std),
        "do_convert_rgb": True,
        "patch_size": unit.patch,
        "temporal_patch_size": unit.temporal,
        "merge_size": unit.merge,
    }
    # min_pixels and max_pixels are what transformers before 4.54 read instead of size
    image = common | _bounds_to(view.min_pixels, view.max_pixels) | {"image_processor_type": "Qwen2VLImageProcessor"}
    slots: dict[str, Any] = {"processor_class": processor_class}
    if isinstance(view.video, Whole | Stamped):
        slots["video_processor"] = common | _video_to(view.video) | {"video_processor_type": video_class}
    return Processor(image=image, slots=slots)


def _bounds_to(low: int, high: int) -> dict[str, Any]:
    return {"size": {"shortest_edge": low, "longest_edge": high}, "min_pixels": low, "max_pixels": high}


def _video_to(video: Whole | Stamped) -> dict[str, Any]:
    sampling, paced = video.sampling, {}
    if isinstance(sampling, Stepwise | Endwise):
        paced = {"fps": sampling.fps, "min_frames": sampling.min_frames, "max_frames": sampling.max_frames}
    capped = isinstance(video, Whole) or video.share == "frame"
    tokens = video.total_tokens if isinstance(video, Whole) else video.frame_tokens
    budget = {"cap_pixels_per_frame": capped, "max_video_tokens": tokens, "do_sample_frames": bool(paced)}
    return _bounds_to(video.min_pixels, video.max_pixels) | paced | budget
