"""Marks of benchmarks: by name from the drawn rows of all of them, and the operators that know them again in training data."""

import json
from dataclasses import replace
from io import BytesIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from omma.answerers.services.space import Space
from omma.cli.data_marks import marks, marks_of, texts_of
from omma.core.errors import ConfigError, DataError
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.models.space_embedding import SpaceEmbedding
from omma.curate.operator import Candidate
from omma.curate.operators.contamination import Contamination
from omma.curate.operators.picture_decontamination import PictureDecontamination
from omma.curate.operators.semantic_decontamination import SemanticDecontamination
from omma.curate.picture import Picture
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.sets import benchmark_marks
from omma.curate.sets.benchmark_marks import BenchmarkMark, read_pictures, read_texts, read_vectors, write_marks
from omma.curate.sets.embeddings import EmbeddingFile, PictureDescriptor
from omma.schema.sample import Caption, Media, Part, Sample, Turn
from tests.evaluate import released_folders
from tests.evaluate.test_evaluate_published import BENCHMARKS, drawn

LONG = "which of these magnets pulls harder when both lie on the same table"


def said(*texts):
    return Sample("x", "s", captions=tuple(map(Caption, texts)))


def noise(seed, size=160):
    draw = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(draw).resize((size, size), Image.Resampling.BICUBIC)


def encoded(image, kind="PNG", **how):
    buffer = BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def looked(operator, name, data):
    picture = Picture(f"{name}.png", data)
    media = (Media(f"{name}.png", sha256=picture.sha256),)
    return Candidate(Sample(name, "s", media=media), False, (operator.look(picture),))


def reasons(operator, rows):
    return dict(zip([row.sample.id for row in rows], operator.decide(operator.score(rows)), strict=True))


# omma data marks


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_every_benchmark_is_marked_by_all_that_it_says_and_shows(name, tmp_path, capsys):
    """Each line of four words of a question, and each picture that is shown, stands in the file with the question's id."""
    benchmark = BENCHMARKS[name]
    supply = drawn(benchmark, tmp_path)
    questions = benchmark.questions(supply)
    write_marks(tmp_path / "marks.parquet", marks_of(replace(benchmark, limit=1), tmp_path, None))
    said = {mark.text: set(mark.questions) for mark in read_texts(str(tmp_path / "marks.parquet"))}
    known, looks = read_pictures(str(tmp_path / "marks.parquet"))
    shown = {mark.sha256: set(mark.questions) for mark in known}
    assert len(shown) == len(known) == len(looks)
    films = 0
    for question in questions:
        assert all(question.sample.id in said[text] for text in texts_of(question))
        for item in question.sample.media:
            films += item.kind == "video"
            if item.kind == "image":
                assert question.sample.id in shown[Picture(item.uri, supply.store.read(item.uri)).sha256]
    assert said or shown or films
    assert ("films are not marked" in capsys.readouterr().err) == bool(films)


@pytest.fixture
def benchmarks(tmp_path):
    """POPE and ScienceQA as they are drawn, below one folder."""
    root = tmp_path / "benchmarks"
    for name in ("pope", "scienceqa"):
        drawn(BENCHMARKS[name], root)
    return root


def test_benchmarks_by_name_become_one_file(benchmarks, tmp_path, capsys):
    marks("pope,scienceqa", tmp_path / "out/tests.parquet", benchmarks)
    file = str(tmp_path / "out/tests.parquet")
    assert {mark.benchmark for mark in read_texts(file)} == {"pope", "scienceqa"}
    known, _ = read_pictures(file)
    names = {(mark.benchmark, mark.picture, len(mark.questions)) for mark in known}
    assert ("pope", "val2014/COCO_val2014_000000000001.jpg", 3) in names, "one picture, three questions"
    assert "pope: 6 questions, " in capsys.readouterr().err
    before = (tmp_path / "out/tests.parquet").read_bytes()
    marks("pope,scienceqa", tmp_path / "out/tests.parquet", benchmarks)
    assert (tmp_path / "out/tests.parquet").read_bytes() == before


def test_what_is_not_there_is_told(benchmarks, tmp_path, capsys):
    with pytest.raises(ConfigError, match=r"tests.txt; expected a file to write that ends in .parquet"):
        marks("pope", tmp_path / "tests.txt", benchmarks)
    with pytest.raises(ConfigError, match="no suite 'pop'"):
        marks("pop", tmp_path / "tests.parquet", benchmarks)
    with pytest.raises(DataError, match="give its folder with --data FOLDER"):
        marks("mme", tmp_path / "tests.parquet", benchmarks)
    assert not (tmp_path / "tests.parquet").exists()
    (benchmarks / "val2014/COCO_val2014_000000000001.jpg").write_bytes(b"\xff\xd8 broken")
    marks("pope", tmp_path / "tests.parquet", benchmarks)
    assert "pope: 1 pictures cannot be read and are not marked, the first: val2014/" in capsys.readouterr().err
    (benchmarks / "val2014/COCO_val2014_000000000002.jpg").unlink()
    with pytest.raises(DataError, match="none of 2 pictures can be read"):
        marks("pope", tmp_path / "tests.parquet", benchmarks)


@pytest.mark.parametrize("content", [b"no parquet", b""])
def test_a_file_that_holds_no_marks_is_told(content, tmp_path):
    (tmp_path / "m.parquet").write_bytes(content)
    with pytest.raises(DataError, match="cannot be read: .*make it again with `omma data marks`"):
        PictureDecontamination(marks=(str(tmp_path / "m.parquet"),)).score(())
    pq.write_table(pa.table({"a": [1]}), tmp_path / "m.parquet")
    with pytest.raises(DataError, match="a Parquet file of something else"):
        Contamination(marks=(str(tmp_path / "m.parquet"),)).score(said("a"))
    with pytest.raises(DataError, match=r"gone.parquet: no such file; expected marks of benchmarks"):
        _ = Contamination(marks=(str(tmp_path / "gone.parquet"),)).key


def test_marks_of_other_hashes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(benchmark_marks.CropHash, "version", "1 of old")
    write_marks(tmp_path / "m.parquet", [BenchmarkMark("b", ("1",), picture="a.png", look=bytes(308))])
    monkeypatch.undo()
    with pytest.raises(DataError, match="hashes of version 1 of old; expected version 2"):
        read_pictures(str(tmp_path / "m.parquet"))


# contamination


def test_a_reason_names_benchmark_and_question(tmp_path):
    file = tmp_path / "m.parquet"
    write_marks(file, [BenchmarkMark("scienceqa", ("15",), LONG), BenchmarkMark("mme", ("a", "b"), "how many red dogs")])
    operator = Contamination(marks=(str(file),))
    row = said(f"Tell: {LONG.upper()}!", "how many red dogs are there")
    assert operator.score(row) == 6 + 1
    assert operator.note(row) == "scienceqa 15, mme a and 1 more"
    assert operator.score(said("which of these magnets pulls harder when")) == 0


def test_instructions_that_many_questions_share_are_no_evidence(tmp_path):
    """By hand: an instruction of 9 words stands in 11 questions, a question of 13 in one; ten are still evidence."""
    suffix = "Answer the question using a single word or phrase."
    file = tmp_path / "m.parquet"
    write_marks(file, [BenchmarkMark("b", tuple(map(str, range(11))), suffix), BenchmarkMark("b", ("3",), LONG)])
    assert Contamination(marks=(str(file),)).score(said(suffix)) == 0
    assert Contamination(marks=(str(file),), common=11).score(said(suffix)) == 2
    assert Contamination(marks=(str(file),)).score(said(LONG)) == 6
    every = [BenchmarkMark("b", (str(i),), f"{suffix} Number {i}") for i in range(11)]
    write_marks(file, every[:10])
    assert Contamination(marks=(str(file),)).score(said(suffix)) == 2, "another file is read anew"
    write_marks(file, every)
    assert Contamination(marks=(str(file),)).score(said(suffix)) == 0
    with pytest.raises(DataError, match="no text of 4 words or more that few questions share"):
        write_marks(file, [BenchmarkMark("b", ("1",), "what is it")])
        Contamination(marks=(str(file),)).score(said("a"))


def test_lines_and_marks_go_together_and_content_belongs_to_the_key(tmp_path):
    (tmp_path / "own.txt").write_text("what stands on the old bridge\n")
    file = tmp_path / "m.parquet"
    write_marks(file, [BenchmarkMark("b", ("1",), LONG)])
    both = Contamination(path=str(tmp_path / "own.txt"), marks=(str(file),))
    assert both.note(said("what stands on the old bridge", LONG)) == "own.txt line 1, b 1"
    keys = {both.key, replace(both, marks=()).key, replace(both, common=3).key}
    write_marks(file, [BenchmarkMark("b", ("2",), LONG)])
    assert len(keys | {both.key}) == 4
    assert replace(both, max_found=3).key == both.key


# picture_decontamination


def test_copies_are_known_by_marks_as_by_the_pictures_themselves(tmp_path):
    (tmp_path / "bench").mkdir()
    rows = []
    for i in range(6):
        noise(i).save(tmp_path / f"bench/{i}.png")
        rows.append({"id": f"q{i}", "image": f"bench/{i}.png", "question": "what?", "answer": "noise"})
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_marks(tmp_path / "m.parquet", marks_of(BENCHMARKS["own"], tmp_path, None))
    by_marks = PictureDecontamination(marks=(str(tmp_path / "m.parquet"),))
    by_bytes = PictureDecontamination(benchmarks=(str(tmp_path / "bench"),))
    shown = [looked(by_marks, f"copy{i}", encoded(noise(i, 120), "JPEG", quality=60)) for i in range(6)]
    shown.append(looked(by_marks, "part", encoded(noise(4).crop((8, 8, 152, 152)))))
    shown += [looked(by_marks, f"other{i}", encoded(noise(100 + i))) for i in range(10)]
    assert np.array_equal(by_marks.score(shown).values, by_bytes.score(shown).values)
    found = reasons(by_marks, shown)
    assert {name for name, reason in found.items() if reason} == {"part", *(f"copy{i}" for i in range(6))}
    assert found["part"] == "looks like bench/4.png (own q4) of a benchmark"
    assert len({by_marks.key, by_bytes.key, PictureDecontamination().key}) == 3


def test_web_pairs_without_two_benchmarks(benchmarks, tmp_path):
    """The whole way: marks by name, the benchmarks' folder gone, a curation that leaves them out and says which question it was."""
    marks("pope,scienceqa", tmp_path / "tests.parquet", benchmarks)
    root = tmp_path / "web"
    root.mkdir()
    (benchmarks / "val2014/COCO_val2014_000000000001.jpg").rename(root / "copy.jpg")
    for i in range(3):
        noise(i).save(root / f"{i}.png")
    texts = {
        "copy.jpg": "a red picture",
        "0.png": "What is the capital of the red land? Bee!",
        "1.png": "a lake",
        "2.png": "a hill",
    }
    (root / "captions.jsonl").write_text("".join(json.dumps({"image": k, "caption": v}) + "\n" for k, v in texts.items()))
    for file in sorted(benchmarks.rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    held = (str(tmp_path / "tests.parquet"),)
    data = Data(
        root=str(root),
        sources={"web": CaptionsJsonl()},
        operators=(Contamination(marks=held), PictureDecontamination(marks=held)),
    )
    run = RunFolder(tmp_path / "run")
    curate(data, run, seed=0, workers=0)
    rows = {row.sample_id: (row.verdict, row.reason) for row in run.ledger.entries("curate")}
    assert rows["web/0.png:0"] == ("drop", "1 runs of words stand in a benchmark, too: scienceqa 5")
    picture = "val2014/COCO_val2014_000000000001.jpg (pope random:1 and 2 more)"
    assert rows["web/copy.jpg:0"] == ("drop", f"looks like {picture} of a benchmark")
    assert rows["web/1.png:0"][0] == rows["web/2.png:0"][0] == "keep"


# semantic_decontamination


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return str(released_folders.clip(tmp_path_factory.mktemp("clip")))


def test_vectors_of_a_model_know_pictures_again(clip, tmp_path):
    rows = []
    for i in range(4):
        noise(i).save(tmp_path / f"{i}.png")
        rows.append({"id": f"q{i}", "image": f"{i}.png", "question": "what?", "answer": "noise"})
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    space = SpaceEmbedding(model=Space(folder=clip, device="cpu", rows=1))
    file = str(tmp_path / "m.parquet")
    write_marks(tmp_path / "m.parquet", marks_of(BENCHMARKS["own"], tmp_path, space), space.mark)
    operator = SemanticDecontamination(marks=(file,), embedding=space, max_cosine=0.99999)
    shown = [looked(operator, str(i), encoded(noise(i))) for i in (2, 50, 51)]
    scores = operator.score(shown)
    places = np.array([row.looks[0] for row in shown])
    table = read_vectors(file)[1]
    cosines = (places @ table.T) / np.linalg.norm(places, axis=1)[:, None] / np.linalg.norm(table, axis=1)
    assert scores.values == pytest.approx(cosines.max(axis=1), abs=1e-6)
    assert reasons(operator, shown)["2"].startswith("embedded near 2.png (own q2) of a benchmark (cosine 1.000")
    assert not reasons(replace(operator, max_cosine=1.0), shown)["50"]
    assert np.isnan(SemanticDecontamination(marks=(file,), embedding=space).score((Candidate(said("words"), False),)).values).all()
    write_marks(tmp_path / "m.parquet", marks_of(BENCHMARKS["own"], tmp_path, space), "another model")
    with pytest.raises(DataError, match="vectors of another model; expected those of `embedding`"):
        operator.score(shown)
    write_marks(tmp_path / "m.parquet", marks_of(BENCHMARKS["own"], tmp_path, None))
    with pytest.raises(DataError, match="no vectors of its pictures.*--model FOLDER"):
        operator.score(shown)


def test_vectors_from_a_file_are_compared_by_hand(tmp_path):
    places = {"a": (1.0, 0.0), "b": (3.0, 4.0)}
    write_marks(tmp_path / "m.parquet", [BenchmarkMark("b", (k,), picture=k, vector=v) for k, v in places.items()], "m")
    vectors = {"near": [0.0, 2.0], "same": [6.0, 8.0]}
    pq.write_table(pa.table({"sha256": list(vectors), "embedding": list(vectors.values())}), tmp_path / "v.parquet")
    operator = SemanticDecontamination(
        marks=(str(tmp_path / "m.parquet"),), embedding=EmbeddingFile(path=str(tmp_path / "v.parquet"))
    )

    def row(*shown):
        media = tuple(Media(name, sha256=name) for name in shown)
        turns = (Turn("user", (Part("text", "?"),)),)
        return Candidate(Sample("+".join(shown), "s", media=media, turns=turns), False, tuple(np.zeros(0) for _ in shown))

    scores = operator.score((row("near"), row("near", "same"), row("unknown")))
    assert scores.values[:2] == pytest.approx([0.8, 1.0]) and np.isnan(scores.values[2])
    assert scores.notes == ("b (b b)", "b (b b)", "")
    assert operator.decide(scores) == ["", "embedded near b (b b) of a benchmark (cosine 1.000)", ""]
    pq.write_table(pa.table({"sha256": ["near"], "embedding": [[1.0, 2.0, 3.0]]}), tmp_path / "v.parquet")
    with pytest.raises(DataError, match="marks of 2 numbers beside pictures of 3"):
        operator.score((row("near"),))
    with pytest.raises(ConfigError, match="PictureDescriptor; expected SpaceEmbedding or EmbeddingFile"):
        replace(operator, embedding=PictureDescriptor())
