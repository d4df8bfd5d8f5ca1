"""Job: a suite + an answerer → records as JSONL, then verdicts. Stopped anywhere, it goes on behind the last whole record.

folder/suite.yaml           the benchmarks, so that scores can be worked out again from this folder alone
folder/<benchmark>.jsonl    one record a line: written while the model answers, marked when all are there
folder/known.json           what the training answers tell (trivial guesses)
folder/verdicts.json        the scores
folder/roots.json           the data root of each published benchmark, where reports find its pictures

Several processes share the work by question: each keeps `<benchmark>.2of4.jsonl`, and whoever ends last joins them.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omma.answerers.answerer import Answerer
from omma.core.config import HOUSE, load, packages, show
from omma.core.errors import CheckpointError, ConfigError
from omma.core.files import read_text, write_text
from omma.core.logs import JsonLog
from omma.core.progress import Bar
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.known import Known, learn
from omma.evaluate.question import Question, Supply
from omma.evaluate.suite import Suite
from omma.generate.sight import Sight, shown
from omma.schema.verdict import Record, Verdict

KNOWN, VERDICTS, SUITE, ROOTS = "known.json", "verdicts.json", "suite.yaml", "roots.json"


@dataclass(frozen=True, slots=True)
class Share:
    """Process number `rank` of `ranks` that answer one suite together: it takes every `ranks`-th question."""

    rank: int = 0
    ranks: int = 1

    def of(self, questions: Sequence[Question]) -> list[Question]:
        """All questions → this process's."""
        return list(questions[self.rank :: self.ranks])

    def file(self, folder: Path, name: str) -> Path:
        """Where this process keeps its records."""
        return folder / (f"{name}.jsonl" if self.ranks == 1 else f"{name}.{self.rank + 1}of{self.ranks}.jsonl")


def evaluate(
    suite: Sequence[Benchmark], answerer: Answerer, supply: Supply, folder: Path, sight: Sight = "picture", share: Share = Share()
) -> list[Verdict]:
    """Ask, mark and score every benchmark of the suite; everything lies in `folder` afterwards.

    Records that are there already are kept if they answer the same questions of the same model, else CheckpointError.
    Benchmarks that were scored in the folder before stay. Of several processes, all but the last to end return nothing.
    """
    asked = {benchmark.name: _seen(benchmark.questions(supply), sight) for benchmark in _distinct(suite)}
    if all(_joined(folder, name, questions) for name, questions in asked.items()):
        share = Share()
    model = answerer.fingerprint()
    own = {name: share.of(questions) for name, questions in asked.items()}
    there = {b.name: _continued(b, answerer, supply, own[b.name], share.file(folder, b.name), sight, model) for b in suite}
    write_text(folder / KNOWN, json.dumps(learn(supply.train).to_dict(), indent=1, ensure_ascii=False))
    for benchmark in suite:
        questions, start = own[benchmark.name], there[benchmark.name]
        with Bar(f"eval {benchmark.name} ({sight})", len(questions)) as bar:
            bar.advance(start)
            for record in benchmark.records(answerer, questions, supply, sight, start):
                _append(share.file(folder, benchmark.name), record, model)
                bar.advance()
    if not all(_join(folder, name, len(questions), share.ranks) for name, questions in asked.items()):
        return []
    _keep_suite(folder, suite)
    if supply.root is not None:
        roots = read_roots(folder) | {benchmark.name: supply.root.resolve() for benchmark in suite}
        write_text(folder / ROOTS, json.dumps({name: str(root) for name, root in roots.items()}, indent=1, ensure_ascii=False))
    return rescore(suite, folder)


def rescore(suite: Sequence[Benchmark], folder: Path) -> list[Verdict]:
    """Marks and verdicts anew from the files in `folder` alone. CheckpointError if records are missing or unreadable.

    Verdicts of other benchmarks that stand there stay as they are.
    """
    known = read_known(folder)
    names = {benchmark.name for benchmark in _distinct(suite)}
    verdicts: list[Verdict] = []
    for benchmark in suite:
        marked = benchmark.mark(read_records(folder, benchmark.name), known)
        verdicts += benchmark.score(marked, known)
        write_records(folder, benchmark.name, marked)
    others = [v for v in read_verdicts(folder) if v.benchmark not in names] if (folder / VERDICTS).is_file() else []
    data = [dataclasses.asdict(verdict) for verdict in (*others, *verdicts)]
    write_text(folder / VERDICTS, json.dumps(data, indent=1, ensure_ascii=False))
    return verdicts


def read_suite(folder: Path, trusted: Sequence[str] = HOUSE) -> tuple[Benchmark, ...]:
    """Folder → the benchmarks that were asked there; CheckpointError if it does not say."""
    file = folder / SUITE
    if not file.is_file():
        raise CheckpointError(str(file), "no such file", "a folder that `omma eval` wrote", "run `omma eval` first")
    suite = load(read_text(file), where=str(file), trusted=trusted)
    if not isinstance(suite, Suite):
        raise CheckpointError(str(file), f"a {type(suite).__name__}", "a Suite", "run `omma eval` again")
    return suite.benchmarks


def read_records(folder: Path, benchmark: str) -> list[Record]:
    """Folder + name of a benchmark → its records in order. CheckpointError if there are none or a line is no record."""
    file = _file(folder, benchmark)
    if not file.is_file():
        raise CheckpointError(str(file), "no such file", "records of this benchmark", "run `omma eval` first")
    return _parsed(file)


def write_records(folder: Path, benchmark: str, records: Sequence[Record]) -> None:
    """Replace the records of a benchmark whole."""
    write_text(_file(folder, benchmark), "".join(_line(record) + "\n" for record in records))


def read_verdicts(folder: Path) -> list[Verdict]:
    """Folder → the scores in it. CheckpointError if there are none."""
    file = folder / VERDICTS
    try:
        return [Verdict(**item) for item in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(str(file), f"no scores: {error}", "a file that `omma eval` wrote", "run `omma eval` again") from None


def read_known(folder: Path) -> Known:
    """Folder → what the training answers tell. CheckpointError if it does not say."""
    file = folder / KNOWN
    try:
        return Known.from_dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(str(file), f"unreadable: {error}", "a file that `omma eval` wrote", "run `omma eval` again") from None


def read_roots(folder: Path) -> dict[str, Path]:
    """Folder → where each published benchmark lay when it was asked; nothing if it does not say."""
    file = folder / ROOTS
    try:
        return {name: Path(root) for name, root in json.loads(file.read_text(encoding="utf-8")).items()} if file.is_file() else {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(str(file), f"unreadable: {error}", "a file that `omma eval` wrote", "delete it") from None


def _continued(
    benchmark: Benchmark,
    answerer: Answerer,
    supply: Supply,
    questions: Sequence[Question],
    file: Path,
    sight: Sight,
    model: str,
) -> int:
    """How many records are there already. CheckpointError unless they answer the first of these questions, asked of this model."""
    there = _parsed(file) if file.exists() else []
    fix = "give another folder, or delete this file to ask again"
    if len(there) > len(questions):
        raise CheckpointError(str(file), f"{len(there)} records", f"at most the {len(questions)} samples of the benchmark", fix)
    for number, (record, question) in enumerate(zip(there, questions, strict=False), 1):
        sample = benchmark.seen(question, supply).sample
        then = {"sample": record.sample_id, "model": record.details.get("model")} | record.details.get("asked", {})
        prompt = answerer.prompt_hash(sample) if then.get("prompt") else ""  # a broken picture was never asked about
        now = {"sample": sample.id, "model": model} | benchmark.asked(prompt, sample, sight)
        changes = [f"{name} {then.get(name)} → {value}" for name, value in now.items() if then.get(name) != value]
        if changes:
            raise CheckpointError(f"{file}:{number}", f"answers another question: {'; '.join(changes)}", "", fix)
    JsonLog(file).rewind(_whole)  # a line that was cut off goes, so that its rest cannot stand between two records
    return len(there)


def _seen(questions: list[Question], sight: Sight) -> list[Question]:
    """Questions → the same with the pictures of others, if that is what is asked; before any part of them is shared out."""
    if sight != "shuffled":
        return questions
    samples = shown([question.sample for question in questions], sight)
    return [dataclasses.replace(question, sample=sample) for question, sample in zip(questions, samples, strict=True)]


def _joined(folder: Path, name: str, questions: Sequence[Question]) -> bool:
    """Whether the shares of all processes have been joined before."""
    file = _file(folder, name)
    return file.exists() and len(_parsed(file)) == len(questions)


def _join(folder: Path, name: str, count: int, ranks: int) -> bool:
    """Shares of all processes → one file in the order of the questions; False while another process is still at work."""
    if ranks == 1:
        return True
    shares = [Share(rank, ranks) for rank in range(ranks)]
    files = [share.file(folder, name) for share in shares]
    parts = [_parsed(file) if file.exists() else [] for file in files]
    if any(len(part) < len(range(rank, count, ranks)) for rank, part in enumerate(parts)):
        return False
    lines = [_line(parts[place % ranks][place // ranks]) + "\n" for place in range(count)]
    write_text(_file(folder, name), "".join(lines))
    return True


def _keep_suite(folder: Path, suite: Sequence[Benchmark]) -> None:
    """The suite of a folder: these benchmarks, and those that were asked there before."""
    names = {benchmark.name for benchmark in suite}
    asked = Suite(id="asked", title="What was asked here", benchmarks=tuple(suite))
    before = read_suite(folder, (*HOUSE, *packages(asked))) if (folder / SUITE).is_file() else ()
    kept = (*(benchmark for benchmark in before if benchmark.name not in names), *suite)
    write_text(folder / SUITE, show(dataclasses.replace(asked, benchmarks=kept)))


def _append(file: Path, record: Record, model: str) -> None:
    JsonLog(file).write(**_plain(dataclasses.replace(record, details=record.details | {"model": model})))


def _parsed(file: Path) -> list[Record]:
    names = {field.name for field in dataclasses.fields(Record)}
    records = []
    for number, line in enumerate(JsonLog(file).read(), 1):
        if not isinstance(line, dict) or not _whole(line) or not line.keys() <= names:
            raise CheckpointError(f"{file}:{number}", "no record", "a line that `omma eval` wrote", "delete this file to ask again")
        records.append(Record(**line))
    return records


def _whole(line: dict[str, Any]) -> bool:
    return isinstance(line, dict) and {"sample_id", "task", "prompt", "gold", "raw"} <= line.keys()


def _line(record: Record) -> str:
    return json.dumps(_plain(record), ensure_ascii=False)


def _plain(record: Record) -> dict[str, Any]:
    """Record → its fields, shallow: `dataclasses.asdict` copies every list of boxes."""
    return {field.name: getattr(record, field.name) for field in dataclasses.fields(Record)}


def _file(folder: Path, benchmark: str) -> Path:
    return folder / f"{benchmark}.jsonl"


def _distinct(suite: Sequence[Benchmark]) -> Sequence[Benchmark]:
    names = [benchmark.name for benchmark in suite]
    if not names:
        fix = "name them in the recipe's suite, or score it with the suite of another run: omma eval FOLDER --on RUN"
        raise ConfigError("suite", "the recipe has no benchmarks", "at least one", fix)
    if len(set(names)) != len(names):
        raise ConfigError("suite", f"names {', '.join(names)}", "each name once: it names a file")
    return suite
