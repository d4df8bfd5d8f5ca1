"""Plan: which samples are read in which order, packed how. Data, not code: a Parquet table with its hash."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from omma.core.errors import DataError
from omma.core.files import atomic_path


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What a plan is a function of, and what came of it. `leftover` counts samples that no bin holds (each in the ledger)."""

    stage: str
    manifest: str
    recipe: str
    seed: int
    tokens: int
    patches: int
    bins_per_step: int
    fill: float
    leftover: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Bins of samples: entry e puts sample `sample[e]` (row of the manifest) into bin `bin[e]`; `variant[e]` chooses a caption.

    Entries are sorted by bin. Step s reads bins [s · bins_per_step, (s + 1) · bins_per_step); rank r of R each R-th of them.
    """

    facts: PlanFacts
    sample: np.ndarray  # (entries,) int32
    variant: np.ndarray  # (entries,) int32
    bin: np.ndarray  # (entries,) int32, ascending

    @property
    def num_bins(self) -> int:
        """Bins in the plan."""
        return int(self.bin[-1]) + 1 if len(self.bin) else 0

    @property
    def num_steps(self) -> int:
        """Whole optimizer steps."""
        return self.num_bins // self.facts.bins_per_step

    @property
    def hash(self) -> str:
        """16 hex digits over facts and order."""
        digest = hashlib.sha256(json.dumps(asdict(self.facts), sort_keys=True).encode())
        for column in (self.sample, self.variant, self.bin):
            digest.update(np.ascontiguousarray(column, dtype=np.int32).tobytes())
        return digest.hexdigest()[:16]

    def entries(self, bin_index: int) -> np.ndarray:
        """Entry numbers of one bin, in packing order."""
        first, last = np.searchsorted(self.bin, [bin_index, bin_index + 1])
        return np.arange(first, last)

    def save(self, path: Path) -> None:
        """Write as Parquet; the facts travel as metadata."""
        columns = {"sample": self.sample, "variant": self.variant, "bin": self.bin}
        table = pa.table({name: np.asarray(column, np.int32) for name, column in columns.items()})
        with atomic_path(path) as temporary:
            pq.write_table(table.replace_schema_metadata({"plan": json.dumps(asdict(self.facts))}), temporary)

    @staticmethod
    def read(path: Path) -> "Plan":
        """Inverse of `save`; DataError if the file is no plan."""
        try:
            table = pq.read_table(path)
            facts = PlanFacts(**json.loads(table.schema.metadata[b"plan"]))
        except (OSError, pa.ArrowInvalid, KeyError, TypeError) as error:
            raise DataError(str(path), f"no plan: {error}", "a file that `omma plan` wrote", "run `omma plan` again") from None
        return Plan(facts, *(table[name].to_numpy() for name in ("sample", "variant", "bin")))
