"""`omma data marks`: benchmarks by name → one file of what they say and show, by which curation keeps them out of training data."""

from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from omma.answerers.services.space import Space
from omma.cli.suites import find_suite
from omma.core.errors import ConfigError, DataError
from omma.core.files import bytes_hash
from omma.core.progress import Bar, say
from omma.curate.models.space_embedding import SpaceEmbedding
from omma.curate.operators.contamination import SHORTEST, tokens
from omma.curate.operators.picture_decontamination import PictureDecontamination
from omma.curate.picture import Picture
from omma.curate.sets.benchmark_marks import BenchmarkMark, write_marks
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.question import Question, Supply
from omma.media.store import Store

Names = Annotated[
    str, typer.Argument(metavar="SUITE", help="names of benchmarks joined by commas (`omma eval --list`)", show_default=False)
]
Out = Annotated[Path, typer.Argument(metavar="OUT.parquet", help="the file to write", show_default=False)]
Place = Annotated[Path, typer.Option("--data", metavar="FOLDER", help="the folder of the benchmarks")]
Model = Annotated[str, typer.Option("--model", metavar="FOLDER", help="CLIP or alike: marks hold its vectors of the pictures, too")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda, for the model")]
Texts = dict[str, dict[str, None]]


@dataclass
class Shown:
    """A distinct picture: its first name, its bytes' hash, look and vector, and the questions that show it, in order."""

    picture: str
    look: bytes
    vector: tuple[float, ...]
    questions: dict[str, None] = field(default_factory=dict)


def marks(suite: Names, out: Out, data: Place = Path("."), model: Model = "", device: Device = "auto") -> None:
    """Write one file by which benchmarks are known: all their questions and pictures, for decontamination.

    Reads each benchmark below --data as `omma eval` does, all questions of it. The file goes to any machine where data are
    curated, the pictures need not: Contamination(marks=[FILE]), PictureDecontamination(marks=[FILE]) and, with --model,
    SemanticDecontamination(marks=[FILE]) among a recipe's operators take out what stands in it and name the question.

    Example: omma data marks pope,mmbench_en,scienceqa tests.parquet --data benchmarks
    """
    if out.suffix != ".parquet":
        raise ConfigError("omma data marks", str(out), "a file to write that ends in .parquet")
    space = SpaceEmbedding(model=Space(folder=model, device=device, rows=1)) if model else None
    chosen = find_suite(suite, data).benchmarks
    write_marks(out, (mark for one in chosen for mark in marks_of(one, data, space)), space.mark if space else "")
    say(f"{out}: marks of {len(chosen)} benchmarks")


def marks_of(benchmark: Benchmark, root: Path, space: SpaceEmbedding | None) -> Iterator[BenchmarkMark]:
    """Benchmark below `root` → its distinct texts, then its distinct pictures. DataError if they are not there."""
    questions = replace(benchmark, limit=0).questions(Supply(root=root))
    said: Texts = {}
    for question in questions:
        for text in texts_of(question):
            said.setdefault(text, {})[question.sample.id] = None
    yield from (BenchmarkMark(benchmark.name, tuple(ids), text) for text, ids in said.items())
    pictures = yield from _pictures(benchmark.name, questions, Store(root), space)
    films = len({item.uri for question in questions for item in question.sample.media if item.kind == "video"})
    told = f"; {films:,} films are not marked" if films else ""
    say(f"{benchmark.name}: {len(questions):,} questions, {len(said):,} texts, {pictures:,} pictures{told}")


def texts_of(question: Question) -> Iterator[str]:
    """Question → lines of four words or more of what is asked, offered to rank, and right."""
    sample = question.sample
    answers = sample.answer.texts if sample.answer else ()
    told = (*(turn.text for turn in sample.turns), *(caption.text for caption in sample.captions), *question.choices, *answers)
    for text in (*told, *_strings(question.gold)):
        for line in text.splitlines():
            if len(tokens(line)) >= SHORTEST:
                yield " ".join(line.split())


def _pictures(
    name: str, questions: Iterable[Question], store: Store, space: SpaceEmbedding | None
) -> Generator[BenchmarkMark, None, int]:
    """Marks of the distinct pictures; how many they are is returned. Those that cannot be read are told."""
    shown: dict[str, dict[str, None]] = {}
    for question in questions:
        for item in question.sample.media:
            if item.kind == "image":
                shown.setdefault(item.uri, {})[question.sample.id] = None
    found: dict[str, Shown] = {}
    broken = []
    with Bar(name, len(shown)) as bar:
        for uri, ids in shown.items():
            bar.advance(1)
            try:
                data = store.read(uri)
                sha256 = bytes_hash(data)
                if sha256 not in found:
                    found[sha256] = _looked(Picture(uri, data), space)
            except DataError as error:
                broken.append(str(error))
                continue
            found[sha256].questions.update(ids)
    if broken and not found:
        fix = "unpack them beside the benchmark's file, or give --data a folder above both"
        raise DataError(name, f"none of {len(broken):,} pictures can be read, the first: {broken[0]}", "its pictures", fix)
    if broken:
        say(f"{name}: {len(broken):,} pictures cannot be read and are not marked, the first: {broken[0]}")
    for sha256, one in found.items():
        yield BenchmarkMark(name, tuple(one.questions), "", one.picture, sha256, one.look, one.vector)
    return len(found)


def _looked(picture: Picture, space: SpaceEmbedding | None) -> Shown:
    vector = tuple(map(float, space.look(picture))) if space else ()
    return Shown(picture.uri, PictureDecontamination().look(picture).tobytes(), vector)


def _strings(value: Any) -> Iterator[str]:
    """Plain JSON → the texts in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings(item)
