"""Files, ledger, log, seeds and run folders survive crashes, full disks and wrong use."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from omma.core import seeds
from omma.core.config import Config, config
from omma.core.errors import CheckpointError, DataError
from omma.core.files import atomic_path, inside, replaced_path, write_text
from omma.core.ledger import Entry, Ledger
from omma.core.logs import JsonLog
from omma.core.runs import RunFolder


@config
class Knob(Config):
    turn: int = 1


def entry(name: str) -> Entry:
    return Entry(name, "web", "size", "1", "drop", "too small", score=1.0, threshold=8.0)


def test_atomic_path_keeps_the_old_file_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    write_text(target, "old")
    with pytest.raises(ZeroDivisionError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]


def test_atomic_path_replaces_a_folder_whole(tmp_path: Path) -> None:
    for text in ("one", "two"):
        with atomic_path(tmp_path / "folder") as temporary:
            temporary.mkdir()
            (temporary / text).write_text(text)
    assert os.listdir(tmp_path / "folder") == ["two"]


def test_only_what_can_be_made_again_replaces_without_waiting_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[int] = []
    monkeypatch.setattr("os.fsync", waited.append)
    for way, times in ((replaced_path, 0), (atomic_path, 2)):  # the file, and the folder it is named in
        with way(tmp_path / "a.txt") as temporary:
            temporary.write_text(way.__name__)
        assert (tmp_path / "a.txt").read_text() == way.__name__ and len(waited) == times
        with pytest.raises(ZeroDivisionError), way(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError
        assert (tmp_path / "a.txt").read_text() == way.__name__ and os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("way", [atomic_path, replaced_path])
def test_full_disk_is_told_and_harms_nothing(way: Callable[[Path], AbstractContextManager[Path]], tmp_path: Path) -> None:
    target = tmp_path / "ledger.parquet"
    target.write_text("old")
    with pytest.raises(CheckpointError, match="the disk is full; free some space"), way(target) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, "No space left on device")
    assert target.read_text() == "old"


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "link/x"])
def test_inside_refuses_paths_that_leave_the_root(tmp_path: Path, name: str) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with pytest.raises(DataError, match="lies outside the data root"):
        inside(tmp_path / "root", name)


def test_ledger_appends_segments_and_restarts_a_step(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.parquet")
    with ledger.step("curate") as book:
        book.add(entry("a"))
        book.flush()
        book.add(entry("b"))
    with ledger.step("plan") as book:
        book.add(entry("c"))
    assert [e.sample_id for e in ledger.entries("curate")] == ["a", "b"] and ledger.table().num_rows == 3
    with ledger.step("curate") as book:
        book.add(entry("d"))
    assert ledger.table()["sample_id"].to_pylist() == ["d", "c"] and next(ledger.entries("curate")) == entry("d")


def test_ledger_keeps_what_was_added_before_an_error(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.parquet")
    with pytest.raises(ZeroDivisionError), ledger.step("curate") as book:
        book.add(entry("a"))
        raise ZeroDivisionError
    assert [e.sample_id for e in ledger.entries("curate")] == ["a"]


def test_log_drops_a_line_that_a_crash_cut_off(tmp_path: Path) -> None:
    log = JsonLog(tmp_path / "log.jsonl")
    log.write(step=1)
    log.write(step=2)
    with log.path.open("a") as file:
        file.write('{"step": 3, "lo')
    assert [line["step"] for line in log.read()] == [1, 2]
    log.rewind(lambda line: line["step"] <= 1)
    log.write(step=2)
    assert log.path.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_log_writes_after_a_cut_line_on_a_line_of_its_own(tmp_path: Path) -> None:
    log = JsonLog(tmp_path / "log.jsonl")
    log.write(step=1)
    with log.path.open("a") as file:
        file.write('{"step": 2')
    JsonLog(log.path).write(step=2)
    assert [line["step"] for line in log.read()] == [1, 2]


def test_seeds_depend_on_every_word() -> None:
    drawn = {seeds.derive(*words) for words in [(0,), (1,), (0, "a"), (0, "a", 1), (0, "a1"), (0, "b")]}
    assert len(drawn) == 6 and all(0 <= seed < 2**63 for seed in drawn)
    assert seeds.generator(3, "x").random() == seeds.generator(3, "x").random()


def test_run_folder_refuses_another_recipe_and_shows_the_difference(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    run.begin(Knob(), command="omma run knob")
    run.begin(Knob(), command="omma run knob")
    with pytest.raises(CheckpointError, match="turn: 1 → 2"):
        run.begin(Knob(turn=2), command="omma run knob turn=2")


def test_run_folder_remembers_finished_steps(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "run")
    assert run.done("curate") is None
    run.finish("curate", kept=3)
    assert RunFolder(tmp_path / "run").done("curate") == {"kept": 3}


def test_core_and_errors_never_import_torch() -> None:
    code = "import sys, pkgutil, importlib, omma.core\n"
    code += "[importlib.import_module(m.name) for m in pkgutil.iter_modules(omma.core.__path__, 'omma.core.')]\n"
    code += "print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "False"
