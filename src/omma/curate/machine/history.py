"""History: generations of rows and what was said of them, step by step → for the rows of a shard, all that became of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from jaxtyping import Bool, Int64

from omma.curate.machine.attaching import Known
from omma.curate.machine.judging import Fates
from omma.curate.machine.shards import flags, read_table
from omma.curate.operator import Operator

Column = list[Any]
FATES = ("gone", "failed", "reason")


@dataclass(frozen=True, slots=True)
class Step:
    """Outcomes of some operators on a generation: a file a shard."""

    generation: int
    files: tuple[Path, ...]
    operators: tuple[Operator, ...]


@dataclass
class History:
    """What has happened so far. `alive` and `failed` are of the last generation, shard by shard: all that is kept in memory."""

    generations: list[Known]
    steps: list[Step]
    alive: list[Bool[np.ndarray, "rows"]]
    failed: list[Bool[np.ndarray, "rows"]]

    @staticmethod
    def begin(known: Known) -> "History":
        """Rows as they were read: out are those that were no samples."""
        first = Step(0, known.rows.files, ())
        return History([known], [first], [~gone for gone in known.gone], [gone.copy() for gone in known.gone])

    @property
    def known(self) -> Known:
        """The last generation."""
        return self.generations[-1]

    @property
    def seen(self) -> int:
        """Rows of the last generation."""
        return self.known.rows.total

    def judged(self, operators: Sequence[Operator], files: Sequence[Path], fates: Sequence[Fates]) -> None:
        """A step on the last generation."""
        self.steps.append(Step(len(self.generations) - 1, tuple(files), tuple(operators)))
        for number, fate in enumerate(fates):
            self.alive[number] = self.alive[number] & ~fate.gone
            self.failed[number] = self.failed[number] | fate.failed

    def rewritten(self, operator: Operator, known: Known) -> None:
        """The next generation, whose rows say what a rewriter did to them."""
        self.generations.append(known)
        self.steps.append(Step(len(self.generations) - 1, known.rows.files, (operator,)))
        for number, file in enumerate(known.rows.files):
            table = read_table(file, "parent", "gone", "failed")
            parent = table["parent"].to_numpy()
            mine = np.array([name == operator.name for name in table["gone"].to_pylist()], bool)
            self.alive[number] = self.alive[number][parent] & ~mine
            self.failed[number] = self.failed[number][parent] | (flags(table["failed"]) & mine)

    def outcome(self) -> str:
        """Hash over what the last step made of all rows: steps after it depend on nothing else of it."""
        digest = hashlib.sha256("".join(self.known.hashes).encode())
        for rows in self.alive:
            digest.update(np.packbits(rows).tobytes())
        return digest.hexdigest()

    def told(self, shard: int, *wanted: str) -> dict[str, Column]:
        """For each row of a shard of the last generation: `gone`, `failed`, `reason`, and the columns that begin as `wanted`."""
        rows = self._ancestors(shard)
        count = len(rows[-1])
        found: dict[str, Column] = {"gone": [""] * count, "failed": [False] * count, "reason": [""] * count}
        for step in self.steps:
            with pq.ParquetFile(step.files[shard]) as file:
                names = file.schema_arrow.names if step.operators and wanted else []
                named = [name for name in names if name.startswith(wanted)]
                table = file.read([*FATES, *named], use_threads=False)
            if step.generation < len(rows) - 1:
                table = table.take(rows[step.generation])
            found |= {name: table[name].to_pylist() for name in named}
            gone, failed, reason = (table[name].to_pylist() for name in FATES)
            for row, name in enumerate(gone):
                if name and not found["gone"][row]:
                    found["gone"][row], found["failed"][row], found["reason"][row] = name, failed[row], reason[row]
        return found

    def _ancestors(self, shard: int) -> list[Int64[np.ndarray, "rows"]]:
        """For each generation the rows that those of the last one come from."""
        rows = [np.arange(self.known.rows.counts[shard])]
        for known in reversed(self.generations[1:]):
            parent = read_table(known.rows.files[shard], "parent")["parent"].to_numpy()
            rows.append(parent[rows[-1]])
        return rows[::-1]
