"""Rewriting: a generation of rows + an operator that changes samples → the next generation, shard by shard.

Rows that are out already stay as they are. New pictures are written to the annex under the hash of their bytes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool

from omma.core.errors import CheckpointError, ConfigError, DataError
from omma.core.files import replaced_path
from omma.core.progress import Bar
from omma.curate.machine.sets import Alive, Samples
from omma.curate.machine.shards import Raw, Rows, flags, read_table, sample_of, text_of, write_raw
from omma.curate.machine.site import Site
from omma.curate.operator import Rewriter, Rewritten, SetRewriter
from omma.curate.reader import printable
from omma.media.store import Store, annexed
from omma.schema.sample import Sample


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A shard of rows, which of them are to be changed, and by whom."""

    rows: Path
    chosen: Bool[np.ndarray, "rows"]
    operator: Rewriter
    store: Store
    out: Path


def chosen_by(operator: Rewriter | SetRewriter, rows: Rows, alive: Alive) -> list[Bool[np.ndarray, "rows"]]:
    """Who may be changed: the living, and held-out ones only by an operator for all."""
    if operator.scope == "all":
        return list(alive)
    return [living & ~flags(read_table(file, "heldout")["heldout"]) for file, living in zip(rows.files, alive, strict=True)]


def rewrite_all(site: Site, rows: Rows, operator: Rewriter | SetRewriter, alive: Alive, folder: Path) -> Rows:
    """Rows → the rows in their place."""
    outs = rows.files_in(folder)
    chosen = chosen_by(operator, rows, alive)
    with Bar(operator.name, rows.total) as bar:
        if isinstance(operator, Rewriter):
            jobs = (
                Rewrite(file, which, operator, site.store, out) for file, which, out in zip(rows.files, chosen, outs, strict=True)
            )
            for count in site.askers.run(rewrite, jobs):
                bar.advance(count)
        elif not all(out.exists() and not _failed(out, operator) for out in outs):
            answers = operator.rewrite(Samples(rows.files, chosen), site.store)
            for file, which, out in zip(rows.files, chosen, outs, strict=True):
                table = read_table(file)
                write_raw(out, _rows(table, which, answers, operator, site.store))
                bar.advance(len(table))
            if next(answers, None) is not None:
                raise DataError(operator.name, "more answers than samples", "one a sample")
    return Rows(outs, tuple(pq.read_metadata(out).num_rows for out in outs))


def rewrite(job: Rewrite) -> int:
    """Job → its file; the number of rows that were in the shard."""
    table = read_table(job.rows)
    if not job.out.exists() or _failed(job.out, job.operator):
        samples = [sample_of(table["sample"][row].as_py()) for row in np.flatnonzero(job.chosen).tolist()]
        answers = _answers(job.operator, samples, job.store) if samples else []
        write_raw(job.out, _rows(table, job.chosen, iter(answers), job.operator, job.store))
    return len(table)


def _answers(operator: Rewriter, samples: list[Sample], store: Store) -> list[Rewritten]:
    """Samples → what stands in the place of each. Those that a rewriter fails on are found by halves: their rows say so."""
    try:
        answers = operator.rewrite(samples, store)
    except (ConfigError, CheckpointError):  # without a model nothing can be rewritten
        raise
    except Exception as error:  # what nobody foresaw costs one row, never the job
        if len(samples) > 1:
            half = len(samples) // 2
            return _answers(operator, samples[:half], store) + _answers(operator, samples[half:], store)
        return [Rewritten((), error=error.got if isinstance(error, DataError) else f"{type(error).__name__}: {error}")]
    if len(answers) != len(samples):
        raise DataError(operator.name, f"{len(answers)} answers", f"{len(samples)}, one a sample")
    return answers


def _failed(out: Path, operator: Rewriter | SetRewriter) -> bool:
    """Whether a rewriter failed on any row of a shard that it wrote: it is asked again."""
    table = read_table(out, "gone", "failed")
    gone, failed = (table[name].to_pylist() for name in ("gone", "failed"))
    return any(bad and name == operator.name for name, bad in zip(gone, failed, strict=True))


def _rows(
    table: pa.Table, chosen: Bool[np.ndarray, "rows"], answers: Iterator[Rewritten], operator: Rewriter | SetRewriter, store: Store
) -> Iterable[Raw]:
    for number, row in enumerate(table.to_pylist()):
        sample = sample_of(row["sample"])
        kept = Raw(sample, row["heldout"], row["broken"], number, row["gone"], row["failed"], row["reason"])
        if not chosen[number]:
            yield kept
            continue
        answer = next(answers, None)
        if answer is None:
            raise DataError(operator.name, "fewer answers than samples", "one a sample")
        if error := answer.error or _unwritable(answer):
            reason = f"error:{operator.name}: {printable(error)}"
            yield Raw(sample, row["heldout"], "", number, operator.name, True, reason)
        elif not answer.samples:
            yield Raw(sample, row["heldout"], "", number, operator.name, False, answer.reason or "nothing is left of it")
        elif answer.samples == (sample,):
            yield kept
        else:
            _write_pictures(answer, store)
            names = ", ".join(one.id for one in answer.samples if one.id != sample.id)
            what = answer.reason + (f" → {names}" if names else "")
            for place, one in enumerate(answer.samples):
                yield Raw(one, row["heldout"], "", number, rewritten=what if place == 0 else "")


def _unwritable(answer: Rewritten) -> str:
    """Why what was written cannot be kept, or nothing: half a surrogate pair, as a model may say it, is in no encoding."""
    try:
        "".join((answer.reason, *map(text_of, answer.samples))).encode()
    except UnicodeEncodeError:
        return "text with half a surrogate pair"
    return ""


def _write_pictures(answer: Rewritten, store: Store) -> None:
    for uri, data in answer.pictures.items():
        if store.annex is None:
            raise DataError(uri, "a picture that was made, and no annex", "a folder for it")
        file = store.annex / annexed(uri)
        if not file.exists():
            with replaced_path(file) as temporary:
                temporary.write_bytes(data)
