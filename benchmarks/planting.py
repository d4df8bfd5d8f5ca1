"""Planting: photographs with captions → a data root of single pairs whose flaws are known, told in `flaws.csv`.

A photograph gets one flaw at most, drawn by seed. Copies stand as rows of their own beside their originals, with another of
the photograph's captions; all other flaws change the row itself. Benchmark pictures lie in `benchmark/`, a copy of each in the
corpus: as it is, encoded anew or cropped, in turn. Texts of a benchmark and flagged words lie in `benchmark.txt` and `flagged.txt`.
"""

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

Random = np.random.Generator
SHARES = {"swapped caption": 0.10, "re-encoded": 0.10, "cropped": 0.05, "truncated": 0.05, "benchmark picture": 0.02}
SHARE = 0.01  # of each other flaw
SMALL = 112  # px of the longer side: no smaller copy counts as "re-encoded", an icon is half of it
FOREIGN = (
    "Ein Hund liegt neben einem roten Sofa und schläft",
    "Deux enfants jouent au ballon dans un grand jardin vert",
    "Una mujer camina por la playa con su perro blanco",
    "Мужчина стоит на мосту и смотрит на старый корабль",
    "Un gatto dorme sul tavolo accanto a una finestra aperta",
)
QUESTIONS = (
    "which of the four animals behind the wooden fence is looking at the camera",
    "how many of the bottles on the upper shelf of the fridge are still full",
    "what is written on the yellow sign to the left of the railway crossing",
)
FLAGGED = ("zounds", "gadzooks")


@dataclass(frozen=True, slots=True)
class Photograph:
    """A file and what is said of it."""

    file: Path
    captions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A pair of the corpus. `kind` says more of the flaw; `original` is the uri of the row that a copy copies."""

    uri: str
    caption: str
    flaw: str = ""
    kind: str = ""
    original: str = ""


def photographs(folder: Path) -> list[Photograph]:
    """A folder with `captions.jsonl` (image, captions) → its photographs."""
    lines = (json.loads(line) for line in (folder / "captions.jsonl").read_text(encoding="utf-8").splitlines())
    return [Photograph(folder / line["image"], tuple(line["captions"])) for line in lines]


def plant(root: Path, found: list[Photograph], seed: int) -> list[Row]:
    """Photographs → corpus below root: `images/`, `captions.jsonl`, `flaws.csv`, `benchmark/` and two lists; its rows."""
    random = np.random.default_rng(seed)
    (root / "images").mkdir(parents=True)
    (root / "benchmark").mkdir()
    flaws = [*dict.fromkeys((*SHARES, *COPIED, *TEXTS, *PICTURES))]
    counts = [round(SHARES.get(flaw, SHARE) * len(found)) for flaw in flaws]
    order = random.permutation(len(found))
    drawn = dict(zip(flaws, np.split(order, np.cumsum(counts)), strict=False))
    flaw_of = {int(i): (flaw, n) for flaw, members in drawn.items() for n, i in enumerate(members)}
    swapped = drawn["swapped caption"]
    other = dict(zip(swapped.tolist(), np.roll(swapped, 1).tolist(), strict=True))
    rows = []
    for i, photograph in enumerate(found):
        flaw, number = flaw_of.get(i, ("", 0))
        uri = f"images/{i:05d}{photograph.file.suffix}"
        sound = Row(uri, photograph.captions[0])
        if flaw == "swapped caption":
            (root / uri).write_bytes(photograph.file.read_bytes())
            rows.append(replace(sound, caption=found[other[i]].captions[0], flaw=flaw))
        else:
            rows += _planted(root, sound, photograph, flaw, number, random)
    _write(root, rows)
    return rows


def corrupt(root: Path, found: Iterable[Photograph], number: int, data: Callable[[bytes], bytes]) -> None:
    """Photographs as they are, one a row, except that the file of the `number`-th holds `data` of its bytes."""
    rows = []
    (root / "images").mkdir(parents=True)
    for i, photograph in enumerate(found):
        uri, whole = f"images/{i:05d}.jpg", photograph.file.read_bytes()
        (root / uri).write_bytes(data(whole) if i == number else whole)
        rows.append(Row(uri, photograph.captions[0], "truncated" if i == number else ""))
    _write(root, rows)


def _planted(root: Path, sound: Row, photograph: Photograph, flaw: str, number: int, random: Random) -> list[Row]:
    """One photograph with its flaw, or none, written down."""
    data, target = photograph.file.read_bytes(), root / sound.uri
    if flaw in TEXTS:
        target.write_bytes(data)
        return [replace(sound, caption=TEXTS[flaw](sound.caption, number), flaw=flaw)]
    if flaw in PICTURES:
        target.write_bytes(PICTURES[flaw](_opened(data), random))
        return [replace(sound, flaw=flaw)]
    if flaw == "truncated":
        target.write_bytes(data[: int(len(data) * random.uniform(0.2, 0.9))])
        return [replace(sound, flaw=flaw)]
    if flaw == "benchmark picture":
        (root / "benchmark" / target.name).write_bytes(data)
        kind = ("as it is", "3/4 size, JPEG 60", "5% on all sides")[number % 3]
        target.write_bytes(data if kind == "as it is" else COPIES[kind](_opened(data), random))
        return [replace(sound, flaw=flaw, kind=kind)]
    target.write_bytes(data)
    if not flaw:
        return [sound]
    kind = list(COPIED[flaw])[number % len(COPIED[flaw])]
    copy = COPIES[kind](_opened(data), random)
    uri = sound.uri.replace("images/", "images/copy-")
    (root / uri).write_bytes(copy)
    return [sound, Row(uri, photograph.captions[1], flaw, kind, sound.uri)]


def _write(root: Path, rows: list[Row]) -> None:
    lines = (json.dumps({"image": row.uri, "caption": row.caption}) for row in rows)
    (root / "captions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (root / "benchmark.txt").write_text("\n".join(QUESTIONS) + "\n", encoding="utf-8")
    (root / "flagged.txt").write_text("\n".join(FLAGGED) + "\n", encoding="utf-8")
    with (root / "flaws.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("picture", "part", "flaw"))
        table.writerows((row.uri, "caption" if row.flaw in WORDS else "picture", row.flaw) for row in rows if row.flaw)


def _opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data)).convert("RGB")


def _saved(image: Image.Image, kind: str = "JPEG", **how: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **({"quality": 90} | how if kind == "JPEG" else how))
    return buffer.getvalue()


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS)


def _cut(image: Image.Image, shares: Iterable[float]) -> bytes:
    """Shares of the sides that go: left, top, right, bottom."""
    left, top, right, bottom = shares
    width, height = image.size
    box = round(width * left), round(height * top), width - round(width * right), height - round(height * bottom)
    return _saved(image.crop(box))


def _banner(image: Image.Image, _: Random) -> bytes:
    height = image.height // 8
    return _saved(image.crop((0, image.height // 2, image.width, image.height // 2 + max(8, height))))


def _page(image: Image.Image, random: Random) -> bytes:
    page = Image.new("RGB", (480, 640), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(16)
    for line in range(30):
        words = ("".join(chr(97 + c) for c in random.integers(0, 26, random.integers(2, 9))) for _ in range(9))
        pen.text((12, 12 + 20 * line), " ".join(words), fill="black", font=font)
    return _saved(page)


Copying = Callable[[Image.Image, Random], bytes]
ENCODINGS: dict[str, Copying] = {
    "3/4 size, JPEG 60": lambda image, _: _saved(_scaled(image, 0.75), quality=60),
    "1/4 size or 112 px, JPEG 30": lambda image, _: _saved(_scaled(image, max(0.25, SMALL / max(image.size))), quality=30),
    "JPEG 20": lambda image, _: _saved(image, quality=20),
    "WebP 80": lambda image, _: _saved(image, "WEBP", quality=80),
    "PNG, brighter by 15%": lambda image, _: _saved(ImageEnhance.Brightness(image).enhance(1.15), "PNG"),
}
CROPS: dict[str, Copying] = {
    "5% on all sides": lambda image, _: _cut(image, [0.05] * 4),
    "5% on one side": lambda image, random: _cut(image, np.roll([0.05, 0, 0, 0], random.integers(4))),
    "5% on two neighbours": lambda image, random: _cut(image, np.roll([0.05, 0.05, 0, 0], random.integers(4))),
    "10% on one side": lambda image, random: _cut(image, np.roll([0.1, 0, 0, 0], random.integers(4))),
    "0 to 8% of each side": lambda image, random: _cut(image, random.uniform(0, 0.08, 4)),
}
ICONS: dict[str, Copying] = {"56 px, JPEG 30": lambda image, _: _saved(_scaled(image, SMALL / 2 / max(image.size)), quality=30)}
COPIED = {"re-encoded": ENCODINGS, "cropped": CROPS, "icon": ICONS}
COPIES = ENCODINGS | CROPS | ICONS
PICTURES: dict[str, Copying] = {
    "tiny": lambda image, _: _saved(image.resize((12, 9))),
    "banner": _banner,
    "placeholder": lambda image, random: _saved(Image.new("RGB", image.size, tuple(random.integers(0, 256, 3).tolist()))),
    "blurred": lambda image, _: _saved(image.filter(ImageFilter.GaussianBlur(min(image.size) / 60))),
    "page of text": _page,
}
TEXTS: dict[str, Callable[[str, int], str]] = {
    "no words": lambda _, number: ("", " ", "\t")[number % 3],
    "file name": lambda _, number: f"IMG_{2040 + number}.jpg",
    "keywords": lambda _, number: "cheap shoes buy shoes " * (4 + number % 3),
    "marks": lambda caption, _: "".join(f"{letter}!*" for letter in caption[:30]),
    "hashtags": lambda caption, _: " ".join(f"#{word}" for word in caption.split()),
    "capitals": lambda caption, _: caption.upper(),
    "other language": lambda _, number: FOREIGN[number % len(FOREIGN)],
    "e-mail address": lambda caption, number: f"{caption} Write to seller{number}@example.org",
    "flagged word": lambda caption, number: f"{FLAGGED[number % len(FLAGGED)]}, {caption}",
    "benchmark text": lambda _, number: QUESTIONS[number % len(QUESTIONS)],
}
WORDS = ("swapped caption", *TEXTS)  # flaws that are no fault of the picture
