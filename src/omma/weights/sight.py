"""Sight: what a released image processor does to one picture ↔ View, mean and std."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, TypeVar

from omma.core.errors import CheckpointError
from omma.media.views.crop import Crop
from omma.media.views.fixed import Fixed
from omma.media.views.pad import Pad
from omma.model.slots import Encoder
from omma.schema.view import View
from omma.weights.released import Released

Resample = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
RESAMPLE: tuple[Resample, ...] = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")  # by Pillow's numbers
Tower = TypeVar("Tower", bound=Encoder)


def view_from(released: Released, *, default_size: int) -> View:
    """preprocessor_config.json (a square of `default_size` px where there is none) → view.

    CheckpointError for processors that do something else than one resized, padded or cropped square.
    """
    said = released.preprocessor
    if not said:
        return Fixed(size=default_size)
    where = str(released.folder / "preprocessor_config.json")
    size = said.get("size", default_size)
    resample = RESAMPLE[said.get("resample", RESAMPLE.index("bicubic"))]
    crop = _side(said.get("crop_size", size)) if said.get("do_center_crop") else 0
    if said.get("do_pad"):
        mean = said.get("image_mean", (0.5, 0.5, 0.5))
        red, green, blue = (int(255 * value) for value in mean)
        return Pad(size=crop or _side(size), fill=(red, green, blue), resample=resample)
    if isinstance(size, Mapping) and size.get("shortest_edge", 0) >= crop > 0:
        return Crop(size=crop, edge=size["shortest_edge"], resample=resample)
    if isinstance(size, Mapping) and "shortest_edge" not in size and _side(size) in (crop or _side(size),):
        return Fixed(size=_side(size), resample=resample)
    raise CheckpointError(where, f"size {size!r} with crop_size {crop}", "one square", "this image processor is not covered")


def normalised(encoder: Tower, released: Released) -> Tower:
    """Encoder → with the mean and std that preprocessor_config.json states, if it does."""
    said = released.preprocessor
    if "image_mean" not in said or "image_std" not in said:
        return encoder
    return replace(encoder, mean=tuple(said["image_mean"]), std=tuple(said["image_std"]))


def mean_colour(encoder: Encoder) -> tuple[float, float, float]:
    """Encoder → the colour that becomes zero when it normalises."""
    red, green, blue = (255 * value for value in encoder.mean)
    return red, green, blue


def scaled(view: View, encoder: Encoder) -> dict[str, Any]:
    """View and encoder → what every image processor says of resizing and of values."""
    return {
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(encoder.mean),
        "image_std": list(encoder.std),
        "resample": RESAMPLE.index(view.resample),
        "do_convert_rgb": True,
        "do_resize": True,
    }


def image_processor(view: View, encoder: Encoder) -> dict[str, Any]:
    """View and encoder → preprocessor_config.json of one square. CheckpointError for a view that no such processor does."""
    common = scaled(view, encoder)
    if isinstance(view, Fixed):
        square = {"height": view.size, "width": view.size}
        return common | {"image_processor_type": "CLIPImageProcessor", "size": square, "do_center_crop": False, "crop_size": square}
    if isinstance(view, Crop):
        crop = {"height": view.size, "width": view.size}
        size = {"shortest_edge": view.edge}
        return common | {"image_processor_type": "CLIPImageProcessor", "size": size, "do_center_crop": True, "crop_size": crop}
    mean = tuple(int(255 * value) for value in encoder.mean)
    if isinstance(view, Pad) and view.fill == mean:
        square = {"height": view.size, "width": view.size}
        return common | {"image_processor_type": "LlavaImageProcessor", "do_pad": True, "size": {"shortest_edge": view.size},
                         "do_center_crop": True, "crop_size": square}  # fmt: skip
    got = f"a view {type(view).__name__}" + (f" filled with {view.fill}" if isinstance(view, Pad) else "")
    expected = f"Fixed, Crop, or Pad filled with the mean {mean}"
    raise CheckpointError("model.view", got, expected, "no image processor of this layout does it")


def _side(size: Any) -> int:
    """A size as processors write it → side of the square in px, -1 if it is none."""
    if isinstance(size, Mapping):
        height, width = size.get("height", size.get("shortest_edge", -1)), size.get("width", size.get("shortest_edge", -1))
        return int(height) if height == width else -1
    return int(size)
