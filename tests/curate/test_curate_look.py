"""look: every format is recognised by what stands in it, whatever its file is called, and nothing else is."""

import json
import pickle
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from omma.core.errors import DataError
from omma.curate.look import formats, look
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.readers.coco import Coco
from omma.curate.readers.csv import Csv
from omma.curate.readers.easy_vqa import EasyVqa
from omma.curate.readers.html import Html
from omma.curate.readers.img2dataset import Img2dataset
from omma.curate.readers.llava_json import LlavaJson
from omma.curate.readers.lvis import Lvis
from omma.curate.readers.markdown import Markdown
from omma.curate.readers.messages_jsonl import MessagesJsonl
from omma.curate.readers.metadata import Metadata
from omma.curate.readers.parquet import Parquet
from omma.curate.readers.pascal_voc import PascalVoc
from omma.curate.readers.pdf import Pdf
from omma.curate.readers.preferences import Preferences
from omma.curate.readers.question_answer import QuestionAnswer
from omma.curate.readers.refcoco_jsonl import RefcocoJsonl
from omma.curate.readers.refer import Refer
from omma.curate.readers.txt_beside import TxtBeside
from omma.curate.readers.visual_genome import VisualGenome
from omma.curate.readers.webdataset import WebDataset

TALK = [{"from": "human", "value": "<image>\nwhat is it?"}, {"from": "gpt", "value": "noise"}]


def captions_jsonl(root):
    rows = [{"file_name": f"{i}.png", "description": f"noise of number {i}"} for i in range(3)]
    (root / "notes.txt").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return CaptionsJsonl(path="notes.txt", pictures="pics", image="file_name", captions=("description",))


def csv(root):
    (root / "sub").mkdir()
    (root / "sub/table.csv").write_text("Id;Image;Caption\n" + "".join(f"{i};{i};some noise\n" for i in range(3)))
    return Csv(path="sub/table.csv", pictures="../pics", image="Image", caption="Caption", suffix=".png")


def txt_beside(root):
    for i in range(3):
        (root / f"pics/{i}.txt").write_text("just noise")
    return TxtBeside(path="pics")


def llava_json(root):
    (root / "train.json").write_text(json.dumps([{"image": f"{i}.png", "conversations": TALK} for i in range(3)], indent=1))
    return LlavaJson(path="train.json", pictures="pics")


def messages_jsonl(root):
    (root / "x.json").write_text("".join(json.dumps({"images": [f"pics/{i}.png"], "conversations": TALK}) + "\n" for i in range(3)))
    return MessagesJsonl(path="x.json")


def webdataset(root):
    with tarfile.open(root / "shard.tar", "w") as tar:
        tar.add(root / "pics/0.png", "0.png")
        (root / "caption").write_text("some noise")
        tar.add(root / "caption", "0.txt")
    return WebDataset(path="shard.tar")


def parquet(root):
    for i in range(2):
        rows = [{"image": {"bytes": (root / f"pics/{i}.png").read_bytes(), "path": None}, "text": "some noise"}]
        (root / "data").mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), root / f"data/train-{i}.parquet")
    return Parquet(path="data", text="text")


def easy_vqa(root):
    (root / "pics").rename(root / "images")
    (root / "questions.json").write_text(json.dumps([["is it noise?", "yes", 0], ["what colour?", "red", 1]]))
    return EasyVqa()


def coco(root, **image):
    images = [{"id": i, "file_name": f"{i}.png"} | image for i in range(3)]
    notes = [{"image_id": i, "category_id": 1, "bbox": [0, 0, 9, 9]} for i in range(3)]
    fields = {"images": images, "annotations": notes, "categories": [{"id": 1, "name": "noise"}]}
    (root / "instances.json").write_text(json.dumps(fields))
    return Coco(path="instances.json", pictures="pics")


def lvis(root):
    coco(root, neg_category_ids=[1])
    return Lvis(path="instances.json", pictures="pics")


def pascal_voc(root):
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
    for i in range(3):
        named = f"<filename>{i}.png</filename><object><name>noise</name>{box}</object>"
        (root / f"{i}.xml").write_text(f"<annotation>{named}</annotation>")
    return PascalVoc(pictures="pics")


def visual_genome(root):
    (root / "pics").rename(root / "VG_100K")
    for i in range(3):
        (root / f"VG_100K/{i}.png").rename(root / f"VG_100K/{i}.jpg")
    box = {"phrase": "some noise", "x": 1, "y": 1, "width": 8, "height": 8}
    (root / "regions.json").write_text(json.dumps([{"id": i, "regions": [box | {"image_id": i}]} for i in range(3)]))
    return VisualGenome(path="regions.json")


def refcoco_jsonl(root):
    (root / "r.jsonl").write_text(
        "".join(json.dumps({"image": f"{i}.png", "sent": "it", "bbox": [0, 0, 9, 9]}) + "\n" for i in range(3))
    )
    return RefcocoJsonl(path="r.jsonl", pictures="pics")


def refer(root):
    refs = [{"ann_id": i, "image_id": i, "split": "train", "sentences": [{"sent": "it"}] * 2} for i in range(3)]
    (root / "refs(g).p").write_bytes(pickle.dumps(refs))
    images = [{"id": i, "file_name": f"{i}.png"} for i in range(3)]
    notes = [{"id": i, "image_id": i, "bbox": [0, 0, 9, 9], "category_id": 1} for i in range(3)]
    (root / "instances.json").write_text(json.dumps({"images": images, "annotations": notes}))
    return Refer(path="refs(g).p", pictures="pics")


def img2dataset(root):
    rows = [{"key": str(i), "status": "success", "url": "http://x", "caption": "a long web caption of noise"} for i in range(3)]
    pq.write_table(pa.Table.from_pylist(rows), root / "pics.parquet")
    return Img2dataset()


def metadata(root):
    rows = [{"uid": str(i), "url": "http://x", "text": "a long web caption of noise"} for i in range(3)]
    pq.write_table(pa.Table.from_pylist(rows), root / "pool.parquet")
    return Metadata(path="pool.parquet", pictures="pics")


def question_answer(root):
    rows = [{"image": f"{i}.png", "question": "what is it?", "answer": "noise"} for i in range(3)]
    (root / "q.json").write_text(json.dumps(rows))
    return QuestionAnswer(path="q.json", pictures="pics")


def preferences(root):
    row = {"prompt": "what is it?", "chosen": "noise", "rejected": "a cat"}
    (root / "pairs.jsonl").write_text("".join(json.dumps(row | {"image": f"{i}.png"}) + "\n" for i in range(3)))
    return Preferences(path="pairs.jsonl", pictures="pics")


def html(root):
    (root / "page.html").write_text("".join(f'<img src="pics/{i}.png" alt="a picture of nothing but noise">' for i in range(3)))
    return Html(path="page.html")


def markdown(root):
    (root / "README.md").write_text("".join(f"![a picture of nothing but noise](pics/{i}.png)\n" for i in range(3)))
    return Markdown(path="README.md")


def pdf(root):
    pages = [Image.open(root / f"pics/{i}.png") for i in range(3)]
    pages[0].save(root / "noise.pdf", save_all=True, append_images=pages[1:])
    return Pdf(path="noise.pdf")


MAKERS = (
    *(captions_jsonl, csv, txt_beside, llava_json, messages_jsonl, webdataset, parquet, easy_vqa),
    *(coco, lvis, pascal_voc, visual_genome, refcoco_jsonl, refer),
    *(img2dataset, metadata, question_answer, preferences, html, markdown, pdf),
)


def test_every_format_is_here():
    assert sorted(maker.__name__ for maker in MAKERS) == sorted(kind.__module__.rpartition(".")[2] for kind in formats())


@pytest.fixture
def folder(tmp_path, draw):
    for i in range(3):
        draw(tmp_path / f"pics/{i}.png", seed=i, size=(40 + i, 30))
    return tmp_path


@pytest.mark.parametrize("maker", MAKERS)
def test_it_is_recognised(maker, folder):
    wanted = maker(folder)
    findings = look(folder)
    assert [item.reader for item in findings.found if item.format == type(wanted).__name__] == [wanted]
    best = findings.found[0]
    assert findings.reader == wanted
    assert (best.broken, best.missing) == ((), ())
    assert best.rows == best.captions + best.talks or maker is pdf  # its figures have no captions
    assert findings.pictures == 3
    assert (findings.widths, findings.heights) == ((40, 41, 42), (30, 30, 30))
    assert list(findings.sources.values()) == [item.reader for item in findings.found]


def test_findings_say_what_is_wrong(folder):
    (folder / "pics/2.png").write_bytes(b"no picture")
    rows = [json.dumps({"image": name, "caption": "кот и собака на траве"}) for name in ("pics/0.png", "pics/9.png")]
    (folder / "captions.jsonl").write_text("\n".join([*rows, "{oops"]) + "\n")
    findings = look(folder)
    found = findings.found[0]
    assert findings.unreadable == ("pics/2.png",)
    assert found.missing == ("pics/9.png",)
    assert found.broken[0].where == "captions.jsonl:3"
    assert found.scripts == {"Cyrillic": 2}
    assert found.words == 5
    assert (
        found.summary
        == "CaptionsJsonl at captions.jsonl: 3 rows (2 captioned, 0 conversations, 2 pictures, 1 broken rows, 1 pictures missing)"
    )


def test_conversations_outweigh_nothing_but_count(folder):
    """Of two sets the one with more samples comes first, and both become sources of a recipe."""
    captions_jsonl(folder)
    messages = {"image": "pics/0.png", "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}
    (folder / "chat.jsonl").write_text((json.dumps(messages) + "\n") * 5)
    findings = look(folder)
    assert list(findings.sources) == ["chat", "notes"]


def test_nothing_recognised(folder, tmp_path):
    (folder / "labels.xml").write_text("<a/>")
    with pytest.raises(DataError) as caught:
        look(folder)
    message = str(caught.value)
    assert "nothing to read; it holds 3 .png, 1 .xml; expected one of: captions.jsonl: one line for each picture" in message
    assert message.count("; ") >= len(formats())
    with pytest.raises(DataError, match="no such folder; expected a folder of pictures with texts"):
        look(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="an empty folder"):
        look(tmp_path / "empty")
