"""Every suite of the catalogue, on six invented rows in its published layout: read, asked of a tiny model, scored, scored again.

`OMMA_GOLDEN=write pytest tests/evaluate/test_evaluate_published.py` writes the prompts anew; read the difference before it is kept.
"""

import importlib
import json
import math
import os
import pkgutil
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import omma.evaluate.benchmarks as folder
import tests.evaluate.fixtures as drawings
from omma.cli.catalogue import catalogue
from omma.core.config import load, show
from omma.core.errors import ConfigError, DataError, OmmaError
from omma.core.progress import say_once
from omma.evaluate.asking.embedded import Embedded
from omma.evaluate.benchmarks.own_rows import OwnRows
from omma.evaluate.job import Share, evaluate, read_records, read_suite, rescore
from omma.evaluate.published import Published
from omma.evaluate.question import Supply
from omma.evaluate.suite import Suite
from omma.evaluate.table import score_table
from omma.generate.talker import Talker
from omma.media.footage.frames import Frames
from omma.media.store import Store
from omma.metrics.text import Exact
from omma.model.vlm import init
from omma.schema.sample import Sample
from omma_recipes.runs.quickstart import quickstart
from tests.evaluate.embedding import Space

GOLDEN = Path(__file__).parents[1] / "golden/prompts"
SUITES = catalogue("Suite")
OWN = OwnRows(name="own", path="own.jsonl", metrics=(Exact(),))


@cache
def suite(name: str) -> Suite:
    return getattr(importlib.import_module(SUITES[name].module), name)()


def singles() -> dict[str, Published]:
    """Every benchmark of every suite by its name; those that stand in several suites once."""
    found = {one.name: one for name in sorted(SUITES) for one in suite(name).benchmarks if isinstance(one, Published)}
    return {"own": OWN} | {name: replace(one, limit=0) for name, one in sorted(found.items())}


BENCHMARKS = singles()


def fixture_of(benchmark: Published):
    return importlib.import_module(f"tests.evaluate.fixtures.{type(benchmark).__module__.rpartition('.')[2]}")


@pytest.fixture(scope="module")
def module_and_model():
    model = quickstart().tiny().model
    model = replace(model, view=replace(model.view, video=Frames().tiny()))
    return init(model.build(), 0), model


@pytest.fixture
def talk(module_and_model, tmp_path):
    """Batch size → an answerer over the drawn pictures: a tiny random model, or a space of colours where vectors are asked."""
    module, model = module_and_model

    def answerer(benchmark: Published, rows: int = 64):
        if isinstance(benchmark.asking, Embedded):
            return Space(Store(tmp_path))
        words = model.text.fit([Sample("a", "s")], tmp_path / "tokenizer")
        return Talker(module, words, model, Store(tmp_path), batch_rows=rows)

    return answerer


def drawn(benchmark: Published, root: Path) -> Supply:
    fixture_of(benchmark).draw(root, benchmark)
    return Supply(root=root)


def short(benchmark: Published) -> Published:
    """The same with replies of at most six tokens: a random model has nothing to say."""
    return replace(benchmark, sampling=replace(benchmark.sampling, max_tokens=min(benchmark.sampling.max_tokens, 6)))


def test_every_published_benchmark_is_in_a_suite_and_has_a_fixture():
    found = set()
    for module in pkgutil.iter_modules(folder.__path__):
        members = vars(importlib.import_module(f"{folder.__name__}.{module.name}")).values()
        found |= {c.__module__ for c in members if isinstance(c, type) and issubclass(c, Published) and c is not Published}
    used = {type(one).__module__ for one in BENCHMARKS.values()}
    assert {name for name in found if name.startswith(folder.__name__)} == {
        name for name in used if name.startswith(folder.__name__)
    }
    fixtures = {module.name for module in pkgutil.iter_modules(drawings.__path__)}
    assert {name.rpartition(".")[2] for name in used} == fixtures


@pytest.mark.parametrize("name", sorted(SUITES))
def test_every_suite_has_its_name_and_says_what_it_is(name):
    assert suite(name).id == name
    assert suite(name).title and SUITES[name].summary
    assert load(show(suite(name)), where="test") == suite(name)
    for one in suite(name).benchmarks:
        assert isinstance(one, Published) and one.about and one.layout, f"{one.name} says nothing of itself"


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_prompts_are_those_that_were_read_and_kept(name, tmp_path):
    benchmark = BENCHMARKS[name]
    questions = benchmark.questions(drawn(benchmark, tmp_path))
    assert len(questions) >= 6, "a fixture has at least six rows"
    said = {question.sample.id: worded(question.sample) for question in questions[:3]}
    kept = {"prompts": said, "sampling": benchmark.sampling.max_tokens, "metrics": [type(m).__name__ for m in benchmark.metrics]}
    text = json.dumps(kept, indent=1, ensure_ascii=False) + "\n"
    file = GOLDEN / f"{name}.json"
    if os.environ.get("OMMA_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


def worded(sample: Sample) -> str:
    """What is said, with a mark where a picture stands."""
    return "".join(part.text if part.kind == "text" else f"<{part.kind} {part.index}>" for part in sample.turns[-1].parts)


def test_kept_prompts_are_those_of_the_catalogue():
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(BENCHMARKS)


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_a_tiny_model_goes_the_whole_way(name, talk, tmp_path):
    benchmark = short(BENCHMARKS[name])
    supply = drawn(benchmark, tmp_path)
    verdicts = evaluate((benchmark,), talk(benchmark), supply, tmp_path / "scores")
    records = read_records(tmp_path / "scores", benchmark.name)
    assert [r.sample_id for r in records] == [q.sample.id for q in benchmark.questions(supply)]
    assert verdicts and verdicts[0].benchmark == benchmark.name
    assert all(verdict.count > 0 for verdict in verdicts)
    assert verdicts[0].variant == benchmark.metrics[0].variant
    assert len({(v.metric, v.subset, v.variant) for v in verdicts}) == len(verdicts), "two numbers under one name"
    assert repr(rescore(read_suite(tmp_path / "scores"), tmp_path / "scores")) == repr(verdicts), "NaN equals itself in words"
    for record in records:
        film = (tmp_path / record.picture.partition("#")[0]).is_dir()
        assert not record.picture or film or len(record.details["asked"]["picture"]) == 64


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_records_do_not_depend_on_the_batch_nor_on_the_order(name, talk, tmp_path):
    benchmark = short(BENCHMARKS[name])
    supply = drawn(benchmark, tmp_path)
    questions = benchmark.questions(supply)

    def said(rows: int, asked):
        answered = benchmark.records(talk(benchmark, rows), asked, supply, "picture")
        return {record.sample_id: _comparable(record.raw) for record in answered}

    whole = said(64, questions)
    assert whole == said(1, questions) == said(3, questions[::-1])


def _comparable(raw: str):
    """A reply as it is; likelihoods and vectors to the digits that a batch does not change."""
    try:
        values = json.loads(raw)
    except ValueError:
        return raw
    return [round(value, 4) for value in values] if isinstance(values, list) and all(isinstance(v, float) for v in values) else raw


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_any_reply_is_a_counted_row(name, tmp_path):
    """Empty words, a megabyte, JSON in JSON, words in every script: each is scored, none changes the denominator."""
    benchmark = BENCHMARKS[name]
    supply = drawn(benchmark, tmp_path)
    questions = benchmark.questions(supply)
    replies = ["", "x" * 1_000_000, '{"a": [[1, {"b": null}]]}', "нет 是 はい \u202e", "[NaN, 1e999]", "A", "no"]
    answerer = Parrot(replies)
    written = replace(benchmark, asking=OWN.asking)  # whatever was asked, words come back
    records = list(written.records(answerer, questions, supply, "picture"))
    verdicts = written.score(records, known=_nothing())
    assert {verdict.subset: verdict.count for verdict in verdicts}["all"] >= 1
    marked = written.mark(records, _nothing())
    assert len(marked) == len(questions)
    marks = written.marked(written.metrics[0], records)
    names = {one.id for one in marks if not math.isnan(one.mark.score)}  # some numbers are of all replies together
    assert marks and all(record.correct is not None for record in marked if record.sample_id in names)


class Parrot:
    """Says its replies in turn."""

    def __init__(self, replies):
        self.replies = replies

    def ask(self, samples, sampling, sight="picture", start=0):
        from omma.generate.reply import Reply

        for number, _ in enumerate(samples[start:], start):
            yield Reply(self.replies[number % len(self.replies)], (), (), "stop")

    def prompt_hash(self, sample):
        return "prompt"

    def fingerprint(self):
        return "parrot"


def _nothing():
    from omma.evaluate.known import Known

    return Known()


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_a_folder_without_it_is_told(name, tmp_path):
    with pytest.raises(DataError, match="give its folder with --data FOLDER"):
        BENCHMARKS[name].questions(Supply(root=tmp_path))
    with pytest.raises(ConfigError, match="no folder to read it from"):
        BENCHMARKS[name].questions(Supply())


@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_a_file_of_another_version_is_told(name, tmp_path):
    """Every table of the fixture loses its columns in turn: an error that says where, or rows that need none of it."""
    benchmark = BENCHMARKS[name]
    drawn(benchmark, tmp_path)
    for file in sorted(path for path in tmp_path.rglob("*") if path.suffix in (".json", ".jsonl", ".tsv", ".csv", ".txt")):
        whole = file.read_bytes()
        for broken in (b"\xff\xfe\x00", b'{"nothing": 1}\n', whole[: len(whole) // 2]):
            file.write_bytes(broken)
            try:
                questions = benchmark.questions(Supply(root=tmp_path))
            except OmmaError as error:
                assert error.where and error.got
            else:
                assert questions
        file.write_bytes(whole)


def test_a_broken_picture_is_a_row_that_counts(talk, tmp_path):
    supply = drawn(OWN, tmp_path)
    (tmp_path / "blue.png").write_bytes(b"\x89PNG broken")
    verdicts = evaluate((OWN,), talk(OWN), supply, tmp_path / "scores")
    records = read_records(tmp_path / "scores", "own")
    assert [record.details["finish"] == "unreadable" for record in records] == [False, True, True, False, False, True]
    assert "blue.png" in records[1].details["error"]
    assert (verdicts[0].count, verdicts[0].subset) == (6, "all")
    assert verdicts[0].unparsed >= 3


def test_pictures_that_are_nowhere_stop_the_job_and_recorded_answers_need_none(talk, tmp_path):
    pope = BENCHMARKS["pope"]
    supply = drawn(pope, tmp_path)
    shutil.rmtree(tmp_path / "val2014")
    with pytest.raises(DataError, match="none of the first 6 pictures can be read, such as val2014/"):
        evaluate((pope,), talk(pope), supply, tmp_path / "scores")
    verdicts = evaluate((pope,), Parrot(["yes", "no"]), replace(supply, look=False), tmp_path / "recorded")
    assert (verdicts[0].value, verdicts[0].unparsed) == (1.0, 0)


def test_two_processes_share_the_questions_and_join_what_one_would_have_written(talk, tmp_path):
    supply = drawn(OWN, tmp_path)
    whole = evaluate((OWN,), talk(OWN), supply, tmp_path / "whole")
    assert evaluate((OWN,), talk(OWN), supply, tmp_path / "both", share=Share(1, 2)) == []
    assert evaluate((OWN,), talk(OWN), supply, tmp_path / "both", share=Share(0, 2)) == whole
    ids = [[record.sample_id for record in read_records(tmp_path / place, "own")] for place in ("whole", "both")]
    assert ids[0] == ids[1]


def test_a_second_suite_joins_the_first_in_its_folder(talk, tmp_path):
    supply = drawn(OWN, tmp_path)
    other = replace(OWN, name="other")
    evaluate((OWN,), talk(OWN), supply, tmp_path / "scores")
    evaluate((other,), talk(OWN), supply, tmp_path / "scores")
    assert [benchmark.name for benchmark in read_suite(tmp_path / "scores")] == ["own", "other"]


def test_the_trivial_guess_stands_beside_the_score(talk, tmp_path):
    supply = drawn(OWN, tmp_path)
    verdict = evaluate((OWN,), talk(OWN), supply, tmp_path / "scores")[0]
    assert verdict.trivial == pytest.approx(1 / 6), "every answer is right once"


def test_ids_that_stand_twice_are_refused(tmp_path):
    drawn(OWN, tmp_path)
    file = tmp_path / "own.jsonl"
    file.write_text(file.read_text().replace('"id": "b"', '"id": "a"'), encoding="utf-8")
    with pytest.raises(DataError, match="1 ids that stand there twice, such as 'a'"):
        OWN.questions(Supply(root=tmp_path))


def test_another_number_of_questions_than_published_is_told(tmp_path, capsys):
    pope = BENCHMARKS["pope"]
    say_once.cache_clear()
    pope.questions(drawn(pope, tmp_path))
    pope.questions(Supply(root=tmp_path))
    assert capsys.readouterr().err == "pope: 6 questions lie there, 9,000 were published; scores are of those that are there\n"
    drawn(OWN, tmp_path)
    OWN.questions(Supply(root=tmp_path))
    assert capsys.readouterr().err == ""


def test_what_happens_to_equals_stands_below_the_table(talk, tmp_path):
    aro = BENCHMARKS["vg_relation"]
    verdicts = evaluate((aro,), talk(aro), drawn(aro, tmp_path), tmp_path / "scores")
    assert verdicts[0].ties == aro.metrics[0].ties
    assert f"of equals in {aro.name}: {aro.metrics[0].ties}" in str(score_table({"model": verdicts}).caption)


def test_a_folder_of_the_benchmarks_name_wins_where_its_path_has_the_same_one(tmp_path):
    mme = BENCHMARKS["mme"]
    drawn(mme, tmp_path / "mme")
    assert mme.place(tmp_path)[1] == "mme/mme"
    assert mme.place(tmp_path / "mme")[1] == "mme"
    assert len(mme.questions(Supply(root=tmp_path))) == len(mme.questions(Supply(root=tmp_path / "mme")))
