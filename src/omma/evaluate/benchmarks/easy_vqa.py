"""easy-VQA (github.com/vzhou842/easy-VQA): questions about one shape, 13 answers → exact match, overall and per question kind."""

from collections.abc import Sequence
from dataclasses import replace

from omma.core.config import config
from omma.evaluate.accuracy import Accuracy
from omma.evaluate.known import Known
from omma.generate.sampling import Sampling
from omma.metrics.text import exact
from omma.schema.verdict import Record, Verdict

ANSWERS = (
    "black", "blue", "brown", "circle", "gray", "green", "no", "rectangle", "red", "teal", "triangle", "yellow", "yes",
)  # fmt: skip


@config
class EasyVqa(Accuracy):
    """Every reply that is not one of the 13 answers is unparsed, whatever the kind of question.

    The overall trivial guess is one answer for all questions, as the data set's own baseline has it: about 37%.
    """

    name: str = "easy_vqa"
    source: str = "easy_vqa"
    sampling: Sampling = Sampling(max_tokens=8)

    def mark(self, records: Sequence[Record], known: Known) -> list[Record]:
        """Records → marked records; what can be read does not depend on which answers the training data hold."""
        fixed = replace(known, answers={record.task: ANSWERS for record in records})
        return super().mark(records, fixed)

    def score(self, records: Sequence[Record], known: Known) -> tuple[Verdict, ...]:
        """Records → verdict over all, then per question kind."""
        whole, *kinds = super().score(records, known)
        if not known.overall:
            return (whole, *kinds)
        return (replace(whole, trivial=sum(exact(known.overall, record.gold) for record in records) / len(records)), *kinds)
