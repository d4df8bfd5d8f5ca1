"""Dirt: clean captioned pictures → the faults of real collections, planted with labels, for curation to find."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from random import Random

from PIL import Image, ImageEnhance

PICTURE_FLAWS = ("exact_duplicate", "near_duplicate", "truncated", "not_a_picture", "one_pixel", "long_strip")
CAPTION_FLAWS = ("swapped_caption", "empty_caption")


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture file as it will lie on the disk, with its caption (None: null) and what is wrong with which part."""

    name: str
    data: bytes
    caption: str | None
    flaw: str = ""
    part: str = ""


def soil(clean: Sequence[Shown], share: float, random: Random) -> list[Shown]:
    """Clean pictures with captions → the same with captions swapped here and there, then flawed additions, all labelled.

    Each flaw befalls `share` of the number of clean pictures. Additions come after what they were made of.
    """
    count = round(share * len(clean))
    shown = _swap(list(clean), count, random)
    honest = [item for item in shown if not item.flaw]
    for flaw in (*PICTURE_FLAWS, "empty_caption"):
        for victim in random.sample(honest, count):
            shown.append(_flawed(victim, flaw, len(shown), random))
    return shown


def _swap(shown: list[Shown], count: int, random: Random) -> list[Shown]:
    """Captions of `count` pictures go round in a circle, so that each has another's."""
    chosen = random.sample(range(len(shown)), count if count > 1 else 0)
    captions = [shown[i].caption for i in chosen]
    for place, i in enumerate(chosen):
        other = captions[place - 1]
        if other != shown[i].caption:
            shown[i] = Shown(shown[i].name, shown[i].data, other, "swapped_caption", "caption")
    return shown


def _flawed(victim: Shown, flaw: str, number: int, random: Random) -> Shown:
    stem = f"{number:06d}"
    if flaw == "empty_caption":
        return Shown(f"{stem}.png", _again(victim.data, random), random.choice((None, "", "  \n")), flaw, "caption")
    name, data = MAKERS[flaw](victim.data, stem, random)
    return Shown(name, data, victim.caption, flaw, "picture")


def _exact(data: bytes, stem: str, random: Random) -> tuple[str, bytes]:
    return f"{stem}.png", data


def _near(data: bytes, stem: str, random: Random) -> tuple[str, bytes]:
    """Re-encoded as JPEG, a little smaller, or a little brighter or darker."""
    image = Image.open(BytesIO(data))
    how = random.randrange(3)
    if how == 0:
        return f"{stem}.jpg", _encode(image, "JPEG", quality=random.randint(60, 90))
    if how == 1:
        side = round(image.width * random.uniform(0.8, 0.95))
        return f"{stem}.png", _encode(image.resize((side, side), Image.Resampling.BICUBIC), "PNG")
    return f"{stem}.png", _encode(ImageEnhance.Brightness(image).enhance(random.uniform(0.8, 0.95)), "PNG")


def _truncated(data: bytes, stem: str, random: Random) -> tuple[str, bytes]:
    """Cut off somewhere between a fifth and four fifths of the file."""
    if random.random() < 0.5:
        return f"{stem}.png", data[: round(len(data) * random.uniform(0.2, 0.8))]
    jpeg = _encode(Image.open(BytesIO(data)), "JPEG", quality=90)
    return f"{stem}.jpg", jpeg[: round(len(jpeg) * random.uniform(0.2, 0.8))]


def _no_picture(data: bytes, stem: str, random: Random) -> tuple[str, bytes]:
    """An error page, nothing at all, or noise, under a picture's name."""
    page = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n"
    return f"{stem}.jpg", random.choice((page, b"", random.randbytes(500)))


def _pixel(data: bytes, stem: str, random: Random) -> tuple[str, bytes]:
    colour = tuple(random.randrange(256) for _ in range(3))
    return f"{stem}.png", _encode(Image.new("RGB", (1, 1), colour), "PNG")


def _strip(data: bytes, stem: str, random: Random) -> tuple[str, bytes]:
    """One to forty, lying or standing."""
    image = Image.open(BytesIO(data))
    sides = (40 * 16, 16) if random.random() < 0.5 else (16, 40 * 16)
    return f"{stem}.png", _encode(image.resize(sides), "PNG")


def _again(data: bytes, random: Random) -> bytes:
    """The same objects mirrored: a picture of its own, whose only fault is its caption."""
    return _encode(
        Image.open(BytesIO(data)).transpose(random.choice((Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270))), "PNG"
    )


def _encode(image: Image.Image, kind: str, **how: int) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


MAKERS = {
    "exact_duplicate": _exact,
    "near_duplicate": _near,
    "truncated": _truncated,
    "not_a_picture": _no_picture,
    "one_pixel": _pixel,
    "long_strip": _strip,
}
