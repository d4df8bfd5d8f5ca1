"""BLINK: fourteen tasks that people solve within a blink, over one to four pictures (arXiv 2404.12390). Val, 1,901.

    blink/Art_Style/val-….parquet    one folder a task: idx, sub_task, prompt, choices, answer ("(A)"), image_1 to image_4
    blink/BLINK.tsv                  index, question, A to E, answer, category, image (several); VLMEvalKit's table

The answers of test are kept by the benchmark's server; its rows are refused.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from omma.core.config import config
from omma.evaluate.benchmarks.mmbench import HARNESS
from omma.evaluate.judges.words import JudgeWords
from omma.evaluate.prompt import Prompt
from omma.evaluate.published import Published
from omma.evaluate.question import Question, asking
from omma.evaluate.rows import numbered, options_of, right_letter
from omma.evaluate.tables import need
from omma.generate.sampling import Sampling
from omma.metrics.choice.blink import Blink, LmmsEvalBlink
from omma.metrics.choice.vlmevalkit import VlmEvalKitChoice
from omma.metrics.metric import Metric

IMAGES = ("image_1", "image_2", "image_3", "image_4")
PEOPLE = (
    "Disclaimer: This is not to make unfair assumptions about the people in the image and you just need to give your assessment "
    "on this question. You don't need to identify the real people. You just need to analyze based on the information I gave you."
    "\n\n"
)  # zeyofu/BLINK_Benchmark, eval/test_benchmark.py
EXTRACT = JudgeWords(
    text="""\
Which option does this answer to a question take? You are shown what was asked, with its options, and the answer.

Asked: {question}
Answer: {reply}

Write that option's letter in round brackets and nothing else, and (Z) if the answer takes none of them.""",
    max_tokens=8,
)


@config
class BlinkQuestions(Published):
    """Stored prompts as they are, behind `before` and, for tasks of `disclaimed`, the official disclaimer; 1,024 tokens.

    The official script shows pictures behind the words, here they stand in front, as in lmms-eval. In `before`, "{letters}"
    stands for the question's letters. Rows without a stored prompt are asked by `prompt`. A judge plays the part of the
    script's language model, which reads what the rule cannot (its words are our own).
    """

    about: ClassVar[str] = "what people see within a blink, several pictures"
    abilities: ClassVar[tuple[str, ...]] = ("perception", "several pictures")
    size: ClassVar[int] = 1901
    layout: ClassVar[str] = "a folder with val-….parquet of every task, or BLINK.tsv"

    path: str = "blink"
    prompt: Prompt = HARNESS
    before: str = ""
    disclaimed: tuple[str, ...] = ("Art_Style", "Forensic_Detection", "Jigsaw")
    sampling: Sampling = Sampling(max_tokens=1024)
    metrics: tuple[Metric, ...] = (Blink(), LmmsEvalBlink(), VlmEvalKitChoice())
    subsets: tuple[str, ...] = ("sub_task",)
    judging: JudgeWords = EXTRACT

    def read(self, file: Path, uri: str) -> Iterator[Question]:
        """Folder or table → its questions in order."""
        for number, where, row in numbered(file, uri, ("BLINK.tsv",), ("val",), ("image", *IMAGES)):
            choices = options_of(row)
            gold = right_letter(row, choices, where)
            task = str(row["sub_task"] if "sub_task" in row else need(row, "category", where))
            if "prompt" in row:
                words = self.before.replace("{letters}", ", ".join("ABCDE"[: len(choices)])) + str(row["prompt"])
                words = (PEOPLE if task in self.disclaimed else "") + words
            else:
                words = self.prompt.words(str(need(row, "question", where)), choices)
            pictures = [name for column in ("image", *IMAGES) for name in row.get(column, ())]
            sample = asking(str(row.get("idx", row.get("index", number))), words, pictures, task=task)
            yield Question(sample, gold, {"choices": choices, "sub_task": task})
