"""Planted flaws among real photographs: what must be found is found, and what is sound stays (`benchmarks/planted.py`, smaller)."""

import importlib
from collections import Counter
from pathlib import Path

import pytest

from omma.core.runs import RunFolder
from omma.curate.operators.agreement import Agreement
from omma.curate.operators.crop_hash import CropHash
from omma.curate.operators.decode import Decode
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.picture_decontamination import PictureDecontamination
from omma.curate.operators.size import Size

ROOT = Path(__file__).parents[2]
COUNT = 300


@pytest.fixture(scope="module")
def planted():
    """The benchmark's own functions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield importlib.import_module("planted")


@pytest.fixture(scope="module")
def found(planted):
    """Photographs of 224 px with captions."""
    folder = (ROOT / "../shared/real/coco-small").resolve()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}")
    return planted.photographs(folder)


@pytest.fixture(scope="module")
def corpus(planted, found, tmp_path_factory):
    """(root, rows) of a corpus with flaws."""
    root = tmp_path_factory.mktemp("planted") / "corpus"
    return root, planted.plant(root, found[:COUNT], 0)


@pytest.fixture
def tried(planted, corpus):
    """Function: operator and the flaws that it is for → its tally over the corpus, alone behind `decode`."""

    def work(operator, *flaws):
        root, rows = corpus
        tally = planted.Tally()
        gone = planted.curated(root, RunFolder(root.parent / f"run-{operator.name}"), [Decode(), operator])
        planted.count(tally, rows, {uri for uri, taker in gone.items() if taker == operator.name}, flaws)
        return tally

    return work


def test_all_re_encoded_copies_are_found_and_no_other_photograph_is_taken(tried):
    tally = tried(PerceptualHash(), "re-encoded")
    assert tally.planted["re-encoded"] == COUNT // 10
    assert tally.found["re-encoded"] == tally.planted["re-encoded"]
    assert tally.took["sound"] == 0
    assert tally.found["cropped"] < tally.planted["cropped"] / 2, "crops are for crop_hash: this hash does not claim them"


def test_crops_and_re_encoded_copies_are_found_at_a_precision_of_99_percent(tried):
    tally = tried(CropHash(), "re-encoded", "cropped", "icon")
    for flaw in ("re-encoded", "cropped", "icon"):
        assert tally.found[flaw] >= 0.95 * tally.planted[flaw]
    assert tally.planted["cropped"] == COUNT // 20
    assert tally.precision >= 0.99


def test_pictures_of_a_benchmark_are_found_as_they_are_encoded_anew_and_cropped(tried, corpus):
    tally = tried(PictureDecontamination(benchmarks=(str(corpus[0] / "benchmark"),)), "benchmark picture")
    assert len([key for key in tally.planted if key.startswith("benchmark picture: ")]) == 3
    assert tally.found["benchmark picture"] == tally.planted["benchmark picture"] == COUNT // 50
    assert tally.took["sound"] == tally.took["other"] == 0


def test_without_a_model_agreement_abstains_on_photographs(tried, capsys):
    tally = tried(Agreement(), "swapped caption")
    assert tally.planted["swapped caption"] == COUNT // 10
    assert not tally.took
    assert "agreement abstains" in capsys.readouterr().err


def test_rules_find_their_flaws_and_little_else(planted, corpus):
    """Sound captions that go: some people write in capitals, some captions are more like another language."""
    root, rows = corpus
    models = {"decode", "perceptual_hash", "crop_hash", "semantic_dedupe", "picture_decontamination", "agreement"}
    rules = [(operator, flaws) for operator, flaws in planted.trials(root) if operator.name not in models]
    gone = planted.curated(root, RunFolder(root.parent / "run-rules"), [Decode(), *(operator for operator, _ in rules)])
    for flaw in {flaw for _, flaws in rules for flaw in flaws}:
        planted_here = [row for row in rows if row.flaw == flaw]
        assert len(planted_here) == COUNT // 100
        assert all(row.uri in gone for row in planted_here), flaw
    sound = Counter(gone[row.uri] for row in rows if not row.flaw and row.uri in gone)
    assert set(sound) <= {"capitals", "language", "text_density"}
    assert sound.total() <= 0.02 * COUNT


def test_truncated_files_fail_their_rows_and_the_job_tells_of_planted_flaws(planted, corpus):
    root, rows = corpus
    run = RunFolder(root.parent / "run-truncated")
    gone = planted.curated(root, run, [Decode()])
    assert set(gone) == {row.uri for row in rows if row.flaw == "truncated"}
    flaws = {flaw["name"]: flaw for flaw in run.done("curate")["flaws"]}
    assert flaws["truncated"] == {
        "name": "truncated", "planted": COUNT // 20, "found": COUNT // 20, "recall": 1.0, "precision": 1.0
    }  # fmt: skip
    assert flaws["swapped caption"]["found"] == 0


def test_one_corrupt_picture_in_500_costs_one_row_its_picture_and_no_row(planted, found, tmp_path):
    planted.corrupt(tmp_path / "corpus", found[:500], 250, lambda data: data[: len(data) // 2])
    run = RunFolder(tmp_path / "run")
    gone = planted.curated(tmp_path / "corpus", run, [Decode(), Size(), PerceptualHash()])
    rows = list(run.ledger.entries("curate"))
    assert Counter(row.verdict for row in rows) == {"keep": 499, "error": 1}
    assert gone == {"images/00250.jpg": "decode"}
    assert next(row.reason for row in rows if row.verdict == "error").startswith("error:decode: JPEG ends after ")
