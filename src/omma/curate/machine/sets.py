"""Sets: all samples that are alive, read from disk shard by shard, and what operators that need them all say of each."""

import hashlib
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool

from omma.core.errors import DataError
from omma.core.progress import Bar
from omma.curate.machine.attaching import Known, by_shard, media_sql
from omma.curate.machine.judging import Fates, Sheet, fates_in
from omma.curate.machine.shards import flags, read_table, sample_of, samples_at, write_table
from omma.curate.machine.site import Site, table_of
from omma.curate.operator import Candidate, Look, Scores, SetOperator
from omma.schema.sample import Sample

Alive = Sequence[Bool[np.ndarray, "rows"]]
Before = Callable[[int], Mapping[str, Sequence[float | None]]]  # shard → scores of the operators before, by name, row by row


@dataclass(frozen=True)
class Samples(Collection[Sample]):
    """Samples of the chosen rows, read anew each time they are gone through."""

    files: tuple[Path, ...]
    chosen: Alive

    def __len__(self) -> int:
        return sum(int(rows.sum()) for rows in self.chosen)

    def __iter__(self) -> Iterator[Sample]:
        for file, rows in zip(self.files, self.chosen, strict=True):
            yield from samples_at(file, rows)

    def __contains__(self, item: object) -> bool:
        return any(sample == item for sample in self)


@dataclass(frozen=True)
class Candidates(Collection[Candidate]):
    """The chosen rows as an operator sees them: with its own looks at their pictures, and scores of those before."""

    site: Site
    known: Known
    chosen: Alive
    operator: SetOperator
    scores: Before

    def __len__(self) -> int:
        return sum(int(rows.sum()) for rows in self.chosen)

    def __iter__(self) -> Iterator[Candidate]:
        looks = _looks(self.site, self.known, self.operator) if self.operator.looks_at else ({} for _ in self.known.rows.files)
        for number, (file, chosen, shown) in enumerate(zip(self.known.rows.files, self.chosen, looks, strict=True)):
            if not chosen.any():
                continue
            scores = self.scores(number) if self.operator.columns else {}
            table = read_table(file, "sample", "heldout")
            texts, heldout = table["sample"].to_pylist(), table["heldout"].to_pylist()
            for row in np.flatnonzero(chosen).tolist():
                told = {name: value for name, values in scores.items() if (value := values[row]) is not None}
                yield _Stored(texts[row], heldout[row], shown.get(row, ()), told)

    def __contains__(self, item: object) -> bool:
        return any(candidate is item for candidate in self)


class _Stored(Candidate):
    """A candidate whose sample is made from its JSON when it is first asked for: who asks for scores alone needs none."""

    __slots__ = ("_made", "_text")
    _made: Sample | None
    _text: str

    def __init__(self, text: str, heldout: bool, looks: tuple[Look, ...], scores: Mapping[str, float]) -> None:
        for name, value in (("heldout", heldout), ("looks", looks), ("scores", scores), ("_text", text), ("_made", None)):
            object.__setattr__(self, name, value)

    @property
    def sample(self) -> Sample:
        """The sample."""
        if self._made is None:
            made = sample_of(self._text)
            object.__setattr__(self, "_made", made)
            return made
        return self._made


def judge_set(site: Site, known: Known, alive: Alive, operator: SetOperator, scores: Before, folder: Path) -> list[Fates]:
    """Operator + rows alive + the scores of those before → files of outcomes in `folder`."""
    outs = known.rows.files_in(folder)
    if all(out.exists() for out in outs):
        return [fates_in(out) for out in outs]
    faults = [_faults(file, operator) for file in known.rows.files]
    chosen = [rows & np.array([not fault for fault in told], bool) for rows, told in zip(alive, faults, strict=True)]
    candidates = Candidates(site, known, chosen, operator, scores)
    with Bar(operator.name, None) as bar:
        judged = _scores(operator, candidates, known, site.looks / "sets")
        reasons = operator.decide(judged)
        bar.advance(len(candidates))
    place, values = 0, judged.values.tolist()
    for file, out, rows, told, living in zip(known.rows.files, outs, chosen, faults, alive, strict=True):
        sheet = Sheet(len(rows), flags(read_table(file, "heldout")["heldout"]))
        sheet.open(operator)
        for row in np.flatnonzero(living).tolist():
            if told[row]:
                sheet.fail(row, told[row])
                continue
            sheet.put(row, values[place], reasons[place], judged.notes[place])
            place += 1
        sheet.write(out)
    return [fates_in(out) for out in outs]


def _faults(file: Path, operator: SetOperator) -> list[str]:
    """For each row of a shard why the operator could not look at one of its pictures, or nothing."""
    if not operator.looks_at:
        return [""] * pq.read_metadata(file).num_rows
    column = read_table(file, f"fault:{operator.name}")[f"fault:{operator.name}"].to_pylist()
    return [next((fault for fault in faults or () if fault), "") for faults in column]


def _looks(site: Site, known: Known, operator: SetOperator) -> Iterator[dict[int, tuple[Look, ...]]]:
    """For each shard in order: row → the operator's looks at its pictures."""
    look, dtype = (f'"{kind}:{operator.name}"' for kind in ("look", "dtype"))
    query = (
        f"SELECT shard, row, {look} AS look, {dtype} AS dtype FROM ({media_sql(known.rows)}) "
        f"JOIN {table_of(known.seen)} USING (uri, kind) WHERE {look} IS NOT NULL ORDER BY shard, row, pos"
    )
    if not known.seen:
        yield from ({} for _ in known.rows.files)
        return
    for table in by_shard(site.batches(query), len(known.rows.files)):
        shown: dict[int, list[Look]] = {}
        for item in table.to_pylist():
            shown.setdefault(item["row"], []).append(np.frombuffer(item["look"], item["dtype"]))
        yield {row: tuple(items) for row, items in shown.items()}


def _scores(operator: SetOperator, candidates: Candidates, known: Known, folder: Path) -> Scores:
    """Scores of a set, from the folder if the same operator has scored the same set before."""
    file = folder / f"{operator.key}-{_set_hash(candidates, known)}.parquet"
    if file.exists():
        table = read_table(file)
        return Scores(table["value"].to_numpy(), tuple(table["note"].to_pylist()))
    if not len(candidates):
        return Scores(np.zeros(0), ())
    scores = operator.score(candidates)
    if len(scores.values) != len(candidates):
        raise DataError(operator.name, f"{len(scores.values)} scores", f"{len(candidates)}, one a sample")
    write_table(file, pa.table({"value": np.asarray(scores.values, np.float64), "note": list(scores.notes)}))
    return scores


def _set_hash(candidates: Candidates, known: Known) -> str:
    """Hash over who is in the set, what each says and shows, its side, and the scores that the operator reads."""
    digest = hashlib.sha256()
    for number, (file, content, chosen) in enumerate(zip(known.rows.files, known.hashes, candidates.chosen, strict=True)):
        scores = candidates.scores(number) if candidates.operator.columns else {}
        heldout = flags(read_table(file, "heldout")["heldout"])
        digest.update(f"{content}\n".encode() + np.packbits(chosen).tobytes() + np.packbits(heldout).tobytes())
        for name in candidates.operator.columns:
            values: Sequence[Any] = scores.get(name, ())
            digest.update(np.array([math.nan if value is None else value for value in values], np.float64).tobytes())
    return digest.hexdigest()[:16]
