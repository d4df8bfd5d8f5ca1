"""Recorded judge: a file of verdicts that a judge or a person gave before: rows with an id and a verdict."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from omma.core.files import file_hash
from omma.evaluate.judges.judge import PROMPT_NOT_KNOWN, Case, Judgement
from omma.evaluate.recorded import SAID, read_answers

VERDICT = ("verdict", "judge", "judgement", "judgment", "score", "correct", *SAID)


class RecordedJudge:
    """Verdicts of one file on the records of one benchmark. `version` is the file's hash. A reply without one is an error."""

    def __init__(self, file: Path, ids: Sequence[str]) -> None:
        self.said = read_answers(file, ids, VERDICT)
        self.name, self.version = file.name, file_hash(file)[:16]

    def verdicts(self, cases: Sequence[Case], max_tokens: int) -> Iterator[Judgement]:
        """Cases → what was recorded for their ids."""
        for case in cases:
            text = self.said.get(case.id, "")
            yield Judgement(text, PROMPT_NOT_KNOWN, "" if text else "no verdict in the file")

    def prompt_hash(self, case: Case) -> str:
        """What the judge was told is not known."""
        return PROMPT_NOT_KNOWN
