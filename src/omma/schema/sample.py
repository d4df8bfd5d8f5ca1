"""Sample: one example of any kind, from a reader to a score. Pictures are named, never held.

Sample ↔ JSON-ready dict by `to_dict` / `from_dict`; one sample is one row of a manifest.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
Order = Literal["xyxy", "xywh", "cxcywh"]
Frame = Literal["px", "unit", "k1000", "view_px", "view_unit", "view_k1000"]


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or video by name. `uri` is relative to the data root: `a/b.jpg`, `shard.tar#member.jpg`, `part.parquet#row:column`.

    `sha256` (of the stored bytes), `width` and `height` (px, upright), for a video also its number of `frames` and `fps`
    (frames a second), are empty or 0 until curation has looked.
    """

    uri: str
    kind: Literal["image", "video"] = "image"
    sha256: str = ""
    width: int = 0
    height: int = 0
    frames: int = 0
    fps: float = 0.0


@dataclass(frozen=True, slots=True)
class Region:
    """A place in a picture: `box` in `order` and `frame` (of the picture as stored, upright), or a polygon, with a label."""

    media: int
    box: tuple[float, float, float, float]
    order: Order = "xyxy"
    frame: Frame = "px"
    label: str = ""
    polygon: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a turn: text, or a reference by index to one of the sample's media or regions."""

    kind: Literal["text", "image", "video", "region"]
    text: str = ""
    index: int = -1


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says: interleaved parts in reading order."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The text parts joined, without media and regions."""
        return "".join([part.text for part in self.parts if part.kind == "text"])


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption and where it came from: `origin` is `alt`, `human`, or the name of the model that wrote it."""

    text: str
    origin: str = "human"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reply is checked against: any of `texts`, or a `region`; `choices` for multiple choice."""

    texts: tuple[str, ...] = ()
    region: Region | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sample:
    """One example. Either `turns` (a conversation) or `captions` of the media are filled, or both.

    `task` groups samples for scores and mixtures (`caption`, `count`, ...). `chosen` and `rejected` are alternative
    last replies for preference learning. `meta` holds plain values only.
    """

    id: str
    source: str
    task: str = ""
    media: tuple[Media, ...] = ()
    turns: tuple[Turn, ...] = ()
    captions: tuple[Caption, ...] = ()
    regions: tuple[Region, ...] = ()
    answer: Answer | None = None
    chosen: tuple[Turn, ...] = ()
    rejected: tuple[Turn, ...] = ()
    meta: dict[str, str | int | float | bool] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready dict; fields that hold their default are left out."""
        return _plain(self)

    @staticmethod
    def from_dict(data: dict[str, Any]) -> "Sample":
        """Inverse of `to_dict`. KeyError or TypeError if it is not one."""
        return Sample(data["id"], data["source"], **{name: _MAKE[name](value) for name, value in data.items() if name in _MAKE})


# Fields of each type and what they hold unless they are given; a required one differs from everything.
_DEFAULTS: dict[type, tuple[tuple[str, Any], ...]] = {
    kind: tuple((f.name, f.default_factory() if callable(f.default_factory) else f.default) for f in dataclasses.fields(kind))
    for kind in (Media, Region, Part, Turn, Caption, Answer, Sample)
}


def _plain(value: Any) -> Any:
    """Doorway types → dicts of what differs from the default. Written by hand: `dataclasses.asdict` takes thrice as long."""
    if isinstance(value, tuple):
        return tuple([_plain(item) for item in value])
    if type(value) not in _DEFAULTS:
        return value
    kept = {}
    for name, default in _DEFAULTS[type(value)]:
        item = getattr(value, name)
        if item is not default and item != default:
            kept[name] = item if isinstance(item, (str, int, float)) else _plain(item)
    return kept


def _turns(items: Any) -> tuple[Turn, ...]:
    return tuple([Turn(item["role"], tuple([Part(**part) for part in item["parts"]])) for item in items])


def _region(item: dict[str, Any]) -> Region:
    polygon = tuple(tuple(ring) for ring in item.get("polygon", ()))
    return Region(**(item | {"box": tuple(item["box"]), "polygon": polygon}))


def _answer(item: dict[str, Any]) -> Answer:
    region = item.get("region")
    return Answer(tuple(item.get("texts", ())), None if region is None else _region(region), tuple(item.get("choices", ())))


# What makes the value of each field of a sample from its JSON; only those that are there are made: most samples have few.
_MAKE: dict[str, Callable[[Any], Any]] = {
    "task": str,
    "media": lambda items: tuple([Media(**item) for item in items]),
    "turns": _turns,
    "captions": lambda items: tuple([Caption(**item) for item in items]),
    "regions": lambda items: tuple([_region(item) for item in items]),
    "answer": lambda item: None if item is None else _answer(item),
    "chosen": _turns,
    "rejected": _turns,
    "meta": dict,
}
