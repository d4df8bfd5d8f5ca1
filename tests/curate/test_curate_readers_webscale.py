"""Readers of what is downloaded and labelled at scale: img2dataset, metadata of pools, questions, preference pairs."""

import io
import json
import os
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omma.core.errors import DataError
from omma.curate.look import look
from omma.curate.reader import Broken
from omma.curate.readers.img2dataset import Img2dataset
from omma.curate.readers.metadata import Metadata
from omma.curate.readers.parquet import Parquet
from omma.curate.readers.preferences import Preferences
from omma.curate.readers.question_answer import QuestionAnswer
from omma.curate.readers.webdataset import WebDataset
from omma.media.store import Store
from omma.schema.sample import Answer, Caption, Media, Part, Sample


def read(reader, root):
    rows = list(reader.read(root))
    return [row for row in rows if isinstance(row, Sample)], [row for row in rows if isinstance(row, Broken)]


def table(path, rows, schema=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), path)
    return path


def pack(path, members):
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def rows_of(*keys):
    base = {"status": "success", "error_message": None, "caption": "a cat", "width": 48, "similarity": 0.31}
    return [base | {"key": key, "url": f"http://x.org/{key}.jpg"} for key in keys]


def test_every_address_of_img2dataset_is_a_sample_or_a_broken_row(tmp_path, draw):
    jpg = draw(tmp_path / "x.jpg").read_bytes()
    rows = rows_of("000000000", "000000001", "000000002", "000000003")
    rows[1] |= {"status": "failed_to_download", "error_message": "HTTP Error 404: Not Found"}
    rows[2] |= {"status": "failed_to_resize", "error_message": None}
    table(tmp_path / "set/00000.parquet", rows)
    pack(tmp_path / "set/00000.tar", [("000000000.jpg", jpg), ("000000000.txt", b"a cat"), ("000000000.json", b"{}")])
    (tmp_path / "set/00000_stats.json").write_text("{}")
    (sample,), broken = read(Img2dataset(path="set"), tmp_path)
    assert sample.media == (Media("set/00000.tar#000000000.jpg"),)
    assert sample.captions == (Caption("a cat", "alt"),)
    assert sample.meta == {"url": "http://x.org/000000000.jpg", "similarity": 0.31}
    assert Store(tmp_path).read(sample.media[0].uri) == jpg
    assert [b.where for b in broken] == [f"set/00000.parquet#{n}" for n in (1, 2, 3)]
    assert "failed_to_download: HTTP Error 404: Not Found (http://x.org/000000001.jpg)" in broken[0].reason
    assert "failed_to_resize (http" in broken[1].reason
    assert "none of key 000000003, though its status is success" in broken[2].reason
    assert [item.reader for item in look(tmp_path).found] == [Img2dataset(path="set")]  # the tar is not read twice


def test_img2dataset_as_files_and_as_parquet(tmp_path, draw):
    jpg = draw(tmp_path / "f/00000/000000000.jpg").read_bytes()
    table(tmp_path / "f/00000.parquet", rows_of("000000000"))
    table(tmp_path / "p/00000.parquet", [rows_of("000000000")[0] | {"jpg": jpg}])
    for folder, uri in (("f", "f/00000/000000000.jpg"), ("p", "p/00000.parquet#0:jpg")):
        (sample,), broken = read(Img2dataset(path=folder), tmp_path)
        assert (sample.media[0].uri, broken) == (uri, [])
        assert Store(tmp_path).read(uri) == jpg


def test_half_shards_of_img2dataset_lose_only_what_is_gone(tmp_path, draw):
    jpg = draw(tmp_path / "x.jpg").read_bytes()
    table(tmp_path / "00000.parquet", rows_of("0", "1"))
    pack(tmp_path / "00000.tar", [("0.jpg", jpg), ("1.jpg", jpg)])
    whole = (tmp_path / "00000.tar").read_bytes()
    (tmp_path / "00000.tar").write_bytes(whole[: whole.index(b"1.jpg") + 600])
    (tmp_path / "00001.parquet").write_bytes(b"PAR1 half")
    samples, broken = read(Img2dataset(), tmp_path)
    assert [s.media[0].uri for s in samples] == ["00000.tar#0.jpg"]
    assert [b.where for b in broken] == ["00000.tar", "00000.parquet#1", "00001.parquet#0"]


def test_metadata_finds_pictures_by_uid_and_names_the_others_by_address(tmp_path, draw):
    draw(tmp_path / "pictures/aa11.jpg")
    rows = [
        {"uid": uid, "url": f"http://x.org/{n}", "text": "a cat", "clip_l14": 0.3} for n, uid in enumerate(("aa11", "bb22", None))
    ]
    rows.append({"uid": "../x", "url": "http://x.org/3", "text": None, "clip_l14": 0.1})
    table(tmp_path / "metadata/0.parquet", rows)
    samples, broken = read(Metadata(path="metadata", pictures="../pictures"), tmp_path)
    assert [s.media[0].uri for s in samples] == ["pictures/aa11.jpg", "http://x.org/1", "http://x.org/3"]
    assert [s.id for s in samples] == [f"metadata/0.parquet#{uid}:0" for uid in ("aa11", "bb22", "../x")]
    assert samples[0].meta == {"uid": "aa11", "url": "http://x.org/0", "clip_l14": 0.3}
    assert (samples[0].captions, samples[2].captions) == ((Caption("a cat", "alt"),), ())
    assert [b.where for b in broken] == ["metadata/0.parquet#2"]
    with pytest.raises(DataError, match="has not been fetched"):
        Store(tmp_path).read(samples[1].media[0].uri)
    assert isinstance(look(tmp_path).reader, Metadata)


def test_questions_in_the_layouts_of_swift_alpaca_and_vqa(tmp_path, draw):
    draw(tmp_path / "a.jpg")
    rows = [
        {"query": "<image>And it?", "response": "A cat.", "history": [["Hi", "Hello"]], "images": ["a.jpg"], "system": "Be short."},
        {"instruction": "Translate", "input": "chat", "output": "cat"},
        {"image": "a.jpg", "question": "What?", "answers": ["cat", "cat", "a cat"]},
        {"image": {"<image_00>": "a.jpg"}, "question": "How many?", "answer": 3},
        {"question": "What?"},
        {"question": "What?", "answer": []},
        {"query": "x", "response": "y", "history": ["z"]},
    ]
    (tmp_path / "questions.json").write_text(json.dumps(rows))
    samples, broken = read(QuestionAnswer(), tmp_path)
    swift, alpaca, several, number = samples
    assert [turn.role for turn in swift.turns] == ["system", "user", "assistant", "user", "assistant"]
    assert swift.turns[3].parts == (Part("image", index=0), Part("text", "And it?"))
    assert [turn.text for turn in alpaca.turns] == ["Translate\nchat", "cat"]
    assert (several.answer, several.turns[1].text) == (Answer(("cat", "a cat")), "cat")
    assert (number.answer, number.media) == (Answer(("3",)), (Media("a.jpg"),))
    assert [b.where for b in broken] == [f"questions.json:{n}" for n in (4, 5, 6)]
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    lines, _ = read(QuestionAnswer(path="lines.jsonl"), tmp_path)
    assert [s.turns for s in lines] == [s.turns for s in samples]
    assert {item.reader.path for item in look(tmp_path).found} == {"questions.json", "lines.jsonl"}


ASKED, GOOD, BAD = "What is it?", "A cat.", "A dog."
HUMAN = {"from": "human", "value": ASKED}
MESSAGES = [{"role": "user", "content": ASKED}]
LAYOUTS = {
    "ours": {"messages": [*MESSAGES, {"role": "assistant", "content": GOOD}]}
    | {name: [{"role": "assistant", "content": said}] for name, said in (("chosen", GOOD), ("rejected", BAD))},
    "dpo": {"prompt": ASKED, "chosen": GOOD, "rejected": BAD},
    "trl": {
        "prompt": MESSAGES,
        "chosen": [{"role": "assistant", "content": GOOD}],
        "rejected": [{"role": "assistant", "content": BAD}],
    },
    "implicit": {
        "chosen": [*MESSAGES, {"role": "assistant", "content": GOOD}],
        "rejected": [*MESSAGES, {"role": "assistant", "content": BAD}],
    },
    "factory": {"conversations": [HUMAN], "chosen": {"from": "gpt", "value": GOOD}, "rejected": {"from": "gpt", "value": BAD}},
    "rlhf-v": {"text": json.dumps({"question": ASKED, "chosen": GOOD, "rejected": BAD})},
    "vlfeedback": {
        "prompt": ASKED,
        "completions": [
            {"response": text, "annotations": {"Helpfulness": {"Rating": rating}, "Ethics": {"Rating": "5"}}}
            for text, rating in ((BAD, "1"), ("It.", "2"), (GOOD, "4"))
        ],
    },
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_preference_pairs_in_every_layout_are_the_same_sample(tmp_path, write_lines, draw, layout):
    draw(tmp_path / "p/a.jpg")
    write_lines(tmp_path / "pairs.jsonl", LAYOUTS[layout] | {"image": "a.jpg"})
    found = look(tmp_path).found
    reader = found[0].reader
    assert isinstance(reader, Preferences)
    assert {item.format for item in found} <= {"Preferences", "CaptionsJsonl"}  # RLHF-V's `text` looks like a caption
    assert reader.pictures == "p"
    (sample,), broken = read(reader, tmp_path)
    assert not broken
    assert sample.turns[0].parts == (Part("image", index=0), Part("text", ASKED))
    assert [turn.text for turn in sample.chosen] == [GOOD] == [sample.turns[-1].text]
    assert [turn.text for turn in sample.rejected] == [BAD]
    assert sample.meta == ({"margin": 1.5} if layout == "vlfeedback" else {})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": ASKED, "chosen": GOOD}, "a chosen and a rejected reply"),
        ({"prompt": ASKED, "chosen": GOOD, "rejected": GOOD}, "no two different replies"),
        ({"chosen": GOOD, "rejected": BAD}, "no question"),
        ({"prompt": ASKED, "chosen": 3, "rejected": BAD}, "a text, a message or a list of messages"),
        ({"text": "{half"}, "no JSON"),
        ({"prompt": ASKED, "completions": [{"response": "x"}]}, "no ratings"),
        ({"prompt": ASKED, "completions": [{"response": x, "annotations": {"a": {"Rating": "3"}}} for x in "xy"]}, "all rated 3"),
        (
            {"prompt": ASKED, "completions": [{"response": x, "annotations": {"a": {"Rating": "N/A"}}} for x in "xy"]},
            "that are numbers",
        ),
    ],
)
def test_rows_without_a_preference_are_broken(tmp_path, write_lines, row, reason):
    write_lines(tmp_path / "preferences.jsonl", row)
    samples, broken = read(Preferences(), tmp_path)
    assert not samples
    assert reason in broken[0].reason, broken


def test_preference_pairs_in_parquet_keep_their_pictures_where_they_are(tmp_path, draw):
    jpg = draw(tmp_path / "x.jpg").read_bytes()
    cell = {"bytes": jpg, "path": "x.jpg"}
    one = LAYOUTS["dpo"]
    table(tmp_path / "one.parquet", [one | {"image": cell}])
    table(tmp_path / "many.parquet", [one | {"images": [cell, cell]}])
    for name, cells in (("one", ["one.parquet#0:image"]), ("many", ["many.parquet#0:images/0", "many.parquet#0:images/1"])):
        (sample,), broken = read(Preferences(path=f"{name}.parquet"), tmp_path)
        assert ([item.uri for item in sample.media], broken) == (cells, [])
        assert all(Store(tmp_path).read(uri) == jpg for uri in cells)
    assert sum(isinstance(item.reader, Preferences) for item in look(tmp_path).found) == 2


NAMES = ("中文 猫.jpg", "two\nlines.jpg", "عربي.jpg", "a#b.jpg", "sp ace'\".jpg")


@pytest.mark.parametrize("name", NAMES)
def test_pictures_of_any_name_are_found(tmp_path, write_lines, draw, name):
    draw(tmp_path / name)
    write_lines(tmp_path / "preferences.jsonl", LAYOUTS["dpo"] | {"image": name})
    (sample,), broken = read(Preferences(), tmp_path)
    assert not broken
    assert Store(tmp_path).read(sample.media[0].uri) == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/hostname", "link.jpg", "a\0b.jpg"])
def test_nothing_outside_the_root_is_ever_read(tmp_path, write_lines, draw, name):
    root = tmp_path / "root"
    root.mkdir()
    os.symlink(draw(tmp_path / "secret.jpg"), root / "link.jpg")
    write_lines(root / "preferences.jsonl", LAYOUTS["dpo"] | {"image": name})
    (sample,), _ = read(Preferences(), root)
    with pytest.raises(DataError, match=r"outside the data root|no file name"):
        Store(root).read(sample.media[0].uri)


def test_a_link_to_a_pool_outside_the_root_is_refused(tmp_path):
    table(tmp_path / "out.parquet", rows_of("0"))
    table(tmp_path / "meta.parquet", [{"uid": "a", "url": "http://x", "text": "t"}])
    root = tmp_path / "root"
    (root / "metadata").mkdir(parents=True)
    os.symlink(tmp_path / "out.parquet", root / "00000.parquet")
    os.symlink(tmp_path / "meta.parquet", root / "metadata/0.parquet")
    for reader in (Img2dataset(), Metadata(path="metadata")):
        samples, broken = read(reader, root)
        assert not samples
        assert broken[0].reason == "is a link out of the data root"


def test_a_tar_that_is_a_link_out_of_the_root_is_refused_with_its_shard(tmp_path, draw):
    pack(tmp_path / "out.tar", [("0.jpg", draw(tmp_path / "x.jpg").read_bytes())])
    root = tmp_path / "root"
    table(root / "00000.parquet", rows_of("0"))
    os.symlink(tmp_path / "out.tar", root / "00000.tar")
    samples, broken = read(Img2dataset(), root)
    assert not samples
    assert [row.reason for row in broken] == ["00000.tar: lies outside the data root"]


@pytest.mark.parametrize("reader", [Preferences(path="x.jsonl"), QuestionAnswer(path="x.jsonl")])
def test_empty_and_half_files_are_told(tmp_path, reader):
    (tmp_path / "x.jsonl").write_bytes(b"")
    assert list(reader.read(tmp_path)) == []
    (tmp_path / "x.jsonl").write_bytes(b'[{"prompt": "x", "chos')
    assert "breaks off" in read(reader, tmp_path)[1][0].reason


@pytest.mark.parametrize(("reader", "name"), [(WebDataset(), "a.tar"), (Parquet(), "a.parquet")])
def test_a_shard_that_links_out_of_the_root_is_a_row_and_is_not_read(reader, name, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / name).write_bytes(b"secret")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / name).symlink_to(tmp_path / "elsewhere" / name)
    assert list(reader.read(tmp_path / "root")) == [Broken(name, "is a link out of the data root")]
