"""Facts: run folder, or folder of scores → everything the report tells, read once. Whatever is not there yet is simply empty.

A run has config.yaml; scores that `omma eval` wrote elsewhere have only eval/<model>/.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from omma.core.config import HOUSE
from omma.core.errors import DataError, OmmaError
from omma.core.files import read_text
from omma.core.logs import JsonLog
from omma.core.runs import RunFolder
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.job import KNOWN, SUITE, VERDICTS, read_known, read_records, read_roots, read_suite, read_verdicts
from omma.evaluate.known import Known
from omma.evaluate.published import Published
from omma.schema.verdict import Record, Verdict

BEFORE, AFTER, BLIND = "before", "after-", "blind"
SUFFIXES = {"grey": "-blind", "shuffled": "-shuffled"}
FIX = "write it anew with `omma show RECIPE`"


@dataclass(frozen=True)
class Facts:
    """What lies in a run folder or a folder of scores. `verdicts`, `suites` and `sights` are keyed by moment.

    A moment is `before`, `after-<stage>` or `blind` of a run, else the name of a model, with `-blind` or `-shuffled` behind it.
    """

    folder: Path
    config_text: str
    config: dict[str, Any]
    done: dict[str, dict[str, Any]]
    lines: tuple[dict[str, Any], ...]
    ledger: pa.Table
    verdicts: dict[str, tuple[Verdict, ...]]
    suites: dict[str, dict[str, Benchmark]]
    sights: dict[str, str]
    roots: dict[str, Path]
    troubles: tuple[str, ...] = ()  # suites that cannot be read: their verdicts are told without abilities and gains

    @cached_property
    def is_run(self) -> bool:
        """Whether this is a run, and not scores alone."""
        return bool(self.config)

    @cached_property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages, in order."""
        return tuple(stage["name"] for stage in self.config.get("stages", ()))

    @cached_property
    def moments(self) -> tuple[str, ...]:
        """Moments that were scored, in the order of a run, then by name; those that do not see last."""
        order = [BEFORE, *(f"{AFTER}{stage}" for stage in self.stages)]
        names = [*order, *sorted(set(self.verdicts) - set(order))]
        there = [moment for moment in names if moment in self.verdicts]
        return tuple(sorted(there, key=lambda moment: self.sights[moment] != "picture"))

    @cached_property
    def seeing(self) -> tuple[str, ...]:
        """Moments that were shown the pictures."""
        return tuple(moment for moment in self.moments if self.sights[moment] == "picture")

    @cached_property
    def final(self) -> str:
        """The last moment with pictures that was scored, or an empty word."""
        return self.seeing[-1] if self.seeing else ""

    @cached_property
    def shown(self) -> tuple[str, ...]:
        """Moments whose answers a report shows: the final one of a run, every model of a folder of scores."""
        return (self.final,) if self.is_run and self.final else self.seeing or self.moments

    def blind_of(self, moment: str, sight: str) -> str:
        """Moment with pictures + another sight → the moment of the same model with that sight, or an empty word."""
        names = [moment + SUFFIXES[sight], *([sight.replace("grey", BLIND)] if moment == self.final else [])]
        return next((name for name in names if self.sights.get(name) == sight), "")

    @cached_property
    def data_root(self) -> Path:
        """Where a run's own pictures lie: the recipe's data root, or the folder that drawn worlds filled."""
        root = self.config.get("data", {}).get("root", "")
        return Path(root) if root else self.folder / "raw"

    def root_of(self, benchmark: str) -> Path:
        """Name of a benchmark → where its pictures lie."""
        return self.roots.get(benchmark, self.data_root)

    def benchmarks(self, moment: str) -> tuple[str, ...]:
        """Moment → names of the benchmarks that were scored then and whose records are there."""
        names = dict.fromkeys(verdict.benchmark for verdict in self.verdicts.get(moment, ()))
        return tuple(name for name in names if (self.folder / f"eval/{moment}/{name}.jsonl").is_file())

    def records(self, moment: str, benchmark: str) -> list[Record]:
        """Moment + name of a benchmark → its records, read from the disk each time: there may be very many."""
        return read_records(self.folder / f"eval/{moment}", benchmark)

    def benchmark(self, moment: str, name: str) -> Published | None:
        """Moment + name → the published benchmark as it was asked; None for a run's own samples, and where nothing says."""
        found = self.suites.get(moment, {}).get(name)
        return found if isinstance(found, Published) else None

    def is_graded(self, moment: str, name: str) -> bool:
        """Whether each answer of a benchmark is right or wrong; captions are nearer to what people wrote or farther from it."""
        found = self.benchmark(moment, name)
        return found is None or "captioning" not in found.abilities

    def known(self, moment: str) -> Known:
        """Moment → what the training answers tell."""
        folder = self.folder / f"eval/{moment}"
        return read_known(folder) if (folder / KNOWN).is_file() else Known()

    def events(self, name: str) -> Iterator[dict[str, Any]]:
        """Log lines of one kind, oldest first."""
        return (line for line in self.lines if line.get("event") == name)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Parts of a whole run that are not there yet, in words."""
        if not self.is_run:
            return ()
        trained = {line["stage"] for line in self.events("step")}
        wanted = {
            "curation": "curate" in self.done,
            **{f"training of stage {stage}": stage in trained for stage in self.stages},
            "scores before training": BEFORE in self.verdicts,
            **{f"scores after stage {stage}": f"{AFTER}{stage}" in self.verdicts for stage in self.stages},
            "the blind run": BLIND in self.verdicts,
        }
        return tuple(name for name, there in wanted.items() if not there)


def read_facts(run: RunFolder, data: Path | None = None, trusted: Sequence[str] = HOUSE) -> Facts:
    """Run folder or folder of scores → facts. `data` is where published benchmarks lie now, if not where they were asked.

    DataError if it is neither; CheckpointError for records and verdicts that cannot be read.
    """
    file = run / "config.yaml"
    folders = {path.parent.name: path.parent for path in sorted((run / "eval").glob(f"*/{VERDICTS}"))}
    if not file.is_file() and not folders:
        fix = "make one with `omma run RECIPE` or `omma eval MODEL SUITE`"
        raise DataError(str(run.path), "no config.yaml and no eval/…/verdicts.json", "a run folder or scores", fix)
    text = read_text(file) if file.is_file() else ""
    read = {name: _suite(folder, trusted) for name, folder in folders.items()}
    suites = {name: suite for name, (suite, _) in read.items()}
    roots = {name: root for folder in folders.values() for name, root in read_roots(folder).items()}
    if data is not None:
        published = [name for suite in suites.values() for name, one in suite.items() if isinstance(one, Published)]
        roots = dict.fromkeys((*roots, *published), data)
    return Facts(
        folder=run.path,
        config_text=text,
        config=_parsed(text, file) if text else {},
        done={path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((run / "done").glob("*.json"))},
        lines=tuple(run.log.read()),
        ledger=run.ledger.table(),
        verdicts={name: tuple(read_verdicts(folder)) for name, folder in folders.items()},
        suites=suites,
        sights={name: _sight(folder) for name, folder in folders.items()},
        roots=roots,
        troubles=tuple(trouble for _, trouble in read.values() if trouble),
    )


def _suite(folder: Path, trusted: Sequence[str]) -> tuple[dict[str, Benchmark], str]:
    """The benchmarks of a folder by name, and why they cannot be read if they cannot: parts of one's own, another version."""
    if not (folder / SUITE).is_file():
        return {}, ""
    try:
        return {one.name: one for one in read_suite(folder, trusted)}, ""
    except OmmaError as error:
        return {}, str(error)


def _sight(folder: Path) -> str:
    """What the model was shown in a folder of records: what they say, or what the folder's name says where they are silent."""
    for file in sorted(folder.glob("*.jsonl")):
        first = next(JsonLog(file).read(), {})
        asked = first.get("details", {}).get("asked", {}).get("sight")
        if asked:
            return str(asked)
    return "grey" if folder.name == BLIND else "picture"


def _parsed(text: str, file: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DataError(str(file), f"not YAML: {' '.join(str(error).split())}", "the recipe of the run", FIX) from None
    if not isinstance(config, dict):
        raise DataError(str(file), f"a {type(config).__name__}", "the recipe of the run", FIX)
    return config
