"""`omma data write`: a curated run, a manifest or a raw folder → a folder in a format of the field, with an account of it."""

import importlib
import pkgutil
import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pyarrow.parquet as pq
import typer

import omma.curate.writers
from omma.cli.arguments import DataPath, Pictures
from omma.cli.data_rows import Part, choose
from omma.cli.interrupted import Interrupted
from omma.core.config import did_you_mean, override
from omma.core.errors import ConfigError, DataError
from omma.core.files import atomic_path
from omma.core.ledger import Entry, Ledger
from omma.core.progress import say, track
from omma.curate.writer import Writer, Written
from omma.report.browse.folder import Folder, find_folder
from omma.report.browse.reasons import NAMES, NUMBERS

ENDINGS = ("_jsonl", "_json")  # of names of formats, which nobody needs to type
ACCOUNT = ".account.parquet"  # behind the folder's name
TOLD = 6  # kinds of reasons on the screen
OTHER = "other than it was: "  # before the fields that a format could not hold

Target = Annotated[Path, typer.Argument(metavar="FOLDER", help="the folder to fill; it must be new or empty", show_default=False)]
Changes = Annotated[
    list[str],
    typer.Argument(metavar="NAME=VALUE", help="fields of the format, such as shard=2000", default_factory=list, show_default=False),
]
Format = Annotated[
    str,
    typer.Option(
        "--as",
        metavar="FORMAT",
        help="webdataset, energon, parquet (pictures inside), parquet_names (pictures beside), llava, messages or preferences",
        show_default=False,
    ),
]
Side = Annotated[Part | None, typer.Option("--part", help="which rows of a run; train, if none is named", show_default=False)]
Where = Annotated[
    str,
    typer.Option("--where", metavar="SQL", help="only rows for which this holds, such as \"size >= 200 AND source = 'web'\""),
]


def write(
    path: DataPath,
    folder: Target,
    changes: Changes,
    kind: Format,
    part: Side = None,
    where: Where = "",
    data: Pictures = None,
) -> None:
    """Write data in a format that others train on: what a run kept, what it dropped, a manifest, or a raw folder.

    Reads PATH and its pictures, whose bytes stay as they are. Writes FOLDER, whole or not at all, reads it again with the
    format's own reader and compares. FOLDER.account.parquet has a row for every sample: `keep` (under which name), `rewrite`
    (what the format could not hold) or `error` (why it is not there). Memory holds a few rows at a time (llava: all its text).

    --where is a condition of SQL over what a manifest says (id, source, task, uri, width, height) and, in a run, the score of
    each operator under its name: stored scores are asked, nothing is computed again. It chooses among the rows of the part;
    questions about one picture stay single.

    Example: omma data write runs/quickstart out/scenes --as webdataset shard=2000

    Stricter than the run was: omma data write runs/web out/large --as parquet --where "size >= 256"

    What one operator took out: omma data write runs/web out/blurred --as messages --part gone --where "gone = 'blur'"

    From one format to another, nothing curated: omma data write my/llava out/tars --as energon
    """
    writer = override(find_writer(kind), changes)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(str(folder), "is there already", "a new or an empty folder", "give another one, or remove it")
    with tempfile.TemporaryDirectory(prefix="omma-data-") as scratch:
        found = find_folder(path, Path(scratch), data)
        rows = choose(found, part, where, Path(scratch))
        if not len(rows):
            raise DataError(str(path), "no row to write", "at least one", "see `omma data look` for what there is")
        try:
            with atomic_path(folder) as temporary:
                written = writer.write(track(rows, "write", len(rows)), found.store, temporary)
                told = keep_account(Path(f"{folder}{ACCOUNT}"), written, found)
        except KeyboardInterrupt:
            raise Interrupted(f"{folder} is written whole or not at all, and nothing of it is kept") from None
    tell(folder, type(writer).__name__, told)


def find_writer(kind: str) -> Writer:
    """Name of a format → its writer, from the files of `curate/writers`. ConfigError if there is none."""
    modules = {_short(module.name): module.name for module in pkgutil.iter_modules(omma.curate.writers.__path__)}
    if kind not in modules:
        raise ConfigError("--as", repr(kind), ", ".join(sorted(modules)), did_you_mean(kind, modules))
    module = importlib.import_module(f"{omma.curate.writers.__name__}.{modules[kind]}")
    members = (item for item in vars(module).values() if isinstance(item, type) and issubclass(item, Writer))
    return next(item() for item in members if item.__module__ == module.__name__)


def keep_account(path: Path, written: Written, folder: Folder) -> Counter[tuple[str, str]]:
    """Keeps what became of every row as a ledger, those that never were samples included → counts of (verdict, kind of reason)."""
    counts: Counter[tuple[str, str]] = Counter()
    with Ledger(path).step("write") as book:
        for entry in _entries(written, folder):
            book.add(entry)
            counts[entry.verdict, _kind(entry)] += 1
    return counts


def tell(folder: Path, name: str, counts: Counter[tuple[str, str]]) -> None:
    """Say how many were written, what the format could not hold, and why the rest is not there."""
    sums = {word: sum(count for (verdict, _), count in counts.items() if verdict == word) for word in ("keep", "rewrite", "error")}
    say(f"{folder}: {sums['keep'] + sums['rewrite']:,} samples as {name}, read again and compared")
    for word, what in (("rewrite", "are other than they were"), ("error", "are not there")):
        if sums[word]:
            say(f"  {sums[word]:,} {what}:")
        kinds = [(kind, count) for (verdict, kind), count in counts.most_common() if verdict == word]
        for kind, count in kinds[:TOLD]:
            say(f"    {count:,}: {kind}")
        if kinds[TOLD:]:
            say(f"    {sum(count for _, count in kinds[TOLD:]):,} for {len(kinds) - TOLD} other reasons")
    say(f"  a row for each: {folder}{ACCOUNT}")


def _entries(written: Written, folder: Folder) -> Iterator[Entry]:
    yield from written.entries
    if folder.failed:
        for row in pq.read_table(folder.failed).to_pylist():
            yield Entry(row["id"], row["source"], "read", "1", "error", row["reason"])


def _kind(entry: Entry) -> str:
    """Its reason without names and numbers, so that equal kinds count together."""
    if entry.verdict != "error":
        return entry.reason.partition(OTHER)[2]
    return re.sub(NUMBERS, "#", re.sub(NAMES, "…", entry.reason))


def _short(name: str) -> str:
    return next((name.removesuffix(ending) for ending in ENDINGS if name.endswith(ending)), name)
