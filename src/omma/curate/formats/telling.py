"""Telling: a sample → the fields that readers of conversations understand (the inverse of `conversation.talk`), pictures apart."""

from dataclasses import replace
from typing import Any

from omma.core.errors import DataError
from omma.schema.sample import Answer, Caption, Part, Region, Sample, Turn

Fields = dict[str, Any]


def fields_of(sample: Sample) -> Fields:
    """Sample → id, task, messages, captions, regions, answer, chosen, rejected and meta, each only where there is any."""
    found: Fields = {"id": sample.id, "task": sample.task}
    if sample.turns:
        found["messages"] = [_message(turn) for turn in sample.turns]
    if sample.captions or not sample.turns:
        found["captions"] = [_caption(caption) for caption in sample.captions]
    if sample.regions:
        found["regions"] = [_region(region) for region in sample.regions]
    if sample.answer is not None:
        found["answer"] = _answer(sample.answer, sample.regions)
    for name, turns in (("chosen", sample.chosen), ("rejected", sample.rejected)):
        if turns:
            found[name] = [_message(turn) for turn in turns]
    if sample.meta:
        found["meta"] = dict(sorted(sample.meta.items()))
    return found


def joined_text(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    """Turns → the same with neighbouring pieces of text as one and empty ones left out: what is said is the same."""
    return tuple(replace(turn, parts=_joined(turn.parts)) for turn in turns)


def _joined(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    done: list[Part] = []
    for part in parts:
        if part.kind == "text" and done and done[-1].kind == "text":
            done[-1] = Part("text", done[-1].text + part.text)
        elif part.kind != "text" or part.text:
            done.append(part)
    return tuple(done)


def _message(turn: Turn) -> Fields:
    """Turn → OpenAI message: a text, or a list where there is more than words, or words that look like a placeholder."""
    parts = _joined(turn.parts)
    plain = all(part.kind == "text" and "<image>" not in part.text and "<video>" not in part.text for part in parts)
    if plain:
        return {"role": turn.role, "content": "".join(part.text for part in parts)}
    return {"role": turn.role, "content": [_piece(part) for part in parts]}


def _piece(part: Part) -> Fields:
    if part.kind == "text":
        return {"type": "text", "text": part.text}
    return {"type": "region", "index": part.index} if part.kind == "region" else {"type": part.kind}


def _caption(caption: Caption) -> str | Fields:
    return caption.text if caption.origin == "human" else {"text": caption.text, "origin": caption.origin}


def _region(region: Region) -> Fields:
    fields: Fields = {"box": list(region.box), "order": region.order, "frame": region.frame, "media": region.media}
    if region.label:
        fields["label"] = region.label
    if region.polygon:
        fields["polygon"] = [list(ring) for ring in region.polygon]
    return fields


def _answer(answer: Answer, regions: tuple[Region, ...]) -> Fields:
    fields: Fields = {"texts": list(answer.texts), "choices": list(answer.choices)}
    if answer.region is not None:
        if answer.region not in regions:
            raise DataError("answer.region", "a region that is none of the sample's", "one of them", "add it to `regions`")
        fields["region"] = regions.index(answer.region)
    return fields
