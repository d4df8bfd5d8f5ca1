"""Judge: records of a folder → the same with a verdict on each reply. No benchmark asks one unless a person names one.

A verdict stands in a record as `details["judge"]`: its text, whose it is (name, version) and the hash of what the judge
was told. Metrics read the text as the fact `judge`, so `rescore` needs no judge. A judge that fails on a reply leaves an
error there, and the reply is unread and counted.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from omma.core.progress import Bar
from omma.evaluate.job import read_records, write_records
from omma.evaluate.published import UNANSWERED, Published
from omma.schema.verdict import Record

KEPT_EVERY = 64  # verdicts between two writes of the records
PROMPT_NOT_KNOWN = "recorded"


@dataclass(frozen=True, slots=True)
class Case:
    """One reply to be judged: the id of its record, and all that the judge is told."""

    id: str
    words: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge said, or why it said nothing; `prompt` is the hash of what it was told."""

    verdict: str
    prompt: str
    error: str = ""


class Judge(Protocol):
    """`name` and `version` tell judges apart: verdicts of another one are asked for again."""

    name: str
    version: str

    def verdicts(self, cases: Sequence[Case], max_tokens: int) -> Iterator[Judgement]:
        """Cases → one judgement each, in order."""

    def prompt_hash(self, case: Case) -> str:
        """What the judge is told → 16 hex digits."""


Bench = Callable[[str, Sequence[str]], Judge]  # name of a benchmark and the ids of its records → who judges them


def judge_records(folder: Path, suite: Sequence[Published], bench: Bench) -> int:
    """Records of the benchmarks in `folder` → judged, in place. Verdicts of the same judge on the same words are kept.

    Gives the number of replies on which the judge failed. Those that were never written are not shown to it.
    """
    failed = 0
    for benchmark in suite:
        records = read_records(folder, benchmark.name)
        judge = bench(benchmark.name, [record.sample_id for record in records])
        waiting = {place: Case(record.sample_id, benchmark.judging.words(record)) for place, record in _answered(records)}
        waiting = {place: case for place, case in waiting.items() if not _judged(records[place], judge, case)}
        with Bar(f"judge {benchmark.name}", len(waiting)) as bar:
            given = judge.verdicts(list(waiting.values()), benchmark.judging.max_tokens)
            for count, (place, one) in enumerate(zip(waiting, given, strict=True), 1):
                records[place] = _with(records[place], judge, one)
                bar.advance()
                if count % KEPT_EVERY == 0:
                    write_records(folder, benchmark.name, records)
        write_records(folder, benchmark.name, records)
        failed += sum("error" in record.details.get("judge", {}) for record in records)
    return failed


def _answered(records: Sequence[Record]) -> Iterator[tuple[int, Record]]:
    return ((place, record) for place, record in enumerate(records) if record.details.get("finish") not in UNANSWERED)


def _judged(record: Record, judge: Judge, case: Case) -> bool:
    """Whether this judge has said something about these words before."""
    there = record.details.get("judge", {})
    return "error" not in there and there == {"verdict": there.get("verdict")} | _signed(judge, judge.prompt_hash(case))


def _with(record: Record, judge: Judge, given: Judgement) -> Record:
    failed: dict[str, Any] = {"error": given.error} if given.error else {}
    note = {"verdict": given.verdict} | _signed(judge, given.prompt) | failed
    return replace(record, details=record.details | {"judge": note})


def _signed(judge: Judge, prompt: str) -> dict[str, str]:
    return {"name": judge.name, "version": judge.version, "prompt": prompt}
