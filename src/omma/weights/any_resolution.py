"""Any resolution: what the image processors of LLaVA-NeXT and after do to one picture ↔ BestFit."""

from collections.abc import Mapping
from typing import Any

from omma.core.errors import CheckpointError
from omma.media.views.best_fit import BestFit
from omma.model.slots import Encoder
from omma.schema.view import View
from omma.weights.released import Released
from omma.weights.sight import RESAMPLE, scaled

Pinpoints = tuple[tuple[int, int], ...]
BLACK = (0, 0, 0)


def pinpoints_from(released: Released) -> Pinpoints:
    """Folder → the sizes (height, width) that config.json lists. CheckpointError if its image processor lists others."""
    listed = _pairs(released.config["image_grid_pinpoints"])
    said = released.preprocessor.get("image_grid_pinpoints")
    if said is not None and _pairs(said) != listed:
        where = str(released.folder / "preprocessor_config.json")
        fix = "a picture would be cut otherwise than the model puts it together: copy both files of one release"
        raise CheckpointError(where, "other image_grid_pinpoints", "those of config.json", fix)
    return listed


def tile_from(released: Released, *, default_size: int) -> tuple[int, Any]:
    """Folder → side of a tile in px and how pictures are resampled. CheckpointError for tiles that are not square, or cropped."""
    said = released.preprocessor
    where = str(released.folder / "preprocessor_config.json")
    size, crop = _side(said.get("size", default_size)), _side(said.get("crop_size") or said.get("size", default_size))
    if size < 1 or crop != size:
        got = f"size {said.get('size')!r} with crop_size {said.get('crop_size')!r}"
        raise CheckpointError(where, got, "one square", "this image processor is not covered")
    if size != default_size:
        raise CheckpointError(where, f"tiles of {size} px", f"{default_size} px, the image_size of config.json")
    return size, RESAMPLE[said.get("resample", RESAMPLE.index("bicubic"))]


def image_processor(view: View, encoder: Encoder, kind: str) -> dict[str, Any]:
    """View and encoder → preprocessor_config.json of a `kind` of class. CheckpointError unless details are padded with black."""
    if not isinstance(view, BestFit) or view.fill != BLACK:
        got = f"a view {type(view).__name__}" + (f" filled with {view.fill}" if isinstance(view, BestFit) else "")
        raise CheckpointError("model.view", got, f"BestFit filled with {BLACK}", "no processor of this layout does it")
    square = {"height": view.size, "width": view.size}
    return scaled(view, encoder) | {
        "image_processor_type": kind,
        "image_grid_pinpoints": [list(pair) for pair in view.pinpoints],
        "size": square,
        "crop_size": square,
        "do_center_crop": False,
        "do_pad": True,
    }


def _pairs(listed: Any) -> Pinpoints:
    return tuple((int(height), int(width)) for height, width in listed)


def _side(size: Any) -> int:
    """A size as processors write it → side of the square in px, -1 if it is none."""
    if not isinstance(size, Mapping):
        return int(size)
    height, width = (size.get(key) or size.get("shortest_edge") or -1 for key in ("height", "width"))
    return int(height) if height == width else -1
