"""`omma rank-data` as a person types it: trials that go on, equal compute, questions that no data shows."""

import json
import re
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from omma.core.config import show
from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.readers.messages_jsonl import MessagesJsonl
from omma.evaluate.job import evaluate
from omma.schema.manifest import read_manifest
from tests.cli.conftest import LAB, call, make_data

COLOURS = {"red": "blue", "blue": "green", "green": "red"}
SOURCES = {"captions": CaptionsJsonl(task="caption"), "questions": MessagesJsonl()}
WORDS = ("rank-data", "./lab.py:mine", "run.folder=study", "right=pictures.yaml", "wrong.yaml", "stages.instruct.length.count=8")


def lie(folder: Path) -> None:
    """Every second picture is told by the colour of another."""
    for file in ("captions.jsonl", "messages.jsonl"):
        lines = (folder / file).read_text().splitlines()
        lines[1::2] = [re.sub("red|blue|green", lambda word: COLOURS[word[0]], line) for line in lines[1::2]]
        (folder / file).write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A desk with pictures/, wrong/ (the same pictures, half of them told wrongly), the data of each as YAML, and lab.py."""
    folder = tmp_path_factory.mktemp("study")
    make_data(folder / "pictures")
    shutil.copytree(folder / "pictures", folder / "wrong")
    lie(folder / "wrong")
    (folder / "lab.py").write_text(LAB)
    for name in ("pictures", "wrong"):
        data = Data(root=name, sources=SOURCES, operators=(Decode(),), max_errors=0.5)
        (folder / f"{name}.yaml").write_text(show(data))
    return folder


@pytest.fixture(scope="module")
def stopped(place):
    """A quick study of right and wrong data that a person stopped while the second model was asked; what was said."""
    asked = []

    def evaluate_until_stopped(*arguments):
        asked.append(arguments)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return evaluate(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("omma.cli.trials.evaluate", evaluate_until_stopped)
        return call(*WORDS, "--seeds", "1", folder=place)


@pytest.fixture(scope="module")
def ranked(place, stopped):
    """The same once more, from one seed, then from two; what was said both times."""
    first = call(*WORDS, "--seeds", "1", folder=place)
    marks = {path: path.stat().st_mtime_ns for path in (place / "study/trials").rglob("*.safetensors")}
    return first, call(*WORDS, "--seeds", "2", folder=place), marks


@pytest.fixture
def told(place):
    """The numbers of the study."""
    return json.loads((place / "study/ranking.json").read_text())


def test_a_stopped_study_goes_on_where_it_was(stopped, ranked, place):
    assert stopped.code == 130 and "kept in study/trials/wrong-s0: " in stopped.err, stopped.err
    assert "continue with: omma rank-data ./lab.py:mine" in stopped.err
    first, _, _ = ranked
    assert "trial 1/2 right-s0: done already" in first.err and "train instruct" not in first.err, "only questions were left"
    steps = [json.loads(line) for line in (place / "study/trials/wrong-s0/log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in steps if line.get("event") == "step"] == [1, 2, 3, *range(1, 9)]


def test_a_study_leaves_numbers_a_table_and_a_picture(ranked, place, told):
    first, again, _ = ranked
    assert first.code == again.code == 0, again.err
    assert {"ranking.json", "ranking.txt", "ranking.svg", "config.yaml"} <= {path.name for path in (place / "study").iterdir()}
    assert (place / "study/ranking.svg").read_text().rstrip().endswith("</svg>")
    assert told["mode"] == "quick" and told["seeds"] == [0, 1] and told["ranked_by"] == "scenes accuracy"
    assert {arm["arm"] for arm in told["scores"][0]["arms"]} == {"right", "wrong"}
    assert "trained on" in again.out and "right" in (place / "study/ranking.txt").read_text()


def test_one_seed_says_that_nothing_is_clear(ranked):
    assert "1 seed: another one may differ as much, so nothing is clear" in " ".join(ranked[0].out.split())


def test_more_seeds_run_only_what_is_new(ranked):
    _, again, marks = ranked
    assert again.err.count("curate: done already") == 3 and again.err.count("s0: done already") == 2
    assert all(path.stat().st_mtime_ns == mark for path, mark in marks.items())
    assert "trial 4/4 wrong-s1" in again.err and "left\n" in again.err


def test_compute_is_equal_and_told(ranked, told):
    read = told["read"]
    assert {row["steps"] for rows in read.values() for row in rows} == {11}
    assert {row["rows"] for rows in read.values() for row in rows} == {96}
    right, wrong = (sum(row["tokens"] for row in read[name]) for name in ("right", "wrong"))
    assert right == pytest.approx(wrong, rel=0.02)


def test_trials_of_a_seed_share_weights_tokenizer_and_questions(ranked, place):
    folders = [place / f"study/trials/{name}-s0" for name in ("right", "wrong")]
    same = ("tokenizer/tokenizer.json", "data/heldout.parquet", "eval/after-instruct/known.json")
    for name in same:
        assert len({(folder / name).read_bytes() for folder in folders}) == 1, name
    texts = [(folder / "eval/after-instruct/scenes.jsonl").read_text() for folder in folders]
    ids = [[json.loads(line)["sample_id"] for line in text.splitlines()] for text in texts]
    assert ids[0] == ids[1] and len(ids[0]) == 12


def test_pictures_of_questions_are_taken_out_of_the_data_and_told(ranked, place):
    first, _, _ = ranked
    assert "data right: 96 rows, 24 left out: questions show their pictures" in first.err
    folder = place / "study/trials/right-s0"
    asked = {item.sha256 for sample in read_manifest(folder / "data/heldout.parquet") for item in sample.media}
    assert asked
    assert not any(item.sha256 in asked for sample in read_manifest(folder / "data/train.parquet") for item in sample.media)
    rows = [row for row in pq.read_table(folder / "ledger.parquet").to_pylist() if row["step"] == "rows"]
    assert len(rows) == 24 and {row["reason"] for row in rows} == {"a question shows its picture"}


def test_a_finished_trial_is_a_run_that_other_verbs_read(ranked, place):
    said = call("eval", "study/trials/right-s0", "--blind", folder=place)
    assert said.code == 0 and "scenes accuracy" in said.out, said.err
    assert not list((place / "study/trials").rglob("optimizer.safetensors")), "a finished trial is never trained on"


def test_another_study_is_refused_in_the_same_folder(ranked, place):
    said = call("rank-data", "./lab.py:mine", "pictures.yaml", "wrong.yaml", "run.folder=study", folder=place)
    assert said.code == 2 and "error: study: was begun with another recipe" in said.err


def test_a_dry_run_lists_trials_and_writes_nothing(place):
    said = call("rank-data", "./lab.py:mine", "pictures.yaml", "wrong.yaml", "--mode", "composition", "--dry-run", folder=place)
    assert said.code == 0, said.err
    assert "9 trials, 0 done" in said.out and "half wrong" in said.out and "3,584" in said.out
    assert not (place / "runs/mine-rank-composition").exists()


def test_sets_are_tried_one_at_a_time_and_a_curated_run_is_read_in_place(ranked, place):
    done = place / "study/data/right/done/curate.json"
    before = done.stat().st_mtime_ns
    said = call(
        "rank-data", "./lab.py:mine", "first=study/data/right", "wrong.yaml", "--mode", "incremental", "--seeds", "1",
        "--rows", "40", "--by", "caption_loss", folder=place,
    )  # fmt: skip
    assert said.code == 0, said.err
    found = json.loads((place / "runs/mine-rank-incremental/ranking.json").read_text())
    (step,) = found["steps"]
    assert (step["kept"], step["tried"]) == ("first", "wrong") and step["taken"] == (step["difference"]["value"] >= 0)
    assert found["ranked_by"] == "caption_loss loss"
    assert [row["rows"] for row in found["read"]["first+wrong"]] == [80]
    assert done.stat().st_mtime_ns == before and not (place / "runs/mine-rank-incremental/data/first").exists()


def test_an_order_reads_the_same_rows_in_as_many_stages(place):
    said = call(
        "rank-data", "./lab.py:mine", "pictures.yaml", "wrong.yaml", "--mode", "order", "--seeds", "1", "run.folder=ordered",
        folder=place,
    )  # fmt: skip
    assert said.code == 0, said.err
    found = json.loads((place / "ordered/ranking.json").read_text())
    assert set(found["read"]) == {"mixed", "in order", "in reverse"}
    assert {row["steps"] for rows in found["read"].values() for row in rows} == {7}
    for arm, sets in (("in-order", ("pictures", "wrong")), ("in-reverse", ("wrong", "pictures"))):
        for number, name in enumerate(sets, 1):
            lines = map(json.loads, (place / f"ordered/trials/{arm}-s0/log.jsonl").read_text().splitlines())
            steps = [line for line in lines if line.get("event") == "step" and line["stage"] == f"instruct-{number}"]
            assert steps and all(set(line["loss_by_source"]) <= {f"{name}/captions", f"{name}/questions"} for line in steps)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pictures.yaml",), "error: data sets: 1; expected two or more to compare"),
        (("pictures.yaml", "pictures"), "error: data sets: two are called 'pictures'"),
        (("pictures.yaml", "nowhere"), "error: recipe: no recipe 'nowhere'"),
        (("pictures.yaml", "wrong.yaml", "--mode", "quik"), "error: --mode: 'quik'; expected quick or composition"),
        (("pictures.yaml", "wrong.yaml", "--by", "scene"), "error: --by: 'scene'; did you mean 'scenes'?"),
        (
            ("pictures.yaml", "wrong.yaml", "stages.align.length={class: omma.train.stage.Epochs, count: 2}"),
            "error: stages.align.length: 2 epochs: more data would be more compute",
        ),
    ],
)
def test_what_cannot_be_compared_costs_one_line(words, message, place):
    said = call("rank-data", "./lab.py:mine", *words, folder=place)
    assert said.code == 2 and said.err.startswith(message), said.err
