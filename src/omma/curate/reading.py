"""Reading: data config + root → every sample with its source and a unique id, and every row that is none."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from omma.core.errors import DataError
from omma.core.progress import Bar
from omma.curate.data import Data
from omma.curate.reader import Broken, Reader, check_root
from omma.schema.sample import Sample


@dataclass(frozen=True, slots=True)
class Read:
    """One row: a sample, or a broken row under the id that the ledger knows it by; `heldout` if an explicit test reader read it."""

    sample: Sample
    heldout: bool
    broken: str = ""


def read_all(data: Data, root: Path) -> list[Read]:
    """All rows of all readers in order. DataError if there is no root, no sample, or two samples share an id."""
    check_root(root)
    rows: list[Read] = []
    with Bar("read rows", None) as bar:
        for source, reader in data.sources.items():
            rows += _read(reader, root, source, source, False, bar)
        for source, reader in data.heldout.items():
            rows += _read(reader, root, source, f"heldout/{source}", True, bar)
    if all(row.broken for row in rows):
        _refuse(rows, root)
    seen: set[str] = set()
    for row in rows:
        if row.sample.id in seen:
            raise DataError(row.sample.id, "two samples with this id", "each id once", "give readers of the same file other names")
        seen.add(row.sample.id)
    return rows


def _read(reader: Reader, root: Path, source: str, prefix: str, heldout: bool, bar: Bar) -> Iterator[Read]:
    for item in reader.read(root):
        bar.advance()
        if isinstance(item, Broken):
            yield Read(Sample(f"{prefix}/{item.where}", source), heldout, item.reason)
        elif fault := _fault(item):
            yield Read(Sample(f"{prefix}/{_plain(item.id)}", source), heldout, fault)
        else:
            yield Read(replace(item, id=f"{prefix}/{item.id}", source=source), heldout)


def _refuse(rows: list[Read], root: Path) -> None:
    if not rows:
        raise DataError(str(root), "an empty data set: the readers found no row", "samples", "look at the folder with `omma new`")
    first = rows[0]
    raise DataError(first.sample.id, f"{first.broken}; so it is with all {len(rows):,} rows", "samples", "is it the right reader?")


def _fault(sample: Sample) -> str:
    """Why a sample cannot be written down, or nothing: half a surrogate pair, as JSON's `\\ud83d` alone, is in no encoding."""
    try:
        "".join(_strings(sample)).encode()
    except UnicodeEncodeError:
        return "text with half a surrogate pair"
    return ""


def _strings(sample: Sample) -> Iterator[str]:
    yield from (sample.id, sample.task, *(item.uri for item in sample.media), *(item.text for item in sample.captions))
    yield from (part.text for turn in (*sample.turns, *sample.chosen, *sample.rejected) for part in turn.parts)
    yield from (region.label for region in sample.regions)
    if sample.answer is not None:
        yield from (*sample.answer.texts, *sample.answer.choices)


def _plain(text: str) -> str:
    return text.encode("utf-8", errors="replace").decode()
