"""CHAIR and CLIPScore: hand-worked cases of our own, and the rules of the original that are easy to lose."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.core.errors import ConfigError, DataError
from omma.metrics.captions.chair import Chair, ChairOfRows, objects, vocabulary
from omma.metrics.captions.clip_score import ClipScore, RefClipScore, clip_score, cosines, ref_clip_score
from omma.metrics.metric import Marked

LINES = (
    "person, man, woman, baby, passenger",
    "dog, puppy",
    "chair, seat",
    "toilet",
    "hot dog",
    "tie",
    "train",
    "bus",
    "knife",
    "mouse",
    "wine glass",
)


@pytest.fixture
def rule(tmp_path):
    path = tmp_path / "synonyms.txt"
    path.write_text("\n".join(LINES), encoding="utf-8")
    return Chair(synonyms=str(path))


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("Two men and a puppy", ["person", "dog"]),
        ("A baby dog eats hot dogs.", ["dog", "hot dog"]),  # a qualifier is no person, two words are one thing
        ("A passenger train and buses", ["train", "bus"]),
        ("a man in a bow tie on a toilet seat", ["person", "tie", "toilet"]),
        ("a toilet and a seat", ["toilet"]),  # beside a toilet a seat is no chair
        ("mice, knives and wine glasses", ["mouse", "knife", "wine glass"]),
        ("the sky", []),
    ],
)
def test_objects_of_a_caption(caption, expected):
    assert objects(caption, vocabulary(LINES)) == expected


def test_shares_of_objects_and_of_captions_by_hand(rule):
    """Ours: 1 of 2 named objects is wrong in one caption, 0 of 3 in the next, nothing is named in the last two."""
    pairs = [("a man and a dog", ["person"]), ("a dog, a dog and a bus", ["dog", "bus"]), ("the sky", []), ("", [])]
    rows = [Marked(str(i), gold, {}, rule.judge(raw, gold, {})) for i, (raw, gold) in enumerate(pairs)]
    objects_wrong, captions_wrong = rule.aggregate(rows)
    assert (objects_wrong.value, captions_wrong.value, captions_wrong.unparsed) == (1 / 5, 1 / 4, 1)
    assert not objects_wrong.higher_is_better
    assert [row.mark.score for row in rows] == [0.0, 1.0, 1.0, 0.0]
    with pytest.raises(DataError):
        rule.aggregate([])


def test_the_table_may_come_with_the_questions(rule):
    told, facts = ChairOfRows(), {"synonyms": "\n".join(LINES)}
    for caption, gold in (("a puppy and two knives", ["dog"]), ("a man", ["person"]), ("nothing", []), ("", ["dog"])):
        assert told.judge(caption, gold, facts) == rule.judge(caption, gold, {})
    silent = [Marked("0", ["dog"], facts, told.judge("nothing", ["dog"], facts))]
    assert [number.value for number in told.aggregate(silent)] == [0.0, 0.0]


def test_a_missing_or_empty_table_is_an_error_with_the_way_out(tmp_path):
    with pytest.raises(ConfigError, match="LisaAnne"):
        Chair(synonyms=str(tmp_path / "none.txt")).judge("a cat", [], {})
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="nothing in"):
        Chair(synonyms=str(tmp_path / "empty.txt")).judge("a cat", [], {})


def test_clip_scores_by_hand():
    assert clip_score(0.3) == 0.75
    assert clip_score(-0.3) == 0.0
    assert ref_clip_score(0.3, [0.2, 0.75]) == 0.75
    assert ref_clip_score(-1.0, [-0.5]) == 0.0
    found = cosines(np.array([[3.0, 4.0], [1.0, 0.0], [0.0, 0.0]]), np.array([[6.0, 8.0], [0.0, 2.0], [1.0, 1.0]]))
    assert found.tolist() == pytest.approx([1.0, 0.0, 0.0])


@pytest.mark.parametrize("raw", ["", "NaN", "1e999", "true", "[1]", '{"cosine": "x"}', '{"cosine": 7}', "[" * 5000])
def test_what_is_no_cosine_is_unparsed(raw):
    assert not ClipScore().judge(raw, None, {}).parsed
    assert not RefClipScore().judge(raw, None, {}).parsed


def test_the_scores_of_replies_are_averaged():
    raws = ["0.3", '{"cosine": 0.1}', "?"]
    (number,) = ClipScore().aggregate([Marked(str(i), None, {}, ClipScore().judge(raw, None, {})) for i, raw in enumerate(raws)])
    assert number.value == pytest.approx((0.75 + 0.25 + 0) / 3)
    assert number.unparsed == 1
    assert RefClipScore().judge('{"cosine": 0.3, "references": [0.75]}', None, {}).score == 0.75
    assert not RefClipScore().judge('{"cosine": 0.3, "references": []}', None, {}).parsed


@given(st.floats(-1, 1), st.lists(st.floats(-1, 1), min_size=1))
def test_the_harmonic_mean_lies_between_its_parts(cosine, references):
    low, high = sorted((clip_score(cosine), max(*references, 0.0)))
    found = ref_clip_score(cosine, references)
    assert math.isfinite(found)
    assert found == 0 or low - 1e-12 <= found <= high + 1e-12
