"""Accuracy: the part of a benchmark that marks answers right or wrong: overall and per task, beside the best blind guess."""

from collections.abc import Sequence

from omma.core.config import config
from omma.evaluate.held_out import HeldOut
from omma.evaluate.known import Known
from omma.evaluate.marks import asks_for_box, guessed, mark_box, mark_text, verdict
from omma.schema.verdict import Record, Verdict

WHOLE = "all"


@config
class Accuracy(HeldOut):
    """Words by exact match in normal form, places by IoU ≥ 0.5 of the first box. One verdict over all records, one per task."""

    def mark(self, records: Sequence[Record], known: Known) -> list[Record]:
        """Records → marked records."""
        return [mark_box(record) if asks_for_box(record) else mark_text(record, known) for record in records]

    def score(self, records: Sequence[Record], known: Known) -> tuple[Verdict, ...]:
        """Records → verdict over all, then per task in alphabetical order. DataError if there are no records."""
        marked = self.mark(records, known)
        groups = {WHOLE: marked} | {task: [r for r in marked if r.task == task] for task in sorted({r.task for r in marked})}
        return tuple(
            verdict(self.name, _metric(group), subset, group, [guessed(record, known) for record in group])
            for subset, group in groups.items()
        )


def _metric(records: Sequence[Record]) -> str:
    """What a group's mean is called."""
    return "iou@0.5" if records and all(map(asks_for_box, records)) else "accuracy"
