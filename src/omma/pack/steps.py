"""Steps: plan + step number → the micro-batches of one rank. A map-style data set, so that any step is an O(1) start away."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from omma.core.errors import ConfigError, DataError, OmmaError
from omma.core.ledger import Entry
from omma.pack.codec import Codec, finish
from omma.pack.collate import collate
from omma.pack.pixels import Patches, Pixels
from omma.pack.rows import fit
from omma.schema.batch import Batch
from omma.schema.plan import Plan
from omma.schema.row import Row
from omma.schema.sample import Sample
from omma.schema.talk import Eye

KEPT_TOKENS = 8_000_000  # of rows kept by one process, some 200 MB at most
OPERATOR, VERSION = "pack.loader", "1"


@dataclass(frozen=True, slots=True)
class Step:
    """What one step is, or the error that prevents it; `entries` tell of samples that it had to do without."""

    batches: tuple[Batch, ...]
    entries: tuple[Entry, ...] = ()
    error: OmmaError | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of each step this process reads: every `ranks`-th bin from `rank`, in `micro_batches` equal groups."""

    rank: int
    ranks: int
    micro_batches: int

    def check(self, bins_per_step: int) -> None:
        """ConfigError unless the bins of a step divide evenly."""
        if not 0 <= self.rank < self.ranks:
            raise ConfigError("loader.rank", str(self.rank), f"0 to {self.ranks - 1}")
        if self.micro_batches < 1 or bins_per_step % (self.ranks * self.micro_batches):
            got = f"{bins_per_step} bins over {self.ranks} ranks × {self.micro_batches} micro-batches"
            raise ConfigError("budget.bins_per_step", got, f"a multiple of {self.ranks * max(self.micro_batches, 1)}")


class Steps(torch.utils.data.Dataset[Step]):
    """The steps of a plan as one rank reads them. Rows and decoded pictures are kept within bounds; neither changes a batch."""

    def __init__(self, plan: Plan, samples: Sequence[Sample], codec: Codec, eye: Eye, pixels: Pixels, share: Share) -> None:
        share.check(plan.facts.bins_per_step)
        self.plan, self.samples, self.codec, self.eye = plan, samples, codec, eye
        self.pixels, self.share = pixels, share
        self.borders = np.searchsorted(plan.bin, np.arange(plan.num_bins + 1))
        self.rows: OrderedDict[tuple[int, int], Row] = OrderedDict()
        self.kept_tokens = 0

    def __len__(self) -> int:
        return self.plan.num_steps

    def __getitem__(self, step: int) -> Step:
        """Step number → its micro-batches. Errors travel as values, since an exception would not leave a worker whole."""
        entries: list[Entry] = []
        try:
            groups = [self._rows(keys) for keys in self.keys(step)]
            batches = tuple(self._batch(rows, entries) for rows in groups)
        except OmmaError as error:
            return Step((), tuple(entries), error)
        return Step(batches, tuple(entries))

    def keys(self, step: int) -> list[list[tuple[int, int]]]:
        """Step number → (sample, variant) pairs of each micro-batch."""
        size, share = self.plan.facts.bins_per_step, self.share
        bins = np.arange(step * size, (step + 1) * size)[share.rank :: share.ranks]
        groups = bins.reshape(share.micro_batches, -1)
        entries = [np.concatenate([np.arange(self.borders[b], self.borders[b + 1]) for b in group]) for group in groups]
        return [list(zip(self.plan.sample[e].tolist(), self.plan.variant[e].tolist(), strict=True)) for e in entries]

    def _rows(self, keys: list[tuple[int, int]]) -> list[Row]:
        """Rows of one micro-batch; those not kept from before are encoded together."""
        missing = [key for key in dict.fromkeys(keys) if key not in self.rows]
        fresh = dict(zip(missing, self._encode(missing), strict=True))
        rows = [fresh[key] if key in fresh else self.rows[key] for key in keys]
        for key, row in fresh.items():
            self.rows[key] = row
            self.kept_tokens += row.num_tokens
        while self.kept_tokens > KEPT_TOKENS:
            self.kept_tokens -= self.rows.popitem(last=False)[1].num_tokens
        return rows

    def _encode(self, keys: list[tuple[int, int]]) -> list[Row]:
        drafts = self.codec.drafts([(self.samples[s], v if not self.samples[s].turns else 0) for s, v in keys], self.eye)
        facts, rows = self.plan.facts, []
        for (number, variant), draft in zip(keys, drafts, strict=True):
            if draft.num_tokens <= facts.tokens and draft.num_patches(self.eye.patch) <= facts.patches:
                rows.append(finish(draft, self.eye))
            else:
                rows.append(self._piece(self.samples[number], variant))
        return rows

    def _piece(self, sample: Sample, number: int) -> Row:
        fitted = fit(sample, self.codec, self.eye, self.plan.facts.tokens, self.plan.facts.patches)
        if number >= len(fitted.rows):
            got = f"piece {number} of {len(fitted.rows)}"
            raise DataError(sample.id, got, "the data and the tokenizer that the plan was made with", "make the plan again")
        return fitted.rows[number]

    def _batch(self, rows: list[Row], entries: list[Entry]) -> Batch:
        kept: list[Row] = []
        patches: list[list[Patches]] = []
        for row in rows:
            try:
                found = self.pixels.of(row)
            except OmmaError as error:
                entries.append(Entry(row.sample_id, row.source, OPERATOR, VERSION, "error", str(error)))
                continue
            kept.append(row)
            patches.append(found)
        return collate(kept, patches, self.eye) if kept else collate([self._nothing()], [[]], self.eye)

    def _nothing(self) -> Row:
        """A document of one unsupervised token: what is read where every picture of a micro-batch failed."""
        ids = np.array(self.codec.stop_ids[:1], np.int32)
        return Row("", "", ids, np.zeros(1, bool), self.eye.position_ids(1, ()), ())
