"""Lengths: samples → tokens and patches of each, counted without decoding a picture. What a plan is made from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from omma.core.errors import OmmaError
from omma.core.ledger import Entry
from omma.pack.codec import Codec, Draft
from omma.schema.sample import Sample
from omma.schema.talk import Eye

BATCH = 512  # samples whose text is encoded at once


@dataclass(frozen=True, slots=True)
class Lengths:
    """Choices of units. A unit is drawn as one thing, each time by the next of its choices.

    Unit u belongs to sample `sample[u]` and has the choices `first[u]` to `first[u + 1]`; choice c costs `tokens[c]`
    and `patches[c]` and is called `variant[c]`: the number of a caption, or of a piece of a conversation that was split.
    `entries` tell of samples that have no unit.
    """

    sample: np.ndarray  # (U,) int64
    first: np.ndarray  # (U + 1,) int64
    tokens: np.ndarray  # (C,) int64
    patches: np.ndarray  # (C,) int64
    variant: np.ndarray  # (C,) int64
    entries: tuple[Entry, ...] = ()

    @staticmethod
    def of(tokens: np.ndarray, patches: np.ndarray) -> "Lengths":
        """One unit of one choice per sample."""
        count = len(tokens)
        whole = np.arange(count + 1)
        sizes = (np.asarray(tokens, np.int64), np.asarray(patches, np.int64))
        return Lengths(whole[:-1], whole, *sizes, np.zeros(count, np.int64))


class LengthsBuilder:
    """Units in the order of their samples."""

    def __init__(self) -> None:
        self.sample: list[int] = []
        self.first: list[int] = [0]
        self.choices: list[tuple[int, int, int]] = []
        self.entries: list[Entry] = []

    def unit(self, sample: int, choices: Sequence[tuple[int, int, int]]) -> None:
        """Add a unit with its (tokens, patches, variant) choices."""
        self.sample.append(sample)
        self.choices += choices
        self.first.append(len(self.choices))

    def done(self) -> Lengths:
        """What was added."""
        tokens, patches, variant = np.array(self.choices, np.int64).reshape(-1, 3).T
        sample, first = np.array(self.sample, np.int64), np.array(self.first, np.int64)
        return Lengths(sample, first, tokens, patches, variant, tuple(self.entries))


def lengths(samples: Sequence[Sample], codec: Codec, eye: Eye) -> Lengths:
    """Samples → lengths of every choice. A sample that cannot be said gets an `error` entry instead of a unit."""
    builder = LengthsBuilder()
    for index, drafts in enumerate(all_drafts(samples, codec, eye)):
        if isinstance(drafts, OmmaError):
            builder.entries.append(unsayable(samples[index], drafts))
            continue
        builder.unit(index, [(draft.num_tokens, draft.num_patches(eye.patch), v) for v, draft in enumerate(drafts)])
    return builder.done()


def unsayable(sample: Sample, error: OmmaError) -> Entry:
    """The ledger row of a sample that has no row of tokens."""
    return Entry(sample.id, sample.source, "pack.row", "1", "error", str(error))


def all_drafts(samples: Sequence[Sample], codec: Codec, eye: Eye) -> Iterator[list[Draft] | OmmaError]:
    """Samples → the drafts of all their choices, or the error that prevents them, in order."""
    for start in range(0, len(samples), BATCH):
        block = samples[start : start + BATCH]
        pairs = [(sample, variant) for sample in block for variant in range(codec.variants(sample))]
        try:
            drafts = iter(codec.drafts(pairs, eye))
        except OmmaError:
            yield from (_drafts_of(sample, codec, eye) for sample in block)
            continue
        yield from ([next(drafts) for _ in range(codec.variants(sample))] for sample in block)


def _drafts_of(sample: Sample, codec: Codec, eye: Eye) -> list[Draft] | OmmaError:
    try:
        return codec.drafts([(sample, variant) for variant in range(codec.variants(sample))], eye)
    except OmmaError as error:
        return error
