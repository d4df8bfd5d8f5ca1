"""`omma eval MODEL five_minutes` as a person types it: what is there is scored, what is not is told, nothing else changes."""

import json

import pytest

from omma.evaluate.question import Supply
from omma_recipes.suites.five_minutes import five_minutes
from tests.evaluate.fixtures import ai2d, pope


@pytest.fixture
def benchmarks(tmp_path):
    """A data root with two of the parts, and recorded answers to their questions."""
    parts = {one.name: one for one in five_minutes().benchmarks}
    for name, fixture in (("pope", pope), ("ai2d", ai2d)):
        fixture.draw(tmp_path / "benchmarks", parts[name])
        asked = parts[name].questions(Supply(root=tmp_path / "benchmarks"))
        said = [{"id": question.sample.id, "text": question.gold} for question in asked]
        (tmp_path / "said").mkdir(exist_ok=True)
        (tmp_path / f"said/{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    return ("--data", "benchmarks", "--answers", "said")


def test_parts_that_are_there_are_scored_in_a_folder_of_their_own(omma, benchmarks, tmp_path):
    said = omma("eval", "mine", "five_minutes", *benchmarks)
    assert said.code == 0, said.err
    assert "five_minutes: 2 of 12 parts found: pope, ai2d" in said.err
    assert said.err.count("not scored: ") == 10 and "not scored: docvqa (" in said.err
    place = tmp_path / "runs/scores/eval/mine-five_minutes"
    assert sorted(file.name for file in place.glob("*.jsonl")) == ["ai2d.jsonl", "pope.jsonl"]
    assert "pope F1" in said.out and "100.0%" in said.out
    assert omma("eval", "mine", "pope", *benchmarks).code == 0, "the whole benchmark goes to another folder"


def test_changes_and_limits_act_on_its_parts(omma, benchmarks):
    said = omma("eval", "mine", "five_minutes", "benchmarks.0.limit=2", *benchmarks)
    assert said.code == 0, said.err
    (row,) = [line for line in said.out.splitlines() if line.strip().startswith("pope F1")]
    assert row.split()[2] == "2"


def test_it_is_asked_by_itself(omma, benchmarks):
    said = omma("eval", "mine", "five_minutes,mmmu", *benchmarks)
    assert said.code == 2 and "error: suite: five_minutes,mmmu: five_minutes among others; expected it alone" in said.err


def test_none_of_its_parts_is_one_line(omma, tmp_path):
    (tmp_path / "empty").mkdir()
    said = omma("eval", "mine", "five_minutes", "--data", "empty", "--answers", "said")
    assert said.code == 2 and "none of the parts of five_minutes" in said.err and "Traceback" not in said.err


def test_means_of_abilities_stand_below_the_scores_where_there_are_several(omma, benchmarks):
    said = omma("eval", "mine", "five_minutes", *benchmarks)
    (head, text) = said.out.split("Abilities of mine-five_minutes")
    assert "pope F1" in head and "faithfulness" in text and "2: " not in text
    rows = {line.split("  ")[0].strip(): line for line in text.splitlines() if "100.0%" in line}
    assert set(rows) == {"text and documents", "knowledge", "faithfulness", "all 3 groups"}
    assert "1: pope" in rows["faithfulness"]
    alone = omma("eval", "mine", "pope", *benchmarks)
    assert alone.code == 0 and "Abilities" not in alone.out
