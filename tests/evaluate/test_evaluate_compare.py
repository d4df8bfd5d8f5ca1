"""Comparisons of two folders of records: differences on shared questions, paired intervals, flips, and what else was different."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from omma.core.config import config
from omma.core.errors import CheckpointError
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.evaluate.benchmarks.own_rows import OwnRows
from omma.evaluate.benchmarks.scenes import Scenes
from omma.evaluate.compare import compare, find_scores, share
from omma.evaluate.doubts import doubts, same_model
from omma.evaluate.job import evaluate, read_known, read_records, read_suite, read_verdicts
from omma.evaluate.known import Known
from omma.evaluate.question import Supply
from omma.generate.sampling import Sampling
from omma.metrics.interval import paired
from omma.metrics.metric import Metric, number
from omma.metrics.text import Exact
from tests.evaluate.drawing import picture

COUNT = 40


@config
class Pairs(Metric):
    """Share of pairs of rows (two in a row) that are right together: a number that is no mean of scores."""

    label = "pairs"

    def extract(self, raw, facts):
        return raw

    def match(self, said, gold, facts):
        return float(said == gold)

    def aggregate(self, marked):
        scores = [one.mark.score for one in marked]
        whole = [(float(a == b == 1.0), 1.0) for a, b in zip(scores[::2], scores[1::2], strict=True)]
        return (number(self.label, marked, whole, lambda sums: sums[..., 0] / sums[..., 1]),)


@config
class Middle(Pairs):
    """The median of scores: no function of sums, with an interval of its own."""

    label = "median length"

    def match(self, said, gold, facts):
        return float(len(said))

    def aggregate(self, marked):
        value = float(np.median([one.mark.score for one in marked]))
        return (replace(super().aggregate(marked)[0], metric=self.label, value=value, low=value, high=value, terms=None),)


OWN = OwnRows(name="own", path="own.jsonl", metrics=(Exact(), Pairs(), Middle()))


@pytest.fixture
def scored(make, tmp_path):
    """(name, numbers of the questions that are answered rightly, …) → a folder of scores."""

    def evaluated(name, right, benchmark=OWN, rows=range(COUNT), answer="yes", **talks):
        lines = [{"id": f"q{i}", "question": f"is it {i}?", "answer": answer} for i in rows]
        (tmp_path / "own.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        says = {f"q{i}": "yes" if i in right else f"no, {i}" for i in range(COUNT)}
        evaluate((benchmark,), make.talker(says=says, model=name, **talks), Supply(root=tmp_path), tmp_path / f"eval/{name}")
        return tmp_path / f"eval/{name}"

    return evaluated


def both(a, b):
    suites = read_suite(a, ("omma", "tests")), read_suite(b, ("omma", "tests"))
    (shared,) = share(a, b, *suites)
    return shared, suites[1][0]


def test_the_difference_of_means_has_the_paired_interval(scored):
    shared, _ = both(scored("a", set(range(0, 20))), scored("b", set(range(5, 35))))
    exact, *_ = compare(shared, Known())
    (difference,) = exact.differences
    assert (difference.number_a.value, difference.number_b.value, difference.value) == (0.5, 0.75, 0.25)
    low, high = paired([i in range(5, 35) for i in range(COUNT)], [i in range(20) for i in range(COUNT)], 0)
    assert (difference.low, difference.high) == pytest.approx((low, high), abs=0.03), "draws of another seed"
    assert [sum(pair.better == side for pair in exact.pairs) for side in (1, -1, 0)] == [15, 5, 20]


def test_paired_intervals_are_narrower_than_those_of_each_alone(scored):
    shared, _ = both(scored("a", set(range(0, 20))), scored("b", set(range(0, 22))))
    (difference,) = compare(shared, Known())[0].differences
    alone = difference.number_a.high - difference.number_a.low
    assert difference.high - difference.low < alone / 2


def test_a_number_that_is_no_mean_draws_its_own_units(scored):
    shared, _ = both(scored("a", {0, 1, 2, 4, 6}), scored("b", {0, 1, 2, 3, 4, 5}))
    pairs = compare(shared, Known())[1].differences[0]
    assert (pairs.number_a.value, pairs.number_b.value, pairs.number_a.count) == (1 / 20, 3 / 20, 20)
    low, high = paired([1.0] * 3 + [0.0] * 17, [1.0] + [0.0] * 19, 0)
    assert (pairs.low, pairs.high) == pytest.approx((low, high), abs=0.051), "one pair more or less"


def test_a_number_without_terms_draws_questions_anew(scored):
    a, b = scored("a", set(range(10))), scored("b", set(range(30)))
    middle = compare(both(a, b)[0], Known())[2].differences[0]
    assert (middle.number_a.value, middle.number_b.value) == (6.0, 3.0)
    assert middle.low <= middle.value <= middle.high <= 0.0 and math.isfinite(middle.low)
    assert compare(both(a, b)[0], Known())[2].differences[0] == middle, "the draws are seeded"


def test_a_number_that_takes_long_to_work_out_has_no_interval(scored, monkeypatch):
    a, b = scored("a", set(range(10))), scored("b", set(range(30)))
    monkeypatch.setattr("omma.evaluate.compare.PATIENCE", 0.0)
    middle = compare(both(a, b)[0], Known())[2].differences[0]
    assert middle.value == -3.0 and math.isnan(middle.low) and math.isnan(middle.high)


def test_a_folder_beside_itself_differs_in_nothing(scored):
    folder = scored("a", {1, 2, 3})
    shared, other = both(folder, folder)
    for one in compare(shared, Known()):
        assert all(d.value == d.low == d.high == 0.0 for d in one.differences)
        assert not any(pair.better for pair in one.pairs)
    assert doubts(shared, other) == [] and same_model(shared)


def test_swapping_the_sides_turns_every_difference(scored):
    a, b = scored("a", set(range(0, 20))), scored("b", set(range(5, 35)))
    there, back = compare(both(a, b)[0], Known()), compare(both(b, a)[0], Known())
    for one, other in zip(there, back, strict=True):
        assert [d.value for d in one.differences] == [-d.value for d in other.differences]
        assert [pair.better for pair in one.pairs] == [-pair.better for pair in other.pairs]


def test_only_questions_in_both_are_compared_and_the_others_are_told(scored):
    a = scored("a", set(range(20)), rows=range(0, 30))
    b = scored("b", set(range(20)), rows=range(10, 40))
    shared, other = both(a, b)
    exact = compare(shared, Known())[0]
    assert exact.differences[0].number_a.count == 20 and exact.differences[0].value == 0.0
    (told,) = doubts(shared, other)
    assert told == (
        "other questions: 10 only in A (such as q0, q1, q2) and 10 only in B (such as q30, q31, q32); "
        "the 20 that are in both are compared"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"salt": " with a suffix"}, "other prompts in 40 of 40 questions (such as q0, q1, q2)"),
        ({"benchmark": replace(OWN, sampling=Sampling(max_tokens=64))}, "other sampling: max_tokens 32 → 64"),
        (
            {"benchmark": replace(OWN, metrics=(Exact(),))},
            "other metrics in B (Exact); A's are used for both (Exact, Pairs, Middle)",
        ),
        ({"answer": "no"}, "other right answers to 40 of 40 questions (such as q0, q1, q2); A's count for A, B's for B"),
    ],
)
def test_what_else_was_different_is_told(change, words, scored):
    shared, other = both(scored("a", {1}), scored("b", {1}, **change))
    assert doubts(shared, other) == [words]
    assert not same_model(shared)


def test_other_pictures_and_questions_without_an_answer_are_told(make, tmp_path):
    rows = [{"id": name, "image": "red.png", "question": "?", "answer": "no"} for name in "ab"]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    own = (replace(OWN, metrics=(Exact(),)),)
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "")):
        picture(tmp_path / "red.png", colour) if colour else (tmp_path / "red.png").write_bytes(b"broken")
        evaluate(own, make.talker(), Supply(root=tmp_path), tmp_path / f"eval/{name}")
    shared, other = both(tmp_path / "eval/a", tmp_path / "eval/b")
    assert doubts(shared, other) == ["other pictures in 2 of 2 questions (such as a, b)"] and same_model(shared)
    shared, other = both(tmp_path / "eval/a", tmp_path / "eval/c")
    assert "questions that got no answer at all: 0 of A, 2 of B" in doubts(shared, other)
    evaluate(own, make.talker(), Supply(root=tmp_path), tmp_path / "eval/grey", "grey")
    shared, other = both(tmp_path / "eval/c", tmp_path / "eval/grey")
    assert "other sights in 2 of 2 questions (such as a, b)" in doubts(shared, other)


def test_moments_of_a_run_are_compared_too(make, tmp_path):
    held = [make.question(f"q{i}", "yesno", f"is it {i}?", "yes") for i in range(6)]
    held += [make.captioned(f"c{i}", "a red box" + " and more" * i) for i in range(4)]
    suite = (Scenes(), CaptionLoss(shown=2))
    evaluate(suite, make.talker(model="1"), Supply(held, held), tmp_path / "eval/before")
    later = make.talker(model="2", says={"q1": "yes", "q2": "yes"})
    evaluate(suite, later, Supply(held, held), tmp_path / "eval/after")
    grey = tmp_path / "eval/blind"
    evaluate(suite, later, Supply(held, held), grey, "grey")
    before, after = tmp_path / "eval/before", tmp_path / "eval/after"
    scenes, losses = (compare(one, read_known(before))[0] for one in share(before, after, suite, suite))
    assert scenes.differences[0].value == 2 / 6 and losses.differences[0].value == 0.0
    scenes, losses = (compare(one, read_known(before))[0] for one in share(before, grey, suite, suite))
    verdicts = {verdict.benchmark: verdict.value for verdict in read_verdicts(grey) if verdict.subset == "all"}
    assert losses.differences[0].number_b.value == verdicts["caption_loss"]
    assert losses.differences[0].low > 0 and not losses.differences[0].number_a.higher_is_better
    assert {pair.better for pair in losses.pairs} == {-1}, "a greater loss is worse"


def test_scores_are_found_by_folder_by_moment_and_where_there_is_one(scored, tmp_path):
    folder = scored("a", {1})
    assert find_scores(folder) == find_scores(tmp_path) == find_scores(tmp_path / "a") == folder
    scored("b", {1})
    with pytest.raises(CheckpointError, match=r"2 sets of scores: a, b; expected one; give .*/a"):
        find_scores(tmp_path)
    with pytest.raises(CheckpointError, match="no such folder; expected a folder that `omma eval` wrote"):
        find_scores(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CheckpointError, match="no scores"):
        find_scores(tmp_path / "empty")


def test_folders_with_nothing_in_common_are_told(scored):
    a = scored("a", {1}, rows=range(0, 6))
    b = scored("b", {1}, rows=range(20, 26))
    with pytest.raises(CheckpointError, match=r"own: 6 questions such as 'q0' in A, 'q20' in B; expected a question .* same split"):
        both(a, b)
    other = scored("c", {1}, benchmark=replace(OWN, name="other"))
    with pytest.raises(CheckpointError, match=r"own in A, other in B; expected a benchmark that is in both"):
        both(a, other)


def test_comparing_changes_no_record(scored):
    a, b = scored("a", {1}), scored("b", {2})
    before = [read_records(folder, "own") for folder in (a, b)]
    compare(both(a, b)[0], Known())
    assert before == [read_records(folder, "own") for folder in (a, b)]
