"""Class folders: pictures in a folder per class, as ImageNet's validation set lies on most disks; classified without training.

    val/n01440764/ILSVRC2012_val_00000293.JPEG, …    a folder a class
    val/classnames.txt                               what the classes are called, a line each in the order of the folders'
                                                     names; without it, folders are called what they are named
    val/zeroshot_classification_templates.txt        prompts, one a line, with {c} (or {}) where the name goes; optional

The two files are those of LAION-AI/CLIP_benchmark's data sets. CLIP's 80 prompts for ImageNet go into the second.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.core.files import read_text
from omma.evaluate.asking.asking import Asking
from omma.evaluate.asking.ensembled import Ensembled
from omma.evaluate.asking.ranked import Ranked
from omma.evaluate.matched import Contest, Matched
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.media.store import PICTURES
from omma.metrics.metric import Metric
from omma.metrics.retrieval.classes import Classified
from omma.schema.verdict import Record

NAMES, TEMPLATES = "classnames.txt", "zeroshot_classification_templates.txt"
MARKS = ("{c}", "{}")


@config
class ClassFolders(Matched):
    """For spaces: a class is the mean of its prompts. `limit` draws pictures; all classes stay.

    `templates` are taken where the folder has no file of them.
    """

    about: ClassVar[str] = "which class does a picture belong to?"
    abilities: ClassVar[tuple[str, ...]] = ("classification",)
    layout: ClassVar[str] = "a folder with a folder of pictures for each class"

    templates: tuple[str, ...] = ("a photo of a {c}.",)
    asking: Asking = Ensembled()
    metrics: tuple[Metric, ...] = (Classified(),)

    def check(self) -> None:
        super().check()
        _check(self.templates, f"{self.name}.templates")

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → all classes, then all pictures."""
        classes = read_classes(file, uri)
        templates = _lines(file / TEMPLATES) or self.templates
        _check(templates, f"{uri}/{TEMPLATES}")
        for number, one in enumerate(classes):
            prompts = tuple(_filled(template, one.words) for template in templates)
            yield Question(asking(f"class:{number}", prompts[0]), number, {"class": number, "side": "class"}, prompts)
        for number, one in enumerate(classes):
            for name in one.pictures:
                picture = f"{uri}/{one.folder}/{name}"
                facts = {"class": number, "side": "picture"}
                yield Question(asking(f"{one.folder}/{name}", "", [picture], task="classify"), number, facts)

    def limited(self, questions: Sequence[Any]) -> list[Any]:
        """Questions → all classes and the `limit` pictures that are asked."""
        classes = [question for question in questions if question.facts["side"] == "class"]
        return [*classes, *super().limited(questions[len(classes) :])]

    def contests(self, records: Sequence[Record]) -> Iterator[Contest]:
        """Each picture with all classes."""
        classes = tuple(place for place, record in enumerate(records) if record.facts["side"] == "class")
        right = {records[place].facts["class"]: at for at, place in enumerate(classes)}
        for place, record in enumerate(records):
            if record.facts["side"] == "picture":
                yield Contest(place, classes, (right[record.facts["class"]],))


@config
class RankedClassFolders(Published):
    """For models that write: how likely is each class's name as the answer, per token? The words that ask are ours."""

    about: ClassVar[str] = "which class does a picture belong to?"
    abilities: ClassVar[tuple[str, ...]] = ("classification",)
    layout: ClassVar[str] = "a folder with a folder of pictures for each class"

    words: str = "What is in this picture? Answer with its name alone."
    asking: Asking = Ranked()
    metrics: tuple[Metric, ...] = (Classified(),)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → all pictures, with the names of all classes."""
        classes = read_classes(file, uri)
        choices = tuple(one.words for one in classes)
        for number, one in enumerate(classes):
            for name in one.pictures:
                sample = asking(f"{one.folder}/{name}", self.words, [f"{uri}/{one.folder}/{name}"], task="classify")
                yield Question(sample, number, {"candidates": len(classes)}, choices)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The same score for every class."""
        return (str([0.0] * int(records[0].facts["candidates"])),)


@dataclass(frozen=True, slots=True)
class Class:
    """One class: its folder, its name in words, and the names of its pictures."""

    folder: str
    words: str
    pictures: tuple[str, ...]


def read_classes(file: Path, uri: str) -> list[Class]:
    """Folder + its name in the store → its classes in the order of the folders' names. DataError if names do not fit."""
    folders = sorted(entry for entry in file.iterdir() if entry.is_dir()) if file.is_dir() else []
    if not folders:
        raise DataError(uri, "no folders in it", "a folder of pictures for each class")
    names = _lines(file / NAMES) or tuple(folder.name.replace("_", " ") for folder in folders)
    if len(names) != len(folders):
        raise DataError(
            f"{uri}/{NAMES}", f"{len(names)} names for {len(folders)} folders", "a line for each folder, in their order"
        )
    pictures = [tuple(sorted(e.name for e in folder.iterdir() if e.suffix.lower() in PICTURES)) for folder in folders]
    return [Class(folder.name, words, shown) for folder, words, shown in zip(folders, names, pictures, strict=True)]


def _lines(file: Path) -> tuple[str, ...]:
    return tuple(line.strip() for line in read_text(file).splitlines() if line.strip()) if file.is_file() else ()


def _filled(template: str, words: str) -> str:
    return template.replace(MARKS[0], words).replace(MARKS[1], words)


def _check(templates: Sequence[str], where: str) -> None:
    wrong = [template for template in templates if not any(mark in template for mark in MARKS)]
    if wrong or not templates:
        got = f"no {{c}} in {wrong[0]!r}" if wrong else "none"
        raise ConfigError(where, got, "prompts with {c} where the class's name goes")
