"""Tar index: as `tarfile` reads it, for all kinds of tars; what is missing from a broken one is told."""

import io
import random
import sys
import tarfile

import pytest

from omma.core.errors import DataError
from omma.media.tar_index import Places, TarIndex, index_tar

FORMS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)
ODD = [
    "a\nb.jpg",
    "tab\t.jpg",
    "quo'te\".jpg",
    "猫🐈.jpg",
    "אבג.jpg",
    "e\u0301.jpg",
    "n" * 251 + ".jpg",
    "caf\udce9.jpg",
    "#.tar#x.jpg",
    "d/" * 60 + "x",
]


def write(path, members, form=tarfile.PAX_FORMAT, kinds=()):
    with tarfile.open(path, "w", format=form) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, kind in kinds:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    return path


def by_tarfile(path):
    with tarfile.open(path, "r:") as tar:
        return {m.name.removeprefix("./"): (m.offset_data, m.size) for m in tar if m.isreg()}


@pytest.mark.parametrize("form", FORMS)
def test_the_index_is_that_of_tarfile_for_random_tars(form, tmp_path):
    draw = random.Random(0)
    links = [("d", tarfile.DIRTYPE), ("l", tarfile.SYMTYPE), ("h", tarfile.LNKTYPE), ("f", tarfile.FIFOTYPE)]
    for number in range(30):
        names = [f"{'./' * draw.randint(0, 1)}{'d/' * draw.randint(0, 70)}{draw.randint(0, 20)}.jpg" for _ in range(20)]
        members = [(name, b"x" * draw.choice((0, 1, 511, 512, 513, 5000))) for name in names]
        path = write(tmp_path / f"{number}.tar", members, form, draw.sample(links, draw.randint(0, 2)))
        index = index_tar(path)
        assert (index.spans, list(index.spans), index.cut) == (by_tarfile(path), list(by_tarfile(path)), "")


@pytest.mark.parametrize("form", FORMS[1:])
def test_names_of_any_letters_and_bytes_are_found_and_links_are_not(form, tmp_path):
    path = write(tmp_path / "a.tar", [(name, str(n).encode()) for n, name in enumerate(ODD)], form, [("link.jpg", tarfile.SYMTYPE)])
    index = index_tar(path)
    data = path.read_bytes()
    assert {name: data[start : start + size] for name, (start, size) in index.spans.items()} == {
        n: str(i).encode() for i, n in enumerate(ODD)
    }
    assert not index.cut


def test_a_tar_cut_anywhere_keeps_what_is_before_and_tells_of_the_rest(tmp_path):
    """Also between two members and inside a header, where `tarfile` takes it for whole."""
    path = write(tmp_path / "a.tar", [(f"{n}.jpg", b"x" * 600) for n in range(4)], tarfile.USTAR_FORMAT)
    whole, half = path.read_bytes(), tmp_path / "half.tar"
    member = 512 + 1024
    for length in range(1, 4 * member + 512, 37):
        half.write_bytes(whole[:length])
        if length < 512:
            with pytest.raises(DataError, match="no plain tar"):
                index_tar(half)
            continue
        index = index_tar(half)
        assert list(index.spans) == [f"{n}.jpg" for n in range(4) if n * member + 512 + 600 <= length]
        assert index.cut, length
    half.write_bytes(whole[: 2 * member])
    assert index_tar(half).cut == "breaks off after 3,072 of 3,072 bytes: there is no end mark"


def test_a_spoilt_header_and_a_second_tar_are_told(tmp_path):
    path = write(tmp_path / "a.tar", [(f"{n}.jpg", b"x" * 600) for n in range(3)], tarfile.USTAR_FORMAT)
    data = bytearray(path.read_bytes())
    (tmp_path / "two.tar").write_bytes(data + data)
    assert index_tar(tmp_path / "two.tar").cut == "goes on behind its end mark at byte 4,608, as several tars in one file do"
    data[1536 + 3] ^= 1
    path.write_bytes(data)
    assert list(index_tar(path).spans) == ["0.jpg"]
    assert index_tar(path).cut == f"breaks off after 1,536 of {len(data):,} bytes: there is no header"


def test_places_are_those_of_the_index_in_an_eighth_of_its_memory(tmp_path):
    path = write(tmp_path / "a.tar", [(f"{n:06d}.jpg", b"x" * (n % 7)) for n in range(3000)], tarfile.USTAR_FORMAT)
    index = index_tar(path)
    places = Places(index)
    assert {name: places.find(name) for name in index.spans} == index.spans
    assert (len(places), places.find("3000.jpg"), places.cut) == (3000, None, "")
    assert Places(TarIndex({}, "cut")).find("x") is None
    held = places._keys.nbytes + places._spans.nbytes
    whole = sys.getsizeof(index.spans) + sum(sys.getsizeof(name) + 2 * 32 + 56 for name in index.spans)
    assert held == 24 * 3000 and 8 * held < whole


def test_what_is_no_tar_is_refused(tmp_path):
    for data in (b"", b"no tar" * 200, b"\x1f\x8b" + b"x" * 600):
        (tmp_path / "a.tar").write_bytes(data)
        with pytest.raises(DataError, match="no plain tar"):
            index_tar(tmp_path / "a.tar")
    (tmp_path / "a.tar").write_bytes(bytes(10_240))
    assert index_tar(tmp_path / "a.tar").spans == {}  # an empty one
