"""Judges: a verdict with its name, version and prompt on each record; asked once; failing ones counted; scores need none."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from omma.answerers import calling
from omma.answerers.endpoint import Endpoint
from omma.answerers.loading import load_released
from omma.answerers.released import ReleasedTalker
from omma.core.errors import ConfigError, DataError
from omma.evaluate.benchmarks.own_rows import OwnRows
from omma.evaluate.job import evaluate, read_records, read_suite, rescore
from omma.evaluate.judges.asked import AskedJudge
from omma.evaluate.judges.judge import Judgement, judge_records
from omma.evaluate.judges.recorded import RecordedJudge
from omma.evaluate.judges.words import JudgeWords
from omma.evaluate.question import Supply, asking
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.metrics.judged.mmvet import MmVet
from omma.schema.verdict import Record
from tests.evaluate import released_folders
from tests.evaluate.serving import Served

ROWS = [
    {"id": "a", "question": "How many legs has a spider?", "answer": "8", "capability": ["know"]},
    {"id": "b", "question": "And an ant?", "answers": ["6", "six"], "capability": ["know", "math"]},
    {"id": "c", "question": "And a {reply}?", "answer": "0", "capability": ["math"]},
]
OWN = OwnRows(name="own", path="own.jsonl", metrics=(MmVet(),))


@pytest.fixture
def scores(make, tmp_path):
    """A folder of three answered, unjudged questions."""
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    talker = make.talker(says={"a": "eight", "b": "five", "c": "{gold}"})
    evaluate((OWN,), talker, Supply(root=tmp_path), tmp_path / "scores")
    return tmp_path / "scores"


def recorded(tmp_path, verdicts, name="verdicts.jsonl"):
    file = tmp_path / name
    file.write_text("".join(json.dumps({"id": key, "verdict": value}) + "\n" for key, value in verdicts.items()))
    return lambda name, ids: RecordedJudge(file, ids)


def test_without_a_judge_no_reply_has_a_verdict_and_all_are_unread(scores):
    (verdict, *_) = rescore((OWN,), scores)
    assert (verdict.value, verdict.unparsed) == (0.0, 3)
    assert all("judge" not in record.details for record in read_records(scores, "own"))


def test_recorded_verdicts_stand_in_the_records_and_rescoring_needs_no_judge(scores, tmp_path):
    assert judge_records(scores, (OWN,), recorded(tmp_path, {"a": "1.0", "b": "0.5", "c": "0"})) == 0
    (tmp_path / "verdicts.jsonl").unlink()
    (verdict, *rest) = rescore(read_suite(scores), scores)
    assert (verdict.value, verdict.count, verdict.unparsed) == (0.5, 3, 0)
    assert {v.metric: v.value for v in rest}.items() >= {"score/know": 0.75, "score/math": 0.25}.items()
    note = read_records(scores, "own")[1].details["judge"]
    assert (note["verdict"], note["name"], note["prompt"]) == ("0.5", "verdicts.jsonl", "recorded")
    assert len(note["version"]) == 16


def test_a_reply_without_a_verdict_is_counted_as_unread(scores, tmp_path):
    assert judge_records(scores, (OWN,), recorded(tmp_path, {"a": "1.0", "b": "cannot say"})) == 1
    (verdict, *_) = rescore((OWN,), scores)
    assert (verdict.value, verdict.count, verdict.unparsed) == (pytest.approx(1 / 3), 3, 2)
    assert read_records(scores, "own")[2].details["judge"]["error"] == "no verdict in the file"


def test_verdicts_on_other_questions_are_told(scores, tmp_path):
    with pytest.raises(DataError, match="1 of 2 ids that no question has, such as 'z'"):
        judge_records(scores, (OWN,), recorded(tmp_path, {"a": "1", "z": "0"}))


class Fake:
    """A judge in memory that counts."""

    name = "fake"

    def __init__(self, version="1", fails=()):
        self.version, self.fails, self.seen = version, fails, []

    def ask(self, samples, sampling, sight="picture", start=0):
        raise AssertionError

    def prompt_hash(self, case):
        return f"hash of {case.words}"

    def verdicts(self, cases, max_tokens):
        for case in cases:
            self.seen.append(case.id)
            failed = "no answer" if case.id in self.fails else ""
            yield Judgement("" if failed else "1", self.prompt_hash(case), failed)


def test_a_judge_is_asked_once_for_each_reply_and_again_only_where_it_failed(scores):
    first, second, other = Fake(fails=("b",)), Fake(), Fake(version="2")
    assert judge_records(scores, (OWN,), lambda *_: first) == 1
    assert rescore((OWN,), scores)[0].unparsed == 1
    assert judge_records(scores, (OWN,), lambda *_: second) == 0
    assert (first.seen, second.seen) == (["a", "b", "c"], ["b"])
    judge_records(scores, (OWN,), lambda *_: other)
    assert other.seen == ["a", "b", "c"], "another version is another judge"
    reworded = replace(OWN, judging=JudgeWords(text="Is it right? {reply}"))
    judge_records(scores, (reworded,), lambda *_: other)
    assert other.seen == ["a", "b", "c"] * 2, "other words are another question"


def test_questions_that_were_never_answered_are_not_shown_to_a_judge(make, tmp_path):
    (tmp_path / "own.jsonl").write_text(json.dumps(ROWS[0] | {"image": "absent.png"}) + "\n" + json.dumps(ROWS[1]) + "\n")
    evaluate((OWN,), make.talker(), Supply(root=tmp_path), tmp_path / "scores")
    judge = Fake()
    judge_records(tmp_path / "scores", (OWN,), lambda *_: judge)
    assert judge.seen == ["b"]
    (verdict, *_) = rescore((OWN,), tmp_path / "scores")
    assert (verdict.value, verdict.count, verdict.unparsed) == (0.5, 2, 1)


def test_a_run_that_goes_on_keeps_its_verdicts(scores, make, tmp_path):
    judge_records(scores, (OWN,), recorded(tmp_path, {"a": "1", "b": "1", "c": "1"}))
    evaluate((OWN,), make.talker(), Supply(root=tmp_path), scores)
    assert rescore((OWN,), scores)[0].value == 1.0


def test_a_server_judges(scores, tmp_path, monkeypatch):
    monkeypatch.setattr(calling, "FIRST_PAUSE", 0.001)
    says = {"eight": "1.0", "five": "0.2\n"}

    def verdict(payload):
        return next((value for word, value in says.items() if f"grade: {word}" in payload["messages"][0]["content"]), "")

    with Served(says=verdict) as served:
        judge = AskedJudge(Endpoint(f"{served.address}#tiny", Store(tmp_path), scores / "paid.sqlite"), "the server")
        assert judge_records(scores, (OWN,), lambda *_: judge) == 1
        assert {payload["max_tokens"] for payload in served.got} == {32} and {p["temperature"] for p in served.got} == {0.0}
        told = next(payload["messages"][0]["content"] for payload in served.got if "ant" in payload["messages"][0]["content"])
        assert judge_records(scores, (OWN,), lambda *_: judge) == 1
        assert len(served.got) == 3, "an empty verdict was paid for: it is asked for, and remembered"
    assert "Question: And an ant?\nRight answer: 6 or six\nAnswer to grade: five\n" in told
    (verdict, *_) = rescore((OWN,), scores)
    assert (verdict.value, verdict.unparsed) == (pytest.approx(0.4), 1)
    note = read_records(scores, "own")[0].details["judge"]
    assert (note["verdict"], note["name"], note["version"]) == ("1.0", "the server", f"{served.address}#tiny")
    assert len(note["prompt"]) == 16


def test_a_language_model_here_judges(scores, tmp_path):
    folder = released_folders.language(tmp_path / "words")
    talker = ReleasedTalker(load_released(folder, "words", "cpu"), Store(tmp_path))
    judge_records(scores, (OWN,), lambda *_: AskedJudge(talker, "words"))
    records = read_records(scores, "own")
    expected = next(talker.ask([_asked(judge_words(records[0]))], Sampling(max_tokens=32))).text.strip()
    assert records[0].details["judge"]["verdict"] == expected
    assert records[0].details["judge"]["version"] == talker.fingerprint()


def judge_words(record):
    return JudgeWords().words(record)


def _asked(words):
    return asking("x", words)


def test_what_a_model_said_cannot_write_into_the_question():
    record = Record("c", "", "And a {reply}?", "0", "{gold} {question}")
    assert JudgeWords(text="{question}|{gold}|{reply}").words(record) == "And a {reply}?|0|{gold} {question}"


def test_words_without_the_reply_are_no_question():
    with pytest.raises(ConfigError, match=r"no \{reply\}"):
        JudgeWords(text="Is it right?")


def test_the_words_stand_in_the_folder(scores):
    assert "Write one number from 0.0 (wrong) to 1.0 (right)" in Path(scores / "suite.yaml").read_text().replace("\n", " ")
