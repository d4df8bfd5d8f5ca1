"""Course: a recipe's data → rows read, seen and split, then one operator after the other: the history of a curation."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from omma.core.config import show
from omma.core.errors import DataError
from omma.core.files import file_hash
from omma.core.progress import Bar
from omma.curate.data import Data
from omma.curate.fetching import STATUS, fetch
from omma.curate.machine.attaching import addresses, attach_all, see_all
from omma.curate.machine.budget import FIX, Streak
from omma.curate.machine.closing import closed
from omma.curate.machine.history import History
from omma.curate.machine.judging import Fates, Judge, judge
from omma.curate.machine.reading import check_ids, read_all
from omma.curate.machine.rewriting import rewrite_all
from omma.curate.machine.seeing import Looker
from omma.curate.machine.sets import judge_set
from omma.curate.machine.shards import read_table
from omma.curate.machine.site import Site, fingerprint
from omma.curate.operator import ModelOperator, Operator, PictureOperator, Rewriter, SetOperator, SetRewriter, TextOperator

Stopped = Callable[[History], None]


def take_course(data: Data, site: Site, stopped: Stopped) -> History:
    """All steps. `stopped` is told the history of a job that fails on more rows than it may, before the DataError."""
    course = _Course(data, site)
    history = course.begin()
    try:
        course.check(history)
        for phase in _phases(data.operators):
            course.step(history, phase)
            course.check(history)
    except DataError:
        stopped(history)
        raise
    return history


def _phases(operators: Sequence[Operator]) -> Iterator[tuple[Operator, ...]]:
    """Operators in order → those that are judged in one go: neighbours that look at one sample at a time without a model."""
    pending: list[Operator] = []
    for operator in operators:
        if isinstance(operator, PictureOperator | TextOperator):
            pending.append(operator)
            continue
        if pending:
            yield tuple(pending)
        pending = []
        yield (operator,)
    if pending:
        yield tuple(pending)


class _Course:
    """The steps with what they share: looking operators, and the key of all that has been done."""

    def __init__(self, data: Data, site: Site) -> None:
        self.data, self.site, self.key = data, site, ""
        self.lookers: tuple[Looker, ...] = tuple(
            op for op in data.operators if isinstance(op, PictureOperator) or (isinstance(op, SetOperator) and op.looks_at)
        )

    def begin(self) -> History:
        """Read, see, split."""
        rows, self.key = read_all(self.data, self.site)
        if self.data.fetch is not None:
            fetch(addresses(self.site, rows), self.site.annex, self.data.fetch)
            self._add("fetch", fingerprint(self.site.annex / STATUS))
        keys = [str(self.site.engine.pictures), *(op.key for op in self.lookers)]
        self.seen_folder = self.site.step("see", self.key, *keys)
        self._add("see", *keys, str(self.data.holdout))
        seen, mark = see_all(self.site, rows, self.lookers, self.seen_folder, self.data.max_errors_in_a_row, ())
        self._add("seen", mark)
        return History.begin(attach_all(self.site, rows, seen, self.lookers, self.data.holdout, self._folder("rows")))

    def step(self, history: History, phase: tuple[Operator, ...]) -> None:
        """A phase of operators on the last generation."""
        self._add(*(f"{op.key} {show(op)}" for op in phase))
        first = phase[0]
        if isinstance(first, Rewriter | SetRewriter):
            self._rewrite(history, first)
        elif isinstance(first, SetOperator):
            folder = self._folder(first.name)
            fates = judge_set(self.site, history.known, history.alive, first, lambda shard: _scores(history, shard), folder)
            history.judged(phase, history.known.rows.files_in(folder), fates)
        else:
            self._judge(history, phase)
        self._add(history.outcome())

    def check(self, history: History) -> None:
        """DataError if more rows have failed than may."""
        failed = sum(int(rows.sum()) for rows in history.failed)
        allowed = self.data.max_errors * history.seen if self.data.max_errors < 1 else self.data.max_errors
        if failed <= allowed:
            return
        kinds: Counter[str] = Counter()
        first = ""
        for part in closed(history):
            for row, bad in enumerate(part.rows["failed"]):
                if bad:
                    kinds[part.rows["gone"][row]] += 1
                    first = first or f"{part.rows['id'][row]}: {part.rows['reason'][row]}"
        told = ", ".join(f"{count:,} {name}" for name, count in kinds.most_common())
        got = f"{sum(kinds.values()):,} of {history.seen:,} rows failed ({told}), the first {first}"
        expected = f"at most {allowed:,.0f} (data.max_errors={self.data.max_errors:g})"
        raise DataError("curate", got, expected, FIX.format("data.max_errors") + "; the ledger names every row")

    def _judge(self, history: History, phase: tuple[Operator, ...]) -> None:
        known, folder = history.known, self._folder(phase[0].name)
        files, kept = known.rows.files_in(folder), self.site.looks / "scores"
        jobs = (
            Judge(rows, content, alive, phase, self.site.store, kept, out)
            for rows, content, alive, out in zip(known.rows.files, known.hashes, history.alive, files, strict=True)
        )
        fates: list[Fates] = []
        crew = self.site.askers if isinstance(phase[0], ModelOperator) else self.site.crew
        streak = Streak(self.data.max_errors_in_a_row)
        with Bar(", ".join(operator.name for operator in phase), known.rows.total) as bar:
            for fate in crew.run(judge, jobs):
                file, alive = known.rows.files[len(fates)], np.flatnonzero(history.alive[len(fates)])
                streak.add(partial(_id, file, alive), fate.failed[alive], f"rows in {phase[0].name}")
                fates.append(fate)
                bar.advance(len(fate.gone))
        history.judged(phase, files, fates)

    def _rewrite(self, history: History, operator: Rewriter | SetRewriter) -> None:
        """The next generation, seen anew as far as it shows new pictures."""
        old = history.known
        rows = rewrite_all(self.site, old.rows, operator, history.alive, self._folder(operator.name))
        check_ids(rows, self.site)
        self._add("rewritten", *map(file_hash, rows.files))
        seen, mark = see_all(self.site, rows, self.lookers, self.site.step("see", self.key), 0, old.seen)
        self._add("seen", mark)
        history.rewritten(operator, attach_all(self.site, rows, seen, self.lookers, 0.0, self._folder("rows")))

    def _add(self, *key: str) -> None:
        self.key = "\n".join((self.key, *key))

    def _folder(self, name: str) -> Path:
        return self.site.step(name, self.key)


def _id(file: Path, rows: Int64[np.ndarray, "alive"], place: int) -> str:
    """Shard + its rows that are alive + a place among them → the id of the sample there."""
    return str(read_table(file, "id")["id"][int(rows[place])].as_py())


def _scores(history: History, shard: int) -> dict[str, list[float | None]]:
    """Shard → the scores of all operators so far."""
    told = history.told(shard, "score:")
    return {name.removeprefix("score:"): values for name, values in told.items() if name.startswith("score:")}
