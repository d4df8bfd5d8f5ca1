"""MIR: how far do pictures and words lie apart inside a language model, layer by layer? (arXiv 2410.07167)

    mir/images/…    pictures (the authors take TextVQA's)
    mir/texts/…     stories (.story of CNN/DM, read up to their first @highlight, or .txt), joined to the pictures in order

A document is a picture that the user shows and a story as the reply; nothing has to fit. The authors take a hundred.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import ClassVar

from omma.answerers.answerer import Answerer
from omma.core.config import config
from omma.core.errors import DataError
from omma.core.files import read_text
from omma.evaluate.asking.asking import Asking
from omma.evaluate.asking.traced import Traced
from omma.evaluate.published import Published
from omma.evaluate.question import Question, Supply, asking
from omma.generate.sight import Sight
from omma.media.store import PICTURES
from omma.metrics.metric import Metric
from omma.metrics.mir import Mir
from omma.schema.sample import Part, Turn
from omma.schema.verdict import Record

TEXTS = (".story", ".txt")
HIGHLIGHT = "@highlight"


@config
class MirDocuments(Published):
    """One number over all documents, which are read together: in one process, and from the first again if it was stopped."""

    about: ClassVar[str] = "how far pictures and words lie apart inside the model"
    abilities: ClassVar[tuple[str, ...]] = ("modality integration",)
    layout: ClassVar[str] = "a folder with images and texts"

    name: str = "mir"
    path: str = "mir"
    limit: int = 100
    asking: Asking = Traced()
    metrics: tuple[Metric, ...] = (Mir(),)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → one document for each picture and text, in the order of their names."""
        pictures, texts = _named(file / "images", PICTURES), _named(file / "texts", TEXTS)
        if not pictures or not texts:
            raise DataError(uri, f"{len(pictures)} pictures and {len(texts)} texts", self.layout)
        for picture, text in zip(pictures, texts, strict=False):
            story = read_text(file / "texts" / text).partition(HIGHLIGHT)[0].strip()
            if not story:
                raise DataError(f"{uri}/texts/{text}", "no words", "a story")
            shown = asking(f"{picture}+{text}", "", [f"{uri}/images/{picture}"])
            yield Question(replace(shown, turns=(*shown.turns, Turn("assistant", (Part("text", story),)))), None)

    def records(
        self, answerer: Answerer, questions: Sequence[Question], supply: Supply, sight: Sight, start: int = 0
    ) -> Iterator[Record]:
        """Documents → records, each with the distances over all of them."""
        yield from islice(self._answered(answerer, questions, supply.store, sight), start, None)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """There is none."""
        return ()


def _named(folder: Path, endings: Sequence[str]) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.suffix.lower() in endings) if folder.is_dir() else []
