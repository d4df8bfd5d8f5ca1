"""Conversation: messages as ShareGPT, LLaVA or OpenAI write them + the row's pictures → turns with pictures in their places.

`<image>` in what a person, a system or a tool says stands for the next picture of the row. Where a row has no pictures,
and in every reply, it is literal text. Pictures that no placeholder and no content part places come first.
"""

import re
from collections.abc import Callable
from typing import Any

from omma.core.errors import DataError
from omma.curate.formats.fields import answer_of, captions_of, mapping, plain_values, regions_of
from omma.schema.sample import Media, Part, Role, Sample, Turn

TALKS = ("conversations", "messages")

ROLES: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "function_call": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
}
PLACEHOLDER = re.compile(r"\n?<(image|video)>\n?")


def talk(fields: dict[str, Any], media: list[Media], task: str, picture: Callable[[str], str]) -> Sample:
    """Row with a conversation and perhaps `captions`, `regions`, `answer`, `chosen`, `rejected`, `task`, `meta` + the media it
    names → sample without id. A row with `captions` may do without a conversation.

    `task` is that of rows which name none; `picture` makes the uri of a picture that a content part names.
    """
    boxes = fields.get("regions", fields.get("boxes"))
    # Content parts may name further pictures, which regions then refer to: boxes are checked against the final count.
    num_regions = len(boxes) if isinstance(boxes, list) else 0
    said = next((fields[name] for name in TALKS if fields.get(name) is not None), None)
    captions = captions_of(fields, ("captions",)) if fields.get("captions") is not None else None
    bare = captions is not None and not said
    turns, shown = ((), tuple(media)) if bare else conversation(said, media, num_regions, picture)
    regions = regions_of(boxes, len(shown))
    task = task if fields.get("task") is None else fields["task"]
    if not isinstance(task, str):
        raise DataError("task", repr(task), "text")
    chosen, rejected = (_replies(fields.get(name), num_regions, picture) for name in ("chosen", "rejected"))
    answer, meta = answer_of(fields.get("answer"), regions), plain_values(fields.get("meta"))
    return Sample("", "", task, shown, turns, captions or (), regions, answer, chosen, rejected, meta)


def conversation(
    messages: Any, media: list[Media], num_regions: int, picture: Callable[[str], str]
) -> tuple[tuple[Turn, ...], tuple[Media, ...]]:
    """Messages + media named by the row → turns, and the media with those that content parts name (`picture` makes uris).

    DataError if messages are none, have unknown roles, or placeholders and pictures do not fit each other.
    """
    if not isinstance(messages, list) or not messages:
        raise DataError("messages", "none" if not messages else type(messages).__name__, "a list of messages")
    scribe = _Scribe(list(media), num_regions, picture)
    turns = [scribe.turn(mapping(message), f"messages.{i}") for i, message in enumerate(messages)]
    return scribe.finish(turns), tuple(scribe.media)


def _replies(value: Any, num_regions: int, picture: Callable[[str], str]) -> tuple[Turn, ...]:
    """A `chosen` or `rejected` field that is a list of messages → turns; other layouts are those of `preferring`."""
    return conversation(value, [], num_regions, picture)[0] if isinstance(value, list) and value else ()


class _Scribe:
    """Walks through messages, handing out pictures in order."""

    def __init__(self, media: list[Media], num_regions: int, picture: Callable[[str], str]) -> None:
        self.media, self.num_regions, self.picture = media, num_regions, picture
        self.named = len(media)  # named by the row; those beyond are named by content parts
        self.placed = 0

    def turn(self, message: dict[str, Any], where: str) -> Turn:
        said = message.get("from", message.get("role"))
        if said not in ROLES:
            raise DataError(where, f"role {said!r}", f"one of {', '.join(ROLES)}")
        role = ROLES[said]
        content = message.get("value", message.get("content"))
        if isinstance(content, str):
            return Turn(role, self.words(content, role))
        if isinstance(content, list):
            parts = [part for i, item in enumerate(content) for part in self.piece(item, role, f"{where}.content.{i}")]
            return Turn(role, tuple(parts))
        raise DataError(where, f"content {type(content).__name__}", "text or a list of parts")

    def words(self, text: str, role: Role) -> tuple[Part, ...]:
        """Text with placeholders → parts. A line break beside a placeholder belongs to it: templates set their own."""
        if role == "assistant" or not self.named:
            return (Part("text", text),) if text else ()
        parts, end = [], 0
        for mark in PLACEHOLDER.finditer(text):
            parts += [Part("text", text[end : mark.start()]), self.next(mark[1])]
            end = mark.end()
        parts.append(Part("text", text[end:]))
        return tuple(part for part in parts if part.kind != "text" or part.text)

    def next(self, kind: str) -> Part:
        """The next picture or video that the row names."""
        if self.placed >= self.named:
            raise DataError("messages", f"more placeholders than the row's {self.named} pictures", "one for each")
        media = self.media[self.placed]
        if media.kind != kind:
            raise DataError("messages", f"<{kind}> where the row names the {media.kind} {media.uri}", f"<{media.kind}>")
        self.placed += 1
        return Part(media.kind, index=self.placed - 1)

    def piece(self, item: Any, role: Role, where: str) -> tuple[Part, ...]:
        """One part of OpenAI content → parts."""
        fields = mapping(item)
        kind = fields.get("type")
        if kind in ("text", "input_text", "output_text"):
            text = fields.get("text")
            if not isinstance(text, str):
                raise DataError(where, f"text {type(text).__name__}", "text")
            return (Part("text", text),) if text else ()
        if kind == "region":
            index = fields.get("index")
            if not isinstance(index, int) or not 0 <= index < self.num_regions:
                raise DataError(where, f"region {index!r}", f"a number below {self.num_regions}, the row's regions")
            return (Part("region", index=index),)
        if kind == "video":
            return (self.next("video"),)
        if kind in ("image", "image_url", "input_image"):
            return (self.shown(fields, where),)
        raise DataError(where, f"type {kind!r}", "text, image, image_url or region")

    def shown(self, fields: dict[str, Any], where: str) -> Part:
        """A picture among content parts: named there, or the next of those that the row names."""
        name = fields.get("image_url", fields.get("image", fields.get("path", fields.get("url"))))
        name = name.get("url") if isinstance(name, dict) else name
        if name is None:
            return self.next("image")
        if not isinstance(name, str):
            raise DataError(where, type(name).__name__, "the name of a picture")
        if name.startswith("data:"):
            raise DataError(where, "a picture inside the text (base64)", "the name of a picture file")
        uri = self.picture(name)
        if self.placed < self.named and self.media[self.placed].uri == uri:
            return self.next("image")
        self.media.append(Media(uri))
        return Part("image", index=len(self.media) - 1)

    def finish(self, turns: list[Turn]) -> tuple[Turn, ...]:
        """Pictures of the row that have no place yet go before the first user's words; some placed, some not is an error."""
        if self.placed == self.named:
            return tuple(turns)
        if self.placed:
            raise DataError("messages", f"{self.placed} placeholders for {self.named} pictures", "one for each")
        first = next((i for i, turn in enumerate(turns) if turn.role == "user"), None)
        if first is None:
            raise DataError("messages", "pictures but no user's turn", "one that they can stand in")
        front = tuple(Part(media.kind, index=i) for i, media in enumerate(self.media[: self.named]))
        return (*turns[:first], Turn("user", front + turns[first].parts), *turns[first + 1 :])
