"""Operators that misbehave, rewrite and ask, for tests of the machine; importable by worker processes."""

import os
import signal
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.curate.operator import Judged, ModelOperator, PictureOperator, Rewriter, Rewritten, SetRewriter, child
from omma.curate.picture import Picture
from omma.media.store import Store, made
from omma.schema.sample import Caption, Media, Sample


class Named:
    """Each class goes by its own name: they share a module."""

    @property
    def name(self) -> str:
        return type(self).__name__.lower()


@config
class Deadly(Named, PictureOperator):
    """Kills its process at pictures named so; with `once`, a folder, only the first time."""

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = ("victims", "once")
    victims: tuple[str, ...] = ()
    once: str = ""

    @property
    def threshold(self) -> float:
        return 0.0

    def score(self, picture: Picture) -> float:
        mark = Path(self.once, "died") if self.once else None
        if picture.uri in self.victims and not (mark and mark.exists()):
            if mark:
                mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 1.0

    def decide(self, score: float) -> str:
        return ""


@config
class Asked(Named, ModelOperator):
    """A model that writes down who asked; it cannot judge captions that say so until a file `well` lies beside its book."""

    version: ClassVar[str] = "1"
    book: str
    least: float = 0.0

    @property
    def threshold(self) -> float:
        return self.least

    def score(self, samples: Sequence[Sample], store: Store) -> list[Judged]:
        with open(self.book, "a", encoding="utf-8") as file:
            file.writelines(f"{sample.id}\n" for sample in samples)
        well = Path(self.book).with_name("well").exists()
        return [self._judged(sample.captions[0].text, well) for sample in samples]

    def decide(self, score: float) -> str:
        return "too short" if score < self.least else ""

    def _judged(self, text: str, well: bool) -> Judged:
        return Judged(error="the model was silent") if text == "unspeakable" and not well else Judged(float(len(text)))


@config
class Rework(Named, Rewriter):
    """Doubles captions that say "two", drops "drop", fails on "fail", shows another picture for "show"."""

    version: ClassVar[str] = "1"

    def rewrite(self, samples: Sequence[Sample], store: Store) -> list[Rewritten]:
        return [self._one(sample, store) for sample in samples]

    def _one(self, sample: Sample, store: Store) -> Rewritten:
        text = sample.captions[0].text
        if text == "drop":
            return Rewritten((), "asked to go")
        if text == "fail":
            return Rewritten((), error="no idea")
        if text == "two":
            said = (Caption("first half", "rework"), Caption("second half", "rework"))
            second = replace(sample, id=child(sample, self, 1), captions=said[1:])
            return Rewritten((replace(sample, captions=said[:1]), second), "said in two")
        if text == "show":
            data = store.read(sample.media[0].uri) + b" "
            media = (*sample.media, Media(made(data)))
            return Rewritten((replace(sample, media=media),), "shown twice", pictures={made(data): data})
        return Rewritten((sample,))


@config
class Loud(Named, Rewriter):
    """Says captions in capitals; it fails on "hush" until there is a file `well`."""

    version: ClassVar[str] = "1"
    well: str

    def rewrite(self, samples: Sequence[Sample], store: Store) -> list[Rewritten]:
        return [self._one(sample) for sample in samples]

    def _one(self, sample: Sample) -> Rewritten:
        text = sample.captions[0].text
        if text == "hush" and not Path(self.well).exists():
            return Rewritten((), error="no voice")
        return Rewritten((replace(sample, captions=(Caption(text.upper(), "loud"),)),), "louder")


@config
class Gather(Named, SetRewriter):
    """Joins the captions of each picture in its first sample."""

    version: ClassVar[str] = "1"

    def rewrite(self, samples: Collection[Sample], store: Store) -> Iterator[Rewritten]:
        said: dict[str, list[Caption]] = {}
        for sample in samples:
            said.setdefault(sample.media[0].sha256, []).extend(sample.captions)
        first: set[str] = set()
        for sample in samples:
            mark = sample.media[0].sha256
            if mark in first:
                yield Rewritten((), "joined with the first of its picture")
            else:
                yield Rewritten((replace(sample, captions=tuple(said[mark])),), "captions joined")
            first.add(mark)
