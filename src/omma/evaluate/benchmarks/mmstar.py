"""MMStar: 1,500 questions in six capabilities that cannot be answered without the picture (arXiv 2403.20330).

    mmstar/MMStar.tsv          index, question with its options, answer (letter), category, l2_category, image (base64)
    mmstar/mmstar.parquet      the same columns; the makers' own both. VLMEvalKit's MMStar.tsv has columns A to D for the options

The same run with pictures, with `--blind` and of the language model alone gives multi-modal gain and leakage.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.evaluate.benchmarks.mmbench import HARNESS
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import numbered, options_of, right_letter
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.metrics.choice.mmstar import OPTIONS, LmmsEvalMmStar, MmStar
from omma.metrics.metric import Metric

UNLISTED = Prompt(question="Question: {question}\n", after="Options:\nPlease select the correct answer from the options above. \n")


@config
class MmStarQuestions(Published):
    """The words and 32 tokens of the official script, a fork of VLMEvalKit, whose heading "Options:" stays when the question
    has them in it (`unlisted`). Without pictures the script leaves them out; `--blind` shows grey ones.
    """

    about: ClassVar[str] = "questions that need the picture, six capabilities"
    abilities: ClassVar[tuple[str, ...]] = ("perception", "reasoning", "mathematics", "science")
    size: ClassVar[int] = 1500
    layout: ClassVar[str] = "a folder with MMStar.tsv or mmstar.parquet"

    path: str = "mmstar"
    prompt: Prompt = HARNESS
    unlisted: Prompt = UNLISTED
    sampling: Sampling = Sampling(max_tokens=32)
    metrics: tuple[Metric, ...] = (MmStar(), LmmsEvalMmStar())
    subsets: tuple[str, ...] = ()  # the metric itself names the categories

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions in order."""
        for number, where, row in numbered(file, uri, ("MMStar.tsv", "mmstar.parquet"), ("val",)):
            choices, question = options_of(row), str(need(row, "question", where))
            words = (self.prompt if choices else self.unlisted).words(question, choices)
            category = str(need(row, "category", where))
            fine = str(row.get("l2_category", row.get("l2-category", "")))
            sample = asking(str(row.get("index", number)), words, need(row, "image", where), task=category)
            gold = right_letter(row, choices or list(OPTIONS), where)
            yield Question(sample, gold, {"category": category, "l2_category": fine})
