"""Telling: entries, samples and lives → plain values that the page reads. Numbers that JSON cannot say become null."""

import math
from dataclasses import fields, is_dataclass
from typing import Any

from omma.core.errors import DataError
from omma.curate.operator import words_of
from omma.media.geometry import from_frame, reorder, whole
from omma.report.browse.copies import Group
from omma.report.browse.index import Entry, Index
from omma.report.browse.life import Life
from omma.report.browse.selection import Page
from omma.schema.sample import Media, Part, Region, Sample, Turn

CARD = 280  # letters of a card's text


def plain(value: Any) -> Any:
    """Dataclasses, tuples and numbers → what JSON holds."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def page_of(index: Index, page: Page) -> dict[str, Any]:
    """Page → total and cards."""
    samples = index.samples([entry.n for entry, _ in page.rows])
    return {"total": page.total, "rows": [card(entry, samples.get(entry.n), score) for entry, score in page.rows]}


def card(entry: Entry, sample: Sample | None, score: float | None = None) -> dict[str, Any]:
    """Row → what a card shows of it."""
    text = " ".join(_spoken(sample)[: 4 * CARD].split()) if sample else ""
    return plain(entry) | {
        "score": plain(score),
        "pictures": len(sample.media) if sample else 0,
        "text": text if len(text) <= CARD else f"{text[:CARD]} …",
    }


def group_of(index: Index, group: Group) -> dict[str, Any]:
    """Group of copies → its original and members as cards."""
    entries = [entry for entry, _ in group.members] + ([group.original] if group.original else [])
    samples = index.samples([entry.n for entry in entries])
    members = [card(entry, samples.get(entry.n), score) for entry, score in group.members]
    original = card(group.original, samples.get(group.original.n)) if group.original else None
    return {"name": group.name, "count": group.count, "original": original, "members": members}


def life_of(told: Life) -> dict[str, Any]:
    """Life → everything about one row, its sample in full."""
    return plain(told) | {"sample": _sample(told.sample) if told.sample else None}


def _spoken(sample: Sample) -> str:
    asked = next((turn.text for turn in sample.turns if turn.role == "user"), "")
    said = words_of(sample)
    return f"{asked.strip()} → {said}" if asked.strip() and not sample.captions else said


def _sample(sample: Sample) -> dict[str, Any]:
    return {
        "media": [plain(item) for item in sample.media],
        "captions": [plain(caption) for caption in sample.captions],
        "turns": _turns(sample.turns, sample),
        "chosen": _turns(sample.chosen, sample),
        "rejected": _turns(sample.rejected, sample),
        "regions": [_region(region, sample.media) for region in sample.regions],
        "answer": plain(sample.answer),
        "meta": {key: plain(value) for key, value in sorted(sample.meta.items())},
    }


def _turns(turns: tuple[Turn, ...], sample: Sample) -> list[dict[str, Any]]:
    return [{"role": turn.role, "parts": [_part(part, sample) for part in turn.parts]} for turn in turns]


def _part(part: Part, sample: Sample) -> dict[str, Any]:
    label = sample.regions[part.index].label if part.kind == "region" and 0 <= part.index < len(sample.regions) else ""
    return {"kind": part.kind, "text": part.text or label, "index": part.index}


def _region(region: Region, media: tuple[Media, ...]) -> dict[str, Any]:
    """Region → its box in parts of the picture's sides, where that can be said before a view."""
    told = {"media": region.media, "label": region.label, "box": None}
    picture = media[region.media] if 0 <= region.media < len(media) else None
    if picture is None or not (picture.width and picture.height) or region.frame.startswith("view_"):
        return told
    try:
        box = from_frame(reorder(region.box, region.order, "xyxy"), region.frame, whole(picture.width, picture.height))
    except DataError:
        return told
    sides = (picture.width, picture.height) * 2
    return told | {"box": plain([value / side for value, side in zip(box, sides, strict=True)])}
