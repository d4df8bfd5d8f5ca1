"""ScienceQA: multiple choice from primary and high school, half of it with a picture (arXiv 2209.09513). Test, 4,241 questions.

    scienceqa/problems.json    {"4": {"question", "choices", "answer" (from 0), "hint", "image", "subject", "grade", "split"}, …}
    scienceqa/images/test/11/image.png, or scienceqa/test/…, or test.zip

or Parquet files test-….parquet of the hub with the same columns, or VLMEvalKit's ScienceQA_TEST.tsv, which has the 2,017
questions with a picture only.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from omma.core.config import config
from omma.evaluate.layouts import find_pictures
from omma.evaluate.prompt import LETTER, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import letter_by_number, numbered, options_of, right_letter
from omma.evaluate.tables import KEY, need
from omma.generate.sampling import Sampling
from omma.metrics.choice.scienceqa import LmmsEvalScienceQa, ScienceQa
from omma.metrics.choice.vlmevalkit import VlmEvalKitChoice
from omma.metrics.metric import Metric

GRADE = re.compile(r"grade(\d{1,2})")
PRIMARY = 6  # the paper parts grades 1 to 6 from 7 to 12


@config
class ScienceQaQuestions(Published):
    """Words and 1,024 tokens are LLaVA's (scripts/convert_sqa_to_llava_base_prompt.py, llava/eval/model_vqa_science.py), whose
    scores the field compares: two spaces become one in them.
    """

    about: ClassVar[str] = "science of schools, half with a picture"
    abilities: ClassVar[tuple[str, ...]] = ("science", "knowledge", "reasoning")
    size: ClassVar[int] = 4241
    layout: ClassVar[str] = "a folder with problems.json and its pictures, test-….parquet, or ScienceQA_TEST.tsv"

    tables: tuple[str, ...] = ("problems.json", "ScienceQA_TEST.tsv")
    pictures: tuple[str, ...] = ("images/test", "test")
    prompt: Prompt = Prompt(hint="Context: {hint}\n", after=LETTER)
    sampling: Sampling = Sampling(max_tokens=1024)
    metrics: tuple[Metric, ...] = (ScienceQa(), LmmsEvalScienceQa(), VlmEvalKitChoice())
    subsets: tuple[str, ...] = ("subject", "grades")

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → the questions of the test split in order."""
        folder = ""
        for number, where, row in numbered(file, uri, self.tables, ("test",)):
            if row.get("split", "test") == "test":
                pictures = row.get("image", ())
                if not isinstance(pictures, tuple):  # a name, as in problems.json
                    folder = folder or find_pictures(file, uri, self.pictures)
                    pictures = (f"{folder}{row.get(KEY, number)}/{pictures}",)
                yield self._question(str(row.get(KEY, row.get("index", number))), row, pictures, where)

    def _question(self, name: str, row: dict[str, Any], pictures: tuple[str, ...], where: str) -> Question:
        choices = options_of(row)
        gold = (right_letter if "A" in row else letter_by_number)(row, choices, where)
        words = self.prompt.words(str(need(row, "question", where)), choices, str(row.get("hint", "")))
        words = words.replace("  ", " ")
        subject = str(row.get("subject", ""))
        facts: dict[str, Any] = {"choices": choices, "image": bool(pictures), "subject": subject}
        grade = GRADE.fullmatch(str(row.get("grade", "")))
        if grade:
            facts["grades"] = "grades 1-6" if int(grade[1]) <= PRIMARY else "grades 7-12"
        return Question(asking(name, words, pictures, task=subject), gold, facts)
