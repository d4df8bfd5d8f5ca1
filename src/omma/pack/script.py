"""Script: Sample → lines of a conversation, with regions written as text and pictures planned. No tokens yet."""

from dataclasses import dataclass
from typing import Literal

from omma.core.errors import DataError
from omma.core.seeds import derive
from omma.pack.markup.markup import Markup
from omma.pack.pieces import Line, Piece
from omma.schema.sample import Media, Part, Sample
from omma.schema.talk import Eye
from omma.schema.view import TilePlan


@dataclass(frozen=True, slots=True)
class Script:
    """The lines, and the pictures that they refer to as (media, plan) by media index."""

    lines: tuple[Line, ...]
    pictures: dict[int, tuple[Media, TilePlan]]


def script(sample: Sample, eye: Eye, markup: Markup, prompts: tuple[str, ...], variant: int) -> Script:
    """Sample → script. A sample without turns becomes: user: its pictures and a prompt, assistant: caption `variant`.

    Raises DataError for a sample with neither turns nor captions, a caption or text that is none, an index without
    media or region, or a picture or video whose size curation has not filled in.
    """
    lines = _conversation(sample, eye, markup) if sample.turns else _captioned(sample, prompts, variant)
    used = sorted({piece.number for line in lines for piece in line.pieces if piece.kind == "picture"})
    return Script(lines, {index: (_media(sample, index), _plan(sample, index, eye)) for index in used})


def num_variants(sample: Sample) -> int:
    """Captions to choose from, or 1 for a conversation."""
    return 1 if sample.turns else max(len(sample.captions), 1)


def _captioned(sample: Sample, prompts: tuple[str, ...], variant: int) -> tuple[Line, ...]:
    if not sample.captions:
        raise DataError(sample.id, "neither turns nor captions", "something to say")
    text = sample.captions[variant % len(sample.captions)].text
    prompt = prompts[derive(0, "caption prompt", sample.id) % len(prompts)]
    asked = [Piece("picture", number=index) for index in range(len(sample.media))]
    asked += [Piece("words", prompt)] if prompt else []
    return Line("user", tuple(asked)), Line("assistant", (Piece("speech", _text(sample, text, "caption")),))


def _conversation(sample: Sample, eye: Eye, markup: Markup) -> tuple[Line, ...]:
    lines = []
    for turn in sample.turns:
        pieces: list[Piece] = []
        for part in turn.parts:
            piece = _piece(sample, part, eye, markup, turn.role == "assistant")
            if pieces and piece.kind != "picture" and pieces[-1].kind == piece.kind:
                pieces[-1] = Piece(piece.kind, pieces[-1].text + piece.text)
            elif piece.text or piece.kind == "picture":
                pieces.append(piece)
        lines.append(Line(turn.role, tuple(pieces)))
    return tuple(lines)


def _piece(sample: Sample, part: Part, eye: Eye, markup: Markup, spoken: bool) -> Piece:
    kind: Literal["speech", "words"] = "speech" if spoken else "words"
    if part.kind == "text":
        return Piece(kind, _text(sample, part.text, "text"))
    if part.kind == "region":
        if not 0 <= part.index < len(sample.regions):
            raise DataError(sample.id, f"region {part.index} of {len(sample.regions)}", "an index of a region")
        region = sample.regions[part.index]
        _media(sample, region.media)
        return Piece(kind, markup.write(region, _plan(sample, region.media, eye)))
    _media(sample, part.index)
    return Piece("picture", number=part.index)


def _media(sample: Sample, index: int) -> Media:
    if not 0 <= index < len(sample.media):
        raise DataError(sample.id, f"picture {index} of {len(sample.media)}", "an index of the sample's media")
    media = sample.media[index]
    return media


def _plan(sample: Sample, index: int, eye: Eye) -> TilePlan:
    media = sample.media[index]
    if media.width < 1 or media.height < 1:
        got = f"{media.uri} has size {media.width} × {media.height}"
        raise DataError(sample.id, got, "its size in px", "curate the data first: it fills sizes in")
    if media.kind == "image":
        return eye.plan(media.width, media.height, sum(other.kind == "image" for other in sample.media))
    if media.frames < 1 or media.fps <= 0:
        got = f"{media.uri} has {media.frames} frames at {media.fps:g} a second"
        raise DataError(sample.id, got, "how many it has, and how many a second", "curate the data first: it fills them in")
    return eye.plan_video(media.width, media.height, media.frames, media.fps)


def _text(sample: Sample, text: object, what: str) -> str:
    if not isinstance(text, str):
        raise DataError(sample.id, f"a {what} is {'null' if text is None else type(text).__name__}", "text")
    return text
