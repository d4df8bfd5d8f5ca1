"""The distilled suite: it covers the taxonomy without a judge, asks the same questions of everyone, and names what is not there."""

import importlib

import pytest

from omma.core.errors import DataError
from omma.evaluate.asking.replies import Replies
from omma.evaluate.benchmarks.own_rows import OwnRows
from omma.evaluate.question import Supply
from omma.evaluate.suite import Distilled
from omma.evaluate.taxonomy import GROUPS, ability_means, group_of
from omma.metrics.text import Exact
from omma.schema.verdict import Verdict
from omma_recipes.suites.five_minutes import QUESTIONS, five_minutes
from tests.evaluate.tabling import lines

LONGEST = 128  # tokens of a reply: more of them make more than five minutes


def drawn(root, *names):
    suite = five_minutes()
    for one in suite.benchmarks:
        if one.name in names:
            importlib.import_module(f"tests.evaluate.fixtures.{type(one).__module__.rpartition('.')[2]}").draw(root, one)
    return suite


def test_every_group_of_abilities_has_a_part():
    groups = {group_of(word) for one in five_minutes().benchmarks for word in one.abilities}
    assert groups == set(GROUPS)


def test_parts_are_short_and_written_and_the_same_number_of_each():
    for one in five_minutes().benchmarks:
        assert one.limit == QUESTIONS and one.seed == 0
        assert isinstance(one.asking, Replies) and one.sampling.max_tokens <= LONGEST
    assert sum(one.limit for one in five_minutes().benchmarks) == 240


def test_main_numbers_are_shares_that_have_a_mean(tmp_path):
    """On the fixtures of all parts, answered with what is right as far as it is words."""
    suite = drawn(tmp_path, *[one.name for one in five_minutes().benchmarks])
    there, absent = suite.found(tmp_path)
    assert not absent and there == suite.benchmarks
    verdicts = []
    for one in there:
        answers = [answer for answer in one.records(Echo(), one.questions(Supply(root=tmp_path)), Supply(root=tmp_path), "picture")]
        verdicts.append(one.score(answers, None)[0])
    assert ability_means(verdicts, there).beside == ()
    assert all(isinstance(verdict, Verdict) and verdict.unit == "share" for verdict in verdicts)


class Echo:
    """Says yes."""

    def ask(self, samples, sampling, sight="picture", start=0):
        from omma.generate.reply import Reply

        return (Reply("yes", (), (), "stop") for _ in samples[start:])

    def prompt_hash(self, sample):
        return ""

    def fingerprint(self):
        return "echo"


def test_parts_that_are_not_there_are_named_with_the_reason(tmp_path):
    there, absent = drawn(tmp_path, "pope", "ai2d").found(tmp_path)
    assert [one.name for one in there] == ["pope", "ai2d"]
    assert len(absent) == 10 and "give its folder with --data FOLDER" in absent["docvqa"]


def test_a_folder_of_the_same_name_with_something_else_in_it_is_a_part_that_is_not_there(tmp_path):
    suite = drawn(tmp_path, "ai2d")
    (tmp_path / "coco").mkdir()
    there, absent = suite.found(tmp_path)
    assert [one.name for one in there] == ["ai2d"] and "no coco_pope_….json" in absent["pope"]


def test_a_folder_with_none_of_them_is_an_error(tmp_path):
    with pytest.raises(DataError, match="none of the parts of five_minutes.*--data FOLDER"):
        five_minutes().found(tmp_path)


def test_the_same_questions_are_asked_whatever_else_is_there(tmp_path):
    rows = [{"id": f"q{n}", "question": "is it?", "answer": "yes"} for n in range(60)]
    parts = [OwnRows(name=name, path=f"{name}.jsonl", metrics=(Exact(),), limit=5) for name in ("a", "b")]
    lines(tmp_path / "a.jsonl", rows)
    suite = Distilled(id="few", title="Few", benchmarks=tuple(parts))

    def asked():
        (one, *_), _ = suite.found(tmp_path)
        return [question.sample.id for question in one.questions(Supply(root=tmp_path))]

    alone = asked()
    lines(tmp_path / "b.jsonl", rows)
    assert asked() == alone and len(alone) == 5
    assert alone == sorted(alone, key=lambda name: int(name[1:])), "in the order of the file"
