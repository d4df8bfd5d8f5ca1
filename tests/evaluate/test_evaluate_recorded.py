"""Recorded answers: every layout that programs write, and every way in which a file can be wrong, told or counted."""

import json

import pytest

from omma.core.errors import DataError
from omma.evaluate.benchmarks.own_rows import OwnRows
from omma.evaluate.job import evaluate, read_records
from omma.evaluate.question import Supply
from omma.evaluate.recorded import Recorded, read_answers
from omma.metrics.text import Exact

IDS = ("a", "b", "c")
LAYOUTS = {
    "llava.jsonl": '{"question_id": "a", "prompt": "?", "text": "red", "model_id": "x"}\n{"question_id": "b", "text": "blue"}\n',
    "list.json": '[{"id": "a", "prediction": "red"}, {"id": "b", "prediction": "blue"}]',
    "by_id.json": '{"a": {"response": "red"}, "b": {"response": "blue"}}',
    "pairs.json": '{"a": "red", "b": "blue"}',
    "vlmevalkit.tsv": "index\tquestion\tprediction\na\t?\tred\nb\t?\tblue\n",
    "table.csv": 'id,answer\r\na,red\r\n"b",blue\r\n',
    "excel.csv": "\ufeffid,answer\na,red\nb,blue\n",
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_that_programs_write_are_read(name, tmp_path):
    (tmp_path / name).write_text(LAYOUTS[name], encoding="utf-8")
    assert read_answers(tmp_path / name, IDS) == {"a": "red", "b": "blue"}


def test_answers_without_ids_stand_in_the_order_of_the_questions(tmp_path):
    file = tmp_path / "answers.jsonl"
    file.write_text('{"answer": "red"}\n\n{"answer": ""}\n{"answer": "blue"}\n')
    assert read_answers(file, IDS) == {"a": "red", "b": "", "c": "blue"}
    file.write_text('{"answer": "red"}\n')
    with pytest.raises(DataError, match="1 rows without ids; expected 3, one a question in their order; give the rows an id"):
        read_answers(file, IDS)


def test_numbers_lists_and_nested_json_are_kept_as_json(tmp_path):
    file = tmp_path / "answers.jsonl"
    rows = [
        {"id": "a", "answer": {"box": [1, 2.5, {"deep": [None, True]}]}},
        {"id": "b", "answer": 8},
        {"id": "c", "answer": ["x", "é"]},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = read_answers(file, IDS)
    assert found == {"a": '{"box": [1, 2.5, {"deep": [null, true]}]}', "b": "8", "c": '["x", "é"]'}


def test_ids_that_are_numbers_are_the_same_as_their_words(tmp_path):
    (tmp_path / "answers.jsonl").write_text('{"id": 1, "answer": "x"}\n{"id": "2", "answer": "y"}\n')
    assert read_answers(tmp_path / "answers.jsonl", ("1", "2")) == {"1": "x", "2": "y"}


@pytest.mark.parametrize("name", ["long.jsonl", "long.tsv", "long.csv"])
def test_an_answer_of_a_megabyte_is_an_answer(name, tmp_path):
    long = "word " * 200_000
    rows = {
        "long.jsonl": json.dumps({"id": "a", "answer": long}) + "\n",
        "long.tsv": f"id\tanswer\na\t{long}\n",
        "long.csv": f'id,answer\na,"{long}"\n',
    }
    (tmp_path / name).write_text(rows[name])
    assert read_answers(tmp_path / name, IDS) == {"a": long}


def test_lines_of_several_rows_in_a_cell_stay_in_it(tmp_path):
    (tmp_path / "answers.csv").write_text('id,answer\na,"first\nsecond, ""quoted"""\nb,x\n')
    assert read_answers(tmp_path / "answers.csv", IDS) == {"a": 'first\nsecond, "quoted"', "b": "x"}


WRONG = {
    "unknown.jsonl": (b'{"id": "a", "answer": "x"}\n{"id": "z", "answer": "x"}\n',
                      r"1 of 2 ids that no question has, such as 'z'; expected ids such as 'a', 'b', 'c'; is it the same"),
    "doubled.jsonl": (b'{"id": "a", "answer": "x"}\n{"id": "a", "answer": "y"}\n', r":2: a second answer to 'a'; expected one"),
    "doubled.json": (b'{"a": "x", "a": "y"}', r"doubled.json: 'a' stands twice in one object; expected each id once"),
    "column.jsonl": (b'{"id": "a", "said": "x"}\n', r"no answer among id, said; expected one of answer, text, prediction"),
    "latin.jsonl": ('{"id": "a", "answer": "é"}\n'.encode("latin-1"), r"not UTF-8 at byte 23; .*save it again as UTF-8"),
    "utf16.csv": ("id,answer\na,x\n".encode("utf-16"), r"not UTF-8 at byte 0"),
    "cut.jsonl": (b'{"id": "a", "answer": "x"}\n{"id": "b", "ans', r"cut.jsonl:2: no JSON"),
    "cut.json": (b'[{"id": "a", "answer": "x"}, {"id"', r"cut.json: no JSON"),
    "empty.jsonl": (b"", r"no rows; expected at least one"),
    "blank.json": (b"[]", r"no rows; expected at least one"),
    "header.tsv": (b"id\tanswer\n", r"no rows; expected at least one"),
    "scalar.jsonl": (b'"red"\n', r"scalar.jsonl:1: a str; expected an object"),
    "list.jsonl": (b'["a", "red"]\n', r"list.jsonl:1: a list; expected an object"),
    "number.json": (b"8", r"a int; expected a list of rows"),
    "short.csv": (b"id,answer\na\n", r"short.csv:1: 1 cells; expected 2, as its header has"),
    "deep.json": (b"[" * 100_000, r"deep.json: no JSON"),
    "answers.xlsx": (b"PK", r"a .xlsx file; expected one of"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_cannot_be_read_is_told(name, tmp_path):
    data, message = WRONG[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=message):
        read_answers(tmp_path / name, IDS)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="no such file; expected recorded answers"):
        read_answers(tmp_path / "none.jsonl", IDS)


def test_rows_without_the_id_that_the_first_has_are_told(tmp_path):
    (tmp_path / "answers.jsonl").write_text('{"id": "a", "answer": "x"}\n{"answer": "y"}\n')
    with pytest.raises(DataError, match=r":2: no 'id'; expected an id, as other rows have"):
        read_answers(tmp_path / "answers.jsonl", IDS)


def test_a_first_answer_that_is_empty_hides_no_column(tmp_path):
    (tmp_path / "answers.jsonl").write_text('{"id": "a", "answer": ""}\n{"id": "b", "answer": "x"}\n')
    assert read_answers(tmp_path / "answers.jsonl", IDS) == {"a": "", "b": "x"}


def test_the_same_answer_twice_is_one(tmp_path):
    (tmp_path / "answers.jsonl").write_text('{"id": "a", "answer": "x"}\n' * 2)
    assert read_answers(tmp_path / "answers.jsonl", IDS) == {"a": "x"}


def test_missing_answers_are_rows_that_count_and_empty_ones_are_answers(tmp_path):
    rows = [{"id": name, "question": "?", "answer": "red"} for name in IDS]
    (tmp_path / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "said.jsonl").write_text('{"id": "a", "answer": "red"}\n{"id": "b", "answer": ""}\n')
    own = (OwnRows(name="own", path="own.jsonl", metrics=(Exact(),)),)
    (verdict, *_) = evaluate(own, Recorded(tmp_path / "said.jsonl", IDS), Supply(root=tmp_path), tmp_path / "scores")
    assert (verdict.value, verdict.count) == (pytest.approx(1 / 3), 3)
    assert [record.details["finish"] for record in read_records(tmp_path / "scores", "own")] == ["stop", "stop", "missing"]


def test_another_file_is_another_model(tmp_path):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text('{"id": "a", "answer": "x"}\n')
    two.write_text('{"id": "a", "answer": "y"}\n')
    assert Recorded(one, IDS).fingerprint() != Recorded(two, IDS).fingerprint()
