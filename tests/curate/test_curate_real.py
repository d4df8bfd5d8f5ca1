"""Real data: near-duplicates and corrupt files of photographs, captions, questions, tables."""

from pathlib import Path

import pytest

from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.look import look
from omma.curate.operators.agreement import Agreement
from omma.curate.operators.decode import Decode
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.size import Size
from omma.curate.reader import Broken
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.readers.csv import Csv
from omma.curate.readers.easy_vqa import EasyVqa
from omma.curate.readers.txt_beside import TxtBeside

REAL = Path(__file__).parents[2] / "../shared/real"


@pytest.fixture
def real():
    """Function that finds a folder of real data, or skips."""

    def find(name: str) -> Path:
        folder = (REAL / name).resolve()
        if not folder.is_dir():
            pytest.skip(f"no real data at {folder}")
        return folder

    return find


def test_near_duplicate_photographs(real, tmp_path):
    """Of each scene one file stays; rotated and mirrored ones are other pictures to this hash, by its own words."""
    run = RunFolder(tmp_path)
    data = Data(
        root=str(real("dedup-fixtures")),
        sources={"a": TxtBeside(path="mixed_images"), "b": TxtBeside(path="formats_images")},
        operators=(Decode(), PerceptualHash()),
        max_errors=0.5,
    )
    curate(data, run, seed=0, workers=0)
    rows = {row.sample_id.partition("/")[2]: row for row in run.ledger.entries("curate")}
    gone = {key: row.reason for key, row in rows.items() if row.verdict != "keep"}
    assert gone.pop("mixed_images/ukbench09268_corrupt.jpg:0").startswith("error:decode: ")
    assert gone.pop("mixed_images/ukbench00120_resize.jpg:0") == "looks like mixed_images/ukbench00120.jpg"
    # Five files of one photograph, of which three are JPEGs by other names and one a WebP; one of them stays.
    assert len([key for key in gone if "ukbench09380" in key]) >= 3
    assert all("ukbench09380" in key for key in gone)


@pytest.mark.slow
def test_distinct_photographs_are_no_duplicates_and_captions_are_beyond_the_probe(real, tmp_path, capsys):
    data = Data(
        root=str(real("coco-ccby-dev")),
        sources={"captions": CaptionsJsonl()},
        holdout=0.1,
        operators=(Decode(), Size(), PerceptualHash(), Agreement()),
    )
    run = RunFolder(tmp_path)
    curate(data, run, seed=0, workers=0)
    summary = run.done("curate")
    assert summary["kept"] + summary["heldout"] == summary["seen"] == 239
    assert 10 <= summary["heldout"] <= 45
    assert "agreement abstains" in capsys.readouterr().err


@pytest.mark.slow
def test_easy_vqa_questions(real):
    samples = list(EasyVqa(path="train").read(real("easy-vqa")))
    assert len(samples) == 38_575
    assert not any(isinstance(sample, Broken) for sample in samples)
    tasks = [sample.task for sample in samples]
    assert {task: tasks.count(task) for task in set(tasks)} == {"yesno": 28_407, "shape": 5_002, "color": 5_166}
    assert all(sample.answer.texts[0] not in ("yes", "no") for sample in samples if sample.task != "yesno")


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("coco-small", CaptionsJsonl(path="captions.jsonl")),
        ("easy-vqa", EasyVqa(path="train")),
        (
            "format-fixtures/kaggle_dataset/image_csv",
            Csv(path="ann.csv", pictures="images", image="image_name", caption="label_name"),
        ),
    ],
)
def test_look_finds_the_reader(real, name, reader):
    found = look(real(name)).found[0]
    expected = reader if isinstance(reader, (Csv, EasyVqa)) else CaptionsJsonl(captions=("captions",))
    assert found.reader == expected
    assert not found.missing
    assert not found.broken
