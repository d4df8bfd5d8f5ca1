"""The machine of curation: the same bytes from any engine, after any death; models asked once; rewriting with an account."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from omma.core.errors import CheckpointError, ConfigError, DataError
from omma.core.runs import ANNEX, RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.machine import sets
from omma.curate.machine.engine import AHEAD, Pool
from omma.curate.machine.ray import Ray
from omma.curate.machine.threads import Threads
from omma.curate.operators.alt_junk import AltJunk
from omma.curate.operators.caption import Caption as CaptionLength
from omma.curate.operators.decode import Decode
from omma.curate.operators.exact_hash import ExactHash
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.quantile import Quantile
from omma.curate.operators.size import Size
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.readers.messages_jsonl import MessagesJsonl
from omma.media.store import Store
from omma.schema.manifest import read_manifest
from tests.curate.machine_parts import Asked, Deadly, Gather, Loud, Rework

SMALL, THREADS = Pool(rows=5, pictures=4), Threads(rows=5, pictures=4)


def outputs(run: Path) -> dict[str, bytes]:
    """Everything that curation promises to write the same way twice."""
    paths = [*(run / "data").glob("*.parquet"), *(run / "ledger.parquet").glob("*.parquet"), run / "done/curate.json"]
    return {str(path.relative_to(run)): path.read_bytes() for path in paths}


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    """Worker processes import this folder's operators."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


@pytest.fixture
def captioned(tmp_path: Path, draw: Callable, write_lines: Callable) -> Callable[..., Path]:
    """Function: texts → a folder with a picture for each."""

    def build(*texts: str) -> Path:
        for i in range(len(texts)):
            draw(tmp_path / f"raw/{i:02d}.png", seed=i)
        write_lines(tmp_path / "raw/captions.jsonl", *({"image": f"{i:02d}.png", "caption": t} for i, t in enumerate(texts)))
        return tmp_path / "raw"

    return build


def data_of(root: Path, *operators: object, **how: object) -> Data:
    return Data(**({"root": str(root), "sources": {"c": CaptionsJsonl()}, "operators": operators, "max_errors": 0.9} | how))


def ledger(run: RunFolder) -> list[tuple[str, str, str, str]]:
    return [(row.sample_id.removeprefix("c/"), row.operator, row.verdict, row.reason) for row in run.ledger.entries("curate")]


def test_sizes_of_shards_and_engines_change_no_byte(captioned, tmp_path):
    root = captioned(*(f"number {i}" for i in range(23)))
    data = data_of(root, Decode(), CaptionLength(), ExactHash(), PerceptualHash(), holdout=0.2)
    results = []
    for name, engine, workers in (
        ("a", SMALL, 0),
        ("b", Pool(), 0),
        ("c", SMALL, 2),
        ("d", Pool(rows=7, pictures=3), 2),
        ("e", THREADS, 2),
    ):
        curate(data, RunFolder(tmp_path / name), seed=0, workers=workers, engine=engine)
        results.append({key: value for key, value in outputs(tmp_path / name).items() if key.endswith("json")})
        tables = ("train", "heldout", "gone", "scores")
        results[-1] |= {key: pq.read_table(tmp_path / name / f"data/{key}.parquet").to_pylist() for key in tables}
    assert all(result == results[0] for result in results)
    same = outputs(tmp_path / "a")  # shards of one size: the very bytes
    assert same == outputs(tmp_path / "c") == outputs(tmp_path / "e")


def test_results_come_in_order_and_few_jobs_are_ahead():
    made = count()

    def jobs() -> Iterator[int]:
        for number in range(40):
            next(made)
            yield -number

    found = []
    with Pool().crew(2) as crew:
        for result in crew.run(abs, jobs()):
            found.append(result)
            assert next(made) <= 2 * AHEAD + 2 * len(found)  # `next` itself counts one
    assert found == list(range(40))


def test_a_picture_that_kills_its_process_is_a_row_and_no_more(captioned, tmp_path):
    root = captioned(*(f"number {i}" for i in range(12)))
    run = RunFolder(tmp_path / "run")
    curate(data_of(root, Deadly(victims=("03.png", "09.png")), Decode()), run, seed=0, workers=2, engine=SMALL)
    gone = [row for row in ledger(run) if row[2] != "keep"]
    died = "error:deadly: the process that read it died, perhaps for want of memory"
    assert gone == [("03.png:0", "deadly", "error", died), ("09.png:0", "deadly", "error", died)]
    assert run.done("curate")["kept"] == 10


def test_a_process_that_dies_once_leaves_no_trace(captioned, tmp_path):
    root = captioned(*(f"number {i}" for i in range(12)))
    marks = tmp_path / "marks"
    marks.mkdir()
    data = data_of(root, Deadly(victims=("05.png",), once=str(marks)), Decode())
    curate(data, RunFolder(tmp_path / "died"), seed=0, workers=2, engine=SMALL)
    assert (marks / "died").exists()
    curate(data, RunFolder(tmp_path / "whole"), seed=0, workers=0, engine=SMALL)
    assert outputs(tmp_path / "died") == outputs(tmp_path / "whole")


def test_models_are_asked_once_for_each_sample_whatever_the_threshold(captioned, tmp_path):
    root = captioned("a", "a longer one", "unspeakable", "the longest of them all", "mid")
    book, run = tmp_path / "book.txt", RunFolder(tmp_path / "run")
    curate(data_of(root, Decode(), Asked(book=str(book))), run, seed=0, workers=0, engine=SMALL)
    assert book.read_text().split() == [f"c/0{i}.png:0" for i in range(5)]
    assert ledger(run)[2] == ("02.png:0", "asked", "error", "error:asked: the model was silent")
    book.write_text("")
    curate(data_of(root, Decode(), Asked(book=str(book), least=4.0)), run, seed=0, workers=0, engine=SMALL)
    assert book.read_text().split() == ["c/02.png:0"]  # what failed may succeed: it is asked again
    assert [row[0] for row in ledger(run) if row[2] == "keep"] == ["01.png:0", "03.png:0"]
    scores = pq.read_table(run / "data/scores.parquet")["asked"].to_pylist()
    assert scores == [1.0, 12.0, None, 23.0, 3.0]


def test_operators_that_read_scores_alone_make_no_sample(captioned, tmp_path, monkeypatch):
    root, run = captioned("a", "a longer one", "the longest of them all"), RunFolder(tmp_path / "run")
    monkeypatch.setattr(sets, "sample_of", lambda text: pytest.fail("a sample was made"))
    data = data_of(root, CaptionLength(), Quantile(column="caption", keep_share=0.4))
    curate(data, run, seed=0, workers=0, engine=SMALL)
    assert [row[0] for row in ledger(run) if row[2] == "keep"] == ["01.png:0", "02.png:0"]
    monkeypatch.undo()
    numbers = replace(data, operators=(CaptionLength(), Quantile(column="width", keep_share=0.4)))
    with pytest.raises(DataError, match="no sample has a score 'width'"):  # what is asked for is made, and told
        curate(numbers, run, seed=0, workers=0, engine=SMALL)


def test_models_are_asked_only_for_what_is_left(captioned, tmp_path):
    root = captioned("a", "", "b c", "")
    book = tmp_path / "book.txt"
    curate(data_of(root, CaptionLength(), Asked(book=str(book))), RunFolder(tmp_path / "run"), seed=0, workers=0, engine=SMALL)
    assert book.read_text().split() == ["c/00.png:0", "c/02.png:0"]


def test_rewriting_has_an_account_and_operators_after_it_see_what_is_new(captioned, tmp_path):
    root = captioned("plain", "two", "drop", "fail", "show", "two")
    run = RunFolder(tmp_path / "run")
    data = data_of(root, Decode(), Rework(), CaptionLength(), ExactHash(), Quantile(column="caption", keep_share=1.0))
    curate(data, run, seed=0, workers=2, engine=SMALL)
    assert ledger(run) == [
        ("01.png:0", "rework", "rewrite", "said in two → c/01.png:0~rework:1"),
        ("04.png:0", "rework", "rewrite", "shown twice"),
        ("00.png:0", "curate", "keep", ""),
        ("01.png:0", "curate", "keep", ""),
        ("01.png:0~rework:1", "curate", "keep", ""),
        ("02.png:0", "rework", "drop", "asked to go"),
        ("03.png:0", "rework", "error", "error:rework: no idea"),
        ("04.png:0", "curate", "keep", ""),
        ("05.png:0", "rework", "rewrite", "said in two → c/05.png:0~rework:1"),
        ("05.png:0", "curate", "keep", ""),
        ("05.png:0~rework:1", "curate", "keep", ""),
    ]
    train = {sample.id.removeprefix("c/"): sample for sample in read_manifest(run / "data/train.parquet")}
    assert [caption.text for caption in train["05.png:0~rework:1"].captions] == ["second half"]
    old, new = train["04.png:0"].media
    assert new.uri.startswith("made://") and new.uri.endswith(new.sha256) and (new.width, new.height) == (old.width, old.height)
    assert Store(root, run / ANNEX).read(new.uri) == Store(root).read("04.png") + b" "
    scores = {row["id"]: row for row in pq.read_table(run / "data/scores.parquet").to_pylist()}
    assert scores["c/01.png:0~rework:1"]["decode"] == 1.0  # of the row that it came from
    assert scores["c/02.png:0"]["caption"] is None
    operators = {row["name"]: row for row in run.done("curate")["operators"]}
    assert (operators["rework"]["dropped"], operators["rework"]["errors"], operators["rework"]["threshold"]) == (1, 1, None)


def test_pictures_and_videos_stand_side_by_side(captioned, tmp_path, draw, write_lines):
    root = captioned("a", "b")
    for i in range(3):
        draw(root / f"film/{i}.png", seed=20 + i)
    said = [{"role": "user", "content": "what?"}, {"role": "assistant", "content": "noise"}]
    write_lines(root / "talks.jsonl", {"video": "film", "messages": said}, {"video": "gone", "messages": said})
    sources = {"c": CaptionsJsonl(), "t": MessagesJsonl(path="talks.jsonl")}
    run = RunFolder(tmp_path / "run")
    curate(data_of(root, Decode(), ExactHash(), PerceptualHash(), sources=sources), run, seed=0, workers=0)
    train = {sample.id: sample for sample in read_manifest(run / "data/train.parquet")}
    assert {key: sample.media[0].frames for key, sample in train.items()} == {"c/00.png:0": 0, "c/01.png:0": 0, "t/film:0": 3}
    (lost,) = (row for row in run.ledger.entries("curate") if row.verdict == "error")
    assert lost.sample_id == "t/gone:0" and lost.reason.startswith("error:read: ")


def test_held_out_samples_are_never_rewritten_for_training(captioned, tmp_path, write_lines):
    root = captioned("two", "plain")
    write_lines(root / "test.jsonl", {"image": "00.png", "caption": "two"})
    run = RunFolder(tmp_path / "run")
    heldout = {"t": CaptionsJsonl(path="test.jsonl")}
    curate(data_of(root, Rework(), heldout=heldout), run, seed=0, workers=0)
    assert [s.captions[0].text for s in read_manifest(run / "data/heldout.parquet")] == ["two"]


def test_samples_are_joined_over_shards(captioned, tmp_path, write_lines):
    root = captioned(*(f"number {i}" for i in range(7)))
    write_lines(root / "more.jsonl", *({"image": f"{i:02d}.png", "caption": f"more of {i}"} for i in range(6)))
    sources = {"c": CaptionsJsonl(), "m": CaptionsJsonl(path="more.jsonl")}
    run = RunFolder(tmp_path / "run")
    curate(data_of(root, Decode(), Gather(), CaptionLength(), sources=sources), run, seed=0, workers=0, engine=SMALL)
    train = read_manifest(run / "data/train.parquet")
    assert [len(sample.captions) for sample in train] == [2] * 6 + [1]
    assert sum(row[2] == "drop" and row[1] == "gather" for row in ledger(run)) == 6


def test_pictures_that_fail_in_a_row_stop_the_job(captioned, tmp_path):
    root = captioned(*(f"number {i}" for i in range(12)))
    for i in (2, 4, 5, 6, 7):
        (root / f"{i:02d}.png").write_bytes(b"<html>")
    data = data_of(root, Decode(), max_errors_in_a_row=4)
    with pytest.raises(DataError, match=r"4 pictures failed in a row, the first 04.png; expected fewer than 4"):
        curate(data, RunFolder(tmp_path / "run"), seed=0, workers=0)
    curate(data_of(root, Decode(), max_errors_in_a_row=5), RunFolder(tmp_path / "run"), seed=0, workers=0)
    with pytest.raises(ConfigError, match="max_errors_in_a_row"):
        data_of(root, max_errors_in_a_row=-1)
    with pytest.raises(ConfigError, match=r"run\.engine"):
        Pool(rows=0)


def test_what_could_not_be_opened_is_tried_again_by_the_next_job(captioned, tmp_path, monkeypatch):
    """A disk that fails for a while: the root has not changed, and what was kept of it must not stand for ever."""
    root = captioned(*(f"number {i}" for i in range(12)))
    data = data_of(root, Decode(), ExactHash(), max_errors_in_a_row=4)
    curate(data, RunFolder(tmp_path / "whole"), seed=0, workers=0, engine=SMALL)
    read = Store.read

    def failing(store: Store, uri: str) -> bytes:
        if "02" < uri < "09":
            raise DataError(uri, "cannot be read: Input/output error", "a readable file")
        return read(store, uri)

    monkeypatch.setattr(Store, "read", failing)
    with pytest.raises(DataError, match=r"4 pictures failed in a row, the first 02\.png"):
        curate(data, RunFolder(tmp_path / "again"), seed=0, workers=0, engine=SMALL)
    monkeypatch.setattr(Store, "read", read)
    curate(data, RunFolder(tmp_path / "again"), seed=0, workers=0, engine=SMALL)
    assert outputs(tmp_path / "again") == outputs(tmp_path / "whole")


def test_a_model_that_fails_in_a_row_stops_the_job_and_is_asked_again_by_the_next(captioned, tmp_path):
    root = captioned(*["well said"] * 6, *["unspeakable"] * 8)
    book, run = tmp_path / "book.txt", RunFolder(tmp_path / "run")
    data = data_of(root, Asked(book=str(book)), CaptionLength(), ExactHash(), max_errors_in_a_row=4)
    with pytest.raises(DataError, match=r"4 rows in asked failed in a row, the first c/06.png:0; expected fewer than 4"):
        curate(data, run, seed=0, workers=0, engine=SMALL)
    assert len(book.read_text().split()) == 10  # two shards of five, then no more
    book.write_text("")
    Path(tmp_path, "well").touch()
    curate(replace(data, max_errors_in_a_row=0), run, seed=0, workers=0, engine=SMALL)
    assert book.read_text().split() == [f"c/{i:02d}.png:0" for i in range(6, 14)]
    assert run.done("curate")["kept"] == 14


def test_what_a_rewriter_failed_on_is_written_anew_and_seen_by_all_that_follows(captioned, tmp_path):
    """The job stops behind the rewriter: nothing that was made of its first answers may stand."""
    root = captioned("one", "hush", "three", *["UNSPEAKABLE"] * 4)
    well, run = tmp_path / "well", tmp_path / "run"
    told = Loud(well=str(well)), CaptionLength(), Asked(book=str(tmp_path / "deaf/book.txt"))
    (tmp_path / "deaf").mkdir()
    data = data_of(root, Decode(), *told, ExactHash())
    with pytest.raises(FileNotFoundError):  # behind the rewriter the disk goes away
        (tmp_path / "deaf").rename(tmp_path / "away")
        curate(data, RunFolder(run), seed=0, workers=0, engine=SMALL)
    (tmp_path / "away").rename(tmp_path / "deaf")
    well.touch()
    curate(data, RunFolder(run), seed=0, workers=0, engine=SMALL)
    (tmp_path / "deaf/book.txt").unlink()
    curate(data, RunFolder(tmp_path / "whole"), seed=0, workers=0, engine=SMALL)
    assert outputs(run) == outputs(tmp_path / "whole")
    assert [s.captions[0].text for s in read_manifest(run / "data/train.parquet")][:3] == ["ONE", "HUSH", "THREE"]


def test_a_full_disk_is_told_and_the_rerun_ends_as_if_nothing_had_happened(captioned, tmp_path, monkeypatch):
    root = captioned(*(f"number {i}" for i in range(12)))
    data = data_of(root, Decode(), Size(), CaptionLength(), ExactHash())
    curate(data, RunFolder(tmp_path / "whole"), seed=0, workers=0, engine=SMALL)
    write = pq.write_table
    for place in range(1, 14, 3):
        left = count(1)

        def full(*how: object, place: int = place, left: Iterator[int] = left, **named: object) -> None:
            if next(left) == place:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write(*how, **named)

        monkeypatch.setattr(pq, "write_table", full)
        run = tmp_path / f"run{place}"
        with pytest.raises(CheckpointError, match="the disk is full; free some space and run the same command again"):
            curate(data, RunFolder(run), seed=0, workers=0, engine=SMALL)
        monkeypatch.setattr(pq, "write_table", write)
        curate(data, RunFolder(run), seed=0, workers=0, engine=SMALL)
        assert outputs(run) == outputs(tmp_path / "whole")


PROGRAM = """
import os, random, signal, sys, time
sys.path.insert(0, {folder!r})
from pathlib import Path
from conftest import scenes_data
from omma.core.runs import RunFolder
from omma.curate.job import curate
from omma.curate.machine.engine import Pool

def begin(run):
    process = os.fork()  # of a process that has only imported: a run costs no start
    if not process:
        curate(scenes_data(60, 10), RunFolder(run), seed=0, workers=0, engine=Pool(rows=100, pictures=16))
        os._exit(0)
    return process

folder, draw, kills, number = Path(sys.argv[1]), random.Random(0), 0, 0
started = time.monotonic()
assert os.waitpid(begin(folder / "whole"), 0)[1] == 0
took = time.monotonic() - started
while kills < 20:
    process = begin(folder / f"killed{{number}}")  # the same run again, until it comes through
    time.sleep(took * draw.uniform(0.02, 0.9))
    os.kill(process, signal.SIGKILL)
    status = os.waitpid(process, 0)[1]
    kills += status != 0
    number += status == 0 or kills == 20
for run in folder.glob("killed*"):
    assert os.waitpid(begin(run), 0)[1] == 0
"""


@pytest.mark.slow
def test_killed_at_twenty_moments_it_ends_as_if_nothing_had_happened(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(folder=str(Path(__file__).parent)))
    subprocess.run([sys.executable, str(program), str(tmp_path)], check=True, stderr=subprocess.DEVNULL)
    runs = list(tmp_path.glob("killed*"))
    assert runs and all(outputs(run) == outputs(tmp_path / "whole") for run in runs)


@pytest.mark.slow
def test_two_workers_of_a_local_ray_write_the_same_bytes(captioned, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed (extra `ray`)")
    root = captioned(*(f"number {i}" for i in range(17)))
    data = data_of(root, Decode(), CaptionLength(), Rework(), ExactHash(), PerceptualHash(), holdout=0.2)
    curate(data, RunFolder(tmp_path / "pool"), seed=0, workers=0, engine=SMALL)
    curate(data, RunFolder(tmp_path / "ray"), seed=0, workers=2, engine=Ray(rows=5, pictures=4, cpus=1.0))
    assert outputs(tmp_path / "ray") == outputs(tmp_path / "pool")
    died = data_of(root, Deadly(victims=("03.png",)), Decode())
    curate(died, RunFolder(tmp_path / "dead-ray"), seed=0, workers=2, engine=Ray(rows=5, pictures=4))
    curate(died, RunFolder(tmp_path / "dead-pool"), seed=0, workers=2, engine=SMALL)
    assert outputs(tmp_path / "dead-ray") == outputs(tmp_path / "dead-pool")


def test_reasons_say_what_a_score_alone_does_not(captioned, tmp_path):
    root = captioned("a dog on a lawn", "IMG_0412.jpg")
    run = RunFolder(tmp_path / "run")
    curate(data_of(root, AltJunk()), run, seed=0, workers=0)
    assert ledger(run)[1] == ("01.png:0", "alt_junk", "drop", "no description but a file name: IMG_0412.jpg")
