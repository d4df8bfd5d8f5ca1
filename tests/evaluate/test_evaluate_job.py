"""The job: records before scores, stopped and continued, scored again from files, shown as a table."""

import io
import json

import pytest
from rich.console import Console

from omma.core.errors import CheckpointError, ConfigError
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.evaluate.benchmarks.scenes import Scenes
from omma.evaluate.job import evaluate, read_records, read_verdicts, rescore
from omma.evaluate.question import Supply
from omma.evaluate.table import read_moments, score_table
from omma.generate.sampling import Sampling

SUITE = (Scenes(), CaptionLoss(shown=3))


@pytest.fixture
def heldout(make):
    questions = [make.question(f"q{i}", "yesno", f"is it {i}?", "yes" if i % 2 else "no") for i in range(8)]
    return [*questions, make.pointing("p", (10.0, 10.0, 30.0, 30.0)), *(make.captioned(f"c{i}", "é red box") for i in range(5))]


@pytest.fixture
def train(make):
    return [make.question(f"t{i}", "yesno", "?", "no" if i % 3 else "yes") for i in range(9)] + [
        make.pointing("t", (10.0, 10.0, 30.0, 30.0))
    ]


@pytest.fixture
def talker(make):
    return make.talker(says={"q1": "yes", "q2": "perhaps"}, boxes={"p": ((11.0, 10.0, 30.0, 30.0),)})


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_records_verdicts_and_scores(talker, heldout, train, tmp_path):
    verdicts = evaluate(SUITE, talker, Supply(heldout, train), tmp_path)
    found = {(v.benchmark, v.subset): (v.value, v.count, v.unparsed, v.trivial) for v in verdicts}
    # Of the four "no" one reply is "perhaps"; of the four "yes" one is right; the box is right.
    assert found == {
        ("scenes", "all"): (5 / 9, 9, 1, 5 / 9),
        ("scenes", "point"): (1.0, 1, 0, 1.0),
        ("scenes", "yesno"): (4 / 8, 8, 1, 4 / 8),
        ("caption_loss", "all"): ((5 * 6.0 + 10) / 15, 5, 0, None),
    }
    assert read_verdicts(tmp_path) == verdicts
    records = read_records(tmp_path, "scenes")
    assert [record.sample_id for record in records] == [s.id for s in heldout[:9]]
    first = records[1]
    assert (first.prompt, first.gold, first.raw, first.extracted, first.correct) == ("is it 1?", ["yes"], "yes", "yes", 1.0)
    assert first.picture == "q1.png"
    assert first.details["asked"]["picture"] == "hash of q1"
    assert first.details["asked"]["prompt"] == "prompt of q1"
    assert first.details["asked"]["sight"] == "picture"
    assert first.details["asked"]["sampling"]["max_tokens"] == 24
    assert (first.details["model"], first.details["seconds"], first.details["logprob"]) == ("model-1", 0.01, -0.75)


def test_rescoring_needs_no_model_and_changes_nothing(talker, heldout, train, tmp_path):
    verdicts = evaluate(SUITE, talker, Supply(heldout, train), tmp_path)
    before = files(tmp_path)
    (tmp_path / "verdicts.json").unlink()
    assert rescore(SUITE, tmp_path) == verdicts
    assert files(tmp_path) == before


def test_rescoring_marks_what_stands_in_the_file(talker, heldout, train, tmp_path):
    evaluate(SUITE, talker, Supply(heldout, train), tmp_path)
    file = tmp_path / "scenes.jsonl"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    lines[3]["raw"] = "Yes."
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    assert rescore(SUITE, tmp_path)[0].value == 6 / 9


@pytest.mark.parametrize("breaks", ["q0", "q5", "c0", "c2"])
def test_a_stopped_job_goes_on_where_it_stopped(make, talker, heldout, train, tmp_path, breaks):
    evaluate(SUITE, talker, Supply(heldout, train), tmp_path / "whole")
    talker.breaks = breaks
    with pytest.raises(KeyboardInterrupt):
        evaluate(SUITE, talker, Supply(heldout, train), tmp_path / "again")
    there = sum(len(f.read_text().splitlines()) for f in (tmp_path / "again").glob("*.jsonl"))
    assert not (tmp_path / "again/verdicts.json").exists()
    talker.breaks, talker.asked = "", []
    evaluate(SUITE, talker, Supply(heldout, train), tmp_path / "again")
    assert there + len(talker.asked) + sum(name.startswith("c") for name in talker.asked) >= 9
    assert f"q{there - 1}" not in talker.asked
    assert files(tmp_path / "again") == files(tmp_path / "whole")


def test_a_file_cut_anywhere_is_continued(talker, heldout, train, tmp_path):
    evaluate(SUITE, talker, Supply(heldout, train), tmp_path)
    whole = files(tmp_path)
    for name in ("scenes.jsonl", "caption_loss.jsonl"):
        size = len(whole[name])
        for cut in (0, 1, size // 3, size // 2, size - 40, size - 2, size - 1):
            (tmp_path / name).write_bytes(whole[name][:cut])
            talker.asked = []
            evaluate(SUITE, talker, Supply(heldout, train), tmp_path)
            assert files(tmp_path) == whole, (name, cut)
            assert cut == 0 or len(talker.asked) < 9 + 3


def test_a_finished_job_asks_nothing(talker, heldout, train, tmp_path):
    evaluate(SUITE, talker, Supply(heldout, train), tmp_path)
    talker.asked = []
    evaluate(SUITE, talker, Supply(heldout, train), tmp_path)
    assert talker.asked == []


def test_answers_to_other_questions_are_not_continued(make, talker, heldout, train, tmp_path):
    evaluate(SUITE, talker, Supply(heldout, train), tmp_path)
    before = files(tmp_path)
    cases = [
        (
            SUITE,
            make.talker(model="model-2"),
            heldout,
            "picture",
            "scenes.jsonl:1: answers another question: model model-1 → model-2",
        ),
        (SUITE, make.talker(salt="!"), heldout, "picture", "prompt prompt of q0 → prompt of q0!"),
        (SUITE, talker, heldout, "grey", "sight picture → grey"),
        ((Scenes(sampling=Sampling(max_tokens=5)),), talker, heldout, "picture", "'max_tokens': 5"),
        (SUITE, talker, [heldout[1], heldout[0], *heldout[2:]], "picture", "sample q0 → q1"),
        (SUITE, talker, heldout[:4] + heldout[9:], "picture", "9 records; expected at most the 4 samples"),
    ]
    for suite, other, samples, sight, message in cases:
        with pytest.raises(CheckpointError) as error:
            evaluate(suite, other, Supply(samples, train), tmp_path, sight)
        assert message in str(error.value)
        assert "give another folder, or delete this file" in str(error.value)
        assert files(tmp_path) == before


def test_the_blind_run_looks_at_grey(talker, heldout, train, tmp_path):
    evaluate(SUITE, talker, Supply(heldout, train), tmp_path, "grey")
    assert set(talker.sights) == {"grey"}
    assert read_records(tmp_path, "scenes")[0].details["asked"]["sight"] == "grey"


def test_what_cannot_be_scored_is_told(talker, heldout, train, tmp_path):
    with pytest.raises(CheckpointError, match=r"known.json: unreadable: .*expected a file that `omma eval` wrote"):
        rescore(SUITE, tmp_path)
    with pytest.raises(CheckpointError, match="scenes.jsonl: no such file"):
        read_records(tmp_path, "scenes")
    with pytest.raises(CheckpointError, match="verdicts.json: no scores"):
        read_verdicts(tmp_path)
    evaluate(SUITE, talker, Supply(heldout, train), tmp_path)
    for line in ("[1]", '{"a": 1}', '{"sample_id": "a", "task": "", "prompt": "", "gold": [], "raw": "", "more": 1}'):
        (tmp_path / "scenes.jsonl").write_text(line + "\n")
        with pytest.raises(CheckpointError, match=r"scenes.jsonl:1: no record; .*delete this file to ask again"):
            rescore(SUITE, tmp_path)
    for text in ("{", "[]", '{"guess": 1}'):
        (tmp_path / "known.json").write_text(text)
        with pytest.raises(CheckpointError, match="known.json: unreadable"):
            rescore(SUITE, tmp_path)


def test_suites_have_distinct_names(talker, heldout, train, tmp_path):
    with pytest.raises(ConfigError, match="suite: names scenes, scenes; expected each name once"):
        evaluate((Scenes(), Scenes()), talker, Supply(heldout, train), tmp_path)
    with pytest.raises(ConfigError, match="suite: the recipe has no benchmarks; expected at least one; name them"):
        evaluate((), talker, Supply(heldout, train), tmp_path)


def test_nothing_is_asked_before_every_benchmark_has_its_samples(talker, heldout, train, tmp_path):
    with pytest.raises(ConfigError, match="no held-out samples of source 'nowhere'"):
        evaluate((Scenes(), CaptionLoss(source="nowhere")), talker, Supply(heldout, train), tmp_path)
    assert talker.asked == []


def test_the_table_shows_all_moments_beside_the_trivial_guess(make, talker, heldout, train, tmp_path):
    evaluate(SUITE, make.talker(default="hm"), Supply(heldout, train), tmp_path / "before")
    evaluate(SUITE, talker, Supply(heldout, train), tmp_path / "after-instruct")
    evaluate(SUITE, make.talker(default="no"), Supply(heldout, train), tmp_path / "blind", "grey")
    moments = read_moments(tmp_path)
    assert list(moments) == ["before", "after-instruct", "blind"]
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(score_table(moments))
    lines = console.export_text().splitlines()
    header = next(line for line in lines if "unparsed" in line)
    assert header.index("before") < header.index("after-instruct") < header.index("blind") < header.index("trivial")
    (row,) = [line for line in lines if "yesno" in line]
    assert row.split() == ["yesno", "accuracy", "8", "0.0%", "±0.0", "50.0%", "±37.5", "50.0%", "±37.5", "50.0%", "0–8"]
    (loss,) = [line for line in lines if "caption_loss" in line]
    assert loss.split() == ["caption_loss", "loss", "↓", "5", "2.667", "±0.000", "2.667", "±0.000", "3.667", "±0.000", "–"]


def test_a_moment_that_lacks_a_benchmark_has_a_gap(talker, heldout, train, tmp_path):
    moments = {
        "before": evaluate((Scenes(),), talker, Supply(heldout, train), tmp_path / "a"),
        "blind": evaluate((CaptionLoss(),), talker, Supply(heldout, train), tmp_path / "b"),
    }
    assert score_table(moments).row_count == 4
