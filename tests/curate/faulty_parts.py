"""Operators that want all memory, raise what nobody foresaw, or write what no file can hold; importable by worker processes."""

import resource
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from omma.core.config import config
from omma.curate.operator import PictureOperator, Rewriter, Rewritten
from omma.curate.picture import Picture
from omma.media.store import Store
from omma.schema.sample import Caption, Sample

MORE = 1 << 28  # bytes that its process may still take


@config
class Glutton(PictureOperator):
    """Takes memory without end at pictures named so, in a process that may have a little more than it has."""

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = ("victims",)
    victims: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "glutton"

    @property
    def threshold(self) -> float:
        return 0.0

    def score(self, picture: Picture) -> float:
        if picture.uri in self.victims:
            before = resource.getrlimit(resource.RLIMIT_AS)
            with open("/proc/self/statm", encoding="ascii") as file:
                pages = int(file.read().split()[0])
            resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MORE, before[1]))
            taken: list[bytes] = []
            try:
                while True:
                    taken.append(bytes(1 << 24))
            finally:
                taken.clear()
                resource.setrlimit(resource.RLIMIT_AS, before)
        return 1.0

    def decide(self, score: float) -> str:
        return ""


@config
class Raiser(Rewriter):
    """Fails on "crash" in a way that nobody foresaw; writes half a surrogate pair for "half"; adds a word to all others."""

    version: ClassVar[str] = "1"

    @property
    def name(self) -> str:
        return "raiser"

    def rewrite(self, samples: Sequence[Sample], store: Store) -> list[Rewritten]:
        return [self._one(sample) for sample in samples]

    def _one(self, sample: Sample) -> Rewritten:
        text = sample.captions[0].text
        if text == "crash":
            raise ZeroDivisionError("no idea")
        said = "\ud83d" if text == "half" else f"{text} indeed"
        return Rewritten((replace(sample, captions=(Caption(said, "raiser"),)),), "a word more")
