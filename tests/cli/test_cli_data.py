"""`omma data look` and `omma curate --explain` on a run of the machine: the page is served until Ctrl-C, a life is told."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest

from omma.cli.main import answer


@pytest.fixture
def curated(curated_desk: Path) -> Path:
    """The curated run's folder."""
    return curated_desk / "runs/mine"


def test_a_life_is_told_of_a_sample_by_a_part_of_its_name(curated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = (curated / "data/scores.parquet").exists()
    assert rows and answer(["curate", str(curated), "--explain", "broken.png"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("captions/broken.png:0\n")
    assert "failed by" in text and "of 121, source captions, read by CaptionsJsonl at captions.jsonl" in text


def test_a_life_tells_scores_beside_those_of_others(curated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(["curate", str(curated), "--explain", "questions/7.png:0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    row = next(line.split() for line in lines if line.split()[:1] == ["decode"])
    assert row[1:] == ["1", "1", "0.0%", "0.0%", "120", "stayed"]  # score, threshold, lower, higher, of all, verdict
    assert any("what colour?" in line for line in lines) and any("16 × 16 px" in line for line in lines)


def test_unknown_and_ambiguous_names_say_what_fits(curated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(["curate", str(curated), "--explain", "7.png"]) == 2
    assert "samples have this in their name: " in capsys.readouterr().err
    assert answer(["curate", str(curated), "--explain", "captions/70.png:0"]) == 2
    assert "no such sample; did you mean 'captions/" in capsys.readouterr().err


def test_nothing_is_explained_before_it_is_curated(omma: Callable) -> None:
    said = omma("curate", "./lab.py:mine", "--explain", "7.png")
    assert said.code == 2 and "runs/mine" in said.err and "no such" not in said.err
    assert "nothing is curated yet" in said.err


def test_the_page_is_served_until_ctrl_c(curated: Path) -> None:
    command = [sys.executable, "-m", "omma.cli.main", "data", "look", str(curated), "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:") and address.endswith("/")
        connection = HTTPConnection(address.removeprefix("http://").rstrip("/"), timeout=30)
        connection.request("GET", "/api/rows?text=red&size=2")
        page = json.loads(connection.getresponse().read())
        connection.close()
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=30)
    assert server.returncode == 0 and "Traceback" not in said and said.strip().endswith("closed")
    assert page["total"] > 0 and len(page["rows"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "look", "nowhere"], "error: nowhere: no such file or folder; expected a run folder, a manifest"),
        (["data", "eat", "nowhere"], "error: omma data: no such command 'eat'; see `omma data --help`"),
        (["data"], "error: omma data: missing command; see `omma data --help`"),
        (["data", "look"], "error: omma data: missing argument 'PATH'"),
    ],
)
def test_mistakes_cost_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(message) and error.count("\n") == 1
