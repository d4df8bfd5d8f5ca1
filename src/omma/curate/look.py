"""look: a folder → what is in it: pictures and sizes, annotations and the readers that fit, and what is wrong with them."""

import importlib
import pkgutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

import omma.curate.readers
from omma.core.errors import DataError
from omma.curate.formats.listing import Listing, list_folder
from omma.curate.operator import words_of
from omma.curate.reader import Broken, Reader
from omma.media.decode import measure
from omma.media.store import Store
from omma.schema.sample import Sample

ROWS = 2000  # rows of each annotation that are read
SIZES = 200  # pictures whose headers are read, spread evenly over all
EXAMPLES = 3
PHRASE = 8  # words


@dataclass(frozen=True, slots=True)
class Found:
    """One set of annotations and the reader that fits it, with what its first `rows` rows hold (`whole`: that is all of them).

    `captions` and `talks` count samples of either kind, `pictures` distinct names, `missing` those of them that no file
    answers to, `words` the median length of texts. `tasks` and `scripts` (alphabets of the texts) are counted by name.
    """

    reader: Reader
    format: str
    rows: int
    whole: bool
    broken: tuple[Broken, ...]
    captions: int
    talks: int
    pictures: int
    missing: tuple[str, ...]
    words: int
    tasks: dict[str, int]
    scripts: dict[str, int]
    examples: tuple[tuple[str, str], ...]

    @property
    def summary(self) -> str:
        """One line for a person."""
        of = "" if self.whole else "the first "
        kinds = f"{self.captions:,} captioned, {self.talks:,} conversations, {self.pictures:,} pictures"
        wrong = f", {len(self.broken):,} broken rows" * bool(self.broken)
        wrong += f", {len(self.missing):,} pictures missing" * bool(self.missing)
        return f"{self.format} at {self.reader.path}: {of}{self.rows:,} rows ({kinds}{wrong})"


@dataclass(frozen=True, slots=True)
class Findings:
    """What `look` found. `widths` and `heights` are (least, median, most) px; `unreadable` names files that are no pictures.

    `found` is never empty; the first is the one to use: it has the most samples whose pictures are there.
    """

    folder: Path
    files: int
    pictures: int
    endings: dict[str, int]
    widths: tuple[int, int, int]
    heights: tuple[int, int, int]
    unreadable: tuple[str, ...]
    found: tuple[Found, ...]

    @property
    def reader(self) -> Reader:
        """The reader that fits best."""
        return self.found[0].reader

    @property
    def sources(self) -> dict[str, Reader]:
        """Every reader found, under a name made of its path: what a recipe's `data.sources` may hold."""
        names: Counter[str] = Counter()
        sources: dict[str, Reader] = {}
        for item in self.found:
            stem = PurePosixPath(item.reader.path).stem.replace(".", "_") or item.format.lower()
            names[stem] += 1
            sources[stem if names[stem] == 1 else f"{stem}_{names[stem]}"] = item.reader
        return sources


def look(folder: Path) -> Findings:
    """Folder → findings. DataError if it is none, is empty, or holds nothing that a reader accepts: it says what is there."""
    if not folder.is_dir():
        raise DataError(str(folder), "no such folder" if not folder.exists() else "a file", "a folder of pictures with texts")
    listing = list_folder(folder)
    if not listing.files:
        raise DataError(str(folder), "an empty folder", "pictures with captions or conversations", _accepted())
    found = [_read(reader, folder, Store(folder)) for reader in _readers(listing)]
    found = sorted((item for item in found if item.captions + item.talks), key=_fitness)
    if not found:
        raise DataError(str(folder), f"nothing to read; it holds {_inventory(listing)}", _accepted(), "add one of these")
    widths, heights, unreadable = _sizes(listing)
    endings = Counter(PurePosixPath(name).suffix.lower() for name in listing.pictures)
    total = len(listing.pictures)
    return Findings(folder, len(listing.files), total, dict(endings.most_common()), widths, heights, unreadable, tuple(found))


def formats() -> tuple[type[Reader], ...]:
    """Every reader there is: the classes in the files of `readers/`, in the order of their names."""
    modules = sorted(module.name for module in pkgutil.iter_modules(omma.curate.readers.__path__))
    found = []
    for name in modules:
        module = importlib.import_module(f"{omma.curate.readers.__name__}.{name}")
        members = (item for item in vars(module).values() if isinstance(item, type) and issubclass(item, Reader))
        found += [item for item in members if item.__module__ == module.__name__]
    return tuple(found)


def _readers(listing: Listing) -> Iterator[Reader]:
    for kind in formats():
        yield from kind.recognise(listing)


def _read(reader: Reader, folder: Path, store: Store) -> Found:
    """Reader → what the first rows hold, read as curation will read them."""
    rows: list[Sample | Broken] = []
    try:
        rows += islice(reader.read(folder), ROWS + 1)
    except DataError as error:
        rows.append(Broken(error.where, error.got))
    whole, rows = len(rows) <= ROWS, rows[:ROWS]
    samples = [row for row in rows if isinstance(row, Sample)]
    texts = [words_of(sample) for sample in samples]
    uris = list(dict.fromkeys(item.uri for sample in samples for item in sample.media))
    lengths = sorted(len(text.split()) for text in texts)
    return Found(
        reader=reader,
        format=type(reader).__name__,
        rows=len(rows),
        whole=whole,
        broken=tuple(row for row in rows if isinstance(row, Broken)),
        captions=sum(bool(sample.captions) for sample in samples),
        talks=sum(bool(sample.turns) for sample in samples),
        pictures=len(uris),
        missing=tuple(uri for uri in uris if not _there(store, uri)),
        words=lengths[len(lengths) // 2] if lengths else 0,
        tasks=dict(Counter(sample.task for sample in samples).most_common()),
        scripts=dict(Counter(_script(text) for text in texts if text.strip()).most_common()),
        examples=tuple((s.media[0].uri if s.media else "", t) for s, t in zip(samples, texts, strict=True) if t)[:EXAMPLES],
    )


def _fitness(item: Found) -> tuple[int, int, str, str]:
    """Most samples first, less those without pictures; captions shorter than a phrase count less, they may be labels."""
    share = 1 - len(item.missing) / max(1, item.pictures)
    told = item.talks + item.captions * min(1.0, item.words / PHRASE)
    return -round(told * share), -item.talks, item.format, item.reader.path


def _there(store: Store, uri: str) -> bool:
    if "#" in uri:
        return True  # named by the shard that holds it
    try:
        return (store.root / uri).is_file()
    except (OSError, ValueError):
        return False


def _script(text: str) -> str:
    """Text → the alphabet that most of its letters are from, as far as word order and spaces differ between them."""
    letters = [ord(letter) for letter in text if letter.isalpha()]
    for name, ranges in SCRIPTS.items():
        if 2 * sum(any(low <= letter <= high for low, high in ranges) for letter in letters) > len(letters):
            return name
    return "other" if letters else "no letters"


SCRIPTS: dict[str, tuple[tuple[int, int], ...]] = {
    "Latin": ((0x41, 0x24F), (0x1E00, 0x1EFF)),
    "Cyrillic": ((0x400, 0x52F),),
    "Greek": ((0x370, 0x3FF),),
    "Arabic": ((0x600, 0x6FF),),
    "Hebrew": ((0x590, 0x5FF),),
    "Devanagari": ((0x900, 0x97F),),
    "Hangul": ((0xAC00, 0xD7AF), (0x1100, 0x11FF)),
    "Kana or Han": ((0x3040, 0x30FF), (0x3400, 0x9FFF)),
}


def _sizes(listing: Listing) -> tuple[tuple[int, int, int], tuple[int, int, int], tuple[str, ...]]:
    """Listing → widths and heights (least, median, most) of a sample of its pictures, and those that have no header."""
    names = sorted(listing.pictures)
    chosen = names[:: max(1, len(names) // SIZES)]
    store, sizes, unreadable = Store(listing.root), [], []
    for name in chosen:
        try:
            sizes.append(measure(store.read(name), name=name))
        except DataError:
            unreadable.append(name)
    return _spread([width for width, _ in sizes]), _spread([height for _, height in sizes]), tuple(unreadable)


def _spread(values: list[int]) -> tuple[int, int, int]:
    values = sorted(values)
    return (values[0], values[len(values) // 2], values[-1]) if values else (0, 0, 0)


def _inventory(listing: Listing) -> str:
    """What is there, by ending: "12 .jpg, 3 .xml"."""
    endings = Counter(PurePosixPath(name).suffix.lower() or "files without ending" for name in listing.files)
    return ", ".join(f"{count:,} {ending}" for ending, count in endings.most_common(6))


def _accepted() -> str:
    """What every reader accepts, from the first line of its file."""
    lines = ((importlib.import_module(kind.__module__).__doc__ or "").splitlines()[0] for kind in formats())
    return "one of: " + "; ".join(line.partition(" → ")[0] for line in lines)
