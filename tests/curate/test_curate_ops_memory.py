"""Laws of set operators, for every one: candidates are gone through once or twice, in no order of need, and never held."""

import hashlib
import importlib
import pkgutil
import tracemalloc
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import omma.curate.operators
from omma.answerers.service import Service
from omma.core.config import config
from omma.curate.models.space_embedding import SpaceEmbedding
from omma.curate.operator import Candidate, SetOperator
from omma.curate.operators import agreement
from omma.curate.operators.agreement import Agreement
from omma.curate.operators.class_cap import ClassCap
from omma.curate.operators.cluster_reduction import ClusterReduction
from omma.curate.operators.concept_balance import ConceptBalance
from omma.curate.operators.concept_limit import ConceptLimit
from omma.curate.operators.embedded_frequency import EmbeddedFrequency
from omma.curate.operators.inverse_frequency import InverseFrequency
from omma.curate.operators.language_share import LanguageShare
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.picture_decontamination import PictureDecontamination
from omma.curate.operators.quantile import Quantile
from omma.curate.operators.semantic_decontamination import SemanticDecontamination
from omma.curate.operators.semantic_dedupe import SemanticDedupe
from omma.curate.sets.benchmark_marks import BenchmarkMark, write_marks
from omma.curate.sets.concepts import Concepts
from omma.curate.sets.embeddings import EmbeddingFile
from omma.media.store import Store
from omma.schema.sample import Media, Part, Sample, Turn

FEW, MANY = 240, 20_000
BESIDE_LOOKS = 800  # bytes a candidate that an operator may take at its peak; candidates take more than three times as much
WORDS = ("dog", "boat", "okapi", "bridge", "tree", "red house", "old road", "river", "stone", "lamp", "bird", "sheep", "cloud")
PETS = Concepts(names={"dog": (), "boat": (), "okapi": (), "bridge": ()})


@config
class Hashed(Service):
    """A space in which everything lies where its words' hash says."""

    @property
    def mark(self) -> str:
        return "hashed"

    def embedder(self, store: Store) -> "Hashed":
        return self

    def embed(self, samples: Sequence[Sample], sight: str = "picture", start: int = 0) -> Iterator[tuple[float, ...]]:
        for sample in samples:
            seed = int(hashlib.sha256(sample.turns[0].text.encode()).hexdigest()[:8], 16)
            yield tuple(np.random.default_rng(seed).random(8))


CHANGED = {  # all others as they are
    "class_cap": ClassCap(max_count=30),
    "cluster_reduction": ClusterReduction(
        column="itm", num_clusters=20, iterations=2, embedding=EmbeddingFile(path="vectors.parquet")
    ),
    "concept_balance": ConceptBalance(concepts=PETS),
    "concept_limit": ConceptLimit(concepts=PETS, max_count=40),
    "embedded_frequency": EmbeddedFrequency(concepts=PETS, embedding=SpaceEmbedding(model=Hashed())),
    "inverse_frequency": InverseFrequency(concepts=PETS),
    "language_share": LanguageShare(shares={"en": 0.5, "zh": 0.5}),
    "picture_decontamination": PictureDecontamination(benchmarks=("bench",)),
    "quantile": Quantile(column="clip"),
    "semantic_decontamination": SemanticDecontamination(marks=("marks.parquet",), embedding=EmbeddingFile(path="vectors.parquet")),
    "semantic_dedupe": SemanticDedupe(iterations=2, embedding=EmbeddingFile(path="vectors.parquet")),
}


def found() -> dict[str, SetOperator]:
    modules = [
        importlib.import_module(f"omma.curate.operators.{m.name}") for m in pkgutil.iter_modules(omma.curate.operators.__path__)
    ]
    members = [(module, member) for module in modules for member in vars(module).values() if isinstance(member, type)]
    return {
        module.__name__.rpartition(".")[2]: member()
        for module, member in members
        if issubclass(member, SetOperator) and member.__module__ == module.__name__
    }


OPERATORS = found() | CHANGED


def content(number: int) -> str:
    """Every tenth picture is the one before it; the first hundred are in the file of vectors."""
    return hashlib.sha256(f"{number - (number % 10 == 9)}".encode()).hexdigest()


def look_of(operator: SetOperator, number: int) -> tuple[np.ndarray, ...]:
    """A look of the operator's own kind, drawn from the content."""
    if not operator.looks_at:
        return ()
    draw = np.random.default_rng(int(content(number)[:8], 16))
    if isinstance(operator, EmbeddedFrequency):
        return (draw.random(8, np.float32),)
    if isinstance(operator, Agreement):
        return (draw.random(160, np.float32),)
    if isinstance(operator, SemanticDecontamination | SemanticDedupe | ClusterReduction):
        return (np.zeros(0),)
    return (draw.integers(0, 256, 776 if isinstance(operator, PerceptualHash) else 308, dtype=np.uint8),)


class Disk(Collection[Candidate]):
    """Candidates made anew each time they are gone through, as if read from shards; there is no other way to them."""

    def __init__(self, operator: SetOperator, size: int) -> None:
        self.operator, self.size, self.passes = operator, size, 0

    def __len__(self) -> int:
        return self.size

    def __contains__(self, item: object) -> bool:
        raise AssertionError("a set operator asked who is there")

    def __iter__(self) -> Iterator[Candidate]:
        self.passes += 1
        return map(self.candidate, range(self.size))

    def candidate(self, number: int) -> Candidate:
        first = number - (number % 7 == 6)
        blob = hashlib.shake_128(f"{first}".encode()).hexdigest(700)
        said = f"{WORDS[first % 12]} near {WORDS[first * first % 13]} and {WORDS[first % 5]}: {blob}"
        media = (Media(f"shards/pictures-{number // 1000}.tar#{number:09d}.jpg", sha256=content(number), width=64, height=48),)
        turns = (Turn("user", (Part("image", index=0), Part("text", "what is it?"))), Turn("assistant", (Part("text", said),)))
        meta = {"itm": number % 9 / 9, "language": "en" if number % 3 else "zh"}
        sample = Sample(f"web/{number:09d}", "web", f"t{number % 4}", media, turns, meta=meta)
        scores = {"clip": number % 11 / 11, "perplexity": (10.0 if number % 5 else 1000.0) + number % 13}
        return Candidate(sample, number % 10 == 0, look_of(self.operator, number), scores)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    (folder / "bench").mkdir()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / "bench/a.png")
    keys = sorted({content(i) for i in range(100)})
    vectors = np.random.default_rng(0).normal(size=(len(keys), 8)).astype(np.float32)
    pq.write_table(pa.table({"sha256": keys, "embedding": list(vectors)}), folder / "vectors.parquet")
    places = (BenchmarkMark("bench", (str(i),), picture=f"{i}.png", vector=tuple(vectors[i].tolist())) for i in range(40))
    write_marks(folder / "marks.parquet", places, "a model")
    return folder


def test_every_set_operator_is_here():
    assert set(CHANGED) < set(OPERATORS)
    assert len(OPERATORS) >= 14


@pytest.mark.parametrize("name", OPERATORS)
def test_scores_from_disk_equal_scores_of_a_tuple_in_at_most_two_passes(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    disk = Disk(OPERATORS[name], FEW)
    held, read = (OPERATORS[name].score(candidates) for candidates in (tuple(Disk(OPERATORS[name], FEW)), disk))
    assert np.array_equal(held.values, read.values, equal_nan=True)
    assert held.notes == read.notes
    assert 1 <= disk.passes <= 2
    assert not np.isnan(read.values).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATORS)
def test_a_set_of_20_000_is_never_held(name, folder, monkeypatch):
    """At its peak a candidate takes less than 800 bytes, and looks that are needed whole four times their own.

    `agreement` fits a thousand here, and needs no looks whole.
    """
    monkeypatch.chdir(folder)
    monkeypatch.setattr(agreement, "FITTED", 1000)
    operator = OPERATORS[name]
    operator.score(Disk(operator, FEW))  # what is loaded once counts for nobody
    tracemalloc.start()
    some = list(Disk(operator, 200))
    held, looks = tracemalloc.get_traced_memory()[0] / 200, sum(look.nbytes for look in some[0].looks)
    del some
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    operator.score(Disk(operator, MANY))
    peak = (tracemalloc.get_traced_memory()[1] - before) / MANY
    tracemalloc.stop()
    assert held - looks > 3 * BESIDE_LOOKS
    assert peak < BESIDE_LOOKS + 4 * looks * (name != "agreement")
