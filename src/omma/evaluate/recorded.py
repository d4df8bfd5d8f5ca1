"""Recorded: a file of answers that some model gave before → an answerer that repeats them.

Rows in `.jsonl`, `.json`, `.csv` or `.tsv`: an id (`question_id`, `id`, `index`, …) and what was said (`answer`, `text`,
`prediction`, …), or a JSON object of texts by id. Without ids, rows stand in the order of the questions. A COCO results
file has a row a detection instead.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omma.core.errors import DataError
from omma.core.files import file_hash, read_text
from omma.evaluate.results import by_picture, is_results
from omma.evaluate.tables import read_rows
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight
from omma.schema.sample import Sample

IDS = ("question_id", "questionId", "id", "index", "sample_id", "qid", "pid", "idx", "image_id")
SAID = (
    "answer",
    "text",
    "prediction",
    "response",
    "output",
    "caption",
    "pred",
    "raw",
    "box",
    "predicted_box",
    "segmentation",
    "predicted_segmentation",
)
SHOWN = 5


class Recorded:
    """Answers of one file to the questions of one benchmark. Questions without one are rows marked as missing, and count."""

    def __init__(self, file: Path, ids: Sequence[str]) -> None:
        self.file = file
        self.said = read_answers(file, ids)

    def ask(self, samples: Sequence[Sample], sampling: Sampling, sight: Sight = "picture", start: int = 0) -> Iterator[Reply]:
        """Samples → what was recorded for their ids."""
        for sample in samples[start:]:
            text = self.said.get(sample.id)
            yield Reply(text or "", (), (), "missing" if text is None else "stop", (), 0.0, self.prompt_hash(sample))

    def prompt_hash(self, sample: Sample) -> str:
        """What the model was told is not known."""
        return "recorded"

    def fingerprint(self) -> str:
        """The file's bytes."""
        return file_hash(self.file)[:16]


def read_answers(file: Path, ids: Sequence[str], columns: Sequence[str] = SAID) -> dict[str, str]:
    """File + ids of the questions → id → what was said, in the first of `columns` that it has.

    DataError for ids that are unknown or have two answers.
    """
    if not file.is_file():
        raise DataError(str(file), "no such file", "recorded answers")
    answers = _by_id(file) or _from_rows(file, ids, columns)
    unknown = [name for name in answers if name not in set(ids)]
    if unknown:
        got = f"{len(unknown)} of {len(answers)} ids that no question has, such as {', '.join(map(repr, unknown[:SHOWN]))}"
        raise DataError(str(file), got, f"ids such as {', '.join(map(repr, ids[:SHOWN]))}", "is it the same benchmark and split?")
    return answers


def _by_id(file: Path) -> dict[str, str]:
    """A JSON object of texts by id, as MM-Vet's results are → its answers; {} for a file of rows."""
    if file.suffix != ".json":
        return {}
    try:
        data = json.loads(read_text(file), object_pairs_hook=lambda pairs: _once(pairs, file))
    except (ValueError, RecursionError):
        return {}  # told as a file of rows
    if not isinstance(data, dict) or any(isinstance(value, dict) for value in data.values()):
        return {}
    return {name: _text(value) for name, value in data.items()}


def _once(pairs: list[tuple[str, Any]], file: Path) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise DataError(str(file), f"{twice!r} stands twice in one object", "each id once", "keep one of them")
    return found


def _from_rows(file: Path, ids: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    rows = read_rows(file, file.name, ())
    if is_results(rows[0]):
        return by_picture(rows, ids, str(file))
    there = dict.fromkeys(name for row in rows for name in row)  # of all rows: empty cells are in none
    named = next((name for name in IDS if name in there), None)
    spoken = next((name for name in columns if name in there and name != named), None)
    if spoken is None:
        raise DataError(str(file), f"no answer among {', '.join(there)}", f"one of {', '.join(columns)}")
    if named is None:
        if len(rows) != len(ids):
            fix = f"give the rows an id: one of {', '.join(IDS)}"
            raise DataError(str(file), f"{len(rows)} rows without ids", f"{len(ids)}, one a question in their order", fix)
        return dict(zip(ids, (_text(row.get(spoken)) for row in rows), strict=True))
    answers: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        if named not in row:
            raise DataError(f"{file}:{number}", f"no {named!r}", "an id, as other rows have")
        name, text = str(row[named]), _text(row.get(spoken))
        if answers.setdefault(name, text) != text:
            raise DataError(f"{file}:{number}", f"a second answer to {name!r}", "one answer a question", "keep one of them")
    return answers


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
