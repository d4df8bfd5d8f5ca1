"""Plan: lengths + mixture + budget + seed → which samples stand in which bin, in which order. Pure; nothing is decoded.

Samples are drawn source by source in the mixture's proportions, each pass of a source shuffled anew, and packed window
by window into bins under two budgets (`binning`). Bins of a window come in random order, documents in a bin in the
order of drawing, so that neither follows length.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from omma.core.config import Config, config, did_you_mean
from omma.core.errors import ConfigError, DataError
from omma.core.ledger import Entry
from omma.core.seeds import generator
from omma.pack.binning import Binner
from omma.pack.draws import Draws, Source
from omma.pack.lengths import Lengths
from omma.schema.plan import Plan, PlanFacts

WINDOW = 16_384  # draws packed together, at most; less data is packed pass by pass, so that no pass runs into the next
LEAST_BINS = 16  # bins that a window fills at least, however small the data
OPERATOR, VERSION = "pack.plan", "1"


@config
class Budget(Config):
    """What a bin may hold, in language tokens (visual slots included) and in vision patches; `bins_per_step` over all ranks."""

    tokens: int = 4096
    patches: int = 16_384
    bins_per_step: int = 8

    def check(self) -> None:
        for name in ("tokens", "patches", "bins_per_step"):
            if getattr(self, name) < 1:
                raise ConfigError(f"Budget.{name}", str(getattr(self, name)), "at least 1")


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with what it leaves out: `entries()` has a ledger row for every unit that no bin holds, and every cut choice."""

    plan: Plan
    lengths: Lengths
    ids: Sequence[str]
    sources: Sequence[str]
    chosen: frozenset[str]
    budget: Budget

    def entries(self) -> Iterator[Entry]:
        """Ledger rows, in the order of samples; as many as there are leftovers, so they come one at a time."""
        yield from self.lengths.entries
        fits = _fits(self.lengths, self.budget)
        placed = self._placed()
        for unit, sample in enumerate(self.lengths.sample.tolist()):
            choices = range(self.lengths.first[unit], self.lengths.first[unit + 1])
            if not placed[unit]:
                reason = self._reason(sample, any(fits[c] for c in choices), choices)
                yield Entry(self.ids[sample], self.sources[sample], OPERATOR, VERSION, "leftover", reason)
            elif not all(fits[c] for c in choices):
                cut = [c for c in choices if not fits[c]]
                reason = f"{len(cut)} of {len(choices)} choices: {self._sizes(cut)}"
                yield Entry(self.ids[sample], self.sources[sample], OPERATOR, VERSION, "drop", reason)

    def _placed(self) -> np.ndarray:
        """Which units some bin holds."""
        wide = 1 + max(int(self.lengths.variant.max(initial=0)), int(self.plan.variant.max(initial=0)))
        owner = np.repeat(self.lengths.sample, np.diff(self.lengths.first))
        used = np.isin(owner * wide + self.lengths.variant, self.plan.sample.astype(np.int64) * wide + self.plan.variant)
        return np.logical_or.reduceat(used, self.lengths.first[:-1]) if len(used) else used

    def _reason(self, sample: int, fits: bool, choices: range) -> str:
        if not fits:
            return self._sizes(list(choices))
        if self.sources[sample] not in self.chosen:
            return f"source {self.sources[sample]!r} is not in the mixture"
        return f"the plan ends after {self.plan.num_steps} steps"

    def _sizes(self, choices: list[int]) -> str:
        tokens, patches = int(self.lengths.tokens[choices].max()), int(self.lengths.patches[choices].max())
        budget = f"budget {self.budget.tokens:,} tokens, {self.budget.patches:,} patches"
        return f"up to {tokens:,} tokens, {patches:,} patches; {budget}"


def build_plan(
    lengths: Lengths,
    ids: Sequence[str],
    sources: Sequence[str],
    mixture: Mapping[str, float],
    budget: Budget,
    *,
    seed: int,
    steps: int = 0,
    epochs: float = 0.0,
    stage: str = "",
    manifest: str = "",
    recipe: str = "",
) -> Planned:
    """Lengths of samples (whose `ids` and `sources` are given by sample) → plan of `steps`, or of `epochs` (one of them).

    `mixture` gives sources weights: their shares of the samples drawn (empty: natural shares). One epoch draws as many
    samples as the mixture's sources hold. In `steps` sources are read as often as that takes. The last, partial step of
    epochs is left over: its bins are the emptiest. DataError if no sample fits the budget, or if no whole step comes out.
    """
    if (steps > 0) == (epochs > 0) or steps < 0 or epochs < 0:
        raise ConfigError("plan", f"steps {steps}, epochs {epochs}", "one of them above 0")
    fits = _fits(lengths, budget)
    counts = np.add.reduceat(fits, lengths.first[:-1], dtype=np.int64) if len(lengths.sample) else np.zeros(0, np.int64)
    if not counts.any():
        raise _nothing_fits(lengths, budget, len(ids))
    parts = _sources(lengths, counts, sources, mixture, budget)
    total = max(round(epochs * sum(len(part.units) for part in parts)), 1) if epochs else 0
    choices, bins, binner = _pack(lengths, fits, counts, Draws(parts, seed, total), budget, steps)
    order = _order(binner, budget, seed, steps, stage)
    kept = order[bins]
    inside = np.flatnonzero(kept >= 0)
    entries = inside[np.argsort(kept[inside], kind="stable")]
    owner = np.repeat(lengths.sample, np.diff(lengths.first))
    sample = owner[choices[entries]].astype(np.int32)
    facts = PlanFacts(
        stage=stage,
        manifest=manifest,
        recipe=recipe,
        seed=seed,
        tokens=budget.tokens,
        patches=budget.patches,
        bins_per_step=budget.bins_per_step,
        fill=float(binner.fill[order >= 0].mean()),
        leftover=len(ids) - int(np.count_nonzero(np.bincount(sample))),
    )
    plan = Plan(facts, sample, lengths.variant[choices[entries]].astype(np.int32), kept[entries].astype(np.int32))
    return Planned(plan, lengths, ids, sources, frozenset(part.name for part in parts), budget)


def _fits(lengths: Lengths, budget: Budget) -> np.ndarray:
    return (lengths.tokens <= budget.tokens) & (lengths.patches <= budget.patches)


def _sources(
    lengths: Lengths, counts: np.ndarray, sources: Sequence[str], mixture: Mapping[str, float], budget: Budget
) -> list[Source]:
    """Units that fit, by source, with shares that sum to 1."""
    names = np.asarray(sources)[lengths.sample]
    present = sorted(set(names.tolist()))
    for name in mixture:
        if name not in present and name in sources:
            entries = [entry for entry in lengths.entries if entry.source == name]
            raise _nothing_to_pack(f"mixture.{name}", entries, budget, sources.count(name))
        if name not in present:
            raise DataError(f"mixture.{name}", f"no samples of source {name!r}", "", did_you_mean(name, present))
    natural = {name: float(((names == name) & (counts > 0)).sum()) for name in present}
    weights = {name: weight for name, weight in sorted((mixture or natural).items()) if weight > 0}
    if not weights:
        raise ConfigError("mixture", "all weights are 0", "one above 0")
    for name in weights:
        if not natural[name]:
            fix = "raise budget.tokens or budget.patches, or take the source out of the mixture"
            choices = np.repeat(names == name, np.diff(lengths.first))
            raise DataError(f"mixture.{name}", f"no sample of this source fits {_least(lengths, budget, choices)}", "", fix)
    whole = sum(weights.values())
    return [Source(name, np.flatnonzero((names == name) & (counts > 0)), weight / whole) for name, weight in weights.items()]


def _pack(
    lengths: Lengths, fits: np.ndarray, counts: np.ndarray, draws: Draws, budget: Budget, steps: int
) -> tuple[np.ndarray, np.ndarray, Binner]:
    """Draw and pack windows until the steps are full or the draws are spent → choice and bin of every draw."""
    usable = np.flatnonzero(fits)
    begin = np.concatenate([[0], np.cumsum(counts)])
    binner = Binner(budget.tokens, budget.patches)
    window = _window(lengths, usable, draws, budget)
    choices, bins = [], []
    while binner.num_final < steps * budget.bins_per_step if steps else draws.drawn < draws.total:
        units, passes = draws.block(window)
        choice = usable[begin[units] + passes % counts[units]]
        choices.append(choice)
        bins.append(binner.pack(lengths.tokens[choice], lengths.patches[choice]))
    return np.concatenate(choices), np.concatenate(bins), binner


def _window(lengths: Lengths, usable: np.ndarray, draws: Draws, budget: Budget) -> int:
    """Draws of a window: one pass over the mixture, within bounds."""
    once = sum(len(source.units) for source in draws.sources)
    share = max(lengths.tokens[usable].mean() / budget.tokens, lengths.patches[usable].mean() / budget.patches)
    return min(WINDOW, max(once, int(np.ceil(LEAST_BINS / share))))


def _order(binner: Binner, budget: Budget, seed: int, steps: int, stage: str) -> np.ndarray:
    """Bins → their number in the plan (-1: left out): windows in order, bins of a window shuffled."""
    shuffled = generator(seed, "bins").permutation(len(binner.opened))
    order = shuffled[np.argsort(binner.opened[shuffled], kind="stable")]
    if steps:
        keep = order[: steps * budget.bins_per_step]
    else:
        spare = len(order) % budget.bins_per_step
        emptiest = np.argsort(binner.fill, kind="stable")[:spare]
        keep = order[~np.isin(order, emptiest)]
    if not len(keep):
        bins = f"{len(order)} bin{'s' if len(order) > 1 else ''}"
        got = f"all samples together fill {bins} of {budget.tokens:,} tokens and {budget.patches:,} patches"
        fix = "lower its budget (bins_per_step with micro_batches, tokens, patches), or give more epochs or a number of steps"
        raise DataError(f"stages.{stage}" if stage else "plan", got, f"at least the {budget.bins_per_step} of one step", fix)
    number = np.full(len(order), -1, np.int64)
    number[keep] = np.arange(len(keep))
    return number


def _nothing_fits(lengths: Lengths, budget: Budget, count: int) -> DataError:
    if not len(lengths.tokens):
        return _nothing_to_pack("plan", lengths.entries, budget, count)
    everything = np.ones(len(lengths.tokens), bool)
    return DataError("plan", f"no sample fits {_least(lengths, budget, everything)}", "", "raise budget.tokens or budget.patches")


def _least(lengths: Lengths, budget: Budget, choices: np.ndarray) -> str:
    """The budget, and the least that some choices of units cost, in words."""
    tokens, patches = int(lengths.tokens[choices].min()), int(lengths.patches[choices].min())
    smallest = f"the shortest sample has {tokens:,} tokens, the fewest patches of one are {patches:,}"
    return f"a bin of {budget.tokens:,} tokens and {budget.patches:,} patches; {smallest}"


def _nothing_to_pack(where: str, entries: Sequence[Entry], budget: Budget, count: int) -> DataError:
    """No sample has a unit: all were dropped as too long, or cannot be said. The shortest, or else the first, tells why."""
    got = f"none of {count} samples can be packed into a bin of {budget.tokens:,} tokens and {budget.patches:,} patches"
    dropped = sorted((entry for entry in entries if entry.score is not None), key=lambda entry: entry.score or 0.0)
    if dropped:
        got += f"; the shortest, {dropped[0].sample_id}, has {dropped[0].reason}"
        return DataError(where, got, "", "raise budget.tokens or budget.patches")
    got += f"; the first, {entries[0].reason}" if entries else ""
    return DataError(where, got, "samples with turns or captions", "see the ledger: each has a row that says why")
