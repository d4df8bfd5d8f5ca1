"""SugarCrepe: a caption or its hard negative, which reads as well and does not fit the picture? (arXiv 2306.14610)

data/add_att.json, add_obj.json, replace_att.json, replace_obj.json, replace_rel.json, swap_att.json, swap_obj.json
                    objects of rows by number: filename, caption, negative_caption
val2017/….jpg       COCO's pictures, in the folder or above it, or val2017.zip
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.asking.asking import Asking
from omma.evaluate.asking.compared import Compared
from omma.evaluate.asking.replies import Replies
from omma.evaluate.layouts import find_pictures
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.generate.sampling import Sampling
from omma.metrics.metric import Metric
from omma.metrics.pairs.sugarcrepe import GPT_4V_PROMPT, SugarCrepe, SugarCrepeAsked
from omma.schema.verdict import Record

SPLITS = ("add_att", "add_obj", "replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")
POSITIVE, NEGATIVE = "caption", "negative_caption"


@config
class SugarCrepeQuestions(Published):
    """The seven splits. `pictures` is the folder of the photos, beside `path`; `words` ask a model that writes."""

    about: ClassVar[str] = "a caption against its hard negative"
    abilities: ClassVar[tuple[str, ...]] = ("compositionality",)
    size: ClassVar[int] = 7511
    layout: ClassVar[str] = "a folder with add_att.json, add_obj.json, replace_…, swap_…, and COCO's val2017 beside it"

    name: str = "sugarcrepe"
    path: str = "data"
    pictures: str = "val2017"
    words: str = ""
    asking: Asking = Compared()
    metrics: tuple[Metric, ...] = (SugarCrepe(),)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → the questions of its splits: [caption, negative]."""
        places = find_pictures(file, uri, [self.pictures])
        for split, where, row in split_rows(file, uri):
            captions = (str(need(row, POSITIVE, where)), str(need(row, NEGATIVE, where)))
            picture = f"{places}{need(row, 'filename', where)}"
            name = f"{split}:{need(row, 'id', where)}"
            yield Question(asking(name, self.words, [picture], task=split), captions[0], {"split": split}, captions)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The same score for both."""
        return ("[0.0, 0.0]",)


@config
class SugarCrepeAskedQuestions(SugarCrepeQuestions):
    """For models that answer in words: each pair asked in both orders, with the words that the authors asked GPT-4V."""

    about: ClassVar[str] = "which of two captions describes the picture best?"
    size: ClassVar[int] = 15022

    name: str = "sugarcrepe_asked"
    words: str = GPT_4V_PROMPT
    asking: Asking = Replies()
    sampling: Sampling = Sampling(max_tokens=16)
    metrics: tuple[Metric, ...] = (SugarCrepeAsked(),)
    subsets: tuple[str, ...] = ("split",)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → two questions a row: the caption first, then the negative first."""
        places = find_pictures(file, uri, [self.pictures])
        for split, where, row in split_rows(file, uri):
            said = (str(need(row, POSITIVE, where)), str(need(row, NEGATIVE, where)))
            picture = f"{places}{need(row, 'filename', where)}"
            for first, captions in (("positive", said), ("negative", said[::-1])):
                words = self.words.replace("{first}", captions[0]).replace("{second}", captions[1])
                name = f"{split}:{need(row, 'id', where)}:{first}-first"
                right = "(1)" if first == "positive" else "(2)"
                yield Question(asking(name, words, [picture], task=split), right, {"split": split, "first": first})

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """Always the first, or always the second."""
        return "(1)", "(2)"


def split_rows(file: Path, uri: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Folder + its name in the store → (split, place, row) of every split that is there. DataError if none is."""
    splits = [split for split in SPLITS if (file / f"{split}.json").is_file()]
    if not splits:
        raise DataError(uri, f"none of {', '.join(SPLITS)} as .json", "the splits", "take the folder data of the benchmark")
    for split in splits:
        name = f"{uri}/{split}.json"
        for number, row in enumerate(read_rows(file / f"{split}.json", name)):
            yield split, f"{name}:{number}", row
