"""Own rows: a file of one's own questions (.jsonl, .json, .tsv, .csv, .parquet) → scored by any metric of omma.

    {"image": "photos/cat.jpg", "question": "What is it?", "answer": "a cat"}

A row has `question` and `answer` (or `answers`), and may have `image` (or `images`), `choices`, `task` and `id`. Picture
names are relative to the file. Whatever else it has is a fact that the metric may read.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.core.errors import DataError
from omma.evaluate.prompt import LETTER, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.tables import need, read_rows

ANSWERS, PICTURES, CHOICES = ("answer", "answers"), ("image", "images"), "choices"
ASKED = ("question", "id", "task", *ANSWERS, *PICTURES, CHOICES)


@config
class OwnRows(Published):
    """Scores are per task where the rows name tasks."""

    about: ClassVar[str] = "a file of one's own"
    layout: ClassVar[str] = "rows with question and answer, and image where there is one"

    prompt: Prompt = Prompt()
    letters: Prompt = Prompt(after=LETTER)
    subsets: tuple[str, ...] = ("task",)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """File → its rows as questions."""
        folder = uri.rpartition("/")[0]
        for number, row in enumerate(read_rows(file, uri, PICTURES)):
            where = f"{uri}:{number}"
            gold = next((row[name] for name in ANSWERS if name in row), None)
            if gold is None:
                raise DataError(where, f"no answer among {', '.join(row)}", "a row with `answer` or `answers`")
            pictures = [_inside(folder, name) for column in PICTURES for name in _several(row.get(column))]
            choices = _several(row.get(CHOICES))
            words = (self.letters if choices else self.prompt).words(str(need(row, "question", where)), choices)
            task = str(row.get("task", ""))
            facts = {name: value for name, value in row.items() if name not in ASKED}
            if choices:
                facts["choices"] = choices
            yield Question(
                asking(str(row.get("id", number)), words, pictures, task=task),
                gold,
                facts | ({"task": task} if task else {}),
                tuple(choices),
            )


def _several(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]


def _inside(folder: str, name: str) -> str:
    return name if "#" in name or not folder else f"{folder}/{name}"
