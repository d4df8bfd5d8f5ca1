"""Readers: every format gives the samples that stand in it, and a Broken for every row that is none."""

import io
import json
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omma.core.errors import DataError
from omma.curate.reader import Broken
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.readers.csv import Csv
from omma.curate.readers.easy_vqa import EasyVqa
from omma.curate.readers.llava_json import LlavaJson
from omma.curate.readers.messages_jsonl import MessagesJsonl
from omma.curate.readers.parquet import Parquet
from omma.curate.readers.txt_beside import TxtBeside
from omma.curate.readers.webdataset import WebDataset
from omma.media.store import Store
from omma.schema.sample import Answer, Caption, Media, Part, Region, Sample


def read(reader, root):
    rows = list(reader.read(root))
    return [row for row in rows if isinstance(row, Sample)], [row for row in rows if isinstance(row, Broken)]


def test_captions_jsonl(tmp_path, write_lines):
    rows = [{"image": "p/a.jpg", "captions": ["one", None, "two"]}, {"image": "p/a.jpg", "caption": "three"}]
    write_lines(tmp_path / "set/captions.jsonl", *rows, {"image": "p/b.jpg", "caption": None})
    samples, broken = read(CaptionsJsonl(path="set/captions.jsonl"), tmp_path)
    assert not broken
    assert samples[0] == Sample("set/p/a.jpg:0", "", "caption", (Media("set/p/a.jpg"),), captions=(Caption("one"), Caption("two")))
    assert [s.id for s in samples] == ["set/p/a.jpg:0", "set/p/a.jpg:1", "set/p/b.jpg:0"]
    assert samples[2].captions == ()


def test_broken_json_lines_are_rows_not_crashes(tmp_path):
    lines = [
        b'{"image": "a.jpg", "caption": "fine"}',
        b'{"image": "b.jpg", "caption": ',
        b'{"image": "c.jpg", "caption": "caf\xe9"}',
        b'{"caption": "no picture"}',
        b'{"image": "d.jpg", "caption": 7}',
        b'{"image": "e.jpg"}',
        b"[1, 2]",
        b"",
        b'{"image": "f.jpg", "caption": "' + b"x" * 1_000_000 + b'"}',
    ]
    (tmp_path / "captions.jsonl").write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    samples, broken = read(CaptionsJsonl(), tmp_path)
    assert [s.media[0].uri for s in samples] == ["a.jpg", "f.jpg"]
    assert len(samples[1].captions[0].text) == 1_000_000
    assert [b.where for b in broken] == [f"captions.jsonl:{n}" for n in (2, 3, 4, 5, 6, 7)]
    reasons = [
        "no JSON",
        "not UTF-8 at byte",
        "image: null",
        "caption: int '7'; expected text",
        "row: fields image; expected one of",
    ]
    for wrong, reason in zip(broken, reasons, strict=False):
        assert reason in wrong.reason, wrong
    assert "an object with named fields" in broken[5].reason


def test_literal_placeholder_in_a_caption_stays_text(tmp_path, write_lines):
    write_lines(tmp_path / "captions.jsonl", {"image": "a.jpg", "caption": "a page with <image> on it"})
    samples, _ = read(CaptionsJsonl(), tmp_path)
    assert samples[0].captions == (Caption("a page with <image> on it"),)


def test_csv(tmp_path):
    rows = b'file\tsays\np/a.jpg\t"two\nlines"\nb.jpg\n\nc.jpg\t\nd.jpg\tcaf\xe9\n'
    (tmp_path / "t.tsv").write_bytes(rows)
    samples, broken = read(Csv(path="t.tsv", image="file", caption="says"), tmp_path)
    assert [(s.media[0].uri, [c.text for c in s.captions]) for s in samples] == [("p/a.jpg", ["two\nlines"]), ("c.jpg", [])]
    assert [b.reason for b in broken] == ["1 cells under 2 columns (file, says)", "not UTF-8"]


def test_csv_names_the_columns_there_are(tmp_path):
    (tmp_path / "captions.csv").write_text("file,says\na.jpg,hello\n")
    with pytest.raises(DataError, match=r"captions.csv: no column 'image'; expected one of file, says; set the reader's"):
        list(Csv().read(tmp_path))
    (tmp_path / "captions.csv").write_text("")
    with pytest.raises(DataError, match="an empty table"):
        list(Csv().read(tmp_path))


def test_txt_beside(tmp_path, draw):
    for name in ("a", "sub/b", "c"):
        draw(tmp_path / f"{name}.jpg")
    (tmp_path / "a.txt").write_text(" a cat \n")
    (tmp_path / "sub/b.txt").write_bytes(b"caf\xe9")
    samples, broken = read(TxtBeside(), tmp_path)
    assert [(s.id, [c.text for c in s.captions]) for s in samples] == [("a.jpg:0", ["a cat"]), ("c.jpg:0", [])]
    assert broken == [Broken("sub/b.jpg", "b.txt: not UTF-8 at byte 3")]


def test_other_fields_of_conversations_go_into_meta(tmp_path, write_lines):
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]
    more = {"origin": "drawn", "score": 0.5, "id": 7, "model": "x", "tags": ["a"], "meta": {"model": "y"}}
    write_lines(tmp_path / "messages.jsonl", {"messages": talk} | more)
    (tmp_path / "llava.json").write_text(json.dumps([{"conversations": talk} | more]))
    for reader in (MessagesJsonl(), LlavaJson()):
        (sample,), _ = read(reader, tmp_path)
        assert sample.meta == {"origin": "drawn", "score": 0.5, "model": "y"}


def test_llava_json_puts_pictures_in_their_places(tmp_path):
    talk = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "An <image> tag."}]
    plain = [{"from": "human", "value": "What does <image> mean in LLaVA?"}, {"from": "gpt", "value": "A picture."}]
    rows = [{"id": 1, "image": "a.jpg", "conversations": talk}, {"conversations": plain}]
    (tmp_path / "llava.json").write_text(json.dumps(rows))
    samples, broken = read(LlavaJson(pictures="coco"), tmp_path)
    assert not broken
    first, second = samples
    assert first.media == (Media("coco/a.jpg"),)
    assert first.turns[0].parts == (Part("image", index=0), Part("text", "What is it?"))
    assert first.turns[1].parts == (Part("text", "An <image> tag."),)
    assert second.turns[0].parts == (Part("text", "What does <image> mean in LLaVA?"),)
    assert (first.id, second.id) == ("coco/a.jpg:0", "llava.json:1:0")


@pytest.mark.parametrize(("end", "reason"), [(b"", "breaks off"), (b', {"ima', "breaks off here")])
def test_an_array_that_breaks_off_gives_what_stands_before(tmp_path, end, reason):
    talk = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}]
    (tmp_path / "llava.json").write_bytes(b"[" + json.dumps({"conversations": talk}).encode() + end)
    samples, broken = read(LlavaJson(), tmp_path)
    assert len(samples) == 1
    assert len(broken) == 1
    assert reason in broken[0].reason


def test_messages_with_parts_regions_and_answers(tmp_path, write_lines):
    parts = [{"type": "text", "text": "Where? "}, {"type": "image_url", "image_url": {"url": "b.jpg"}}]
    row = {
        "image": "a.jpg",
        "task": "point",
        "messages": [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": [{"type": "image"}, *parts]},
            {"role": "assistant", "content": [{"type": "region", "index": 0}]},
        ],
        "regions": [{"box": [1, 2, 3, 4], "label": "cat", "media": 1}],
        "answer": {"region": 0},
    }
    write_lines(tmp_path / "messages.jsonl", row)
    samples, broken = read(MessagesJsonl(), tmp_path)
    assert not broken
    region = Region(1, (1.0, 2.0, 3.0, 4.0), label="cat")
    assert samples[0].media == (Media("a.jpg"), Media("b.jpg"))
    assert samples[0].turns[1].parts == (Part("image", index=0), Part("text", "Where? "), Part("image", index=1))
    assert samples[0].turns[2].parts == (Part("region", index=0),)
    assert (samples[0].answer, samples[0].task) == (Answer((), region), "point")


def test_pictures_without_a_place_come_first(tmp_path, write_lines):
    said = [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    write_lines(tmp_path / "messages.jsonl", {"images": ["a.jpg", "b.jpg"], "messages": said, "answer": ["a", 1]})
    samples, _ = read(MessagesJsonl(), tmp_path)
    assert samples[0].turns[1].parts == (Part("image", index=0), Part("image", index=1), Part("text", "q"))
    assert samples[0].answer == Answer(("a", "1"))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"image": "a.jpg", "messages": []}, "messages: none"),
        ({"messages": [{"role": "cat", "content": "x"}]}, "role 'cat'; expected one of human"),
        ({"messages": [{"role": "user", "content": 3}]}, "content int"),
        ({"image": "a.jpg", "messages": [{"role": "user", "content": "<image><image>"}]}, "more placeholders than the row's 1"),
        ({"images": ["a", "b"], "messages": [{"role": "user", "content": "<image>"}]}, "1 placeholders for 2 pictures"),
        ({"image": "a.jpg", "messages": [{"role": "assistant", "content": "x"}]}, "no user's turn"),
        ({"messages": [{"role": "user", "content": [{"type": "audio"}]}]}, "type 'audio'"),
        ({"messages": [{"role": "user", "content": [{"type": "image", "image": "data:png;x"}]}]}, "base64"),
        ({"messages": [{"role": "user", "content": [{"type": "region", "index": 0}]}]}, "region 0; expected a number below 0"),
        ({"image": "a", "messages": [{"role": "user", "content": "x"}], "regions": [[1, 2]]}, "a box of four numbers"),
        ({"image": "a", "messages": [{"role": "user", "content": "x"}], "answer": {"region": 1}}, "below 0, the row's regions"),
    ],
)
def test_conversations_that_do_not_fit_are_broken_rows(tmp_path, write_lines, row, reason):
    write_lines(tmp_path / "messages.jsonl", row)
    samples, broken = read(MessagesJsonl(), tmp_path)
    assert not samples
    assert reason in broken[0].reason, broken


def test_easy_vqa(tmp_path):
    triples = [
        ["is there a circle?", "yes", 0],
        ["what shape is present?", "circle", 0],
        ["what color is the circle?", "red", 1],
        ["x"],
    ]
    (tmp_path / "train").mkdir()
    (tmp_path / "train/questions.json").write_text(json.dumps(triples))
    samples, broken = read(EasyVqa(path="train"), tmp_path)
    assert [(s.id, s.task, s.answer) for s in samples] == [
        ("train/images/0.png:0", "yesno", Answer(("yes",))),
        ("train/images/0.png:1", "shape", Answer(("circle",))),
        ("train/images/1.png:0", "color", Answer(("red",))),
    ]
    assert samples[0].turns[0].parts == (Part("image", index=0), Part("text", "is there a circle?"))
    assert broken[0].where == "questions.json:3"
    with pytest.raises(DataError, match=r"no questions.json in it; expected an easy-VQA folder"):
        list(EasyVqa().read(tmp_path))


def make_tar(path, members):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_webdataset(tmp_path, draw):
    jpg = draw(tmp_path / "x.jpg").read_bytes()
    talk = {"messages": [{"role": "user", "content": "<image>hi"}, {"role": "assistant", "content": "ho"}], "task": "t"}
    make_tar(tmp_path / "s/0.tar", [("a.jpg", jpg), ("a.txt", b" a cat "), ("b.jpg", jpg), ("b.json", json.dumps(talk).encode())])
    bad = make_tar(tmp_path / "s/1.tar", [("c.txt", b"no picture"), ("d.jpg", jpg), ("d.json", b"{"), ("e.jpg", jpg)])
    whole = bad.read_bytes()
    bad.write_bytes(whole[: whole.index(b"e.jpg") + 600])
    samples, broken = read(WebDataset(path="s"), tmp_path)
    assert [s.id for s in samples] == ["s/0.tar#a.jpg:0", "s/0.tar#b.jpg:0"]
    assert samples[0].captions == (Caption("a cat"),)
    assert (samples[1].task, samples[1].turns[0].parts[0].kind) == ("t", "image")
    assert Store(tmp_path).read(samples[0].media[0].uri) == jpg
    assert {b.where for b in broken} == {"s/1.tar#c", "s/1.tar#d", "s/1.tar"}


@pytest.mark.parametrize("kind", ["bytes", "struct", "list", "name"])
def test_parquet(tmp_path, draw, kind):
    jpg = draw(tmp_path / "x.jpg").read_bytes()
    cell = {"bytes": jpg, "struct": {"bytes": jpg, "path": None}, "list": [{"bytes": jpg, "path": "p"}] * 2, "name": "x.jpg"}[kind]
    table = pa.Table.from_pylist([{"image": cell, "caption": "one"}, {"image": cell, "caption": "two"}])
    pq.write_table(table, tmp_path / "part.parquet", row_group_size=1)
    samples, broken = read(Parquet(path="part.parquet"), tmp_path)
    assert not broken
    assert [s.captions[0].text for s in samples] == ["one", "two"]
    assert len(samples[1].media) == (2 if kind == "list" else 1)
    assert all(Store(tmp_path).read(item.uri) == jpg for s in samples for item in s.media)


def test_parquet_conversations_and_bad_files(tmp_path):
    talk = [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}]
    rows = [{"image": [], "conversations": json.dumps(talk)}, {"image": ["a.jpg"], "conversations": "{"}]
    pq.write_table(
        pa.Table.from_pylist(rows, pa.schema([("image", pa.list_(pa.string())), ("conversations", pa.string())])),
        tmp_path / "b.parquet",
    )
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no")
    samples, broken = read(Parquet(text="conversations"), tmp_path)
    assert [s.turns[1].text for s in samples] == ["ho"]
    assert [b.where for b in broken] == ["a.parquet#0", "b.parquet#1"]
    with pytest.raises(DataError, match=r"no column 'caption'; expected one of image, conversations"):
        list(Parquet(path="b.parquet").read(tmp_path))


def test_missing_paths_tell_what_is_there(tmp_path, write_lines):
    write_lines(tmp_path / "annotations.jsonl")
    with pytest.raises(DataError) as caught:
        list(CaptionsJsonl().read(tmp_path))
    message = str(caught.value)
    assert message.startswith("captions.jsonl: no such file or folder; expected what CaptionsJsonl reads; in ")
    assert "there is annotations.jsonl; give another path or data.root=FOLDER" in message
    with pytest.raises(DataError, match=r"no such folder; expected the data root; give it with data.root=FOLDER"):
        list(CaptionsJsonl().read(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="outside the data root"):
        list(CaptionsJsonl(path="../x").read(tmp_path))
