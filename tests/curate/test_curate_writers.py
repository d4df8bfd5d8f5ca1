"""Writers: what is written is read again as it was, byte by byte the same each time, and what a format cannot hold is told."""

import gc
import io
import json
import os
import pkgutil
import sqlite3
import struct
import tarfile
import tracemalloc
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
import yaml

import omma.curate.writers
from omma.core.config import load, show
from omma.core.errors import DataError
from omma.core.files import bytes_hash, file_hash
from omma.curate.formats.telling import joined_text
from omma.curate.look import look
from omma.curate.reader import Broken
from omma.curate.writers.energon import Energon
from omma.curate.writers.llava_json import LlavaJson
from omma.curate.writers.messages_jsonl import MessagesJsonl
from omma.curate.writers.parquet import Parquet
from omma.curate.writers.parquet_names import ParquetNames
from omma.curate.writers.preferences import Preferences
from omma.curate.writers.webdataset import WebDataset
from omma.media.store import Store
from omma.schema.sample import Answer, Caption, Media, Part, Region, Sample, Turn

WRITERS = (Energon(shard=3), LlavaJson(), MessagesJsonl(), Parquet(part=3), ParquetNames(), Preferences(), WebDataset(shard=3))


def text(said):
    return Part("text", said)


def image(index):
    return Part("image", index=index)


A, B, C = Media("p/a.jpg"), Media("猫 b.png"), Media("tars/x.tar#c.jpg")
BOX = Region(0, (1.0, 2.5, 3.0, 4.0), "xywh", "px", "a cat", ((1.0, 2.0, 3.0, 4.0, 5.0, 6.0),))
ASKED = (Turn("user", (image(0), text("What is it?"))), Turn("assistant", (text("A cat."),)))
SAMPLES = {
    "caption": Sample("s/caption", "s", "caption", (A,), captions=(Caption("a cat"),)),
    "captions": Sample("s/captions", "s", "caption", (B,), captions=(Caption(" 猫\n"), Caption("a pet", "alt"))),
    "none": Sample("s/none", "s", "caption", (A,)),
    "talk": Sample("s/talk", "s", "vqa", (A,), ASKED, answer=Answer(("A cat.", "cat"), choices=("cat", "dog"))),
    "both": Sample("s/both", "s", "vqa", (C,), ASKED, (Caption("x"),), meta={"score": 0.25, "ok": True, "n": 3, "name": "ü"}),
    "several": Sample(
        "s/several",
        "s",
        "compare",
        (A, B, C),
        (
            Turn("system", (text("Be short."),)),
            Turn("user", (image(0), text("or"), image(1), text("or"), image(2))),
            Turn("assistant", (text("The "), text("<image> tag."))),
        ),
    ),
    "box": Sample(
        "s/box",
        "s",
        "refer",
        (A, B),
        (Turn("user", (image(0), image(1), text("Where?"))), Turn("assistant", (Part("region", index=0), text(" there")))),
        regions=(BOX, Region(1, (0.0, 0.1, 0.2, 0.3), "cxcywh", "unit")),
        answer=Answer((), BOX),
    ),
    "literal": Sample("s/literal", "s", "", (A,), (Turn("user", (image(0), text("Is this <image> a tag?"))), ASKED[1])),
    "breaks": Sample("s/breaks", "s", "", (A,), (Turn("user", (text("Look:\n"), image(0), text("\nWell?"))), ASKED[1])),
    "preference": Sample(
        "s/preference", "s", "preference", (A,), ASKED, chosen=(ASKED[1],), rejected=(Turn("assistant", (text("A dog."),)),)
    ),
    "words": Sample("s/words", "s", "chat", (), (Turn("user", (text("Hi"),)), Turn("assistant", (text("Ho"),)))),
    "film": Sample("s/film", "s", "", (Media("f.mp4", "video"),), (Turn("user", (Part("video", index=0), text("?"))), ASKED[1])),
    "hidden": Sample("s/hidden", "s", "", (A,), (Turn("user", (text("No picture here."),)), ASKED[1])),
    "twice": Sample("s/twice", "s", "", (A,), (Turn("user", (image(0), image(0), text("Same?"))), ASKED[1])),
    "stray": Sample("s/stray", "s", "", (A,), ASKED, answer=Answer((), BOX)),
    "view": Sample("s/view", "s", "", (A,), ASKED, regions=(replace(BOX, frame="view_px"),)),
    "gone": Sample("s/gone", "s", "caption", (Media("gone.jpg"),), captions=(Caption("x"),)),
    "outside": Sample("s/outside", "s", "caption", (Media("../x.jpg"),), captions=(Caption("x"),)),
}
NEVER = {"twice", "stray", "view", "gone", "outside"}  # in no format: nothing would understand them
REFUSED = {
    "Energon": {"words", "film"},
    "WebDataset": {"words", "film"},
    "Parquet": {"film"},
    "ParquetNames": {"film"},
    "MessagesJsonl": set(),
    "LlavaJson": {"caption", "captions", "none", "box", "literal"},
    "Preferences": SAMPLES.keys() - NEVER - {"preference"},
}
OTHER = {name: {"hidden"} for name in REFUSED} | {
    "LlavaJson": {"hidden", "breaks"},
    "Preferences": set(),
}  # written, and told to be other than it was


@pytest.fixture
def store(tmp_path, draw):
    root = tmp_path / "root"
    draw(root / "p/a.jpg", 1)
    draw(root / "猫 b.png", 2)
    (root / "tars").mkdir()
    with tarfile.open(root / "tars/x.tar", "w") as tar:
        tar.add(draw(tmp_path / "c.jpg", 3), "c.jpg")
    (root / "f.mp4").write_bytes(b"a film")
    return Store(root)


def alike(sample, store):
    """What has to be the same: all but the names of the sample, its source and its files."""
    media = tuple(Media(bytes_hash(store.read(item.uri)), item.kind) for item in sample.media)
    turns = {name: joined_text(getattr(sample, name)) for name in ("turns", "chosen", "rejected")}
    return replace(sample, id="", source="", media=media, **turns)


def files(folder):
    return {path.relative_to(folder).as_posix(): file_hash(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_file_of_the_folder_is_tried_and_survives_yaml():
    assert sorted(type(w).__module__.rpartition(".")[2] for w in WRITERS) == [
        m.name for m in pkgutil.iter_modules(omma.curate.writers.__path__)
    ]
    assert all(load(show(writer), where="test") == writer for writer in WRITERS)


@pytest.mark.parametrize("writer", WRITERS, ids=lambda w: type(w).__name__)
def test_what_is_written_is_read_again_as_it_was(writer, store, tmp_path):
    written = writer.write(SAMPLES.values(), store, tmp_path / "out")
    verdicts = {entry.sample_id.removeprefix("s/"): entry for entry in written.entries}
    assert list(verdicts) == list(SAMPLES)
    name = type(writer).__name__
    assert {key for key, entry in verdicts.items() if entry.verdict == "error"} == NEVER | REFUSED[name]
    assert {key for key, entry in verdicts.items() if entry.verdict == "rewrite"} == OTHER[name]
    back = list(written.reader.read(tmp_path / "out"))
    assert not any(isinstance(row, Broken) for row in back)
    there = Store(tmp_path / "out")
    kept = [key for key, entry in verdicts.items() if entry.verdict != "error"]
    assert len(kept) == len(back)
    for key, row in zip(kept, back, strict=True):
        assert verdicts[key].reason.startswith(f"as {row.id}")
        if verdicts[key].verdict == "keep":
            assert alike(row, there) == alike(SAMPLES[key], store)
        else:
            assert verdicts[key].reason.endswith("other than it was: turns")
            assert alike(row, there) != alike(SAMPLES[key], store)


@pytest.mark.parametrize("writer", WRITERS, ids=lambda w: type(w).__name__)
def test_written_bytes_are_the_same_each_time(writer, store, tmp_path):
    """Also when what was read again is written once more, but for the names that it then has."""
    first = writer.write(SAMPLES.values(), store, tmp_path / "one")
    writer.write(SAMPLES.values(), Store(store.root), tmp_path / "two")
    assert files(tmp_path / "one") == files(tmp_path / "two")
    back = [replace(row, source="s") for row in first.reader.read(tmp_path / "one")]
    again = writer.write(back, Store(tmp_path / "one"), tmp_path / "three")
    assert {entry.verdict for entry in again.entries} == {"keep"}
    assert [alike(row, Store(tmp_path / "three")) for row in again.reader.read(tmp_path / "three")] == [
        alike(row, Store(tmp_path / "one")) for row in back
    ]


@pytest.mark.parametrize("writer", WRITERS, ids=lambda w: type(w).__name__)
def test_look_finds_what_was_written(writer, store, tmp_path):
    some = ("preference", "preference") if isinstance(writer, Preferences) else ("talk", "both")
    written = writer.write([SAMPLES[name] for name in some], store, tmp_path / "out")
    found = look(tmp_path / "out").found[0]
    assert type(found.reader) is type(written.reader)
    assert (found.rows, found.broken, found.missing) == (2, (), ())


def test_a_folder_that_holds_something_stays_as_it_is(store, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("x")
    with pytest.raises(DataError, match="is there already; expected a new or an empty folder"):
        WebDataset().write(SAMPLES.values(), store, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]
    with pytest.raises(DataError, match=r"none of 1 samples can be written: gone.jpg"):
        WebDataset().write([SAMPLES["gone"]], store, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_tars_have_fixed_owners_and_times_and_a_lone_caption_as_text(store, tmp_path):
    WebDataset(shard=2).write([SAMPLES["caption"], SAMPLES["several"], SAMPLES["caption"]], store, tmp_path / "out")
    with tarfile.open(tmp_path / "out/00000.tar") as tar:
        members = tar.getmembers()
        assert [m.name for m in members] == [
            *("000000000.jpg", "000000000.txt"),
            *("000000001.0.jpg", "000000001.1.png", "000000001.2.jpg", "000000001.json"),
        ]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}
        assert tar.extractfile("000000000.jpg").read() == store.read("p/a.jpg")
        assert tar.extractfile("000000000.txt").read() == b"a cat"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["00000.tar", "00001.tar"]


def test_llava_json_is_as_llava_reads_it(store, tmp_path):
    LlavaJson().write([SAMPLES["talk"], SAMPLES["several"]], store, tmp_path / "out")
    talk, several = json.loads((tmp_path / "out/llava.json").read_text())
    assert talk["conversations"] == [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "A cat."}]
    assert (tmp_path / "out" / talk["image"]).read_bytes() == store.read("p/a.jpg")
    assert len(several["image"]) == 3


def test_pairs_of_replies_are_as_trl_reads_them(store, tmp_path):
    rated = replace(SAMPLES["preference"], id="s/rated", meta={"margin": 1.5, "origin": "drawn"}, answer=Answer(("A cat.",)))
    written = Preferences().write([SAMPLES["preference"], rated, SAMPLES["talk"]], store, tmp_path / "out")
    assert [entry.verdict for entry in written.entries] == ["keep", "rewrite", "error"]
    plain, scored = (json.loads(line) for line in (tmp_path / "out/preferences.jsonl").read_text().splitlines())
    assert plain["prompt"] == [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}]
    assert (plain["chosen"], plain["rejected"]) == tuple([{"role": "assistant", "content": said}] for said in ("A cat.", "A dog."))
    assert (tmp_path / "out" / plain["images"][0]).read_bytes() == store.read("p/a.jpg")
    assert (scored["margin"], scored["meta"]) == (1.5, {"margin": 1.5, "origin": "drawn"})
    assert [row.meta for row in written.reader.read(tmp_path / "out")] == [{}, rated.meta]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rejected": ()}, "no pair of replies"),
        ({"turns": ASKED[:1]}, "other words at their end"),
        ({"rejected": (ASKED[1],)}, "the same as the chosen reply"),
        ({"rejected": (Turn("assistant", (Part("region", index=0),)),), "regions": (BOX,)}, "more than words in a reply"),
    ],
)
def test_what_is_no_pair_of_replies_is_told(wrong, said, store, tmp_path):
    samples = [SAMPLES["preference"], replace(SAMPLES["preference"], **wrong)]
    first, second = Preferences().write(samples, store, tmp_path / "out").entries
    assert (first.verdict, second.verdict) == ("keep", "error")
    assert said in second.reason


def test_energon_finds_every_sample_at_its_offset(store, tmp_path):
    """Offsets and tables as `energon prepare` makes them: a sample's bytes are a tar of its own members."""
    wanted = [SAMPLES[key] for key in ("caption", "talk", "several", "both")]
    Energon(shard=3).write(wanted, store, tmp_path / "out")
    meta = tmp_path / "out/.nv-meta"
    info = json.loads((meta / ".info.json").read_text())
    assert (
        info["shard_counts"]
        == {"00000.tar": 3, "00001.tar": 1}
        == yaml.safe_load((meta / ".info.yaml").read_text())["shard_counts"]
    )
    assert yaml.safe_load((meta / "split.yaml").read_text())["split_parts"]["train"] == ["00000.tar", "00001.tar"]
    assert yaml.safe_load((meta / "dataset.yaml").read_text())["__class__"] == "CrudeWebdataset"
    db = sqlite3.connect(meta / "index.sqlite")
    samples = db.execute("SELECT * FROM samples ORDER BY sample_key").fetchall()
    parts = db.execute("SELECT * FROM sample_parts").fetchall()
    db.close()
    assert [row[1] for row in samples] == [f"{n:09d}" for n in range(4)]
    for number, name in enumerate(("00000.tar", "00001.tar")):
        data = (tmp_path / "out" / name).read_bytes()
        idx = (tmp_path / "out" / f"{name}.idx").read_bytes()
        offsets = struct.unpack(f"<{len(idx) // 8}Q", idx)
        mine = [row for row in samples if row[0] == number]
        assert [(row[3], row[3] + row[4]) for row in mine] == list(pairwise(offsets))
        for row in mine:
            with tarfile.open(fileobj=io.BytesIO(data[row[3] : row[3] + row[4]])) as alone:
                endings = [part[2] for part in parts if part[:2] == (number, row[2])]
                assert alone.getnames() == [f"{row[1]}.{ending}" for ending in endings]
        for _, place, ending, offset, size in (row for row in parts if row[0] == number):
            header = data[offset - 512 : offset].split(b"\0", 1)[0].decode()
            assert header == f"{mine[place][1]}.{ending}"
            assert len(data[offset : offset + size]) == size
    assert len(parts) == sum(len(sample.media) + 1 for sample in wanted)


def test_a_link_out_of_the_root_is_not_written(store, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    os.symlink(tmp_path / "secret.jpg", store.root / "link.jpg")
    samples = [SAMPLES["caption"], replace(SAMPLES["caption"], id="s/link", media=(Media("link.jpg"),))]
    written = MessagesJsonl().write(samples, store, tmp_path / "out")
    assert [entry.verdict for entry in written.entries] == ["keep", "error"]
    assert "outside the data root" in [entry.reason for entry in written.entries][1]
    assert all(b"secret" not in path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())


@pytest.mark.parametrize("writer", [Parquet(part=10), WebDataset(shard=10)], ids=lambda w: type(w).__name__)
def test_memory_does_not_grow_with_the_number_of_samples(writer, store, tmp_path):
    """Each has its own text of twenty kilobytes: held, 100 more of them would be two megabytes."""

    def many(count):
        for number in range(count):
            if number % 10 == 0:
                gc.collect()
            yield replace(SAMPLES["talk"], id=f"s/{number}", captions=(Caption(f"{number} " * 4000),))

    peaks = []
    gc.collect()
    gc.freeze()  # so that collecting looks at what is made here alone
    for count in (20, 20, 120):  # the first for what is loaded once
        tracemalloc.start()
        written = writer.write(many(count), store, tmp_path / f"{len(peaks)}")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert Counter(entry.verdict for entry in written.entries) == {"keep": count}
    gc.unfreeze()
    assert peaks[2] < peaks[1] + 400_000


def test_entries_are_in_order_and_can_be_gone_through_again(store, tmp_path):
    written = MessagesJsonl().write([SAMPLES["gone"], SAMPLES["talk"], SAMPLES["twice"]], store, tmp_path / "out")
    first, second = ([(entry.sample_id, entry.verdict) for entry in written.entries] for _ in range(2))
    assert first == second == [("s/gone", "error"), ("s/talk", "keep"), ("s/twice", "error")]
    assert len(written.entries) == 3
    pairs = [(one.sample_id, other.sample_id) for one in written.entries for other in written.entries]
    assert len(set(pairs)) == 9
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith((".", "tmp"))) == []
