"""Codec: Sample ↔ token ids, and ids ↔ what was said. The one place where text, special tokens and visual slots meet."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from omma.core.errors import ConfigError, DataError, ShapeError
from omma.pack.asking.asking import NOTHING, Asker
from omma.pack.markup.markup import Markup
from omma.pack.pieces import Line, Piece, unsupervised
from omma.pack.script import Script, num_variants, script
from omma.pack.templates.template import Template
from omma.pack.words import Tokens, Words
from omma.schema.row import Row, RowPicture
from omma.schema.sample import Caption, Media, Part, Region, Sample, Turn
from omma.schema.talk import Eye
from omma.schema.view import NO_BLEND, Blend, Layout, Tag, TilePlan

PROBE = (Line("user", (Piece("words", "a"),)), Line("assistant", (Piece("speech", "b"),)))


@dataclass(frozen=True, slots=True)
class Draft:
    """A row before its positions are known."""

    sample: Sample
    tokens: Tokens
    pictures: tuple[RowPicture, ...]

    @property
    def num_tokens(self) -> int:
        """Language tokens, visual slots included."""
        return len(self.tokens.ids)

    def num_patches(self, patch: int) -> int:
        """Vision patches of all pictures."""
        return sum(picture.plan.num_patches(patch) for picture in self.pictures)


class Codec:
    """Made by `Chat.fit` or `Chat.load`. Picklable, without state that changes what it returns."""

    def __init__(
        self, words: Words, template: Template, markup: Markup, prompts: tuple[str, ...], vocab_size: int, asker: Asker
    ) -> None:
        self.words, self.template, self.markup, self.asker = words, template, markup, asker
        self.prompts, self.vocab_size = prompts, vocab_size
        if words.size > vocab_size:
            raise ConfigError("vocab_size", str(vocab_size), f"at least the {words.size} tokens of the tokenizer")
        if not self.stop_ids:
            got = "the chat template ends the assistant's turn with no special token, so a model would never stop"
            raise ConfigError("template", got, "", 'set template.end, for example to "</s>"')

    def row(self, sample: Sample, eye: Eye, variant: int = 0) -> Row:
        """Sample → row. Supervised: the assistant's words and the special token that ends its turn, nothing else.

        `variant` chooses a caption. DataError for a sample that cannot be said (see `pack.script`).
        """
        return finish(self.drafts([(sample, variant)], eye)[0], eye)

    def drafts(self, samples: Sequence[tuple[Sample, int]], eye: Eye) -> list[Draft]:
        """(sample, variant) pairs → drafts, their text encoded in one batch. DataError as `row`."""
        return self._encode([(sample, self._pieces(sample, eye, variant)) for sample, variant in samples], eye)

    def prompt(self, sample: Sample, eye: Eye) -> Row:
        """Sample → what stands before the last reply's words: nothing of it is supervised.

        A conversation that ends with another turn gets an assistant header. It is the start of what `row` gives for the
        same sample, token by token, so a model is asked as it was trained.
        """
        asked = _with_reply(sample)
        written = self._script(asked, eye, 0)
        pieces = self.template.render(written.lines, self.words, where=sample.id)
        stops = [i for i, piece in enumerate(pieces) if piece.kind == "stop"]
        if not stops:
            raise DataError(sample.id, "the chat template ends this reply with no special token", "", "set template.end")
        last = stops[-1]
        while last > 0 and pieces[last - 1].kind == "speech":
            last -= 1
        only_last = unsupervised(pieces[:last]) + pieces[last:]
        draft = self._encode([(asked, (written, only_last))], eye)[0]
        cut = int(np.argmax(draft.tokens.supervised))
        tokens = Tokens(draft.tokens.ids[:cut], np.zeros(cut, bool), draft.tokens.slots, draft.tokens.tags)
        return finish(Draft(sample, tokens, draft.pictures), eye)

    def variants(self, sample: Sample) -> int:
        """Captions to choose from, or 1 for a conversation."""
        return num_variants(sample)

    def decode(self, ids: Iterable[int]) -> str:
        """Ids → text without special tokens."""
        return self.words.decode(ids)

    def regions(self, text: str, plan: TilePlan) -> tuple[Region, ...]:
        """Text → its regions in xyxy px; empty if there is none or any is malformed."""
        return self.markup.read(text, plan)

    def num_text_tokens(self, text: str) -> int:
        """Tokens of a text by itself."""
        return len(self.words.encode([[Piece("words", text)]])[0].ids)

    @cached_property
    def image_id(self) -> int:
        """The id that stands at every visual slot."""
        return self.words.special(self.words.image)

    @cached_property
    def stop_ids(self) -> tuple[int, ...]:
        """Ids that end a reply: the one that the template writes, and the tokenizer's own end of text."""
        pieces = self.template.render(PROBE, self.words, where="probe")
        ends = [self.words.pattern.search(piece.text) for piece in pieces if piece.kind == "stop"]
        names = [found[0] for found in ends if found]
        names += [name for key, name in self.words.names.items() if key == "eos_token" and names]
        return tuple(dict.fromkeys(self.words.special(name) for name in names if name in self.words.specials))

    @cached_property
    def banned_ids(self) -> tuple[int, ...]:
        """Ids that a reply may never hold: the image token, special tokens but the stops, rows behind the tokenizer's end."""
        specials = {number for number, _ in self.words.specials.values()} - set(self.stop_ids)
        known = set(self.words.plain.get_vocab(with_added_tokens=True).values())
        return tuple(sorted(specials | (set(range(self.vocab_size)) - known)))

    def save(self, folder: Path) -> None:
        """Write the tokenizer, and the asker's; `Chat.load` reads them back."""
        self.words.save(folder)
        self.asker.save(folder)

    def _script(self, sample: Sample, eye: Eye, variant: int) -> Script:
        return script(sample, eye, self.markup, self.prompts, variant)

    def _pieces(self, sample: Sample, eye: Eye, variant: int) -> tuple[Script, list[Piece]]:
        written = self._script(sample, eye, variant)
        return written, self.template.render(written.lines, self.words, where=sample.id)

    def _encode(self, rendered: list[tuple[Sample, tuple[Script, list[Piece]]]], eye: Eye) -> list[Draft]:
        documents: list[list[Piece]] = []
        pictures: list[list[_Placed]] = []
        for _, (written, pieces) in rendered:
            flat, placed = self._with_slots(written, pieces, eye)
            documents.append(flat)
            pictures.append(placed)
        encoded = self.words.encode(documents)
        samples = [sample for sample, _ in rendered]
        return [
            Draft(sample, tokens, _row_pictures(placed, tokens, sample.id))
            for sample, placed, tokens in zip(samples, pictures, encoded, strict=True)
        ]

    def _with_slots(self, written: Script, pieces: list[Piece], eye: Eye) -> tuple[list[Piece], list["_Placed"]]:
        """Pictures become slots and layout tags (tags are template text)."""
        flat: list[Piece] = []
        placed: list[_Placed] = []
        asked = self._asked(written)
        behind = ""
        for piece in pieces:
            if piece.kind != "picture":
                flat.append(_without(piece, behind))
                behind = ""
                continue
            media, plan = written.pictures[piece.number]
            layout, num_visual = eye.layout(plan), eye.num_visual(plan)
            before, behind = eye.view.video.marks if media.kind == "video" else ("", "")
            if before and flat and flat[-1].kind == "mark":
                flat[-1] = Piece("mark", flat[-1].text.removesuffix(before))
            flat += [_piece(run) for run in layout]
            placed.append(replace(_placed(media, plan, layout, num_visual), asked=asked[piece.number]))
        return flat, placed

    def _asked(self, written: Script) -> dict[int, np.ndarray]:
        """Media index → what its connector is told: the words of the turn that shows the picture first."""
        told: dict[int, np.ndarray] = {}
        for line in written.lines:
            shown = [piece.number for piece in line.pieces if piece.kind == "picture" and piece.number not in told]
            if shown:
                words = self.asker.ids("".join(piece.text for piece in line.pieces if piece.kind != "picture"))
                told |= dict.fromkeys(shown, words)
        return told


@dataclass(frozen=True, slots=True)
class _Placed:
    """A picture whose slots are counted but not yet placed."""

    media: Media
    plan: TilePlan
    gather: np.ndarray
    num_visual: int
    blend: Blend
    asked: np.ndarray = field(default_factory=lambda: NOTHING)
    tagged: tuple[tuple[int, int], ...] = ()  # visual tokens [c, d) of each tag


def finish(draft: Draft, eye: Eye) -> Row:
    """Draft → row with position ids."""
    tokens, sample = draft.tokens, draft.sample
    positions = eye.position_ids(draft.num_tokens, draft.pictures)
    return Row(sample.id, sample.source, tokens.ids, tokens.supervised, positions, draft.pictures)


def _row_pictures(placed: list[_Placed], tokens: Tokens, where: str) -> tuple[RowPicture, ...]:
    total = sum(len(picture.gather) for picture in placed)
    if total != len(tokens.slots):
        raise ShapeError(where, f"{len(tokens.slots)} visual slots", f"{total} of {len(placed)} pictures")
    out, at, told = [], 0, 0
    for p in placed:
        slots, spans = tokens.slots[at : at + len(p.gather)], tokens.tags[told : told + len(p.tagged)]
        tags = np.concatenate([spans, np.array(p.tagged, np.int64).reshape(-1, 2)], axis=1)
        out.append(RowPicture(p.media, p.plan, slots, p.gather, p.num_visual, p.blend, p.asked, tags))
        at, told = at + len(p.gather), told + len(p.tagged)
    return tuple(out)


def _piece(run: np.ndarray | str | Blend) -> Piece:
    if isinstance(run, str):
        return Piece("tag" if isinstance(run, Tag) else "mark", run)
    return Piece("slots", number=len(run))


def _placed(media: Media, plan: TilePlan, layout: Layout, num_visual: int) -> _Placed:
    """Layout → which visual token goes to each slot; the tokens of its blends are numbered behind `num_visual`."""
    gathers, blends, behind = [np.zeros(0, np.int64)], [NO_BLEND], num_visual
    tagged = tuple((run.first, run.last) for run in layout if isinstance(run, Tag))
    for run in layout:
        if isinstance(run, Blend):
            gathers.append(np.arange(behind, behind + len(run)))
            blends.append(run)
            behind += len(run)
        elif not isinstance(run, str):
            gathers.append(run)
    if behind == num_visual:
        gather = gathers[1] if len(gathers) == 2 else np.concatenate(gathers)
        return _Placed(media, plan, gather, num_visual, NO_BLEND, tagged=tagged)
    index, weight, place = (np.concatenate([getattr(blend, name) for blend in blends]) for name in ("index", "weight", "place"))
    return _Placed(media, plan, np.concatenate(gathers), num_visual, Blend(index, weight, place), tagged=tagged)


def _without(piece: Piece, mark: str) -> Piece:
    """Template text without the mark that it begins with, where a layout writes that itself."""
    return Piece("mark", piece.text.removeprefix(mark)) if mark and piece.kind == "mark" else piece


def _with_reply(sample: Sample) -> Sample:
    """A sample that ends with a reply: as it is, or with a stand-in whose words are cut off again."""
    reply = "a"
    if not sample.turns:
        return sample if sample.captions else replace(sample, captions=(Caption(reply),))
    if sample.turns[-1].role == "assistant":
        return sample
    return replace(sample, turns=(*sample.turns, Turn("assistant", (Part("text", reply),))))
