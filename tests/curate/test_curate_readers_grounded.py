"""Readers of boxes, masks and expressions: COCO, LVIS, Pascal VOC, Visual Genome, RefCOCO. Values are worked by hand."""

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from omma.core.errors import DataError
from omma.curate.look import look
from omma.curate.reader import Broken
from omma.curate.readers.coco import Coco
from omma.curate.readers.lvis import Lvis
from omma.curate.readers.pascal_voc import PascalVoc
from omma.curate.readers.refcoco_jsonl import RefcocoJsonl
from omma.curate.readers.refer import Refer
from omma.curate.readers.visual_genome import VisualGenome
from omma.metrics.masks.rle import encode, to_text
from omma.schema.sample import Answer, Caption, Media, Part, Region, Sample

REAL = Path(__file__).parents[2] / "../shared/real"


@pytest.fixture
def fixtures():
    """Function that finds a folder of real data, or skips."""

    def find(name: str) -> Path:
        folder = (REAL / name).resolve()
        if not folder.is_dir():
            pytest.skip(f"no real data at {folder}")
        return folder

    return find


def read(reader, root):
    rows = list(reader.read(root))
    return [row for row in rows if isinstance(row, Sample)], [row for row in rows if isinstance(row, Broken)]


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def coco_file(**more):
    images = [{"id": 1, "file_name": "a.jpg", "width": 8, "height": 6}, {"id": 2, "file_name": "b.jpg"}]
    kinds = [{"id": 7, "name": "cat", "keypoints": ["nose", "tail"]}, {"id": 9, "name": "dog"}]
    return {"images": images, "annotations": [], "categories": kinds} | more


def test_coco_boxes_polygons_and_keypoints(tmp_path):
    ring = [1.0, 1.0, 4.0, 1.0, 4.0, 3.0]
    notes = [
        {"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 1, 3, 2], "segmentation": [ring], "keypoints": [2, 1, 2, 0, 0, 0]},
        {"id": 2, "image_id": 1, "category_id": 9, "bbox": [0, 0, 2, 2]},
        {"id": 3, "image_id": 1, "category_id": 7, "bbox": [5, 5, 1, 1]},
    ]
    write(tmp_path / "annotations.json", coco_file(annotations=notes))
    (first, second), broken = read(Coco(pictures="p"), tmp_path)
    assert not broken
    assert first.regions == (
        Region(0, (1.0, 1.0, 3.0, 2.0), "xywh", "px", "cat", (tuple(ring),)),
        Region(0, (0.0, 0.0, 2.0, 2.0), "xywh", "px", "dog"),
        Region(0, (5.0, 5.0, 1.0, 1.0), "xywh", "px", "cat"),
    )
    assert first.turns[1].parts == (
        Part("text", "cat: "),
        Part("region", index=0),
        Part("text", ", "),
        Part("region", index=2),
        Part("text", "\ndog: "),
        Part("region", index=1),
    )
    assert json.loads(first.meta["keypoints"]) == {"0": [["nose", 2, 1, 2], ["tail", 0, 0, 0]]}
    assert (first.id, first.task, first.media) == ("p/a.jpg:0", "detection", (Media("p/a.jpg"),))
    assert (second.regions, second.turns) == ((), ())


def test_coco_crowds_keep_their_masks_and_are_no_answer(tmp_path):
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:7] = True
    runs = {"size": [6, 8], "counts": encode(mask).counts.tolist()}
    text = {"size": [6, 8], "counts": to_text(encode(mask))}
    notes = [{"image_id": 1, "category_id": 7, "iscrowd": 1, "segmentation": shape} for shape in (runs, text)]
    write(tmp_path / "annotations.json", coco_file(annotations=notes))
    (first, _), broken = read(Coco(), tmp_path)
    assert not broken
    assert [region.box for region in first.regions] == [(2.0, 1.0, 5.0, 3.0)] * 2
    assert json.loads(first.meta["masks"]) == {"0": text, "1": text}
    assert json.loads(first.meta["crowds"]) == [0, 1]
    assert first.turns == ()


def test_coco_captions(tmp_path):
    notes = [{"image_id": 2, "caption": text} for text in ("one", "two")]
    write(tmp_path / "annotations.json", coco_file(annotations=notes))
    (_, second), broken = read(Coco(), tmp_path)
    assert not broken
    assert (second.task, second.captions) == ("caption", (Caption("one"), Caption("two")))


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        (3, "an object with named fields"),
        ({"image_id": 5, "caption": "x"}, "image_id: 5"),
        ({"image_id": [1], "caption": "x"}, "image_id: [1]"),
        ({"image_id": 1, "caption": None}, "caption: NoneType"),
        ({"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1]}, "category_id: 1"),
        ({"image_id": 1, "category_id": 7, "bbox": [0, 0, -1, 1]}, "a size of -1"),
        ({"image_id": 1, "category_id": 7, "bbox": [0, 0, 1]}, "a box of four numbers"),
        ({"image_id": 1, "category_id": 7, "bbox": [0, 0, 1, float("nan")]}, "a box of four numbers"),
        ({"image_id": 1, "category_id": 7, "bbox": [0, 0, 1, 1], "segmentation": [[1, 2]]}, "rings of three"),
        ({"image_id": 1, "category_id": 7, "segmentation": {"size": [2, 2], "counts": [1]}}, "runs of 1 px"),
        ({"image_id": 1, "category_id": 7, "bbox": [0, 0, 1, 1], "keypoints": [1]}, "x, y and visibility"),
    ],
)
def test_a_broken_annotation_is_a_row_and_its_picture_stays(tmp_path, note, reason):
    good = {"image_id": 1, "category_id": 9, "bbox": [0, 0, 2, 2]}
    write(tmp_path / "annotations.json", coco_file(annotations=[note, good]))
    (first, _), broken = read(Coco(), tmp_path)
    assert [b.where for b in broken] == ["annotations.json:annotations.0"]
    assert reason in broken[0].reason
    assert len(first.regions) == 1


@pytest.mark.parametrize("data", [b"", b"[]", b'{"images": [', b'{"images": []}', b"\xff{}"])
def test_half_a_coco_file_is_an_error_that_names_it(tmp_path, data):
    (tmp_path / "annotations.json").write_bytes(data)
    with pytest.raises(DataError, match=r"^annotations\.json: "):
        list(Coco().read(tmp_path))


def test_lvis_names_pictures_by_address_and_says_what_is_absent(tmp_path):
    image = {"id": 1, "coco_url": "http://images.cocodataset.org/val2017/3.jpg"}
    image |= {"neg_category_ids": [9], "not_exhaustive_category_ids": [7]}
    note = {"image_id": 1, "category_id": 7, "bbox": [0, 0, 2, 2], "segmentation": [[0, 0, 2, 0, 2, 2]]}
    write(tmp_path / "lvis.json", coco_file(images=[image], annotations=[note]))
    (tmp_path / "val2017").mkdir()
    (tmp_path / "val2017/3.jpg").write_bytes(b"x")
    found = look(tmp_path).found
    assert [item.reader for item in found] == [Lvis(path="lvis.json")]
    (sample,), _ = read(found[0].reader, tmp_path)
    assert sample.media[0].uri == "val2017/3.jpg"
    assert sample.meta == {"absent": '["dog"]', "unfinished": '["cat"]'}


VOC = """<annotation><filename>a.jpg</filename><object><name>cat</name><difficult>1</difficult>
<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object></annotation>"""


def test_voc_boxes_count_from_one_with_both_ends_inside(tmp_path):
    (tmp_path / "a.xml").write_text(VOC)
    (sample,), broken = read(PascalVoc(), tmp_path)
    assert not broken
    assert sample.regions == (Region(0, (0.0, 1.0, 3.0, 4.0), label="cat"),)
    assert json.loads(sample.meta["objects"]) == {"0": {"difficult": "1"}}
    (sample,), _ = read(PascalVoc(first=0), tmp_path)
    assert sample.regions[0].box == (1.0, 2.0, 3.0, 4.0)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>{VOC.replace("cat", "&x;")}', "a document type"),
        ('<!DOCTYPE a [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><annotation>&b;</annotation>', "a document type"),
        (VOC[:60], "no whole XML"),
        ("", "no whole XML"),
        ("<a>" * 500, "elements inside each other"),
        ("<svg/>", "a root <svg>"),
        (VOC.replace("<xmax>3", "<xmax>x"), "1 2 x 4; expected four numbers"),
        (VOC.replace("<xmax>3", "<xmax>nan"), "xmin ≤ xmax"),
        (VOC.replace("<xmax>3", "<xmax>0"), "xmin ≤ xmax"),
    ],
)
def test_voc_files_that_are_none_are_broken_rows(tmp_path, text, reason):
    (tmp_path / "a.xml").write_text(text)
    samples, broken = read(PascalVoc(), tmp_path)
    assert not samples
    assert reason in broken[0].reason, broken


def test_a_link_out_of_the_root_is_not_read(tmp_path):
    (tmp_path / "outside.xml").write_text(VOC)
    (tmp_path / "in").mkdir()
    os.symlink(tmp_path / "outside.xml", tmp_path / "in/a.xml")
    samples, broken = read(PascalVoc(), tmp_path / "in")
    assert not samples
    assert broken == [Broken("a.xml", "is a link out of the data root")]


def test_visual_genome_regions_objects_relations_and_questions(tmp_path, draw):
    draw(tmp_path / "VG_100K_2/5.jpg")
    box = {"x": 1, "y": 2, "width": 3, "height": 4}
    thing = {"x": 1, "y": 2, "w": 3, "h": 4, "names": ["cat", "pet"], "synsets": []}
    other = {"x": 0, "y": 0, "w": 9, "h": 9, "name": "mat"}
    write(
        tmp_path / "region_descriptions.json", [{"id": 5, "regions": [{"image_id": 5, "phrase": "a cat ", **box}, {"phrase": "x"}]}]
    )
    write(tmp_path / "objects.json", [{"image_id": 5, "objects": [thing]}])
    write(
        tmp_path / "relationships.json",
        [{"image_id": 5, "relationships": [{"predicate": "ON", "subject": thing, "object": other}]}],
    )
    write(
        tmp_path / "qa.json", [{"id": 5, "qas": [{"qa_id": 1, "image_id": 5, "question": "What?", "answer": "A cat."}]}, {"id": 6}]
    )
    region = Region(0, (1.0, 2.0, 3.0, 4.0), "xywh", label="cat")
    (described,), broken = read(VisualGenome(), tmp_path)
    assert described.turns[0].parts[-1] == Part("region", index=0)
    assert (described.turns[1].text, described.media) == ("a cat", (Media("VG_100K_2/5.jpg"),))
    assert broken == [Broken("region_descriptions.json:0.regions.1", broken[0].reason)]
    (objects,), _ = read(VisualGenome(path="objects.json"), tmp_path)
    assert (objects.regions, objects.task) == ((region,), "detection")
    (related,), _ = read(VisualGenome(path="relationships.json"), tmp_path)
    assert [r.label for r in related.regions] == ["cat", "mat"]
    assert related.answer == Answer(("ON",))
    (asked,), broken = read(VisualGenome(path="qa.json"), tmp_path)
    assert (asked.turns[0].text, asked.turns[1].text) == ("What?", "A cat.")
    assert "one of regions, objects, relationships, qas" in broken[0].reason
    assert {type(item.reader).__name__ for item in look(tmp_path).found} == {"VisualGenome"}
    assert len(look(tmp_path).found) == 4


def refer_folder(root, refs):
    root.mkdir(exist_ok=True)
    note = {"id": 3, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]}
    write(root / "instances.json", coco_file(annotations=[note]))
    (root / "refs(unc).p").write_bytes(pickle.dumps(refs))


def test_refer_reads_the_training_split_of_a_plain_pickle(tmp_path, draw):
    draw(tmp_path / "train2014/a.jpg")
    sentences = [{"sent": "the left cat", "raw": "x"}, {"sent": " "}]
    ref = {"ref_id": 1, "ann_id": 3, "image_id": 1, "split": "train", "sentences": sentences}
    refer_folder(tmp_path / "refcoco", [ref, ref | {"split": "testA"}, ref | {"ann_id": 4, "sentences": sentences[:1]}, 5])
    found = next(item for item in look(tmp_path).found if isinstance(item.reader, Refer))
    assert found.reader == Refer(path="refcoco/refs(unc).p", pictures="../train2014")
    (sample,), broken = read(found.reader, tmp_path)
    region = Region(0, (1.0, 2.0, 3.0, 4.0), "xywh", label="cat")
    assert (sample.regions, sample.answer) == ((region,), Answer((), region))
    assert sample.media == (Media("train2014/a.jpg"),)
    assert sample.turns[0].text == "Where is this: the left cat"
    assert [b.where for b in broken] == [f"refs(unc).p:{place}" for place in ("0.1", "2.0", "3")]


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


def test_refer_never_runs_what_a_pickle_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refer_folder(tmp_path, [Evil()])
    with pytest.raises(DataError, match="which plain data never does"):
        list(Refer().read(tmp_path))
    assert not (tmp_path / "evil").exists()


def test_refcoco_jsonl(tmp_path, write_lines, draw):
    draw(tmp_path / "p/a.jpg")
    rows = [{"image": "a.jpg", "sent": "left cat", "bbox": [1, 2, 3, 4]}, {"image": "a.jpg", "sent": ["x", "y"], "bbox": [1, 2, 3]}]
    write_lines(tmp_path / "train.jsonl", *rows, {"image": "a.jpg", "bbox": [1, 2, 3, 4]}, rows[0] | {"sent": "cat"})
    reader = next(item.reader for item in look(tmp_path).found if isinstance(item.reader, RefcocoJsonl))
    assert reader == RefcocoJsonl(path="train.jsonl", pictures="p")
    (sample, other), broken = read(reader, tmp_path)
    assert sample.regions == other.regions == (Region(0, (1.0, 2.0, 3.0, 4.0)),)
    assert [b.where for b in broken] == ["train.jsonl:2.0", "train.jsonl:2.1", "train.jsonl:3.0"]


@pytest.mark.parametrize(
    ("folder", "kind", "pictures"),
    [
        ("coco_dataset/coco", Coco, 2),
        ("coco_dataset/coco_captions", Coco, 2),
        ("coco_dataset/coco_instances", Coco, 2),
        ("coco_dataset/coco_person_keypoints", Coco, 2),
        ("coco_dataset/coco_roboflow", Coco, 2),
        ("coco_dataset/mmdet_coco", Coco, 2),
        ("kaggle_dataset/relaxed_coco", Coco, 2),
        ("roboflow_dataset/coco", Coco, 3),
        ("voc_dataset/voc_dataset1", PascalVoc, 1),
        ("voc_dataset/voc_dataset3", PascalVoc, 1),
        ("kaggle_dataset/relaxed_voc1", PascalVoc, 1),
        ("kaggle_dataset/relaxed_voc2", PascalVoc, 1),
        ("roboflow_dataset/voc", PascalVoc, 3),
    ],
)
def test_published_layouts_are_found_with_their_pictures(fixtures, folder, kind, pictures):
    found = [item for item in look(fixtures("format-fixtures") / folder).found if isinstance(item.reader, kind)]
    there = [item for item in found if not item.missing]
    assert sum(item.pictures for item in {item.reader.path: item for item in there}.values()) >= pictures
    assert not any(item.broken for item in found)


def test_photographs_with_their_boxes(fixtures):
    """Every box and polygon of 80 COCO photographs: inside its picture, and as many as the file has."""
    root = fixtures("coco-tiny80")
    fields = json.loads((root / "annotations/instances_val2017.json").read_text())
    samples, broken = read(Coco(path="annotations/instances_val2017.json", pictures="../val2017"), root)
    assert not broken
    assert sum(len(sample.regions) for sample in samples) == len(fields["annotations"])
    sizes = {image["file_name"]: (image["width"], image["height"]) for image in fields["images"]}
    crowds = sum(len(json.loads(sample.meta.get("crowds", "[]"))) for sample in samples)
    assert crowds == sum(note["iscrowd"] for note in fields["annotations"])
    for sample in samples:
        width, height = sizes[Path(sample.media[0].uri).name]
        assert (root / sample.media[0].uri).is_file()
        for x, y, w, h in (region.box for region in sample.regions):
            assert x >= 0 and y >= 0 and x + w <= width + 1 and y + h <= height + 1
