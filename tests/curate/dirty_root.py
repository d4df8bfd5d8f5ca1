"""A data root with everything that goes wrong in one: written by `dirty(folder)`, read by `readers()`; importable by programs."""

import io
import json
import os
import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from omma.curate.reader import Reader
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.readers.parquet import Parquet
from omma.curate.readers.txt_beside import TxtBeside
from omma.curate.readers.webdataset import WebDataset

STEMS = [
    "new\nline",
    "tab\t",
    "quo'te\"",
    "猫🐈",
    "אבג",
    "e\u0301",
    "\u202eab",
    "n" * 251,
    "a#b",
    "a%2eb",
    "s*r",
    "[1]",
    "w?",
    "-rf",
    "; ls",
]
BYTES = os.fsdecode(b"caf\xe9")  # Latin-1
SIDE = 46_341  # its square is just above 2 ** 31
BOMBS = ("png", "jpg", "webp", "tif", "gif")
CANARY = "canary"  # what lies outside and must never be told of


def picture(seed: int, kind: str = "PNG") -> bytes:
    """Blurred noise, 40 by 32 px, different for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize((40, 32), Image.Resampling.BICUBIC).save(
        file, kind, icc_profile=b"none" if kind == "WEBP" else None
    )
    return file.getvalue()


def bomb(kind: str) -> bytes:
    """A picture of 40 by 32 px whose header declares more than two billion."""
    data = bytearray(picture(1, {"jpg": "JPEG", "tif": "TIFF"}.get(kind, kind.upper())))
    if kind == "png":
        head = b"IHDR" + struct.pack(">II", SIDE, SIDE) + bytes(data[24:29])
        data[12:33] = head + struct.pack(">I", zlib.crc32(head))
    elif kind == "jpg":
        place = data.index(b"\xff\xc0")
        data[place + 5 : place + 9] = struct.pack(">HH", SIDE, SIDE)
    elif kind == "webp":
        place = data.index(b"VP8X") + 12
        data[place : place + 6] = 2 * (SIDE - 1).to_bytes(3, "little")
    elif kind == "tif":
        for tag, side in ((256, 40), (257, 32)):
            place = data.index(struct.pack("<HHII", tag, 4, 1, side))
            data[place + 8 : place + 10] = struct.pack("<H", SIDE)
    else:
        data[6:10] = struct.pack("<HH", SIDE, SIDE)
    return bytes(data)


def dirty(folder: Path) -> Path:
    """Writes `folder/root` and, beside it, `folder/outside` → the root."""
    root, outside = folder / "root", folder / "outside"
    for place in (root / "web", root / "table", root / "texts", outside):
        place.mkdir(parents=True)
    _outside(root, outside)
    _texts(root / "texts")
    _lines(root)
    _tars(root / "web")
    _tables(root / "table")
    return root


def readers() -> dict[str, Reader]:
    """All that reads such a root."""
    return {
        "lines": CaptionsJsonl(path="captions.jsonl"),
        "web": WebDataset(path="web"),
        "table": Parquet(path="table"),
        "texts": TxtBeside(path="texts"),
    }


def _outside(root: Path, outside: Path) -> None:
    (outside / "a.jpg").write_bytes(picture(90, "JPEG"))
    (outside / "a.txt").write_text(CANARY)
    (outside / "a.parquet").write_bytes(CANARY.encode())
    (root / "texts/out.jpg").symlink_to(outside / "a.jpg")
    (root / "texts/near.jpg").write_bytes(picture(91))
    (root / "texts/near.txt").symlink_to(outside / "a.txt")
    (root / "texts/folder").symlink_to(outside)
    (root / "texts/dangling.jpg").symlink_to("nowhere")
    (root / "texts/loop.jpg").symlink_to("loop.jpg")
    (root / "texts/circle").symlink_to(".")
    os.mkfifo(root / "texts/pipe.jpg")
    (root / "table/out.parquet").symlink_to(outside / "a.parquet")


def _texts(folder: Path) -> None:
    for number, stem in enumerate((*STEMS, BYTES)):
        (folder / f"{stem}.jpg").write_bytes(picture(number, "JPEG"))
        (folder / f"{stem[:250]}.txt").write_text(f"a picture that shows number {number}")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "page.jpg").write_bytes(b"<html>not found</html>")
    (folder / "half.png").write_bytes(picture(60)[:90])
    for kind in BOMBS:
        (folder / f"bomb.{kind}").write_bytes(bomb(kind))


def _lines(root: Path) -> None:
    names = [f"texts/{stem}.jpg" for stem in STEMS]
    names += [
        "texts/out.jpg",
        "texts/pipe.jpg",
        "texts/loop.jpg",
        "../outside/a.jpg",
        "/etc/passwd",
        "no\0name.jpg",
        "gone.png",
        "texts",
    ]
    names += ["n" * 300 + ".jpg", "https://example.org/a.jpg", "file:///etc/passwd", "texts/near.jpg"]
    rows = [json.dumps({"image": name, "caption": f"words of {number}"}) for number, name in enumerate(names)]
    rows += [
        '{"image": "texts/near.jpg", "caption": "half \\ud83d"}',
        '{"image": "texts/\\udc00.jpg", "caption": "x"}',
        "{oops",
        "[]",
    ]
    (root / "captions.jsonl").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def _tars(folder: Path) -> None:
    for name, cut in (("whole.tar", None), ("cut.tar", 0.55)):
        with tarfile.open(folder / name, "w") as tar:
            for number, stem in enumerate((*STEMS[:7], BYTES, "plain")):
                for ending, data in ((".jpg", picture(30 + number, "JPEG")), (".txt", f"member {number}".encode())):
                    info = tarfile.TarInfo(f"{stem}{ending}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
        if cut:
            os.truncate(folder / name, int((folder / name).stat().st_size * cut))


def _tables(folder: Path) -> None:
    rows = {"image": [picture(50 + n) for n in range(9)], "caption": [f"{n:04d} " * 200 for n in range(9)]}
    pq.write_table(pa.table(rows), folder / "a.parquet", row_group_size=3, compression="NONE", use_dictionary=False)
    column = pq.read_metadata(folder / "a.parquet").row_group(1).column(1)
    with (folder / "a.parquet").open("r+b") as file:
        file.seek(column.data_page_offset)
        file.write(b"\xff" * 40)
    (folder / "empty.parquet").write_bytes(b"")
