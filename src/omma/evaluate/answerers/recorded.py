"""Recorded: a file of answers that some model gave before → an answerer that repeats them.

Rows in `.jsonl`, `.json`, `.csv` or `.tsv`: an id (`question_id`, `id`, `index`, …) and what was said (`answer`, `text`,
`prediction`, …). Without ids, rows stand in the order of the questions.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omma.core.errors import DataError
from omma.core.files import file_hash
from omma.evaluate.tables import read_rows
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight
from omma.generate.talker import Reply
from omma.schema.sample import Sample

IDS = ("question_id", "questionId", "id", "index", "sample_id", "qid", "pid", "image_id")
SAID = ("answer", "text", "prediction", "response", "output", "caption", "pred", "raw")
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
    rows = read_rows(file, file.name, ())
    named = next((name for name in IDS if name in rows[0]), None)
    spoken = next((name for name in columns if name in rows[0] and name != named), None)
    if spoken is None:
        raise DataError(str(file), f"no answer among {', '.join(rows[0])}", f"one of {', '.join(columns)}")
    if named is None:
        if len(rows) != len(ids):
            fix = f"give the rows an id: one of {', '.join(IDS)}"
            raise DataError(str(file), f"{len(rows)} rows without ids", f"{len(ids)}, one a question in their order", fix)
        return dict(zip(ids, (_text(row.get(spoken)) for row in rows), strict=True))
    answers: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        name, text = str(row.get(named, "")), _text(row.get(spoken))
        if answers.setdefault(name, text) != text:
            raise DataError(f"{file}:{number}", f"a second answer to {name!r}", "one answer a question", "keep one of them")
    unknown = [name for name in answers if name not in set(ids)]
    if unknown:
        got = f"{len(unknown)} of {len(answers)} ids that no question has, such as {', '.join(map(repr, unknown[:SHOWN]))}"
        raise DataError(str(file), got, f"ids such as {', '.join(map(repr, ids[:SHOWN]))}", "is it the same benchmark and split?")
    return answers


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
