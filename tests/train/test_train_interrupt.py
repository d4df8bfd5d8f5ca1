"""Interruptions: kill -9 anywhere, SIGTERM, a full disk. What continues equals what was never interrupted."""

import errno
import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch
from tiny_training import launch, life, tiny_model, tiny_stage, train_tiny

from omma.core.errors import CheckpointError
from omma.core.runs import RunFolder
from omma.train import checkpoint as checkpoint_file
from omma.train.loop import EVENTS
from omma.train.signals import Stopped

torch.set_num_threads(1)
STEPS = 24


def start(folder):
    folder.mkdir(exist_ok=True)
    return launch(life, folder, STEPS, folder / "errors.txt")


def finish(folder):
    process = start(folder)
    process.join(timeout=90)
    assert process.exitcode == 0, (folder / "errors.txt").read_text()


def training_lines(folder):
    lines = [line for line in RunFolder(folder).log.read() if line.get("event") in EVENTS]
    return [{key: value for key, value in line.items() if key != "time"} for line in lines]


def final_files(folder):
    (last,) = (folder / "checkpoints").iterdir()
    assert last.name == f"tiny-{STEPS:08d}"
    return {
        name: (last / name).read_bytes() for name in ("model.safetensors", "optimizer.safetensors", "state.json", "config.yaml")
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    finish(folder)
    return folder


@pytest.mark.slow
def test_kill_at_random_moments_then_continue_is_bit_exact(tmp_path, whole):
    """Ten kills over several lives of a few runs: each run is killed until it has lived through its share, then finished."""
    moments = random.Random(7)
    for number, kills in enumerate((4, 3, 3)):
        folder = tmp_path / str(number)
        for _ in range(kills):
            process = start(folder)
            process.join(timeout=moments.uniform(0.05, 0.7))
            process.kill()
            process.join()
        finish(folder)
        assert final_files(folder) == final_files(whole)
        assert training_lines(folder) == training_lines(whole)
        assert not list((folder / "checkpoints").glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_writes_a_checkpoint_and_says_how_to_continue(tmp_path, whole, number):
    process = start(tmp_path)
    while not (tmp_path / "checkpoints/tiny-00000002").exists() and process.is_alive():
        time.sleep(0.005)
    os.kill(process.pid, number)
    process.join(timeout=60)
    errors = (tmp_path / "errors.txt").read_text()
    assert process.exitcode == 1 and "finishing this step" in errors
    assert "checkpoint written; run the same command again to continue" in errors
    states = [json.loads(file.read_text()) for file in tmp_path.glob("checkpoints/tiny-*/state.json")]
    assert max(state["step"] for state in states) < STEPS
    finish(tmp_path)
    assert final_files(tmp_path) == final_files(whole)
    assert training_lines(tmp_path) == training_lines(whole)


def test_second_signal_stops_at_once(tmp_path):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell begins with it ignored

    def interrupt_twice(batch):
        signal.raise_signal(signal.SIGINT)  # in this thread: of two that are sent at once, one may be lost
        signal.raise_signal(signal.SIGINT)
        return batch

    with pytest.raises(KeyboardInterrupt):
        train_tiny(tmp_path, module=Interrupting(interrupt_twice))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_signal_in_the_last_step_still_stops(tmp_path):
    def interrupt(batch):
        if "doc-95" in batch.sample_ids:  # step 12 of 12
            os.kill(os.getpid(), signal.SIGTERM)
        return batch

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped, match=r"train tiny: stopped after step 12 of 12"):
        train_tiny(tmp_path, module=Interrupting(interrupt))
    assert signal.getsignal(signal.SIGTERM) is before


class Interrupting(torch.nn.Module):
    """The tiny model, calling something before each forward pass."""

    def __init__(self, call):
        super().__init__()
        self.inner, self.call = tiny_model(), call
        self.encoder, self.connector, self.language = self.inner.encoder, self.inner.connector, self.inner.language

    def forward(self, batch):
        return self.inner(self.call(batch) if self.training else batch)


@pytest.mark.parametrize("writer", ["save_model", "_save_tensors"])
def test_full_disk_leaves_the_last_good_checkpoint(tmp_path, monkeypatch, writer):
    """The disk fills up at the third checkpoint; the second stays whole, and the run continues from it to the same end."""
    train_tiny(tmp_path / "whole")
    good, calls = getattr(checkpoint_file, writer), []

    def fills_up(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            Path(arguments[0]).with_name("half").write_bytes(b"x")
            raise OSError(errno.ENOSPC, "No space left on device")
        good(*arguments)

    monkeypatch.setattr(checkpoint_file, writer, fills_up)
    with pytest.raises(CheckpointError, match=r"tiny-00000006: the disk is full; free some space and run the same command again"):
        train_tiny(tmp_path / "full")
    assert sorted(p.name for p in (tmp_path / "full/checkpoints").iterdir() if p.is_dir()) == ["tiny-00000002", "tiny-00000004"]
    monkeypatch.setattr(checkpoint_file, writer, good)
    train_tiny(tmp_path / "full")
    names = ("model.safetensors", "optimizer.safetensors")
    ends = [
        {name: (tmp_path / run / "checkpoints/tiny-00000012" / name).read_bytes() for name in names} for run in ("whole", "full")
    ]
    assert ends[0] == ends[1]


def test_full_disk_under_the_log_is_told(tmp_path, monkeypatch):
    def fills_up(self, **values):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("omma.core.logs.JsonLog.write", fills_up)
    with pytest.raises(CheckpointError, match=r"log.jsonl: the disk is full"):
        train_tiny(tmp_path, tiny_stage())
