"""What the layouts of InternVL share: tiles with a thumbnail, InternViT without class token, pixel shuffle, frames of videos."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from omma.core.errors import CheckpointError
from omma.media.footage.frames import Frames
from omma.media.sampling import Uniform
from omma.media.views.marked_tiles import MarkedTiles
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.language.decoder import Decoder
from omma.model.positions.sequential import Sequential
from omma.model.slots import Encoder, Language
from omma.model.splices.in_context import InContext
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm

FRAMES, MIDDLE = 8, 0.5  # frames of a video that releases are asked about, and where in its stretch each is taken


@dataclass(frozen=True, slots=True)
class Marks:
    """The special tokens around the slots of a picture or a frame, and the one in a slot."""

    before: str = "<img>"
    behind: str = "</img>"
    slot: str = "<IMG_CONTEXT>"


@dataclass(frozen=True, slots=True)
class Parts:
    """The slots that the weights of an InternVL checkpoint fill."""

    encoder: ViT
    connector: PixelShuffle
    language: Language


def tower_at(tower: Encoder, layer: int, *, where: str) -> ViT:
    """Tower + the hidden state that config.json asks for → the tower that hands it on. CheckpointError for another kind."""
    if not isinstance(tower, ViT) or not tower.class_token:
        raise CheckpointError(where, f"a vision_config of a {type(tower).__name__}", "InternViT", "this tower is not covered")
    if not (1 <= layer <= tower.depth or -tower.depth <= layer <= -1):
        got, fix = f"the features of layer {layer!r}", "the state before the first block is not covered"
        raise CheckpointError(where, got, f"1 … {tower.depth}, or −1 … −{tower.depth}", fix)
    # −1 is the tower's output; any other state is one of the list, which the last norm has not seen.
    return tower if layer == -1 else replace(tower, feature_layer=layer, final_norm=False)


def factor_from(theirs: Mapping[str, Any], where: str) -> int:
    """`downsample_ratio` → patches per side that one visual token covers. CheckpointError unless it is 1 / a whole number."""
    ratio = float(theirs.get("downsample_ratio", 0.5))
    factor = round(1 / ratio) if ratio > 0 else 0
    if factor < 1 or abs(factor * ratio - 1) > 1e-9:
        raise CheckpointError(where, f"downsample_ratio is {ratio}", "1, 0.5, 0.25, …", "this variant is not covered")
    return factor


def frames(size: int, marks: Marks, count: int = FRAMES, shift: float = MIDDLE) -> Frames:
    """Side of a tile in px, marks, frames of a video → one tile for each: `Frame1: <img>…</img>`, a line break between."""
    before = "Frame{number}: " + marks.before
    return Frames(sampling=Uniform(count=count, shift=shift), size=size, before=before, behind=marks.behind, outer=("", ""))


def check_slots(model: Vlm, where: str) -> tuple[MarkedTiles, ViT, PixelShuffle, Decoder]:
    """Model → its view, tower, connector and language model. CheckpointError for parts that these layouts have no place for."""
    wanted: dict[str, tuple[type, ...]] = {
        "view": (MarkedTiles,), "encoder": (ViT,), "connector": (PixelShuffle,), "splice": (InContext,), "language": (Decoder,),
        "positions": (Sequential,),
    }  # fmt: skip
    other = {name: type(getattr(model, name)).__name__ for name, kinds in wanted.items() if type(getattr(model, name)) not in kinds}
    if model.reducers:
        other["reducers"] = str(len(model.reducers))
    if other:
        got = ", ".join(f"{name} {kind}" for name, kind in other.items())
        expected = ", ".join(kinds[0].__name__ for kinds in wanted.values())
        raise CheckpointError(where, got, expected, f"this model has no place in the layout of {where}")
    view, encoder, connector, language = model.view, model.encoder, model.connector, model.language
    assert isinstance(view, MarkedTiles) and isinstance(encoder, ViT)
    assert isinstance(connector, PixelShuffle) and isinstance(language, Decoder)
    if view.thumbnail != "last" or view.size != encoder.image_size or encoder.features != "patches" or encoder.tap_layers:
        got = f"tiles of {view.size} px, thumbnail {view.thumbnail!r}, features {encoder.features!r}, taps {encoder.tap_layers}"
        raise CheckpointError(where, got, f"tiles of {encoder.image_size} px, thumbnail 'last', features 'patches', no taps")
    if len(encoder.layers) > 1 or connector.norm_eps != PixelShuffle().norm_eps:
        got = f"layers {encoder.layers} side by side, norm_eps {connector.norm_eps}"
        raise CheckpointError(where, got, f"one layer, norm_eps {PixelShuffle().norm_eps}")
    return view, encoder, connector, language
