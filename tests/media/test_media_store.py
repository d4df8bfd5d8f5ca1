"""Store: files, tar members and Parquet cells by name; nothing outside the root; plain words for everything that is missing."""

import io
import os
import pickle
import resource
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from omma.core.errors import DataError
from omma.media.decode import decode
from omma.media.draw import to_png
from omma.media.store import Lately, Store, annexed, made, split_uri


def make_tar(path, members, mode="w", form=tarfile.PAX_FORMAT):
    with tarfile.open(path, mode, format=form) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "data"
    (root / "photos").mkdir(parents=True)
    (root / "photos/cat.jpg").write_bytes(b"cat")
    (root / "photos/a#b.jpg").write_bytes(b"hash")
    (root / "photos/empty.jpg").write_bytes(b"")
    (tmp_path / "secret.txt").write_bytes(b"secret")
    make_tar(root / "shard.tar", [("0001.jpg", b"one"), ("0001.txt", b"words"), ("./sub/0002.jpg", b"two"), ("empty.jpg", b"")])
    image = pa.array(
        [{"bytes": b"r0", "path": "x.jpg"}, {"bytes": None, "path": "photos/cat.jpg"}, None, {"bytes": b"r3", "path": None}]
    )
    table = pa.table(
        {
            "image": image,
            "raw": pa.array([b"a", b"b", b"", b"d"]),
            "images": pa.array([[{"bytes": b"i0"}, {"bytes": b"i1"}], [], None, [{"bytes": b"z"}]]),
            "caption": ["w", "x", "y", "z"],
        }
    )
    pq.write_table(table, root / "part.parquet", row_group_size=2)
    return root


def failure(store, uri):
    with pytest.raises(DataError) as error:
        store.read(uri)
    return str(error.value)


def test_all_kinds_of_names_are_read(root):
    store = Store(root)
    expected = {
        "photos/cat.jpg": b"cat",
        "photos/a#b.jpg": b"hash",
        "shard.tar#0001.jpg": b"one",
        "shard.tar#sub/0002.jpg": b"two",
        "part.parquet#0:image": b"r0",
        "part.parquet#1:image": b"cat",
        "part.parquet#3:image": b"r3",
        "part.parquet#1:raw": b"b",
        "part.parquet#3:raw": b"d",
        "part.parquet#0:images/1": b"i1",
    }
    for _ in range(2):  # the second time from memory
        assert {uri: store.read(uri) for uri in expected} == expected


def test_a_hash_counts_only_behind_a_container():
    assert split_uri("a/b#c.jpg") == ("a/b#c.jpg", "", "")
    assert split_uri("a#b/s.tar#m#1.jpg") == ("a#b/s.tar", "#", "m#1.jpg")
    assert split_uri("p.parquet#3:image") == ("p.parquet", "#", "3:image")
    assert split_uri("S.TAR#m.tar#1") == ("S.TAR", "#", "m.tar#1")
    assert split_uri("https://a.org/s.tar#m") == ("https://a.org/s.tar#m", "", "")


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_and_foreign_names_in_tars(tmp_path, form):
    names = ["d" * 120 + "/" + "n" * 130 + ".jpg", "tür/naïve 猫.jpg"]
    make_tar(tmp_path / "s.tar", [(name, name.encode()) for name in names], form=form)
    assert [Store(tmp_path).read(f"s.tar#{name}") for name in names] == [name.encode() for name in names]
    assert Store(tmp_path).members("s.tar") == tuple(names)


def test_of_equal_member_names_the_last_counts(tmp_path):
    make_tar(tmp_path / "s.tar", [("a", b"old"), ("b", b"x"), ("a", b"new")])
    assert Store(tmp_path).read("s.tar#a") == b"new"


def test_the_index_is_built_once_and_nothing_is_unpacked(root, monkeypatch):
    store = Store(root)
    assert store.read("shard.tar#0001.jpg") == b"one"
    before = sorted(path.name for path in root.rglob("*"))

    def refuse(*args, **kwargs):
        raise AssertionError("the tar was scanned again")

    monkeypatch.setattr("omma.media.store.index_tar", refuse)
    assert store.read("shard.tar#sub/0002.jpg") == b"two"
    assert sorted(path.name for path in root.rglob("*")) == before


def test_a_store_travels_to_a_worker(root):
    store = Store(root)
    store.read("shard.tar#0001.jpg")
    store.read("part.parquet#0:raw")
    copy = pickle.loads(pickle.dumps(store))
    assert copy.root == root and copy.read("shard.tar#0001.jpg") == b"one" and copy.read("part.parquet#0:raw") == b"a"


@pytest.mark.parametrize("uri", ["../secret.txt", "photos/../../secret.txt", "/etc/hostname", "../secret.tar#x", "link.txt"])
def test_nothing_outside_the_root_is_read(root, uri):
    (root / "link.txt").symlink_to(root.parent / "secret.txt")
    assert "lies outside the data root" in failure(Store(root), uri)


def test_a_parquet_path_outside_the_root_is_refused(root):
    table = pa.table({"image": pa.array([{"bytes": None, "path": "../secret.txt"}])})
    pq.write_table(table, root / "evil.parquet")
    assert "lies outside the data root" in failure(Store(root), "evil.parquet#0:image")


def test_what_is_missing_is_named(root):
    store = Store(root)
    assert failure(store, "photos/dog.jpg") == f"photos/dog.jpg: no file photos/dog.jpg; expected one below {root}"
    assert failure(store, "none.tar#a.jpg") == f"none.tar#a.jpg: no file none.tar; expected one below {root}"
    assert failure(store, "none.parquet#0:image") == f"none.parquet#0:image: no file none.parquet; expected one below {root}"
    assert failure(store, "shard.tar#9.jpg") == "shard.tar#9.jpg: no member '9.jpg' in shard.tar; expected one of its 4 members"
    assert failure(store, "part.parquet#4:image") == "part.parquet: no row 4; expected 0 to 3"
    assert failure(store, "part.parquet#0:img") == "part.parquet: no column 'img'; expected one of image, raw, images, caption"
    assert failure(store, "part.parquet#zero:image").endswith("'zero:image' behind the #; expected row:column, such as 17:image")
    assert failure(store, "part.parquet#-1:image").endswith("expected row:column, such as 17:image")


def test_what_is_empty_or_of_another_kind_is_named(root):
    store = Store(root)
    for uri in ("photos/empty.jpg", "shard.tar#empty.jpg", "part.parquet#2:raw"):
        assert failure(store, uri) == f"{uri}: the file is empty (0 bytes); expected a picture"
    assert failure(store, "part.parquet#0:caption").endswith("the cell holds str; expected bytes or a struct of bytes and path")
    assert failure(store, "part.parquet#2:image").endswith("the cell holds NoneType; expected bytes or a struct of bytes and path")
    assert failure(store, "part.parquet#1:images/0").endswith("the cell holds 0 items; expected a list with an item 0")
    assert failure(store, "photos") == "photos: cannot be read: Is a directory; expected a readable file"
    assert "has not been fetched" in failure(store, "https://host/cat.jpg")
    assert "no file name" in failure(store, "a\0b.jpg")
    assert "cannot be read: File name too long" in failure(store, "x" * 5000)


def test_broken_containers(root):
    whole = (root / "shard.tar").read_bytes()
    (root / "cut.tar").write_bytes(whole[: 512 + 512 + 512 + 2])  # breaks off inside the second member's data
    store = Store(root)
    assert store.read("cut.tar#0001.jpg") == b"one"
    assert "no member '0001.txt' in cut.tar, which ends inside 0001.txt after 1,538 bytes" in failure(store, "cut.tar#0001.txt")
    with pytest.raises(DataError, match="cut.tar: the tar ends inside 0001.txt after 1,538 bytes"):
        store.members("cut.tar")
    make_tar(root / "gz.tar", [("a", b"a")], mode="w:gz")
    assert "gz.tar: no plain tar" in failure(store, "gz.tar#a") and "pack it again without compression" in failure(
        store, "gz.tar#a"
    )
    (root / "text.tar").write_bytes(b"not a tar " * 200)
    assert failure(store, "text.tar#a").startswith("text.tar: no plain tar")
    (root / "text.parquet").write_bytes(b"not parquet " * 200)
    assert failure(store, "text.parquet#0:image").startswith("text.parquet: no Parquet file")


def test_a_tar_that_shrank_after_it_was_indexed(root):
    store = Store(root)
    store.read("shard.tar#0001.jpg")
    (root / "shard.tar").write_bytes((root / "shard.tar").read_bytes()[:1540])
    words = failure(store, "shard.tar#0001.txt")
    assert "the tar ends after 4 of the member's 5 bytes; expected a whole tar; fetch it again" in words


def test_a_window_of_a_picture_is_cut_in_px(tmp_path):
    stored = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(to_png(stored))
    seen = decode(Store(tmp_path).read("a.png#xywh=2,1,5,4"), name="a")
    assert np.array_equal(seen, stored[1:5, 2:7])
    beyond = decode(Store(tmp_path).read("a.png#xywh=6,4,4,4"), name="a")
    assert np.array_equal(beyond[:2, :2], stored[4:, 6:]) and not beyond[2:].any() and not beyond[:, 2:].any()


@pytest.mark.parametrize("box", ["", "1,2,3", "0,0,0,5", "a,b,c,d", "1.5,2,3,4", "0,0,-3,4", "0,0,9999999,9999999"])
def test_words_that_are_no_window_are_told(box, tmp_path):
    (tmp_path / "a.png").write_bytes(to_png(np.zeros((2, 2, 3), np.uint8)))
    assert "x,y,w,h in px" in failure(Store(tmp_path), f"a.png#xywh={box}")


def test_a_window_may_be_of_a_cell_and_of_nothing(tmp_path):
    image = pa.array([{"bytes": to_png(np.full((4, 4, 3), 9, np.uint8)), "path": None}])
    pq.write_table(pa.table({"image": image}), tmp_path / "part.parquet")
    assert decode(Store(tmp_path).read("part.parquet#0:image#xywh=0,0,2,3"), name="a").shape == (3, 2, 3)
    assert "no file gone.png" in failure(Store(tmp_path), "gone.png#xywh=0,0,2,3")


def test_what_curation_made_or_fetched_is_read_from_the_annex_and_nothing_else_is(tmp_path: Path) -> None:
    root, annex = tmp_path / "root", tmp_path / "annex"
    root.mkdir()
    data, address = b"a picture's bytes", "https://a.org/shard.tar#cat.jpg?x=1"
    for uri in (made(data), address):
        file = annex / annexed(uri)
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
        assert Store(root, annex).read(uri) == data
        with pytest.raises(DataError, match="has not been"):
            Store(root).read(uri)
    for odd in ("made://../../etc/passwd", "made://ab", "file:///etc/passwd", "s3://bucket/a.jpg"):
        with pytest.raises(DataError):
            Store(root, annex).read(odd)


ODD = [
    "a\nb.jpg",
    "tab\t.jpg",
    "quo'te\".jpg",
    "猫🐈.jpg",
    "אבג.jpg",
    "e\u0301.jpg",
    "n" * 251 + ".jpg",
    "#.jpg",
    "a b?x=1&%2e.jpg",
]


def test_names_of_any_letters_are_read_from_folders_tars_and_zips(tmp_path):
    bytewise = os.fsdecode(b"caf\xe9.jpg")  # Latin-1, no UTF-8
    for name in (*ODD, bytewise):
        (tmp_path / name).write_bytes(name.encode("utf-8", "surrogateescape"))
    make_tar(tmp_path / "s.tar", [(name, name.encode("utf-8", "surrogateescape")) for name in (*ODD, bytewise)])
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as file:
        for name in ODD:
            file.writestr(name, name.encode())
    store = Store(tmp_path)
    for prefix, names in (("", (*ODD, bytewise)), ("s.tar#", (*ODD, bytewise)), ("z.zip#", ODD)):
        for name in names:
            assert store.read(prefix + name) == name.encode("utf-8", "surrogateescape")


def test_members_called_like_paths_out_of_the_root_are_members_and_nothing_else(root):
    (root.parent / "canary").write_bytes(b"canary")
    names = ["../canary", "/etc/hostname", str(root.parent / "canary")]
    make_tar(root / "evil.tar", [(name, b"inner") for name in names])
    with zipfile.ZipFile(root / "evil.zip", "w") as file:
        for name in names:
            file.writestr(name, b"inner")
    with tarfile.open(root / "links.tar", "w") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            info = tarfile.TarInfo(f"link-{kind.decode()}")
            info.type, info.linkname = kind, "../canary"
            tar.addfile(info)
    store = Store(root)
    assert [store.read(f"evil.tar#{name}") for name in names] == [b"inner"] * 3
    assert [store.read(f"evil.zip#{name.lstrip('/')}") for name in names[:1]] == [b"inner"]
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        assert "no member" in failure(store, f"links.tar#link-{kind.decode()}")


def test_a_pipe_is_not_waited_for(root):
    os.mkfifo(root / "pipe.jpg")
    assert failure(Store(root), "pipe.jpg") == "pipe.jpg: neither a file nor a folder; expected a picture"


def test_a_member_of_a_zip_that_unpacks_to_more_than_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("omma.media.store.UNPACKED", 1000)
    with zipfile.ZipFile(tmp_path / "z.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bomb.jpg", bytes(100_000))
        file.writestr("fine.jpg", b"x" * 1000)
    assert Store(tmp_path).read("z.zip#fine.jpg") == b"x" * 1000
    assert failure(Store(tmp_path), "z.zip#bomb.jpg") == "z.zip#bomb.jpg: unpacks to 100,000 bytes; expected at most 1,000"


def test_more_containers_are_read_than_files_may_be_open(tmp_path):
    for number in range(120):
        with zipfile.ZipFile(tmp_path / f"{number}.zip", "w") as file:
            file.writestr("a", str(number))
        pq.write_table(pa.table({"image": [str(number).encode()]}), tmp_path / f"{number}.parquet")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 150, before[1]))
    try:
        store = Store(tmp_path)
        for number in (*range(120), 0):
            assert store.read(f"{number}.zip#a") == store.read(f"{number}.parquet#0:image") == str(number).encode()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_what_was_used_lately_is_kept_and_the_rest_is_opened_anew():
    opened = []

    def note(path):
        opened.append(str(path))
        return len(str(path))

    kept = Lately(4, note, lambda length: length)
    for name in ("a", "bb", "a", "cc", "a", "d" * 9, "d" * 9, "a"):
        assert kept.get(Path(name)) == len(name)
    assert opened == ["a", "bb", "cc", "d" * 9, "a"]  # one alone may be larger than what is kept


SIDE = 46_341  # px a side: two billion in all


def _saved(kind, **how):
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(buffer, kind, **({"append_images": frames[1:]} | how if how else {}))
    return bytearray(buffer.getvalue())


def huge():
    """Small files of each format whose headers declare two billion px."""
    png, jpeg, gif, tiff, webp, bmp = (
        _saved("PNG"),
        _saved("JPEG"),
        _saved("GIF"),
        _saved("TIFF"),
        _saved("WEBP", save_all=True),
        _saved("BMP"),
    )
    struct.pack_into(">II", png, 16, SIDE, SIDE)
    struct.pack_into(">I", png, 29, zlib.crc32(bytes(png[12:29])))
    struct.pack_into(">HH", jpeg, jpeg.index(b"\xff\xc0") + 5, SIDE, SIDE)
    struct.pack_into("<HH", gif, 6, SIDE, SIDE)
    struct.pack_into("<HH", gif, gif.rindex(b"\x2c\0\0\0\0") + 5, SIDE, SIDE)
    first = struct.unpack_from("<I", tiff, 4)[0]
    for place in range(first + 2, first + 2 + 12 * struct.unpack_from("<H", tiff, first)[0], 12):
        if (tag := struct.unpack_from("<H", tiff, place)[0]) in (256, 257):  # width and height
            struct.pack_into("<HHII", tiff, place, tag, 4, 1, SIDE)
    webp[24:30] = (SIDE - 1).to_bytes(3, "little") * 2
    struct.pack_into("<ii", bmp, 18, SIDE, SIDE)
    ppm = b"P6\n%d %d\n255\n" % (SIDE, SIDE) + bytes(100)
    return {"PNG": png, "JPEG": jpeg, "GIF": gif, "TIFF": tiff, "WEBP": webp, "BMP": bmp, "PPM": ppm}


TRIED = """
import resource, sys
from pathlib import Path
from omma.core.errors import DataError
from omma.media.decode import decode, measure, thumbnail
from omma.media.store import Store
used = int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1]) << 10
resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20),) * 2)
for name in sys.argv[2:]:
    data = Store(Path(sys.argv[1])).read(name)
    for how in (measure, decode, lambda data, name: thumbnail(data, name=name, side=64)):
        try:
            print(name, how(data, name=name))
        except DataError as error:
            print(name, error.got.split(" ", 1)[1])
"""


def test_two_billion_px_are_refused_by_the_header_before_memory_is_asked_for(tmp_path):
    """With a quarter of a GiB to spare: a decoder that made room first would fail otherwise."""
    for name, data in huge().items():
        (tmp_path / name).write_bytes(data)
    names = list(huge())
    found = subprocess.run([sys.executable, "-c", TRIED, str(tmp_path), *names], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == [f"{name} declares more pixels than may be decoded" for name in names for _ in range(3)]
