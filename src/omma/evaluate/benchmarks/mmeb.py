"""MMEB: 36 data sets as one task: which candidate does a query ask for? (arXiv 2410.05160)

    MMEB-eval/ImageNet-1K/test-00000-of-00001.parquet, …    a folder a data set, as the hub's TIGER-Lab/MMEB-eval has
                                                            them, or .jsonl
    MMEB-eval/…, MMEB-eval/images/… or images.zip           their pictures, under the names that the rows give them

A row has qry_text, qry_img_path, tgt_text and tgt_img_path; the targets are lists whose first one is right. `<|image_1|>`
in a text stands where the picture does. A candidate that several queries of a data set share is embedded once.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.matched import Contest, Matched
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows
from omma.metrics.metric import Metric
from omma.metrics.retrieval.mmeb import Mmeb, StrictMmeb
from omma.schema.sample import Sample
from omma.schema.verdict import Record

MARK = "<|image_{}|>"
ENDINGS = (".parquet", ".jsonl")
Pair = tuple[str, str]  # a text and the name of a picture, either of which may be empty


@config
class MmebQuestions(Matched):
    """The data sets that are there, or those of `datasets`. `limit` draws queries; candidates that none of them has are left out.

    All vectors are held when scores are worked out: take a few data sets at a time where they are long.
    `pictures` is a folder of pictures inside `path`, or a zip of that name.
    """

    about: ClassVar[str] = "embeddings of words and pictures on 36 data sets"
    abilities: ClassVar[tuple[str, ...]] = ("embedding", "retrieval", "classification", "grounding")
    layout: ClassVar[str] = "a folder with a folder for each data set, and images or images.zip"

    name: str = "mmeb"
    path: str = "MMEB-eval"
    pictures: str = "images"
    datasets: tuple[str, ...] = ()
    metrics: tuple[Metric, ...] = (Mmeb(), StrictMmeb())

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder → for each data set its queries, then their candidates."""
        for folder, files in self._tables(file, uri).items():
            rows = [(f"{uri}/{folder}/{one.name}", row) for one in files for row in read_rows(one, uri, ())]
            yield from _dataset(folder, rows, self._place(file, uri, rows))

    def _tables(self, file: Path, uri: str) -> dict[str, list[Path]]:
        """Folder → the tables of each data set that is asked."""
        folders = sorted(entry for entry in file.iterdir() if entry.is_dir()) if file.is_dir() else []
        tables = {folder.name: sorted(one for one in folder.iterdir() if one.suffix in ENDINGS) for folder in folders}
        there = {name: files for name, files in tables.items() if files}
        if not there:
            raise DataError(uri, "no folder with .parquet or .jsonl files", self.layout)
        missing = sorted(set(self.datasets) - there.keys())
        if missing:
            raise DataError(uri, f"no folder {', '.join(missing)}", "a folder for each of `datasets`")
        return {name: files for name, files in there.items() if not self.datasets or name in self.datasets}

    def _place(self, file: Path, uri: str, rows: Sequence[tuple[str, dict[str, Any]]]) -> str:
        """What stands before names of pictures: they lie in the folder, in `pictures` there, or in a zip of that name."""
        shown = [path for _, row in rows for column in ("qry_img_path", "tgt_img_path") for path in _several(row.get(column))]
        for folder in ("", f"{self.pictures}/"):
            if shown and (file / folder / shown[0]).is_file():
                return f"{uri}/{folder}"
        return f"{uri}/{self.pictures}.zip#" if (file / f"{self.pictures}.zip").is_file() else f"{uri}/{self.pictures}/"

    def limited(self, questions: Sequence[Any]) -> list[Any]:
        """Questions → the `limit` queries that are asked, and their candidates."""
        asked = super().limited([question for question in questions if question.facts["side"] == "query"])
        needed = {(one.facts["dataset"], at) for one in asked for at in one.facts["targets"]}
        kept = {(one.facts["dataset"], one.facts["at"]) for one in asked}
        return [
            one
            for one in questions
            if (one.facts["dataset"], one.facts["at"]) in (kept if one.facts["side"] == "query" else needed)
        ]

    def contests(self, records: Sequence[Record]) -> Iterator[Contest]:
        """Each query with its own candidates, the right one first."""
        places = {
            (record.facts["dataset"], record.facts["at"]): place
            for place, record in enumerate(records)
            if record.facts["side"] == "target"
        }
        for place, record in enumerate(records):
            if record.facts["side"] == "query":
                yield Contest(place, tuple(places[record.facts["dataset"], at] for at in record.facts["targets"]), (0,))


def _dataset(name: str, rows: Sequence[tuple[str, dict[str, Any]]], place: str) -> Iterator[Question]:
    """Rows of one data set → its queries, then each of their candidates once."""
    targets: dict[Pair, int] = {}
    for number, (where, row) in enumerate(rows):
        pairs = _targets(row, f"{where}:{number}")
        found = [targets.setdefault(pair, len(targets)) for pair in pairs]
        query = (str(row.get("qry_text", "")), str(row.get("qry_img_path", "")))
        facts = {"side": "query", "dataset": name, "at": number, "targets": found}
        yield Question(_sample(f"{name}:q{number}", query, place, where), list(pairs[0]), facts)
    for pair, at in targets.items():
        facts = {"side": "target", "dataset": name, "at": at}
        yield Question(_sample(f"{name}:t{at}", pair, place, name), list(pair), facts)


def _targets(row: dict[str, Any], where: str) -> list[Pair]:
    """Row → its candidates: texts, pictures, or one of each."""
    texts, pictures = (value if isinstance(value, list) else [] for value in (row.get("tgt_text"), row.get("tgt_img_path")))
    count = max(len(texts), len(pictures))
    if not count:
        need(row, "tgt_text", where)
    if not count or not {len(texts), len(pictures)} <= {0, count}:
        got = f"{len(texts)} texts and {len(pictures)} pictures of candidates"
        raise DataError(where, got, "as many of one as of the other, or none")
    return [
        (str(text or ""), str(shown or "")) for text, shown in zip(texts or [""] * count, pictures or [""] * count, strict=True)
    ]


def _sample(name: str, pair: Pair, place: str, where: str) -> Sample:
    """Text and picture → a sample with the picture where the text has its mark, and in front otherwise."""
    text, picture = pair
    if not text and not picture:
        raise DataError(where, "a query or candidate of neither words nor a picture", "one of them")
    words = text if picture else text.replace(MARK.format(1), "")
    return asking(name, words, [f"{place}{picture}"] if picture else [], mark=MARK)


def _several(value: Any) -> list[str]:
    return [str(item) for item in value if item] if isinstance(value, list) else [str(value)] if value else []
