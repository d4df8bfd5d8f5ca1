"""MME: published scores of LaVIN and LLaVA-1.5-13B by their answers, and by hand what a picture half right is worth."""

import json
from pathlib import Path

import pytest

from omma.core.errors import DataError
from omma.metrics.metric import Marked
from omma.metrics.mme import COGNITION, PERCEPTION, LmmsEvalMme, Mme, VlmEvalKitMme

GOLDEN = (Path(__file__).parents[2] / "../shared/golden/mme").resolve()
SUFFIX = "Please answer yes or no."
TABLE = dict(  # the tables of the benchmark's own page
    zip(
        PERCEPTION + COGNITION,
        (185.00, 88.33, 63.33, 75.00, 79.59, 47.35, 136.75, 93.50, 87.25, 107.50, 87.14, 65.00, 47.50, 50.00),
        strict=True,
    )
)


def marked(rule, rows):
    return [Marked(str(i), gold, facts, rule.judge(raw, gold, facts)) for i, (raw, gold, facts) in enumerate(rows)]


def values(rule, rows):
    return {one.metric: one.value for one in rule.aggregate(marked(rule, rows))}


def bare(question):
    """The question without what asks for the form of the answer."""
    return question.removesuffix(SUFFIX).strip()


def table(folder):
    """Subtask, picture, question, right answer and the reply where there is one, of every line of a folder."""
    for path in sorted((GOLDEN / folder).glob("*.txt")):
        for line in path.read_text().splitlines():
            yield path.stem, *line.split("\t")


@pytest.fixture(scope="module")
def expected():
    if not GOLDEN.is_dir():
        pytest.skip(f"no published answers at {GOLDEN}")
    return json.loads((GOLDEN / "expected.json").read_text())


@pytest.fixture(scope="module")
def lavin(expected):
    return [(reply, gold, {"category": task, "image": image}) for task, image, _, gold, reply in table("LaVIN")]


def test_published_scores_of_lavin(expected, lavin):
    found = values(Mme(), lavin)
    assert found["perception"] == pytest.approx(expected["LaVIN"]["perception"], abs=1e-9)
    assert found["cognition"] == pytest.approx(expected["LaVIN"]["cognition"], abs=1e-9)
    assert {name: round(found[name], 2) for name in TABLE} == TABLE
    assert list(found)[:3] == ["perception", "cognition", "existence"]


def test_published_score_of_llava(expected):
    golds = {(task, Path(image).stem, bare(asked)): gold for task, image, asked, gold in table("Your_Results")}
    rows = []
    for row in map(json.loads, (GOLDEN / "llava-v1.5-13b.jsonl").read_text().splitlines()):
        task, image = row["question_id"].split("/")[0], Path(row["question_id"]).stem
        asked = bare(row["prompt"].rpartition("\n")[0])
        rows.append((row["text"], golds[task, image, asked], {"category": task, "image": image}))
    found = Mme().aggregate(marked(Mme(), rows))
    assert len(rows) == len(golds) == 2374 and found[0].count == 1187
    assert found[0].value == pytest.approx(expected["llava-v1.5-13b"]["perception"], abs=1e-9)
    assert found[0].low < found[0].value < found[0].high and found[0].unit == "points"


def test_words_anywhere_are_another_score(lavin):
    """VLMEvalKit's rule gives LaVIN 248.93 for cognition instead of 249.64."""
    assert round(values(VlmEvalKitMme(), lavin)["reasoning"], 2) == 248.93
    assert round(values(LmmsEvalMme(), lavin)["mme_cognition_score"], 2) == 249.64


def test_a_picture_half_right_counts_for_accuracy_alone():
    """Hand-worked: three of four right, one picture of two: 100 · (3/4 + 1/2)."""
    rows = [(said, gold, {"category": "color", "image": image}) for image, said, gold in (("a", "yes", "Yes"), ("a", "no", "No"))]
    rows += [("yes", gold, {"category": "color", "image": "b"}) for gold in ("Yes", "No")]
    assert values(Mme(), rows) == {"color": 125.0, "color acc": 0.75, "color acc+": 0.5}


def test_totals_are_only_given_where_all_subtasks_are_there():
    rows = [(gold, gold, {"category": task, "image": "a"}) for task in COGNITION for gold in ("yes", "no")]
    found = values(Mme(), rows)
    assert found["cognition"] == 800.0 and "perception" not in found
    assert set(values(Mme(), rows[:-2])) == {f"{task}{part}" for task in COGNITION[:-1] for part in ("", " acc", " acc+")}


def test_an_unreadable_reply_is_wrong_and_counted():
    rows = [(said, gold, {"category": "count", "image": "a"}) for said, gold in (("maybe", "yes"), ("no", "no"))]
    found = Mme().aggregate(marked(Mme(), rows))
    assert (found[0].value, found[0].unparsed) == (50.0, 1)


def test_a_picture_without_its_second_question_is_an_error():
    with pytest.raises(DataError, match=r"MME color a\.png: 1 questions; expected two for each picture"):
        Mme().aggregate(marked(Mme(), [("yes", "yes", {"category": "color", "image": "a.png"})]))
