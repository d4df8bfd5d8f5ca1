"""`omma eval`, `rescore` and `compare` as a person types them: released folders, imports, servers, judges, recorded answers."""

import json
from pathlib import Path

import pytest

from omma.answerers import calling
from omma.core.logs import JsonLog
from omma.media.draw import to_png
from tests.evaluate import released_folders
from tests.evaluate.drawing import pixels
from tests.evaluate.serving import Served

ROWS = [
    {"id": "a", "image": "red.png", "question": "What colour is it?", "answer": "red"},
    {"id": "b", "image": "blue.png", "question": "And that?", "answer": "blue"},
    {"id": "c", "images": ["red.png", "blue.png"], "question": "Are these two pictures alike?", "answer": "no"},
    {"id": "d", "question": "How many legs has a spider?", "answer": "8"},
]


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    return released_folders.llava(tmp_path_factory.mktemp("hub") / "tiny-llava")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with four questions."""
    (tmp_path / "red.png").write_bytes(to_png(pixels("red")))
    (tmp_path / "blue.png").write_bytes(to_png(pixels("blue", (90, 40))))
    (tmp_path / "my.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path


@pytest.fixture
def served(monkeypatch):
    monkeypatch.setattr(calling, "FIRST_PAUSE", 0.001)
    monkeypatch.delenv("OMMA_API_KEY", raising=False)
    with Served(says=lambda payload: "no" if "alike" in json.dumps(payload) else "red") as found:
        yield found


def records(folder):
    return {line["sample_id"]: line for line in JsonLog(folder / "my.jsonl").read()}


def test_a_released_folder_and_its_import_are_scored_and_compared(released, omma, desk):
    scored = omma("eval", released, "--data", "my.jsonl", "--device", "cpu")
    assert scored.code == 0 and "my exact match" in scored.out, scored.err
    assert omma("import", released, "--to", "ours").code == 0
    again = omma("eval", "ours", "--data", "my.jsonl", "--device", "cpu")
    assert again.code == 0, again.err
    theirs, ours = records(desk / "runs/scores/eval/tiny-llava"), records(desk / "runs/scores/eval/ours")
    assert [row["raw"] for row in theirs.values()] == [row["raw"] for row in ours.values()]

    said = omma("compare", "runs/scores/tiny-llava", "runs/scores/ours", "--show", "2", "--to", "all.jsonl")
    assert said.code == 0, said.err
    assert "my: other prompts in 4 of 4 questions (such as a, b, c)" in said.out
    assert "my: 0 of 0 questions that differ" in said.out and "wrote all.jsonl (4 rows)" in said.out
    rows = list(JsonLog(desk / "all.jsonl").read())
    assert [(row["sample_id"], row["difference"]) for row in rows] == [(name, 0.0) for name in "abcd"]


def test_a_server_is_asked_once_and_what_failed_is_asked_again(served, omma, desk):
    served.plan.append((400, b'{"error": {"message": "one picture only"}}', ()))
    asked = ("eval", f"{served.address}#tiny", "--data", "my.jsonl")
    first = omma(*asked)
    assert first.code == 0 and "1 questions failed and count as wrong" in first.err, first.err
    assert len(served.got) == 4
    (folder,) = (desk / "runs/scores/eval").iterdir()
    assert folder.name.startswith("127-0-0-1-") and folder.name.endswith("-v1-tiny")
    assert sum(row["details"]["finish"] == "error" for row in records(folder).values()) == 1
    again = omma(*asked)
    assert again.code == 0 and "failed" not in again.err
    assert len(served.got) == 5, "three answers were kept"
    assert {name: row["raw"] for name, row in records(folder).items()} == {"a": "red", "b": "red", "c": "no", "d": "red"}
    assert omma(*asked).code == 0 and len(served.got) == 5


def test_a_server_that_is_not_there_is_one_line(omma, desk, monkeypatch):
    monkeypatch.setattr(calling, "TRIES", 1)
    with Served() as gone:
        address = gone.address
    said = omma("eval", address, "--data", "my.jsonl")
    assert said.code == 2 and said.err.count("error: ") == 1
    assert f"error: {address}: does not list its models: no answer after 1 tries" in said.err


def test_flips_are_shown_with_both_replies(served, omma, desk):
    for name, words in (("one", ["red", "blue", "yes", "8"]), ("two", ["red", "green", "no", "8"])):
        rows = [{"id": row["id"], "answer": word} for row, word in zip(ROWS, words, strict=True)]
        (desk / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        assert omma("eval", name, "--data", "my.jsonl", "--answers", f"{name}.jsonl").code == 0
    said = omma("compare", "runs/scores/one", "runs/scores/two", "--show", "1")
    assert said.code == 0, said.err
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    row = next(line for line in lines if line.startswith("my exact match"))
    assert row.startswith("my exact match (omma) 4 75.0% 75.0% +0.0 [") and row.endswith("] 1 1")
    assert "my: 1 of 2 questions that differ" in lines
    assert lines[lines.index("b blue.png") :][1:5] == ["asked And that?", "right blue", "A 1 blue", "B 0 green"]
    assert "my: prompts of A and B are not known" in lines


def test_a_judge_is_named_and_rescoring_needs_none(served, omma, desk):
    base = ("eval", "mine", "--data", "my.jsonl", "--metric", "mm_vet", "--answers", "said.jsonl")
    (desk / "said.jsonl").write_text("".join(json.dumps({"id": row["id"], "answer": "so"}) + "\n" for row in ROWS))
    assert omma(*base).code == 0
    place = desk / "runs/scores/eval/mine"
    assert "judge" not in records(place)["a"]["details"]

    (desk / "verdicts.jsonl").write_text(
        "".join(json.dumps({"id": i, "verdict": v}) + "\n" for i, v in zip("abc", ("1", "0.5", "1"), strict=True))
    )
    said = omma(*base, "--judge", "verdicts.jsonl")
    assert said.code == 0 and "1 replies got no verdict from the judge" in said.err, said.err
    assert records(place)["b"]["details"]["judge"]["name"] == "verdicts.jsonl"
    (desk / "verdicts.jsonl").unlink()
    again = omma("rescore", "runs/scores")
    assert again.code == 0 and "62.5%" in again.out

    served.says = lambda payload: "0.25"
    said = omma(*base, "--judge", f"{served.address}#tiny")
    assert said.code == 0 and "25.0%" in said.out and len(served.got) == 4
    assert "changed no number" in omma(*base, "--judge", f"{served.address}#tiny").err and len(served.got) == 4
    note = records(place)["d"]["details"]["judge"]
    assert (note["verdict"], note["name"]) == ("0.25", f"{served.address}#tiny")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("eval", "nowhere", "--data", "my.jsonl"), "error: nowhere: no such folder; expected a folder with config.yaml"),
        (("eval", ".", "--data", "my.jsonl"), "error: .: no model; expected a folder with config.yaml (omma's) or config.json"),
        (("eval", "x", "--data", "my.jsonl", "--answers", "my.jsonl", "--judge", "none.jsonl"), "none.jsonl: no such file; "),
        (("compare", "runs/none", "runs/other"), "error: runs/none: no such folder; expected a folder that `omma eval` wrote"),
        (("compare", ".", "."), "error: .: no scores; expected a folder that `omma eval` wrote; run `omma eval` first"),
        (("compare", "."), "error: omma compare: missing argument 'B'; see `omma compare --help`"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(arguments, message, omma, desk):
    said = omma(*arguments)
    assert said.code == 2 and message in said.err and "Traceback" not in said.err
