"""ScienceQA: LLaVA's script on three published files of answers."""

import json
import re
from pathlib import Path

import pytest

from omma.metrics.choice.scienceqa import LmmsEvalScienceQa, ScienceQa, ScienceQaIndex
from omma.metrics.metric import Marked

OPTION = re.compile(r"^[A-E]\. ", re.MULTILINE)


@pytest.fixture(scope="module")
def golden() -> Path:
    """Folder of recorded answers with published scores, or a skip."""
    folder = (Path(__file__).parents[2] / "../shared/golden/scienceqa").resolve()
    if not folder.is_dir():
        pytest.skip(f"no golden data at {folder}")
    return folder


@pytest.fixture(scope="module")
def key(golden):
    """Question id → gold letter, facts, LLaVA-1.5's reply."""
    stored = json.loads((golden / "llava-v1.5-13b_output.json").read_text())
    return {
        item["question_id"]: (
            item["ground_truth"],
            {"choices": OPTION.findall(item["question"]), "image": item["is_multimodal"]},
            item["pred"],
        )
        for item in stored["correct"] + stored["incorrect"]
    }


def scored(metric, replies: dict[str, str], key):
    marks = [Marked(name, gold, facts, metric.judge(replies[name], gold, facts)) for name, (gold, facts, _) in key.items()]
    return metric.aggregate(marks)


def test_llava_gets_the_published_accuracy_and_image_accuracy(golden, key):
    expected = json.loads((golden / "expected.json").read_text())["llava-v1.5-13b"]
    overall, pictured = scored(ScienceQa(), {name: pred for name, (_, _, pred) in key.items()}, key)
    assert (overall.count, overall.value * 100) == (4241, expected["acc"])
    assert pictured.value * 100 == pytest.approx(expected["img_acc"], rel=1e-15)


@pytest.mark.parametrize(
    ("answers", "right", "published", "read", "unread"),
    [
        ("gpt3_final_test_QCM-ALE_2_seed_3.json", 3188, 75.17, 3061, 249),
        ("test_sqa_llava_13b_v0.json", 3856, 90.92, 3855, 1),
    ],
)
def test_stored_indices_give_the_published_figure_and_the_replies_what_was_said(
    answers, right, published, read, unread, golden, key
):
    """The makers' script draws an option where it cannot read one, and stores it: the difference is lucky guesses."""
    stored = json.loads((golden / answers).read_text())
    overall, _ = scored(ScienceQaIndex(), {name: str(index) for name, index in stored["results"].items()}, key)
    assert (round(overall.value * 4241), round(overall.value * 100, 2), overall.unparsed) == (right, published, 0)
    overall, _ = scored(ScienceQa(), stored["outputs"], key)
    assert (round(overall.value * 4241), overall.unparsed) == (read, unread)


# What follows is worked by hand, and ours.


@pytest.mark.parametrize(
    ("reply", "letter", "lmms_letter"),
    [
        ("B", "B", "B"),
        ("B. blue", "B", "B"),
        ("B.", None, "B"),
        ("b", None, "B"),
        ("The answer is B. Because", "B", None),
        ("The answer is B. The answer is C.", None, None),
        ("The answer is B", None, None),  # nothing stands behind the letter
        ("D", None, None),  # no such option
        ("", None, None),
    ],
)
def test_the_letter_alone_or_first_or_in_one_sentence(reply, letter, lmms_letter):
    facts = {"choices": ["red", "blue", "green"], "image": False}
    assert ScienceQa().extract(reply, facts) == letter
    assert LmmsEvalScienceQa().extract(reply, facts) == lmms_letter


def test_without_pictures_there_is_no_image_accuracy():
    facts = {"choices": ["red", "blue"], "image": False}
    assert len(ScienceQa().aggregate([Marked("1", "A", facts, ScienceQa().judge("A", "A", facts))])) == 1
