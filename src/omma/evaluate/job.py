"""Job: a suite + a talker → records as JSONL, then verdicts. Stopped anywhere, it goes on behind the last whole record.

folder/<benchmark>.jsonl    one record a line: written while the model answers, marked when all are there
folder/known.json           what the training answers tell (trivial guesses)
folder/verdicts.json        the scores
"""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omma.core.errors import CheckpointError, ConfigError
from omma.core.files import write_text
from omma.core.logs import JsonLog
from omma.core.progress import Bar
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.known import Known, learn
from omma.generate.sight import Sight
from omma.generate.talker import Talker
from omma.schema.sample import Sample
from omma.schema.verdict import Record, Verdict

KNOWN, VERDICTS = "known.json", "verdicts.json"


def evaluate(
    suite: Sequence[Benchmark],
    talker: Talker,
    heldout: Sequence[Sample],
    train: Sequence[Sample],
    folder: Path,
    sight: Sight = "picture",
) -> list[Verdict]:
    """Ask, mark and score every benchmark of the suite; everything lies in `folder` afterwards.

    Records that are there already are kept if they answer the same questions of the same model, else CheckpointError.
    """
    chosen = {benchmark.name: benchmark.choose(heldout) for benchmark in _distinct(suite)}
    model = talker.fingerprint()
    there = {b.name: _continued(b, talker, chosen[b.name], _file(folder, b.name), sight, model) for b in suite}
    write_text(folder / KNOWN, json.dumps(learn(train).to_dict(), indent=1, ensure_ascii=False))
    for benchmark in suite:
        samples, start = chosen[benchmark.name], there[benchmark.name]
        with Bar(f"eval {benchmark.name} ({sight})", len(samples)) as bar:
            bar.advance(start)
            for record in benchmark.records(talker, samples, sight, start):
                _append(_file(folder, benchmark.name), record, model)
                bar.advance()
    return rescore(suite, folder)


def rescore(suite: Sequence[Benchmark], folder: Path) -> list[Verdict]:
    """Marks and verdicts anew from the files in `folder` alone. CheckpointError if records are missing or unreadable."""
    known = _read_known(folder)
    verdicts: list[Verdict] = []
    for benchmark in _distinct(suite):
        marked = benchmark.mark(read_records(folder, benchmark.name), known)
        verdicts += benchmark.score(marked, known)
        write_text(_file(folder, benchmark.name), "".join(_line(record) + "\n" for record in marked))
    data = [dataclasses.asdict(verdict) for verdict in verdicts]
    write_text(folder / VERDICTS, json.dumps(data, indent=1, ensure_ascii=False))
    return verdicts


def read_records(folder: Path, benchmark: str) -> list[Record]:
    """Folder + name of a benchmark → its records in order. CheckpointError if there are none or a line is no record."""
    file = _file(folder, benchmark)
    if not file.is_file():
        raise CheckpointError(str(file), "no such file", "records of this benchmark", "run `omma eval` first")
    return _parsed(file)


def read_verdicts(folder: Path) -> list[Verdict]:
    """Folder → the scores in it. CheckpointError if there are none."""
    file = folder / VERDICTS
    try:
        return [Verdict(**item) for item in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(str(file), f"no scores: {error}", "a file that `omma eval` wrote", "run `omma eval` again") from None


def _continued(benchmark: Benchmark, talker: Talker, samples: Sequence[Sample], file: Path, sight: Sight, model: str) -> int:
    """How many records are there already. CheckpointError unless they answer the first of these questions, asked of this model."""
    there = _parsed(file) if file.exists() else []
    fix = "give another run folder, or delete this file to ask again"
    if len(there) > len(samples):
        raise CheckpointError(str(file), f"{len(there)} records", f"at most the {len(samples)} samples of the benchmark", fix)
    for number, (record, sample) in enumerate(zip(there, samples, strict=False), 1):
        now = {"sample": sample.id, "model": model} | benchmark.asked(talker.prompt_hash(sample), sample, sight)
        then = {"sample": record.sample_id, "model": record.details.get("model")} | record.details.get("asked", {})
        changes = [f"{name} {then.get(name)} → {value}" for name, value in now.items() if then.get(name) != value]
        if changes:
            raise CheckpointError(f"{file}:{number}", f"answers another question: {'; '.join(changes)}", "", fix)
    JsonLog(file).rewind(_whole)  # a line that was cut off goes, so that its rest cannot stand between two records
    return len(there)


def _append(file: Path, record: Record, model: str) -> None:
    JsonLog(file).write(**dataclasses.asdict(dataclasses.replace(record, details=record.details | {"model": model})))


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
    return json.dumps(dataclasses.asdict(record), ensure_ascii=False)


def _file(folder: Path, benchmark: str) -> Path:
    return folder / f"{benchmark}.jsonl"


def _read_known(folder: Path) -> Known:
    file = folder / KNOWN
    try:
        return Known.from_dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(str(file), f"unreadable: {error}", "a file that `omma eval` wrote", "run `omma eval` again") from None


def _distinct(suite: Sequence[Benchmark]) -> Sequence[Benchmark]:
    names = [benchmark.name for benchmark in suite]
    if not names:
        fix = "name them in the recipe's suite, or score it with the suite of another run: omma eval FOLDER --on RUN"
        raise ConfigError("suite", "the recipe has no benchmarks", "at least one", fix)
    if len(set(names)) != len(names):
        raise ConfigError("suite", f"names {', '.join(names)}", "each name once: it names a file")
    return suite
