"""Retrieval: which of all captions belongs to a picture, and which of all pictures to a caption? COCO and Flickr30k.

    coco_karpathy_test.json    5,000 pictures; or dataset_coco.json, of which `split` is asked; or another file of captions
    flickr30k_test.json        1,000 pictures
    val2014/…                  the pictures, beside it, or val2014.zip

Captions are read as they stand, as LAION-AI/CLIP_benchmark does; BLIP reads them in lower case and without marks.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.evaluate.captioned import place_pictures, read_captioned
from omma.evaluate.matched import Contest, Matched
from omma.evaluate.prompt import Prompt
from omma.evaluate.question import Question, asking
from omma.metrics.metric import Metric
from omma.metrics.retrieval.recall import WAYS, BothWays, PessimisticBothWays
from omma.schema.verdict import Record


@config
class RetrievalQuestions(Matched):
    """Both ways over one pool. With `folds`, the pictures in file order make that many pools (COCO's 1K protocol: five).

    A picture counts the best of its captions. `limit` draws pictures, with all their captions: a smaller pool is easier.
    """

    about: ClassVar[str] = "captions of pictures and pictures of captions, among all"
    abilities: ClassVar[tuple[str, ...]] = ("retrieval",)
    layout: ClassVar[str] = "coco_karpathy_test.json, dataset_coco.json, flickr30k_test.json or another file of captioned pictures"

    split: str = "test"
    pictures: str = ""
    folds: int = 1
    prompt: Prompt = Prompt()
    metrics: tuple[Metric, ...] = (BothWays(), PessimisticBothWays())

    def check(self) -> None:
        super().check()
        if self.folds < 1:
            raise ConfigError(f"{self.name}.folds", str(self.folds), "at least 1")

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """File → all pictures, then all captions."""
        shown = read_captioned(file, uri, self.split)
        facts = [{"picture": one.id, "fold": place * self.folds // len(shown)} for place, one in enumerate(shown)]
        names = place_pictures(shown, file, uri, self.pictures)
        for one, own, picture in zip(shown, facts, names, strict=True):
            yield Question(asking(one.id, "", [picture]), None, {"way": WAYS[0]} | own)
        for one, own in zip(shown, facts, strict=True):
            for number, text in enumerate(one.captions):
                yield Question(asking(f"{one.id}:{number}", self.prompt.words(text)), None, {"way": WAYS[1]} | own)

    def limited(self, questions: Sequence[Any]) -> list[Any]:
        """Questions → the `limit` pictures that are asked, and their captions."""
        drawn = super().limited([question for question in questions if question.facts["way"] == WAYS[0]])
        kept = {question.facts["picture"] for question in drawn}
        return [question for question in questions if question.facts["picture"] in kept]

    def contests(self, records: Sequence[Record]) -> Iterator[Contest]:
        """Each picture with the captions of its fold, each caption with the pictures of its fold."""
        for fold in sorted({int(record.facts["fold"]) for record in records}):
            inside = [place for place, record in enumerate(records) if record.facts["fold"] == fold]
            for way in WAYS:
                queries = [place for place in inside if records[place].facts["way"] == way]
                others = tuple(place for place in inside if records[place].facts["way"] != way)
                own: dict[str, list[int]] = {}
                for at, place in enumerate(others):
                    own.setdefault(records[place].facts["picture"], []).append(at)
                for place in queries:
                    yield Contest(place, others, tuple(own.get(records[place].facts["picture"], ())))
