"""Preferring: a row with a question, a better and a worse reply, in any of the field's layouts → question, chosen, rejected.

    {"prompt" | "question": text or messages, "chosen": reply, "rejected": reply}    DPO, RLHF-V, RLAIF-V, TRL
    {"conversations": [...], "chosen": {"from", "value"}, "rejected": {...}}         ShareGPT as LLaMA-Factory reads it
    {"chosen": [messages], "rejected": [messages]}                                   TRL without a prompt: what both share is it
    {"text": "{...}"}                                                                RLHF-V: one of these as JSON text
    {"prompt", "completions": [{"response", "annotations": {aspect: {"Rating"}}}]}   VLFeedback: best against worst

A reply is a text, a message or a list of messages.
"""

import json
from dataclasses import dataclass
from typing import Any

from omma.core.errors import DataError
from omma.curate.formats.conversation import TALKS
from omma.curate.formats.fields import mapping

ASKED = ("prompt", "question", "query", "instruction", "input")
CHOSEN = ("chosen", "chosen_response", "win_answer", "accepted")
REJECTED = ("rejected", "rejected_response", "lose_answer", "rejected_answer")
Messages = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Preferred:
    """Messages as conversations have them, and how much better the chosen reply is rated (0 where nothing says)."""

    asked: Messages
    chosen: Messages
    rejected: Messages
    margin: float = 0.0


def preferred(value: Any) -> Preferred:
    """Row → its preference. DataError where there is no question, no pair, or both replies are the same."""
    fields = _unpacked(mapping(value))
    if "completions" in fields:
        return _rated(fields)
    names = [next((name for name in usual if fields.get(name) is not None), "") for usual in (CHOSEN, REJECTED)]
    if not all(names):
        raise DataError("row", f"fields {', '.join(list(fields)[:8]) or 'none'}", "a chosen and a rejected reply")
    chosen, rejected = (_messages(fields[name], name, "assistant") for name in names)
    asked = _asked(fields)
    if not asked:
        shared = next((i for i, pair in enumerate(zip(chosen, rejected, strict=False)) if pair[0] != pair[1]), 0)
        asked, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
    elif len(asked) > len(chosen) and asked[-len(chosen) :] == chosen:
        asked = asked[: -len(chosen)]  # the conversation already ends with the better reply
    elif chosen[: len(asked)] == asked and rejected[: len(asked)] == asked:
        chosen, rejected = chosen[len(asked) :], rejected[len(asked) :]
    return _checked(Preferred(asked, chosen, rejected))


def is_preference(row: dict[str, Any]) -> bool:
    """Row → whether it holds a pair of replies in a layout that is read here."""
    try:
        fields = _unpacked(row)
    except DataError:
        return False
    pair = all(any(name in fields for name in usual) for usual in (CHOSEN, REJECTED))
    rated = isinstance(fields.get("completions"), list) and any(name in fields for name in ASKED)
    return pair or rated


def mostly_preferences(rows: list[dict[str, Any]]) -> bool:
    """Rows → whether half of them and more hold pairs of replies: such a file is no mere set of conversations."""
    return bool(rows) and 2 * sum(is_preference(row) for row in rows) >= len(rows)


def _unpacked(fields: dict[str, Any]) -> dict[str, Any]:
    """RLHF-V keeps question and replies as JSON in a field `text`."""
    text = fields.get("text")
    if not isinstance(text, str) or not text.lstrip().startswith("{") or "chosen" in fields:
        return fields
    try:
        return {**fields, **mapping(json.loads(text))}
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError("text", f"no JSON: {error}", "question, chosen and rejected as JSON") from None


def _asked(fields: dict[str, Any]) -> Messages:
    name = next((name for name in (*TALKS, *ASKED) if fields.get(name)), "")
    return _messages(fields[name], name, "user") if name else []


def _messages(value: Any, name: str, role: str) -> Messages:
    """A text, a message or messages → messages; `role` is that of a bare text."""
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    items = [value] if isinstance(value, dict) else value
    if not (isinstance(items, list) and items and all(isinstance(item, dict) for item in items)):
        raise DataError(name, repr(value)[:60], "a text, a message or a list of messages")
    return [_message(item) for item in items]


def _message(item: dict[str, Any]) -> dict[str, Any]:
    return {"role": item.get("role", item.get("from")), "content": item.get("content", item.get("value"))}


def _rated(fields: dict[str, Any]) -> Preferred:
    """Several rated replies → the best against the worst by the mean of their ratings; the first of equals."""
    items = fields["completions"]
    if not isinstance(items, list):
        raise DataError("completions", type(items).__name__, "a list")
    rated = [(_rating(mapping(item), f"completions.{i}"), str(mapping(item).get("response", ""))) for i, item in enumerate(items)]
    if len(rated) < 2:
        raise DataError("completions", f"{len(rated)} of them", "two and more")
    best, worst = max(rated, key=lambda one: one[0]), min(rated, key=lambda one: one[0])
    if best[0] == worst[0]:
        raise DataError("completions", f"all rated {best[0]:g}", "a better and a worse one")
    chosen, rejected = _messages(best[1], "response", "assistant"), _messages(worst[1], "response", "assistant")
    return _checked(Preferred(_asked(fields), chosen, rejected, best[0] - worst[0]))


def _rating(item: dict[str, Any], where: str) -> float:
    notes = item.get("annotations")
    values = [note.get("Rating") if isinstance(note, dict) else note for note in notes.values()] if isinstance(notes, dict) else []
    try:
        ratings = [float(str(value)) for value in values]
    except ValueError:
        raise DataError(where, repr(values)[:60], "ratings that are numbers") from None
    if not ratings:
        raise DataError(where, "no ratings", "annotations with a Rating each")
    return sum(ratings) / len(ratings)


def _checked(found: Preferred) -> Preferred:
    if not found.asked:
        raise DataError("row", "no question", f"messages, or one of {', '.join(ASKED)}")
    if not found.chosen or not found.rejected or found.chosen == found.rejected:
        raise DataError("row", "no two different replies", "a chosen and a rejected one")
    return found
