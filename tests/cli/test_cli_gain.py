"""`omma gain` as a person types it: three stored runs, a table of what seeing adds, and words where a run was asked otherwise."""

import json

import pytest

from omma.media.draw import to_png
from tests.evaluate.drawing import pixels

NAMES = "abcdefgh"


@pytest.fixture
def scored(omma, tmp_path):
    """Eight questions answered by a model that sees, the same blind, and its language model: 6, 3 and 2 right."""
    (tmp_path / "red.png").write_bytes(to_png(pixels("red")))
    rows = [{"id": name, "image": "red.png", "question": "What colour?", "answer": "red"} for name in NAMES]
    (tmp_path / "my.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for model, right, flags in (("sees", 6, ()), ("guesses", 3, ("--blind",)), ("reads", 2, ("--blind",))):
        said = [{"id": name, "text": "red" if number < right else "blue"} for number, name in enumerate(NAMES)]
        (tmp_path / f"{model}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
        done = omma("eval", model, "--data", "my.jsonl", "--answers", f"{model}.jsonl", *flags)
        assert done.code == 0, done.err
    return "runs/scores"


def test_three_runs_tell_what_seeing_adds_and_what_leaked(omma, scored):
    said = omma("gain", f"{scored}/sees", f"{scored}/guesses-blind", f"{scored}/reads-blind")
    assert said.code == 0, said.err
    (row,) = [line for line in said.out.splitlines() if line.strip().startswith("my exact match")]
    words = row.split()
    assert words[3:8] == ["8", "75.0%", "37.5%", "25.0%", "+37.5"]
    assert "+12.5" in words


def test_runs_that_are_swapped_are_told(omma, scored):
    said = omma("gain", f"{scored}/guesses-blind", f"{scored}/sees")
    assert said.code == 0, said.err
    assert "my: SEEING was asked with grey" in said.out and "my: BLIND was asked with picture" in said.out


def test_a_folder_without_scores_is_one_line(omma, scored):
    said = omma("gain", f"{scored}/sees", "nowhere")
    assert said.code == 2 and "error: nowhere: no such folder; expected a folder that `omma eval` wrote" in said.err


def test_a_folder_of_scores_has_a_report_and_rescore_prints_all_of_it(omma, scored, tmp_path):
    said = omma("report", scored)
    assert said.code == 0 and "runs/scores/report.html" in said.out, said.err
    page = (tmp_path / "runs/scores/report.html").read_text(encoding="utf-8")
    assert "What seeing is worth" not in page, "no model answered both seeing and blind"
    assert page.count("data:image/") > 0
    whole = omma("rescore", scored, "--all")
    assert whole.code == 0 and "my exact match" in whole.out, whole.err


def test_a_report_of_nothing_is_one_line(omma, tmp_path):
    (tmp_path / "empty").mkdir()
    said = omma("report", "empty")
    assert said.code == 2 and "error: empty: no config.yaml and no eval/…/verdicts.json" in said.err
