"""OK-VQA: questions about COCO pictures that need outside knowledge (arXiv 1906.00067). Val.

    ok_vqa/OpenEnded_mscoco_val2014_questions.json    as VQAv2
    ok_vqa/mscoco_val2014_annotations.json            as VQAv2, and "question_types": {"one": "…", …} naming the kinds of knowledge
    val2014/COCO_val2014_000000000042.jpg             or val2014.zip, there or in a folder above

or a folder with Parquet files val2014-….parquet of the hub (columns question_id, question, image, answers, question_type).
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from omma.core.config import config
from omma.evaluate.benchmarks.vqav2 import VqaV2Questions
from omma.evaluate.prompt import SHORT, Prompt
from omma.evaluate.published import Published
from omma.generate.sampling import Sampling
from omma.metrics.evalai import LmmsEvalOkVqa
from omma.metrics.metric import Metric
from omma.metrics.vqa import OkVqa, VlmEvalKitVqa
from omma.schema.verdict import Record

UNANSWERABLE = "\nWhen the provided information is insufficient, respond with 'Unanswerable'."


@config
class OkVqaQuestions(VqaV2Questions):
    """The official script names no prompt; this one is lmms-eval's, whose models write up to 1,024 tokens.

    64 are enough here: a longer reply equals nobody's answer.
    """

    about: ClassVar[str] = "questions about photos that need outside knowledge"
    abilities: ClassVar[tuple[str, ...]] = ("knowledge",)
    size: ClassVar[int] = 5046
    layout: ClassVar[str] = "a folder with the questions and annotations of OK-VQA val, or the hub's Parquet files"
    question_file: ClassVar[str] = "OpenEnded_mscoco_val2014_questions.json"
    annotation_file: ClassVar[str] = "mscoco_val2014_annotations.json"
    splits: ClassVar[tuple[str, ...]] = ("val",)

    name: str = "ok_vqa"
    path: str = "ok_vqa"
    prompt: Prompt = Prompt(after=UNANSWERABLE + SHORT)
    sampling: Sampling = Sampling(max_tokens=64, stop=("ASSISTANT:",))
    metrics: tuple[Metric, ...] = (OkVqa(), LmmsEvalOkVqa(), VlmEvalKitVqa())
    subsets: tuple[str, ...] = ("question_type",)

    def guesses(self, records: Sequence[Record]) -> Sequence[str]:
        """The most common right answers."""
        return Published.guesses(self, records)

    def facts_of(self, row: dict[str, Any], kinds: dict[str, Any]) -> dict[str, str]:
        """Annotation + names of the kinds of knowledge → the kind of this question."""
        kind = str(row.get("question_type", ""))
        return {"question_type": str(kinds.get(kind, kind))} if kind else {}
