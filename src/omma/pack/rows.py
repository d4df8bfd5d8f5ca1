"""Rows: a sample and the budget of a bin → its rows, split between turns where it is too long. A picture is never cut."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from omma.core.errors import OmmaError
from omma.core.ledger import Entry, VerdictWord
from omma.pack.codec import Codec, Draft, finish
from omma.pack.lengths import Lengths, LengthsBuilder, all_drafts, unsayable
from omma.schema.row import Row
from omma.schema.sample import Part, Sample, Turn
from omma.schema.talk import Eye

OPERATOR, VERSION = "pack.fit", "1"


@dataclass(frozen=True, slots=True)
class Fitted:
    """Rows within the budget, in the order of the conversation, and what the ledger must know."""

    rows: tuple[Row, ...]
    entries: tuple[Entry, ...]


def fit(sample: Sample, codec: Codec, eye: Eye, max_tokens: int, max_patches: int, variant: int = 0) -> Fitted:
    """Sample → rows within the budget: one if it fits, else several pieces of whole exchanges, else none.

    A piece begins with the system turn and with the pictures that its turns speak of, and ends after a reply. What does
    not fit even alone is dropped. Each such outcome is a ledger entry; a sample that cannot be said is an `error`.
    """
    try:
        draft = codec.drafts([(sample, variant)], eye)[0]
    except OmmaError as error:
        return Fitted((), (unsayable(sample, error),))
    if _within(draft, eye, max_tokens, max_patches):
        return Fitted((finish(draft, eye),), ())
    pieces, entries = _split(sample, draft, codec, eye, max_tokens, max_patches)
    return Fitted(tuple(finish(piece, eye) for piece in pieces), entries)


def fitted_lengths(samples: Sequence[Sample], codec: Codec, eye: Eye, max_tokens: int, max_patches: int) -> Lengths:
    """Samples → lengths, with too long conversations replaced by their pieces (`variant` is the piece's number in `fit`)."""
    builder = LengthsBuilder()
    for index, drafts in enumerate(all_drafts(samples, codec, eye)):
        sample = samples[index]
        if isinstance(drafts, OmmaError):
            builder.entries.append(unsayable(sample, drafts))
        elif not sample.turns or _within(drafts[0], eye, max_tokens, max_patches):
            builder.unit(index, [(*_size(draft, eye), variant) for variant, draft in enumerate(drafts)])
        else:
            pieces, entries = _split(sample, drafts[0], codec, eye, max_tokens, max_patches)
            builder.entries += entries
            for number, piece in enumerate(pieces):
                builder.unit(index, [(*_size(piece, eye), number)])
    return builder.done()


def _split(
    sample: Sample, draft: Draft, codec: Codec, eye: Eye, max_tokens: int, max_patches: int
) -> tuple[list[Draft], tuple[Entry, ...]]:
    """Greedy: as many whole exchanges into each piece as fit."""
    size = f"{draft.num_tokens:,} tokens, {draft.num_patches(eye.patch):,} patches"
    budget = f"budget {max_tokens:,} tokens, {max_patches:,} patches"
    if not sample.turns:
        return [], (_entry(sample, "drop", f"{size}; {budget}; a caption is not split", draft, max_tokens),)
    talk = _Talk(sample)
    pieces: list[Draft] = []
    begin, lost, last = 0, 0, None
    for stop in range(1, len(talk.exchanges) + 1):
        longer = codec.drafts([(talk.piece(begin, stop), 0)], eye)[0]
        if _within(longer, eye, max_tokens, max_patches):
            last = longer
            continue
        pieces += [last] if last else []
        alone = codec.drafts([(talk.piece(stop - 1, stop), 0)], eye)[0]
        fits = _within(alone, eye, max_tokens, max_patches)
        begin, last = (stop - 1, alone) if fits else (stop, None)
        lost += not fits
    pieces += [last] if last else []
    kept = [piece for piece in pieces if piece.tokens.supervised.any()]
    if not kept:
        return [], (_entry(sample, "drop", f"{size}; {budget}; no single exchange fits", draft, max_tokens),)
    reason = f"{size}; {budget}; {len(talk.exchanges)} exchanges in {len(kept)} pieces, {lost} exchanges lost"
    return kept, (_entry(sample, "truncate" if lost else "split", reason, draft, max_tokens),)


class _Talk:
    """A conversation as a lead (system turns) and exchanges (turns up to and with a reply)."""

    def __init__(self, sample: Sample) -> None:
        turns = list(sample.turns)
        lead = next((i for i, turn in enumerate(turns) if turn.role != "system"), len(turns))
        self.sample, self.lead = sample, tuple(turns[:lead])
        self.exchanges: list[tuple[Turn, ...]] = []
        begin = lead
        for i in range(lead, len(turns)):
            if i + 1 == len(turns) or (turns[i].role == "assistant" and turns[i + 1].role != "assistant"):
                self.exchanges.append(tuple(turns[begin : i + 1]))
                begin = i + 1

    def piece(self, begin: int, stop: int) -> Sample:
        """Exchanges [begin, stop) as a sample. The pictures in view before it, or of its regions, are shown again first."""
        turns = [turn for exchange in self.exchanges[begin:stop] for turn in exchange]
        shown = {part.index for turn in turns for part in turn.parts if part.kind in ("image", "video")}
        spoken = {self._media(part.index) for turn in turns for part in turn.parts if part.kind == "region"}
        missing = sorted((spoken | self._in_view(begin)) - shown)
        if missing and turns:
            again = tuple(Part(self.sample.media[index].kind, index=index) for index in missing)
            turns[0] = Turn(turns[0].role, (*again, *turns[0].parts))
        return replace(self.sample, turns=(*self.lead, *turns))

    def _in_view(self, begin: int) -> set[int]:
        """Pictures of the latest turn before an exchange that showed any; none if the exchange begins by showing its own."""
        first = self.exchanges[begin][0] if begin < len(self.exchanges) else None
        if first is None or any(part.kind in ("image", "video") for part in first.parts):
            return set()
        for exchange in reversed(self.exchanges[:begin]):
            for turn in reversed(exchange):
                if pictures := {part.index for part in turn.parts if part.kind in ("image", "video")}:
                    return pictures
        return set()

    def _media(self, region: int) -> int:
        return self.sample.regions[region].media


def _size(draft: Draft, eye: Eye) -> tuple[int, int]:
    return draft.num_tokens, draft.num_patches(eye.patch)


def _within(draft: Draft, eye: Eye, max_tokens: int, max_patches: int) -> bool:
    return draft.num_tokens <= max_tokens and draft.num_patches(eye.patch) <= max_patches


def _entry(sample: Sample, verdict: VerdictWord, reason: str, draft: Draft, max_tokens: int) -> Entry:
    score, threshold = float(draft.num_tokens), float(max_tokens)
    return Entry(sample.id, sample.source, OPERATOR, VERSION, verdict, reason, score, threshold)
