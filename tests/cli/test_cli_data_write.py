"""`omma data write`: runs, manifests and raw folders come out in each format, every row has its account, nothing is half there."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from omma.cli.data_rows import Rows
from omma.cli.data_write import find_writer
from omma.cli.main import answer
from omma.core.ledger import Entry, Ledger
from omma.curate.look import look
from omma.curate.writer import Writer
from omma.schema.manifest import read_manifest
from omma.schema.sample import Sample

FORMATS = ("energon", "llava", "messages", "parquet", "parquet_names", "preferences", "webdataset")


def account(folder: Path) -> list[Entry]:
    """The rows kept beside a folder that was written."""
    return list(Ledger(folder.with_name(folder.name + ".account.parquet")).entries("write"))


def verdicts(folder: Path) -> Counter[str]:
    """How many rows of each verdict."""
    return Counter(entry.verdict for entry in account(folder))


def read_again(folder: Path) -> list[Sample]:
    """What the readers that recognise a folder find in it."""
    rows = [row for reader in look(folder).sources.values() for row in reader.read(folder)]
    assert all(isinstance(row, Sample) for row in rows)
    return [row for row in rows if isinstance(row, Sample)]


@pytest.mark.parametrize("kind", ["webdataset", "energon", "parquet", "parquet_names", "messages"])
def test_a_run_comes_out_whole_and_a_folder_s_own_readers_find_it(
    kind: str, at_curated: Callable, curated_desk: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = at_curated("data", "write", "runs/mine", out, "--as", kind)
    assert said.code == 0, said.err
    train = read_manifest(curated_desk / "runs/mine/data/train.parquet")
    assert [entry.sample_id for entry in account(out)] == [sample.id for sample in train]
    assert verdicts(out) == {"keep": len(train)}
    assert f"{len(train):,} samples as " in said.err and "read again and compared" in said.err
    again = read_again(out)
    assert Counter(row.task for row in again) == Counter(sample.task for sample in train)
    assert Counter(text.text for row in again for text in row.captions) == Counter(
        text.text for sample in train for text in sample.captions
    )


def test_what_a_format_cannot_hold_is_told_and_has_its_row(at_curated: Callable, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = at_curated("data", "write", "runs/mine", out, "--as", "llava")
    assert said.code == 0, said.err
    found = verdicts(out)
    questions = json.loads((out / "llava.json").read_text())
    assert len(questions) == found["keep"] + found["rewrite"] > 0 and found["error"] > 0
    lost = [entry for entry in account(out) if entry.verdict == "error"]
    assert all(entry.source == "captions" and "expected a conversation" in entry.reason for entry in lost)
    assert f"  {found['error']:,} are not there:\n    {found['error']:,}: turns: none; expected a conversation" in said.err


def test_nothing_is_left_where_nothing_can_be_written(at_curated: Callable, tmp_path: Path) -> None:
    said = at_curated("data", "write", "runs/mine", tmp_path / "out", "--as", "preferences")
    assert said.code == 2 and "none of" in said.err and "no pair of replies" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_condition_asks_stored_scores_and_facts_of_the_part_that_is_named(at_curated: Callable, tmp_path: Path) -> None:
    whole, some, gone = tmp_path / "whole", tmp_path / "some", tmp_path / "gone"
    assert at_curated("data", "write", "runs/mine", whole, "--as", "messages", "--part", "heldout").code == 0
    condition = "source = 'questions' AND decode >= 1 -- and all of them"
    said = at_curated("data", "write", "runs/mine", some, "--as", "messages", "--part", "heldout", "--where", condition)
    assert said.code == 0, said.err
    ids = [entry.sample_id for entry in account(whole)]
    assert [entry.sample_id for entry in account(some)] == [key for key in ids if "questions/" in key] != ids
    said = at_curated("data", "write", "runs/mine", gone, "--as", "messages", "--part", "gone", "--where", "gone = 'decode'")
    assert said.code == 0 and [entry.sample_id for entry in account(gone)] == ["captions/broken.png:0"], said.err
    said = at_curated("data", "write", "runs/mine", tmp_path / "none", "--as", "messages", "--where", "width > 16")
    assert said.code == 2 and "no row to write" in said.err


def test_a_number_of_the_format_is_changed_on_the_way(at_curated: Callable, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert at_curated("data", "write", "runs/mine", out, "shard=20", "--as", "webdataset").code == 0
    assert len(list(out.glob("*.tar"))) == -(-len(account(out)) // 20) > 1


def test_a_raw_folder_goes_from_one_format_to_another_and_broken_rows_are_told(omma: Callable, desk: Path) -> None:
    with (desk / "pictures/captions.jsonl").open("a") as file:
        file.write("{no json\n")
    said = omma("data", "write", "pictures", "out", "--as", "messages")
    assert said.code == 0, said.err
    rows = account(desk / "out")
    assert verdicts(desk / "out") == {"keep": 121, "error": 1}  # bytes are kept, whether or not they are a picture
    assert rows[-1].verdict == "error" and rows[-1].operator == "read" and "no JSON" in rows[-1].reason
    assert len(read_again(desk / "out")) == 121


def test_a_manifest_of_a_run_finds_its_pictures_and_has_no_parts(at_curated: Callable, tmp_path: Path) -> None:
    manifest = "runs/mine/data/heldout.parquet"
    assert at_curated("data", "write", manifest, tmp_path / "out", "--as", "parquet").code == 0
    assert set(verdicts(tmp_path / "out")) == {"keep"}
    said = at_curated("data", "write", manifest, tmp_path / "other", "--as", "parquet", "--part", "gone")
    assert said.code == 2 and said.err.startswith("error: --part: gone; expected nothing: only a run has parts")


def test_a_folder_that_holds_something_is_left_alone(at_curated: Callable, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    said = at_curated("data", "write", "runs/mine", tmp_path, "--as", "parquet")
    assert said.code == 2 and "is there already" in said.err and [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_interrupted_it_keeps_nothing_and_says_so(
    curated_desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Rows.__iter__

    def stopped(rows: Rows) -> Iterator[Sample]:
        for number, sample in enumerate(whole(rows)):
            if number == 5:
                raise KeyboardInterrupt
            yield sample

    monkeypatch.setattr(Rows, "__iter__", stopped)
    monkeypatch.chdir(curated_desk)
    assert answer(["data", "write", "runs/mine", str(tmp_path / "out"), "--as", "webdataset"]) == 130
    assert "is written whole or not at all, and nothing of it is kept" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--as", "webdatset"], "--as: 'webdatset'; expected energon, llava, messages, parquet"),
        (
            ["--as", "parquet", "--where", "dekode > 1"],
            "a condition over id, source, task, uri, sha256, width, height, heldout, gone, decode",
        ),
        (["--as", "parquet", "--where", "source"], "--where: 'source': "),
        (["--as", "parquet", "--where", "width >"], "--where: 'width >': "),
        (["--as", "webdataset", "shrd=3"], "did you mean 'shard'"),
    ],
)
def test_mistakes_cost_one_line_and_leave_nothing(words: list[str], message: str, at_curated: Callable, tmp_path: Path) -> None:
    said = at_curated("data", "write", "runs/mine", tmp_path / "out", *words)
    assert said.code == 2 and message in said.err and said.err.count("\n") == 1, said.err
    assert list(tmp_path.iterdir()) == []


def test_the_help_names_every_format_that_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert {type(find_writer(kind)) for kind in FORMATS} == set(Writer.__subclasses__())
    assert answer(["data", "write", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert all(kind in text for kind in FORMATS)
    assert "Example: omma data write" in text


def test_an_account_is_read_as_one_table(at_curated: Callable, tmp_path: Path) -> None:
    assert at_curated("data", "write", "runs/mine", tmp_path / "out", "--as", "messages").code == 0
    counted = duckdb.sql(f"SELECT verdict, count(*) FROM '{tmp_path}/out.account.parquet/*.parquet' GROUP BY 1").fetchall()
    assert counted == [("keep", pq.read_table(tmp_path / "out.account.parquet").num_rows)]
