"""curate: planted flaws are found, every sample has its row, a killed job ends as if nothing had happened."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.flaws import flaw_of
from omma.curate.job import conversations, curate, raw_folder
from omma.curate.machine import seeing
from omma.curate.operator import PictureOperator
from omma.curate.operators.caption import Caption
from omma.curate.operators.decode import Decode
from omma.curate.operators.exact_hash import ExactHash
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.size import Size
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.readers.messages_jsonl import MessagesJsonl
from omma.curate.worlds.scenes import Scenes
from omma.schema.manifest import read_manifest
from omma.schema.sample import Media, Sample, Turn

FLOORS = {  # flaw: (recall, precision)
    "truncated": (1.0, 1.0),
    "not_a_picture": (1.0, 1.0),
    "one_pixel": (1.0, 1.0),
    "long_strip": (1.0, 1.0),
    "empty_caption": (1.0, 1.0),
    "exact_duplicate": (1.0, 1.0),
    "near_duplicate": (0.95, 0.95),
    "swapped_caption": (0.9, 0.8),
}


def outputs(run: RunFolder) -> dict[str, bytes]:
    """Everything that curation promises to write the same way twice."""
    paths = [*(run / "data").glob("*.parquet"), *run.ledger.folder.glob("*.parquet"), run / "done/curate.json"]
    return {str(path.relative_to(run.path)): path.read_bytes() for path in paths}


def test_planted_flaws_are_found(curated):
    flaws = {row["name"]: row for row in curated.done("curate")["flaws"]}
    assert flaws.keys() == FLOORS.keys()
    for name, (recall, precision) in FLOORS.items():
        assert flaws[name]["recall"] >= recall, flaws[name]
        assert flaws[name]["precision"] >= precision, flaws[name]


def test_every_sample_has_one_row_in_the_ledger(curated):
    summary = curated.done("curate")
    rows = list(curated.ledger.entries("curate"))
    assert len(rows) == len({row.sample_id for row in rows}) == summary["seen"]
    words = Counter(row.verdict for row in rows)
    assert words == {
        key: summary[name]
        for key, name in zip(("keep", "heldout", "drop", "error"), ("kept", "heldout", "dropped", "errors"), strict=True)
    }
    for row in rows:
        assert bool(row.reason) == (row.verdict in ("drop", "error"))
        assert row.verdict != "error" or row.reason.startswith(f"error:{row.operator}: ")
        assert row.verdict != "drop" or (row.threshold is not None and np.isfinite(row.score))
    kept = {row.sample_id for row in rows if row.verdict == "keep"}
    assert kept == {sample.id for sample in read_manifest(curated / "data/train.parquet")}


def test_manifests_know_their_pictures(curated):
    train, heldout = (read_manifest(curated / f"data/{name}.parquet") for name in ("train", "heldout"))
    for sample in train + heldout:
        assert sample.source in ("captions", "questions")
        assert sample.id.startswith((f"{sample.source}/", f"heldout/{sample.source}/"))
        assert [(len(item.sha256), item.width > 0, item.height > 0) for item in sample.media] == [(64, True, True)]
    assert not {s.media[0].sha256 for s in train} & {s.media[0].sha256 for s in heldout}
    assert {sample.task for sample in train} == {"caption", "read", "count", "colour", "relation", "yesno", "point"}


def test_summary_tells_the_way_through_the_operators(curated):
    summary = curated.done("curate")
    operators = summary["operators"]
    assert [op["name"] for op in operators] == ["decode", "size", "aspect", "caption", "exact_hash", "perceptual_hash", "agreement"]
    assert operators[0]["in"] == summary["seen"]
    assert all(op["out"] == op["in"] - op["dropped"] - op["errors"] for op in operators)
    assert all(after["in"] == before["out"] for before, after in pairwise(operators))
    assert operators[-1]["out"] == summary["kept"] + summary["heldout"]
    histogram = operators[1]["scores"]
    assert len(histogram["edges"]) == len(histogram["counts"]) + 1 == 21
    assert all(set(row) == {"operator", "sample_id", "uri", "text", "reason"} for row in summary["examples"])
    assert {row["operator"] for row in summary["examples"]} == {op["name"] for op in operators}


def test_scores_are_columns(curated):
    table = pq.read_table(curated / "data/scores.parquet")
    assert table.column_names[:4] == ["id", "sha256", "heldout", "gone"]
    names = [name for name in table.column_names[4:] if not name.endswith(":note")]
    assert names == [op["name"] for op in curated.done("curate")["operators"]]
    z = table["agreement"].drop_null().to_numpy()
    assert 390 < len(z) < 470  # captions; answers are too short to judge
    assert table["size"].null_count < 30


@pytest.fixture
def folder(tmp_path, draw, write_lines):
    """A folder of twelve captioned pictures."""
    for i in range(12):
        draw(tmp_path / f"raw/{i:02d}.png", seed=i)
    write_lines(tmp_path / "raw/captions.jsonl", *({"image": f"{i:02d}.png", "caption": f"number {i}"} for i in range(12)))
    return tmp_path / "raw"


def small(folder, *operators, **how) -> Data:
    return Data(**({"root": str(folder), "sources": {"captions": CaptionsJsonl()}, "operators": operators} | how))


def test_another_threshold_looks_at_nothing_again(folder, tmp_path, monkeypatch):
    run = RunFolder(tmp_path / "run")
    curate(small(folder, Decode(), Size(), PerceptualHash()), run, seed=0, workers=0)
    monkeypatch.setattr(seeing, "_look", lambda *how: pytest.fail("a picture was looked at again"))
    curate(small(folder, Decode(), Size(min_side=40), PerceptualHash()), run, seed=0, workers=0)
    assert run.done("curate")["kept"] == 12
    with pytest.raises(DataError, match=r"none of 12 samples is left to train on; expected at least one; see the ledger"):
        curate(small(folder, Decode(), Size(min_side=41)), run, seed=0, workers=0)


def test_looks_can_be_shared_by_runs(folder, tmp_path, monkeypatch):
    data = small(folder, Decode(), looks=str(tmp_path / "shared"))
    curate(data, RunFolder(tmp_path / "one"), seed=0, workers=0)
    monkeypatch.setattr(seeing, "_look", lambda *how: pytest.fail("a picture was looked at again"))
    curate(data, RunFolder(tmp_path / "two"), seed=0, workers=0)


def test_share_held_out_is_by_picture(folder, tmp_path, write_lines):
    asked = [{"role": "user", "content": "what?"}, {"role": "assistant", "content": "noise"}]
    write_lines(folder / "questions.jsonl", *({"image": f"{i:02d}.png", "messages": asked} for i in range(12) for _ in range(2)))
    sources = {"captions": CaptionsJsonl(), "questions": MessagesJsonl(path="questions.jsonl")}
    splits = []
    for seed in (0, 1):
        run = RunFolder(tmp_path / f"run{seed}")
        curate(small(folder, Decode(), sources=sources, holdout=0.4), run, seed=seed, workers=0)
        train, heldout = ({s.media[0].uri for s in read_manifest(run / f"data/{n}.parquet")} for n in ("train", "heldout"))
        assert not train & heldout
        assert len(train) + len(heldout) == 12
        assert 1 <= len(heldout) <= 9
        splits.append(heldout)
    assert splits[0] == splits[1]


def test_joined_questions_are_all_accounted_for(folder, tmp_path, write_lines):
    asked = [[{"role": "user", "content": f"what {n}?"}, {"role": "assistant", "content": "noise"}] for n in range(5)]
    write_lines(folder / "questions.jsonl", *({"image": f"{i:02d}.png", "messages": said} for i in range(12) for said in asked))
    sources = {"questions": MessagesJsonl(path="questions.jsonl")}
    run = RunFolder(tmp_path / "run")
    data = small(folder, Decode(), ExactHash(), sources=sources, turns=3)
    curate(data, run, seed=0, workers=0)
    single = read_manifest(run / "data/train.parquet")
    assert len(single) == 60 and all(sample.answer is None and len(sample.turns) == 2 for sample in single)
    train = conversations(data, single, seed=0)
    assert sorted(len(sample.turns) for sample in train) == [4] * 12 + [6] * 12
    gone = {row.sample_id for row in run.ledger.entries("join")}
    assert len(gone) == 60 - 24
    assert {row.sample_id for row in run.ledger.entries("curate")} == gone | {sample.id for sample in train}


def test_train_gives_way_to_held_out(folder, tmp_path, draw, write_lines):
    """Decontamination: the copy that is trained on goes, with a reason that says so; held-out copies stay."""
    draw(folder / "test/a.jpg", seed=3, quality=80)
    write_lines(folder / "test/captions.jsonl", {"image": "a.jpg", "caption": "x"}, {"image": "../05.png", "caption": "y"})
    run = RunFolder(tmp_path / "run")
    heldout = {"captions": CaptionsJsonl(path="test/captions.jsonl")}
    curate(small(folder, Decode(), ExactHash(), PerceptualHash(), heldout=heldout), run, seed=0, workers=0)
    gone = {row.sample_id: row.reason for row in run.ledger.entries("curate") if row.verdict == "drop"}
    assert gone == {"captions/03.png:0": "looks like test/a.jpg", "captions/05.png:0": "looks like 05.png (held out)"}
    assert len(read_manifest(run / "data/heldout.parquet")) == 2


def test_bad_input_becomes_rows(folder, tmp_path, draw, write_lines):
    whole = (folder / "00.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[:60])
    (folder / "empty.png").write_bytes(b"")
    draw(folder / "wrong.jpg", seed=90, format="PNG")
    names = ["00.png", "cut.png", "empty.png", "gone.png", "../../etc/passwd", "https://x.org/a.png", "wrong.jpg"]
    rows = [{"image": name, "caption": "words"} for name in names]
    text = "".join(json.dumps(row) + "\n" for row in rows) + '{"image": "01.png", "caption": "half \\ud83d"}\n{oops\n'
    (folder / "captions.jsonl").write_text(text)
    run = RunFolder(tmp_path / "run")
    curate(small(folder, Decode(), Caption(), max_errors=0.9), run, seed=0, workers=0)
    rows = {row.sample_id.removeprefix("captions/"): (row.verdict, row.reason) for row in run.ledger.entries("curate")}
    assert rows["00.png:0"] == rows["wrong.jpg:0"] == ("keep", "")
    for key, reason in {
        "cut.png:0": "error:decode: PNG",
        "empty.png:0": "error:decode: the file is empty",
        "gone.png:0": "error:decode: no file gone.png",
        "../../etc/passwd:0": "error:decode: lies outside the data root",
        "https://x.org/a.png:0": "error:decode: has not been fetched",
        "01.png:0": "error:read: text with half a surrogate pair",
        "captions.jsonl:9": "error:read: no JSON",
    }.items():
        assert rows[key][0] == "error", (key, rows[key])
        assert rows[key][1].startswith(reason), (key, rows[key])


def test_without_decode_unreadable_pictures_are_still_refused(folder, tmp_path):
    (folder / "03.png").write_bytes(b"<html>")
    run = RunFolder(tmp_path / "run")
    curate(small(folder, Caption()), run, seed=0, workers=0)
    assert [(r.sample_id, r.operator, r.verdict) for r in run.ledger.entries("curate") if r.verdict != "keep"] == [
        ("captions/03.png:0", "read", "error")
    ]


@config
class Fussy(PictureOperator):
    """Fails on red pictures in a way that nobody foresaw."""

    version: ClassVar[str] = "1"

    @property
    def threshold(self) -> float:
        return 0.0

    def score(self, picture):
        if picture.pixels[0, 0, 0] > 128:
            raise ZeroDivisionError("no idea")
        return 1.0

    def decide(self, score):
        return ""


def test_a_failing_operator_is_a_row_state_and_a_budget_stops_it(folder, tmp_path):
    run = RunFolder(tmp_path / "run")
    curate(small(folder, Fussy(), max_errors=0.95), run, seed=0, workers=0)
    failed = [row for row in run.ledger.entries("curate") if row.verdict == "error"]
    assert 0 < len(failed) < 12
    assert all(row.reason.endswith(": ZeroDivisionError: no idea") for row in failed)
    other = RunFolder(tmp_path / "other")
    with pytest.raises(DataError) as caught:
        curate(small(folder, Fussy(), max_errors=1), other, seed=0, workers=0)
    message = str(caught.value)
    assert f"curate: {len(failed)} of 12 rows failed ({len(failed)} " in message
    assert "expected at most 1 (data.max_errors=1); mend the data, or raise data.max_errors; the ledger names every row" in message
    assert other.done("curate") is None
    assert len(list(other.ledger.entries("curate"))) == 12


def test_nothing_to_read(tmp_path, folder, write_lines):
    run = RunFolder(tmp_path / "run")
    with pytest.raises(DataError, match=r"no such folder; expected the data root; give it with data.root=FOLDER"):
        curate(small(tmp_path / "nowhere", Decode()), run, seed=0, workers=0)
    write_lines(folder / "captions.jsonl")
    with pytest.raises(DataError, match="an empty data set: the readers found no row"):
        curate(small(folder, Decode()), run, seed=0, workers=0)
    (folder / "captions.jsonl").write_text("{oops\n{again\n")
    with pytest.raises(DataError, match=r"captions/captions.jsonl:1: no JSON: .*; so it is with all 2 rows"):
        curate(small(folder, Decode()), run, seed=0, workers=0)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"sources": {}}, "data.sources: none; expected at least one reader by name"),
        ({"world": (Scenes(),)}, "beside a drawn world; expected one of the two; leave data.root empty"),
        ({"holdout": 1.0}, "data.holdout: 1.0; expected 0 ≤ share < 1"),
        ({"holdout": 0.1, "heldout": {"a": CaptionsJsonl()}}, "0.1 beside heldout readers"),
        ({"operators": (Size(), Size(min_side=3))}, "data.operators: size, size; expected each operator once"),
        ({"max_errors": -1.0}, "data.max_errors: -1.0"),
        ({"root": "", "world": (Scenes(), Scenes(seed=1))}, "data.world: folders 'scenes', 'scenes'"),
    ],
)
def test_data_that_does_not_fit_together(how, message):
    with pytest.raises(ConfigError) as caught:
        small("x", **how)
    assert message in str(caught.value)


def test_a_world_half_drawn_is_drawn_again(tmp_path, scenes):
    data, run = scenes(20, 4), RunFolder(tmp_path)
    root = raw_folder(data, run)
    first = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    (root / "scenes/world.yaml").unlink()
    (root / "scenes/train/captions.jsonl").write_text("half")
    assert {path: path.read_bytes() for path in raw_folder(data, run).rglob("*") if path.is_file()} == first


def test_a_flawed_caption_is_no_fault_of_questions():
    flaws = {("a.png", "caption"): "swapped", ("b.png", "picture"): "cut"}
    asked = Sample("q", "s", media=(Media("a.png"),), turns=(Turn("user", ()),))
    assert flaw_of(asked, flaws) == ""
    assert flaw_of(Sample("c", "s", media=(Media("a.png"),)), flaws) == "swapped"
    assert flaw_of(Sample("b", "s", media=(Media("b.png"),), turns=(Turn("user", ()),)), flaws) == "cut"


PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
from pathlib import Path
from conftest import scenes_data
from omma.core.runs import RunFolder
from omma.curate.job import curate
from omma.curate.machine.engine import Pool

if __name__ == "__main__":
    curate(scenes_data(120, 20), RunFolder(Path(sys.argv[1])), seed=0, workers=int(sys.argv[2]), engine=Pool(rows=100, pictures=16))
"""


def start(tmp_path: Path, run: Path, workers: int) -> subprocess.Popen:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM.format(folder=str(Path(__file__).parent)))
    return subprocess.Popen([sys.executable, str(program), str(run), str(workers)], stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_killed_and_run_again_it_writes_the_same_bytes(tmp_path):
    """Also with two workers: the number of processes changes nothing."""
    whole = tmp_path / "whole"
    assert start(tmp_path, whole, 0).wait() == 0
    killed = tmp_path / "killed"
    process = start(tmp_path, killed, 0)
    while len(list(killed.glob("data/looks/pictures/*.parquet"))) < 2:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (killed / "done/curate.json").exists()
    assert start(tmp_path, killed, 2).wait() == 0
    assert outputs(RunFolder(killed)) == outputs(RunFolder(whole))
    assert len(outputs(RunFolder(whole))) == 6
    assert not (whole / "work").exists()
