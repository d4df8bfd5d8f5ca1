"""Captions: COCO's own demo through the suite, recorded answers as they are published, and the layouts of captioned pictures."""

import json
import shutil
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omma.core.errors import DataError
from omma.evaluate.benchmarks.captions import CaptionQuestions
from omma.evaluate.benchmarks.chair import ChairQuestions
from omma.evaluate.captioned import Captioned, file_id, read_captioned
from omma.evaluate.job import evaluate
from omma.evaluate.question import Supply
from omma.evaluate.recorded import Recorded
from omma.media.store import Store
from omma_recipes.suites.captions import coco2017_caption, coco_caption
from tests.evaluate.drawing import png
from tests.evaluate.fixtures import chair as chair_rows

GOLDEN = Path(__file__).parents[2] / "../shared/golden/coco-caption-fakecap"


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="../shared/golden is not there")
def test_coco_captions_own_demo_comes_out_of_the_suite(tmp_path):
    """The result file and the references as published; the figures are those of the authors' notebook, of pycocoevalcap
    and, for captions that no tokenizer has read, the witnesses kept beside them."""
    shutil.copy(GOLDEN / "en_captions_val2014.json", tmp_path / "captions_val2017.json")
    supply = Supply(root=tmp_path, look=False)
    (benchmark,) = coco2017_caption().benchmarks
    ids = [question.sample.id for question in benchmark.questions(supply)]
    said = Recorded(GOLDEN / "captions_val2014_fakecap_results.json", ids)
    verdicts = {(v.variant, v.metric): v for v in evaluate((benchmark,), said, supply, tmp_path / "scores")}
    expected = json.loads((GOLDEN / "expected.json").read_text())
    for name, theirs in (("CIDEr", "CIDEr"), ("ROUGE-L", "ROUGE_L"), *((f"BLEU-{n}", f"Bleu_{n}") for n in range(1, 5))):
        assert verdicts["official", name].value == pytest.approx(expected[theirs], abs=1e-9)
    assert verdicts["vlmevalkit", "CIDEr"].value == pytest.approx(0.4772, abs=5e-5)
    assert all((v.count, v.unparsed) == (1000, 0) for v in verdicts.values())
    trivial = verdicts["official", "CIDEr"].trivial
    assert trivial is not None and 0 < trivial < 0.1, "one caption for all pictures is worth next to nothing"


def test_karpathys_file_gives_the_split_that_is_asked(tmp_path):
    def image(name, split, number):
        said = [{"raw": f"{name} one", "tokens": []}, {"raw": f"{name} two", "tokens": []}]
        return {"filepath": "val2014", "filename": name, "cocoid": number, "split": split, "sentences": said}

    rows = [image("COCO_val2014_000000000009.jpg", "restval", 9), image("COCO_val2014_000000000042.jpg", "test", 42)]
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": rows, "dataset": "coco"}))
    name = "COCO_val2014_000000000042.jpg"
    found = read_captioned(tmp_path / "dataset_coco.json", "dataset_coco.json")
    assert found == [Captioned("42", f"val2014/{name}", (f"{name} one", f"{name} two"))]
    assert [one.id for one in read_captioned(tmp_path / "dataset_coco.json", "x", "restval")] == ["9"]


def test_a_folder_of_shards_is_one_data_set(tmp_path):
    for number in range(2):
        rows = [
            {
                "question_id": f"COCO_val2014_{number * 2 + at:012}.jpg",
                "image": {"bytes": png(), "path": None},
                "answer": ["a", "b"],
            }
            for at in range(2)
        ]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"val-{number:05}-of-00002.parquet")
    found = read_captioned(tmp_path, "data")
    assert [one.id for one in found] == ["0", "1", "2", "3"]
    assert found[2].picture == "data/val-00001-of-00002.parquet#0:image"
    benchmark = CaptionQuestions(name="c", path=tmp_path.name)
    assert [q.sample.media[0].uri for q in benchmark.questions(Supply(root=tmp_path.parent))][1].endswith("#1:image")


def test_tables_that_name_their_pictures_are_read_beside_them(tmp_path):
    row = {"filepath": "val2014", "filename": "COCO_val2014_000000000042.jpg", "cocoid": 42, "sentences": ["a", "b"], "imgid": 3}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "test.parquet")
    assert read_captioned(tmp_path / "test.parquet", "x") == [Captioned("42", f"val2014/{row['filename']}", ("a", "b"))]


def test_pictures_are_found_in_a_folder_above_and_in_a_zip(tmp_path):
    (tmp_path / "notes").mkdir()
    rows = [{"image": f"val2014/COCO_val2014_{number:012}.jpg", "caption": ["one"]} for number in range(3)]
    (tmp_path / "notes/coco_karpathy_test.json").write_text(json.dumps(rows))
    benchmark = CaptionQuestions(name="c", path="notes/coco_karpathy_test.json")
    with zipfile.ZipFile(tmp_path / "val2014.zip", "w") as packed:
        for row in rows:
            packed.writestr(row["image"], png())
    first = benchmark.questions(Supply(root=tmp_path))[0].sample.media[0].uri
    assert first == "val2014.zip#val2014/COCO_val2014_000000000000.jpg" and Store(tmp_path).read(first) == png()
    (tmp_path / "val2014").mkdir()
    assert benchmark.questions(Supply(root=tmp_path))[1].sample.media[0].uri == "val2014/COCO_val2014_000000000001.jpg"


def test_pictures_without_captions_are_refused(tmp_path):
    rows = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": []}
    (tmp_path / "captions_val2017.json").write_text(json.dumps(rows))
    with pytest.raises(DataError, match=r"no captions of a\.jpg.*take a split whose captions are published"):
        coco2017_caption().benchmarks[0].questions(Supply(root=tmp_path))
    (tmp_path / "coco_karpathy_test.json").write_text(json.dumps([{"image": "a.jpg", "caption": []}]))
    with pytest.raises(DataError, match="coco_karpathy_test.json:0"):
        coco_caption().benchmarks[0].questions(Supply(root=tmp_path))


@pytest.mark.parametrize(
    ("name", "number"),
    [("COCO_val2014_000000391895.jpg", "391895"), ("flickr30k-images/1007129816.jpg", "1007129816"), ("a.b.jpg", "a.b")],
)
def test_pictures_have_the_numbers_of_their_names(name, number):
    assert file_id(name) == number


def test_chair_counts_what_neither_masks_nor_captions_hold(tmp_path):
    """Masks: boxes at odd pictures, walls at even ones; captions name crates, which are boxes, at the first three."""
    benchmark = ChairQuestions()
    chair_rows.draw(tmp_path, benchmark)
    supply = Supply(root=tmp_path, look=False)
    questions = benchmark.questions(supply)
    assert [question.gold for question in questions] == [["box"], ["box", "wall"], ["box"], ["wall"], ["box"], ["wall"]]
    said = {"1": "a parcel by a hydrant", "2": "bricks and boxes", "3": "walls", "4": "bricks", "5": "nothing", "6": ""}
    (tmp_path / "said.json").write_text(json.dumps([{"image_id": int(n), "caption": text} for n, text in said.items()]))
    names = [question.sample.id for question in questions]
    verdicts = evaluate((benchmark,), Recorded(tmp_path / "said.json", names), supply, tmp_path / "scores")
    found = {one.metric: (one.value, one.count, one.unparsed) for one in verdicts}
    assert found == {"CHAIRi": (pytest.approx(2 / 6), 6, 1), "CHAIRs": (pytest.approx(2 / 6), 6, 1)}
    (tmp_path / "annotations/synonyms.txt").unlink()
    with pytest.raises(DataError, match="take data/synonyms.txt of LisaAnne/Hallucination"):
        benchmark.questions(supply)
