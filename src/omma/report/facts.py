"""Facts: run folder → everything the report tells, read once. Whatever is not there yet is simply empty."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from omma.core.errors import DataError
from omma.core.files import read_text
from omma.core.runs import RunFolder
from omma.evaluate.job import VERDICTS, read_records, read_verdicts
from omma.schema.verdict import Record, Verdict

BEFORE, AFTER, BLIND = "before", "after-", "blind"
FIX = "write it anew with `omma show RECIPE`"


@dataclass(frozen=True)
class Facts:
    """What lies in a run folder. `verdicts` and `records` are keyed by moment (`before`, `after-<stage>`, `blind`)."""

    folder: Path
    config_text: str
    config: dict[str, Any]
    done: dict[str, dict[str, Any]]
    lines: tuple[dict[str, Any], ...]
    ledger: pa.Table
    verdicts: dict[str, tuple[Verdict, ...]]
    records: dict[str, dict[str, tuple[Record, ...]]]

    @cached_property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages, in order."""
        return tuple(stage["name"] for stage in self.config.get("stages", ()))

    @cached_property
    def moments(self) -> tuple[str, ...]:
        """Moments that were scored, in the order of a run."""
        order = [BEFORE, *(f"{AFTER}{stage}" for stage in self.stages)]
        others = sorted(set(self.verdicts) - {*order, BLIND})
        return tuple(moment for moment in (*order, *others, BLIND) if moment in self.verdicts)

    @cached_property
    def final(self) -> str:
        """The last moment with pictures that was scored, or an empty word."""
        return next((moment for moment in reversed(self.moments) if moment != BLIND), "")

    @cached_property
    def data_root(self) -> Path:
        """Where the pictures lie: the recipe's data root, or the folder that drawn worlds filled."""
        root = self.config.get("data", {}).get("root", "")
        return Path(root) if root else self.folder / "raw"

    def events(self, name: str) -> Iterator[dict[str, Any]]:
        """Log lines of one kind, oldest first."""
        return (line for line in self.lines if line.get("event") == name)

    @cached_property
    def missing(self) -> tuple[str, ...]:
        """Parts of a whole run that are not there yet, in words."""
        trained = {line["stage"] for line in self.events("step")}
        wanted = {
            "curation": "curate" in self.done,
            **{f"training of stage {stage}": stage in trained for stage in self.stages},
            "scores before training": BEFORE in self.verdicts,
            **{f"scores after stage {stage}": f"{AFTER}{stage}" in self.verdicts for stage in self.stages},
            "the blind run": BLIND in self.verdicts,
        }
        return tuple(name for name, there in wanted.items() if not there)


def read_facts(run: RunFolder) -> Facts:
    """Run folder → facts. DataError if it was never begun."""
    file = run / "config.yaml"
    if not file.is_file():
        raise DataError(str(run.path), "no config.yaml", "a run folder", "make one with `omma run RECIPE`")
    text = read_text(file)
    folders = sorted(path for path in (run / "eval").glob("*") if path.is_dir())
    return Facts(
        folder=run.path,
        config_text=text,
        config=_parsed(text, file),
        done={path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((run / "done").glob("*.json"))},
        lines=tuple(run.log.read()),
        ledger=run.ledger.table(),
        verdicts={path.name: tuple(read_verdicts(path)) for path in folders if (path / VERDICTS).is_file()},
        records={path.name: {f.stem: tuple(read_records(path, f.stem)) for f in sorted(path.glob("*.jsonl"))} for path in folders},
    )


def _parsed(text: str, file: Path) -> dict[str, Any]:
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DataError(str(file), f"not YAML: {' '.join(str(error).split())}", "the recipe of the run", FIX) from None
    if not isinstance(config, dict):
        raise DataError(str(file), f"a {type(config).__name__}", "the recipe of the run", FIX)
    return config
