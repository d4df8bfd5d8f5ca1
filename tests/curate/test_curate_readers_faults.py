"""Faults of folders and shards: odd names, bytes that are not UTF-8, links, pipes, halves: each is told, none is read outside."""

import errno
import io
import os
import tarfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omma.core.errors import DataError
from omma.curate.formats.listing import list_folder
from omma.curate.look import look
from omma.curate.reader import Broken
from omma.curate.readers.easy_vqa import EasyVqa
from omma.curate.readers.html import Html
from omma.curate.readers.img2dataset import Img2dataset
from omma.curate.readers.metadata import Metadata
from omma.curate.readers.parquet import Parquet
from omma.curate.readers.pascal_voc import PascalVoc
from omma.curate.readers.txt_beside import TxtBeside
from omma.curate.readers.webdataset import WebDataset
from omma.media.store import Store
from omma.schema.sample import Sample

STEMS = [
    "a\nb",
    "tab\t",
    "quo'te\"",
    "猫🐈",
    "אבג",
    "e\u0301",
    "\u202eab",
    "n" * 251,
    "a#b",
    "a b?x=1&%2e",
    "-rf",
    "~",
    "a:b",
    "c\\d",
]
BYTES = os.fsdecode(b"caf\xe9")  # Latin-1


def pack(path, members):
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def names_of(rows):
    return [row.id if isinstance(row, Sample) else row.where for row in rows]


def plain(rows):
    """Whether all can be written down."""
    for row in rows:
        str(row).encode()
        "".join(names_of([row])).encode()
    assert len(set(names_of(rows))) == len(rows)
    return rows


def folder_of_texts(root):
    for stem in (*STEMS, BYTES):
        (root / f"{stem}.jpg").write_bytes(b"j")
        (root / f"{stem[:250]}.txt").write_text("a cat")
    (root / BYTES).mkdir()
    (root / BYTES / "x.jpg").write_bytes(b"j")
    return TxtBeside()


def tar_of_names(root):
    pack(root / "s.tar", [(f"{stem}.jpg", b"j") for stem in (*STEMS, BYTES)])
    pack(root / f"{BYTES}.tar", [("x.jpg", b"j")])
    return WebDataset()


def annotations(root):
    for stem in (*STEMS, BYTES):
        (root / f"{stem}.xml").write_text("<annotation/>")
    (root / f"{BYTES}2.xml").write_text("<annotation/>")
    return PascalVoc()


@pytest.mark.parametrize("write", [folder_of_texts, tar_of_names, annotations])
def test_every_name_is_a_sample_and_those_that_are_not_utf_8_are_told(write, tmp_path):
    rows = plain(list(write(tmp_path).read(tmp_path)))
    samples = [row for row in rows if isinstance(row, Sample)]
    assert len(samples) == len(STEMS)
    broken = [row for row in rows if isinstance(row, Broken)]
    assert len(broken) == 2 and all("is not UTF-8" in row.reason for row in broken)
    assert all("caf\\udce9" in row.where for row in broken)


def test_pictures_of_any_name_are_read_as_they_are_called(tmp_path):
    """A backslash is part of a name only where the file system says so."""
    folder_of_texts(tmp_path)
    samples = [row for row in TxtBeside().read(tmp_path) if isinstance(row, Sample)]
    assert [Store(tmp_path).read(sample.media[0].uri) for sample in samples] == [b"j"] * len(STEMS)


def test_look_survives_them(tmp_path):
    folder_of_texts(tmp_path)
    found = look(tmp_path)
    str(found.found[0].summary).encode()
    assert isinstance(found.reader, TxtBeside)


@pytest.fixture
def outside(tmp_path):
    """A data root beside a folder with canaries, and what links from the one to the other."""
    root, there = tmp_path / "root", tmp_path / "there"
    root.mkdir()
    there.mkdir()

    def link(name, data):
        (there / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        (root / name).symlink_to(there / name)
        return root

    return link


def test_texts_and_pictures_that_link_out_of_the_root_are_not_read(outside):
    root = outside("a.txt", "canary")
    outside("b.jpg", b"canary")
    (root / "a.jpg").write_bytes(b"j")
    rows = list(TxtBeside().read(root))
    assert rows == [
        Broken("a.jpg", "a.txt: is a link out of the data root"),
        Broken("b.jpg", "is a link out of the data root"),
    ]


def test_a_table_of_questions_that_links_out_of_the_root_is_not_read(outside):
    root = outside("questions.json", '[["canary?", "yes", 0]]')
    with pytest.raises(DataError, match="lies outside the data root"):
        list(EasyVqa().read(root))


def test_nothing_is_looked_at_behind_links(outside):
    root = outside("captions.jsonl", '{"image": "canary.jpg", "caption": "canary"}\n')
    (root / "x.jpg").write_bytes(b"j")
    listing = list_folder(root)
    assert listing.files == ("x.jpg",)
    assert (listing.head("captions.jsonl"), listing.head("../there/captions.jsonl")) == (b"", b"")


def test_a_link_inside_the_root_is_read_under_its_own_name(tmp_path):
    pack(tmp_path / "a.tar", [("1.jpg", b"j")])
    (tmp_path / "b.tar").symlink_to("a.tar")
    assert names_of(plain(list(WebDataset().read(tmp_path)))) == ["a.tar#1.jpg:0", "b.tar#1.jpg:0"]


@pytest.mark.parametrize(
    ("reader", "ending"), [(WebDataset(), ".tar"), (Parquet(), ".parquet"), (Img2dataset(), ".parquet"), (Html(), ".html")]
)
def test_pipes_dead_links_and_folders_are_told_and_not_waited_for(reader, ending, tmp_path):
    os.mkfifo(tmp_path / f"pipe{ending}")
    (tmp_path / f"dead{ending}").symlink_to("nowhere")
    (tmp_path / f"folder{ending}").mkdir()
    rows = list(reader.read(tmp_path))
    assert rows == [Broken(f"{name}{ending}", "is no file, or a link to none") for name in ("dead", "pipe")]


@pytest.mark.parametrize("reader", [WebDataset(), Parquet(), TxtBeside(), Metadata(path=".")])
def test_a_folder_that_cannot_be_read_is_told(reader, tmp_path, monkeypatch):
    for folder in ("closed", "open"):
        (tmp_path / folder).mkdir()
        pack(tmp_path / folder / "a.tar", [("1.jpg", b"j")])
        pq.write_table(
            pa.table({"image": ["x"], "caption": ["x"], "uid": ["x"], "url": ["x"], "text": ["x"]}), tmp_path / folder / "a.parquet"
        )
        (tmp_path / folder / "a.jpg").write_bytes(b"j")
    real = os.scandir

    def scan(place):
        if str(place).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", scan)
    rows = list(reader.read(tmp_path))
    assert rows[0] == Broken("closed", "a folder that cannot be read")
    assert len(rows) == 2 and isinstance(rows[1], Sample)
    assert [row for part in reader.parts(tmp_path) for row in part.read(tmp_path)] == rows


def test_of_a_tar_cut_anywhere_rows_before_the_cut_are_kept_and_the_rest_is_told(tmp_path):
    names = [f"{n}{ending}" for n in range(3) for ending in (".jpg", ".txt")]
    whole = pack(tmp_path / "s.tar", [(name, b"word") for name in names]).read_bytes()
    for length in range(1024, len(names) * 1024 + 1, 256):
        (tmp_path / "s.tar").write_bytes(whole[:length])
        *samples, told = list(WebDataset().read(tmp_path))
        assert isinstance(told, Broken) and told.where == "s.tar"
        assert [sample.id for sample in samples] == [f"s.tar#{n}.jpg:0" for n in range(3) if n * 2048 + 512 + 4 <= length]


def test_a_text_that_is_not_utf_8_costs_one_row_of_a_table(tmp_path):
    texts = pa.StringArray.from_buffers(3, pa.array([0, 1, 2, 3], pa.int32()).buffers()[1], pa.py_buffer(b"a\xe9b"))
    pq.write_table(pa.table({"image": ["x.jpg", "y.jpg", "z.jpg"], "caption": texts}), tmp_path / "a.parquet")
    first, wrong, last = Parquet().read(tmp_path)
    assert (first.captions[0].text, last.captions[0].text) == ("a", "b")
    assert wrong == Broken("a.parquet#1", "text that is not UTF-8 at byte 0")


def test_a_broken_group_of_rows_costs_that_group(tmp_path):
    words = [f"{n:04d} " * 200 for n in range(9)]
    pq.write_table(
        pa.table({"image": ["x.jpg"] * 9, "caption": words}),
        tmp_path / "a.parquet",
        row_group_size=3,
        compression="NONE",
        use_dictionary=False,
    )
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    column = pq.read_metadata(tmp_path / "a.parquet").row_group(1).column(1)
    data[column.data_page_offset : column.data_page_offset + 40] = b"\xff" * 40
    (tmp_path / "a.parquet").write_bytes(data)
    rows = list(Parquet().read(tmp_path))
    assert [row.captions[0].text[:4] for row in rows if isinstance(row, Sample)] == ["0000", "0001", "0002", "0006", "0007", "0008"]
    (told,) = (row for row in rows if isinstance(row, Broken))
    assert told.where == "a.parquet#3" and "cannot be read from here to row 5" in told.reason


def test_a_tar_that_no_table_tells_of_is_told(tmp_path):
    pack(tmp_path / "00000.tar", [("0.jpg", b"j")])
    assert list(Img2dataset().read(tmp_path)) == [Broken("00000.tar", "no .parquet beside it says what the pictures in it are")]
