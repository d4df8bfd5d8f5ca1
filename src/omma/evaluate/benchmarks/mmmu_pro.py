"""MMMU-Pro: MMMU's harder questions with up to ten options, or photographed whole (arXiv 2409.02813). 1,730 in each set.

    mmmu_pro/standard (10 options)/test-….parquet    id, question, options (a list as text), answer, subject, image_1 to image_7
    mmmu_pro/standard (4 options)/test-….parquet     the same
    mmmu_pro/vision/test-….parquet                   id, image, options, answer, subject; the picture asks

or VLMEvalKit's tables MMMU_Pro_10c.tsv and MMMU_Pro_V.tsv in these folders.
"""

from collections.abc import Iterator
from pathlib import Path
from string import ascii_uppercase
from typing import ClassVar

from omma.core.config import config
from omma.evaluate.benchmarks.mmmu import IMAGES, MARK, pictures_of
from omma.evaluate.prompt import LETTER, Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import numbered, options_of, right_letter
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.metrics.choice.mmmu_pro import MmmuPro
from omma.metrics.choice.vlmevalkit import VlmEvalKitChoice
from omma.metrics.metric import Metric

# MMMU-Benchmark/MMMU, mmmu-pro/prompts.yaml
DIRECT = LETTER.replace("option's letter", "option letter")
LAST_LINE = (
    "The last line of your response should be of the following format: 'Answer: $LETTER' (without quotes) where LETTER is one of "
    "options."
)
STEPS = "Think step by step before answering."
TABLES = ("MMMU_Pro_10c.tsv", "MMMU_Pro_V.tsv")


@config
class MmmuProQuestions(Published):
    """The official words and 4,096 tokens. A question with words is asked by `prompt`; one in its picture by `photographed`."""

    about: ClassVar[str] = "MMMU's harder questions, up to ten options"
    abilities: ClassVar[tuple[str, ...]] = ("knowledge", "reasoning")
    size: ClassVar[int] = 1730
    layout: ClassVar[str] = "a folder mmmu_pro with the hub's folders: standard (10 options), standard (4 options), vision"

    prompt: Prompt = Prompt(after=DIRECT)
    photographed: str = f"{DIRECT.strip()} {LAST_LINE}"
    sampling: Sampling = Sampling(max_tokens=4096)
    metrics: tuple[Metric, ...] = (MmmuPro(), VlmEvalKitChoice())
    subsets: tuple[str, ...] = ("subject",)

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions in order."""
        for number, where, row in numbered(file, uri, TABLES, ("test",), ("image", *IMAGES)):
            choices = options_of(row)
            asked = "question" in row
            words = self.prompt.words(str(row["question"]), choices) if asked else self.photographed
            subject = str(row["subject"] if "subject" in row else need(row, "category", where))
            name = str(row.get("id", row.get("index", number)))
            sample = asking(name, words, pictures_of(row), task=subject, mark=MARK if asked else "")
            gold = right_letter(row, ascii_uppercase, where)  # a row of the release lists its options as a single one
            yield Question(sample, gold, {"choices": choices, "subject": subject})


def reasoned(name: str, path: str) -> MmmuProQuestions:
    """A set of MMMU-Pro, asked to think step by step, in the official words."""
    return MmmuProQuestions(
        name=name,
        path=path,
        prompt=Prompt(after=f"\nAnswer the preceding multiple choice question. {LAST_LINE} {STEPS}"),
        photographed=f"Write out the multiple-choice question in the image and then solve it. {LAST_LINE} {STEPS}",
    )
