"""Question: one row of a benchmark as it is put to a model: the sample to look at, what is right, and what a metric must know."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omma.media.store import Store
from omma.schema.sample import Media, Part, Sample, Turn


@dataclass(frozen=True, slots=True)
class Question:
    """`sample` is what the model sees; its `id` is the benchmark's own. `gold` and `facts` are plain JSON, as metrics want them.

    `choices` are the replies that a benchmark ranks by likelihood instead of having one written.
    """

    sample: Sample
    gold: Any
    facts: dict[str, Any] = field(default_factory=dict)
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Supply:
    """Where questions come from: the held-out and training samples of a run, and the folder of published benchmarks.

    `look` is False where no model looks at pictures, as with recorded answers: then they need not be there.
    """

    heldout: Sequence[Sample] = ()
    train: Sequence[Sample] = ()
    root: Path | None = None
    look: bool = True

    @property
    def store(self) -> Store | None:
        """The pictures of published benchmarks; a run's own are known to its model."""
        return Store(self.root) if self.root is not None and self.look else None


def asking(name: str, words: str, pictures: Sequence[str] = (), *, task: str = "", kind: str = "image", mark: str = "") -> Sample:
    """Id, words and picture names → a sample whose one turn shows the pictures and then asks.

    With `mark`, such as "<image {}>", pictures stand where the words name them first (numbered from 1), and in front otherwise.
    """
    media = tuple(Media(uri, kind="video" if kind == "video" else "image") for uri in pictures)
    named = {mark.format(number + 1): number for number in range(len(media))} if mark else {}
    inside: list[Part] = [Part("text", words)]
    for word, number in named.items():
        place = next((i for i, part in enumerate(inside) if part.kind == "text" and word in part.text), None)
        if place is not None:
            inside[place : place + 1] = _placed(inside[place], word, media[number].kind, number)
    shown = {part.index for part in inside if part.kind != "text"}
    front = [Part(one.kind, index=number) for number, one in enumerate(media) if number not in shown]
    return Sample(name, "", task, media=media, turns=(Turn("user", (*front, *inside)),))


def _placed(part: Part, word: str, kind: Any, number: int) -> list[Part]:
    """A text part → the same with its first mention of a picture replaced by that picture."""
    before, _, behind = part.text.partition(word)
    pieces = [Part("text", before), Part(kind, index=number), Part("text", behind)]
    return [piece for piece in pieces if piece.kind != "text" or piece.text]
