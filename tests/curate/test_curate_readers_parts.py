"""Reading in parts: the rows of a reader's parts, one after the other, are those of the whole, whatever is wrong with them."""

import importlib
import io
import json
import os
import pickle
import pkgutil
import tarfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import omma.curate.readers
from omma.core.config import load, show
from omma.core.errors import DataError
from omma.curate.reader import Broken, Reader
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
from omma.schema.sample import Sample


def pack(path, **members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name.replace("_", "."))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def table(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)


def fetched(key, status="success"):
    return {"key": key, "status": status, "url": f"http://x.org/{key}", "caption": "a cat"}


def webdataset(root):
    pack(root / "b.tar", k_jpg=b"j", k_txt=b"a cat", lone_txt=b"no picture")
    pack(root / "a/b.tar", k_jpg=b"j", k_txt=b"a cat")
    pack(root / "half.tar", k_jpg=b"j" * 2000, m_jpg=b"j" * 2000)
    (root / "half.tar").write_bytes((root / "half.tar").read_bytes()[:4000])


def img2dataset(root):
    for shard in ("00000", "00001"):
        table(root / f"set/{shard}.parquet", fetched("0"), fetched("1", "failed_to_download"), fetched("2"))
        pack(root / f"set/{shard}.tar", **{"0_jpg": b"j"})
    pack(root / "set/00002.tar", **{"0_jpg": b"j"})
    (root / "set/00003.parquet").write_bytes(b"no table")
    table(root / "set/sub/00004.parquet", fetched("0"))


def parquet(root):
    for name in ("a", "sub/a", "sub/b"):
        table(root / f"{name}.parquet", {"image": "p/x.jpg", "caption": "a cat"}, {"image": "p/x.jpg", "caption": "a dog"})
    (root / "c.parquet").write_bytes(b"no table")


def cells(root):
    for name in ("a", "b"):
        table(root / f"{name}.parquet", *[{"image": {"bytes": b"j", "path": None}, "caption": said} for said in ("cat", "dog")])


def metadata(root):
    rows = [{"uid": uid, "url": "http://x.org/1", "text": "a cat"} for uid in ("aa", "bb", "aa", None)]
    table(root / "pool/a.parquet", *rows)
    table(root / "pool/sub/b.parquet", *rows)
    table(root / "pool/c.parquet", {"uid": "aa"})
    (root / "pool/pictures").mkdir()
    (root / "pool/pictures/aa.jpg").write_bytes(b"j")


def pascal_voc(root):
    for name in ("a", "b", "c"):
        (root / f"{name}.xml").write_text("<annotation><filename>x.jpg</filename></annotation>" if name != "c" else "<no")


def txt_beside(root):
    for name in ("a", "sub/a"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / f"{name}.jpg").write_bytes(b"j")
        (root / f"{name}.txt").write_bytes(b"caf\xe9")
    (root / "b.jpg").write_bytes(b"j")


def documents(root):
    (root / "x.png").write_bytes(b"j")
    for name in ("a", "sub/b"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / f"{name}.html").write_text('<p>A cat.<img src="x.png"><img src="../x.png">')
        (root / f"{name}.md").write_text("A cat. ![a cat](x.png) ![](../x.png)")
        (root / f"{name}.pdf").write_bytes(b"%PDF-1.4 half")


def lines(name, *rows):
    def write(root):
        text = "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in (*rows, "{half\n"))
        (root / name).write_text(text)

    return write


def whole(name, value):
    return lambda root: (root / name).write_text(json.dumps(value))


def folder(write, name):
    """The same file three times, one of them spoilt and one in a folder below."""

    def fill(root):
        for place in ("set", "set/sub"):
            (root / place).mkdir()
            write(root / place)
        half = (root / "set" / name).read_bytes()[:9]
        (root / "set" / f"half{name}").write_bytes(half)

    return fill


def refer(root):
    (root / "refs(unc).p").write_bytes(pickle.dumps([5]))
    (root / "instances.json").write_text('{"images": [{"id": 1}], "annotations": [{"id": 1}]}')


CAPTION = {"image": "a.png", "caption": "a cat"}
TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
COCO = {"images": [{"id": 1, "file_name": "a.png"}, {"id": 2}], "annotations": [{}]}
PAIR = {"prompt": "what?", "chosen": "a cat", "rejected": "a dog"}
REFERRED = {"image": "a.png", "sent": ["a cat", "it"], "bbox": [1, 2, 3, 4]}
FIXTURES = [  # what lies there, the reader, how many parts it has
    (webdataset, WebDataset(), 5),
    (img2dataset, Img2dataset(path="set"), 5),
    (parquet, Parquet(), 6),
    (cells, Parquet(), 4),
    (metadata, Metadata(path="pool", pictures="pictures"), 5),
    (pascal_voc, PascalVoc(), 1),
    (txt_beside, TxtBeside(), 1),
    (documents, Html(), 1),
    (documents, Markdown(), 1),
    (documents, Pdf(), 4),
    (lines("captions.jsonl", CAPTION, CAPTION), CaptionsJsonl(), 1),
    (lines("messages.jsonl", {"messages": TALK}), MessagesJsonl(), 1),
    (lines("preferences.jsonl", PAIR), Preferences(), 1),
    (lines("refcoco.jsonl", REFERRED), RefcocoJsonl(), 1),
    (lines("captions.csv", "image,caption\na.png,a cat\na.png\n"), Csv(), 1),
    (whole("llava.json", [{"image": "a.png", "conversations": TALK}, 3]), LlavaJson(), 1),
    (whole("questions.json", [["is there a cat?", "yes", 0], 5]), EasyVqa(), 1),
    (whole("questions.json", [{"question": "what?", "answer": "a cat"}, 5]), QuestionAnswer(), 1),
    (whole("annotations.json", COCO), Coco(), 1),
    (whole("lvis_v1_train.json", COCO), Lvis(), 1),
    (whole("region_descriptions.json", [{"id": 1, "regions": [{}]}]), VisualGenome(), 1),
    (refer, Refer(), 1),
    (folder(lines("a.jsonl", CAPTION, CAPTION), "a.jsonl"), CaptionsJsonl(path="set"), 4),
    (folder(lines("a.jsonl", {"messages": TALK}), "a.jsonl"), MessagesJsonl(path="set"), 4),
    (folder(lines("a.csv", "image,caption\na.png,a cat\na.png\n"), "a.csv"), Csv(path="set"), 4),
    (folder(whole("a.json", [{"image": "a.png", "conversations": TALK}, 3]), "a.json"), LlavaJson(path="set"), 4),
    (folder(whole("a.json", [{"question": "what?", "answer": "a cat"}, 5]), "a.json"), QuestionAnswer(path="set"), 4),
    (folder(lines("a.jsonl", PAIR), "a.jsonl"), Preferences(path="set"), 5),
    (folder(lines("a.jsonl", REFERRED), "a.jsonl"), RefcocoJsonl(path="set"), 4),
]
ENDINGS = (".tar", ".parquet", ".xml", ".html", ".md", ".pdf", ".png", ".jpg")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    for ending in ENDINGS:
        (tmp_path / f"elsewhere/secret{ending}").write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.mark.parametrize(("write", "reader", "count"), FIXTURES, ids=lambda value: type(value).__name__)
def test_rows_of_the_parts_one_after_the_other_are_the_rows_of_the_whole(write, reader, count, root):
    write(root)
    folder = root / reader.path
    for ending in ENDINGS if folder.is_dir() else ():
        os.symlink(root.parent / f"elsewhere/secret{ending}", folder / f"out{ending}")
    if folder.is_dir():
        os.symlink(root.parent / "elsewhere", folder / "out")
    rows = list(reader.read(root))
    parts = reader.parts(root)
    assert [row for part in parts for row in part.read(root)] == rows
    assert len(parts) == count
    names = [row.id if isinstance(row, Sample) else row.where for row in rows]
    assert len(set(names)) == len(names)
    assert any(isinstance(row, Broken) for row in rows)
    assert "secret" not in "".join(str(row) for row in rows if isinstance(row, Sample))
    assert [load(show(part), where="test") for part in parts] == list(parts) == list(pickle.loads(pickle.dumps(parts)))


def test_every_reader_is_among_the_fixtures():
    modules = [
        importlib.import_module(f"{omma.curate.readers.__name__}.{m.name}")
        for m in pkgutil.iter_modules(omma.curate.readers.__path__)
    ]
    there = {kind for m in modules for kind in vars(m).values() if isinstance(kind, type) and kind.__module__ == m.__name__}
    there = {kind for kind in there if issubclass(kind, Reader)}
    assert {type(reader) for _, reader, _ in FIXTURES} == there


@pytest.mark.parametrize(("write", "reader", "count"), FIXTURES, ids=lambda value: type(value).__name__)
def test_files_of_a_reader_are_what_its_rows_depend_on(write, reader, count, root):
    """No other file is opened while it reads."""
    write(root)
    files = {file.resolve() for part in reader.parts(root) for file in part.files(root)}
    assert files <= {Path(folder, name).resolve() for folder, inner, names in os.walk(root) for name in ("", *names)}
    before = list(reader.read(root))
    for folder, _, names in os.walk(root):
        for name in names:
            file = Path(folder, name).resolve()
            if file not in files and not any(above in files for above in file.parents):
                file.write_bytes(b"other")
    assert list(reader.read(root)) == before


def test_nothing_of_a_kind_in_a_folder_is_an_error(root):
    for reader in (WebDataset(), Parquet(), Img2dataset(), Metadata(path="."), Pdf(), Html(), Markdown(), PascalVoc()):
        with pytest.raises(DataError, match=r"no \.[a-z]+ in this folder"):
            list(reader.read(root))


def test_a_picture_that_two_files_of_a_folder_name_has_two_ids_and_a_spoilt_file_is_a_row(root):
    for name in ("a.jsonl", "sub/a.jsonl"):
        (root / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "set" / name).write_text(json.dumps(CAPTION) + "\n{half\n")
    (root / "set/notes.txt").write_text("other")
    rows = list(CaptionsJsonl(path="set").read(root))
    names = [row.id if isinstance(row, Sample) else row.where for row in rows]
    assert names == ["set/a.jsonl#set/a.png:0", "set/a.jsonl:2", "set/sub/a.jsonl#set/sub/a.png:0", "set/sub/a.jsonl:2"]
    (root / "set/b.json").write_text('{"image": 1}')
    assert list(LlavaJson(path="set").read(root)) == [
        Broken("set/b.json", "begins with '{\"image\": 1}'; expected a JSON array: [ ... ]")
    ]


def test_rows_of_a_folder_are_those_of_its_files(root):
    folder(lines("a.jsonl", CAPTION, CAPTION), "a.jsonl")(root)
    rows = [row for row in CaptionsJsonl(path="set").read(root) if isinstance(row, Sample)]
    alone = [
        row for name in ("a", "sub/a") for row in CaptionsJsonl(path=f"set/{name}.jsonl").read(root) if isinstance(row, Sample)
    ]
    assert [replace(row, id="") for row in rows] == [replace(row, id="") for row in alone]
