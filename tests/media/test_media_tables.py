"""Pictures inside tables and zips: cells of TSV in base64, members of zips."""

import base64
import pickle
import zipfile

import pytest

from omma.core.errors import DataError
from omma.media.store import Store

ONE, TWO = b"first picture", b"second picture"


def coded(data):
    return base64.b64encode(data).decode()


@pytest.fixture
def store(tmp_path):
    several = f"['{coded(ONE)}', '{coded(TWO)}']"
    rows = [
        ["index", "image", "question"],
        ["7", coded(ONE), "plain"],
        ["8", "7", '"a ""quoted"" question\nof two lines"'],
        ["9", several, "several"],
        ["10", "not base64 at all, but long enough to be no index of another row ä", "broken"],
        ["11", "", "nothing"],
    ]
    (tmp_path / "t.tsv").write_text("\n".join("\t".join(row) for row in rows) + "\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as file:
        file.writestr("a/b.jpg", TWO)
    return Store(tmp_path)


def test_cells_are_pictures_lists_of_them_or_the_index_of_another_row(store):
    assert store.read("t.tsv#0:image") == ONE
    assert store.read("t.tsv#1:image") == ONE
    assert [store.read(f"t.tsv#2:image/{i}") for i in (0, 1)] == [ONE, TWO]
    assert store.read("p.zip#a/b.jpg") == TWO
    assert pickle.loads(pickle.dumps(store)).read("p.zip#a/b.jpg") == TWO


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("t.tsv#3:image", "no base64; expected a picture in base64"),
        ("t.tsv#4:image", "the file is empty"),
        ("t.tsv#5:image", "no row 5; expected 0 to 4"),
        ("t.tsv#0:photo", "no column 'photo'; expected one of index, image, question"),
        ("t.tsv#2:image/7", "the cell holds 2 items; expected a list with an item 7"),
        ("t.tsv#two:image", "expected row:column"),
        ("p.zip#a/c.jpg", "no member 'a/c.jpg' in p.zip; expected one of its 1 members"),
    ],
)
def test_what_is_not_there_is_told(store, uri, message):
    with pytest.raises(DataError, match=message):
        store.read(uri)


def test_a_cut_zip_is_told(store):
    data = (store.root / "p.zip").read_bytes()
    (store.root / "cut.zip").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match="cannot be unpacked"):
        store.read("cut.zip#a/b.jpg")
