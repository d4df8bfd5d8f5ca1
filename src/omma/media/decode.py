"""Decode: bytes of a picture file → upright RGB pixels, or a DataError that says in ledger words what is wrong with them.

What a file is called does not matter, its bytes decide. Rules: EXIF orientation applied; alpha laid on white; palettes,
CMYK, Lab, 1-bit and grey become RGB; 16 bits are scaled to 8; of an animation the first frame; a picture with more than
`max_pixels` is refused from its header.
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO

import numpy as np
from jaxtyping import UInt8
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from omma.core.errors import DataError

MAX_PIXELS = 178_956_970  # 512 MiB as RGB: where Pillow itself speaks of a decompression bomb
FORMATS = (
    "AVIF",
    "BMP",
    "DIB",
    "GIF",
    "ICO",
    "JPEG",
    "JPEG2000",
    "MPO",
    "PNG",
    "PPM",
    "QOI",
    "TIFF",
    "WEBP",
)  # no EPS: it runs a program
WORD = 65_535
logging.getLogger("PIL").addHandler(logging.NullHandler())  # its last words on broken files are in our DataError


def decode(data: bytes, *, name: str, max_pixels: int = MAX_PIXELS) -> UInt8[np.ndarray, "h w 3"]:
    """File bytes → upright RGB, a writable array of its own. `name` stands in the DataError for what cannot be decoded."""
    with _opened(data, name, max_pixels) as image:
        turn = _orientation(image)
        return _upright(_rgb(image, name), turn)


def measure(data: bytes, *, name: str) -> tuple[int, int]:
    """File bytes → (width, height) px of what `decode` would return, read from the header. DataError if there is none."""
    with _opened(data, name, None) as image:
        width, height = image.size
        return (height, width) if _orientation(image) >= 5 else (width, height)


def thumbnail(data: bytes, *, name: str, side: int, max_pixels: int = MAX_PIXELS) -> UInt8[np.ndarray, "h w 3"]:
    """File bytes → upright RGB shrunk to fit `side` × `side` px, aspect kept, never enlarged; at least 1 px a side.

    For hashing and reports: JPEGs are decoded at an eighth to a half of their size where that is enough, so pixels
    differ a little from `decode` and resize.
    """
    with _opened(data, name, max_pixels) as image:
        turn = _orientation(image)
        image.draft(None, (side, side))  # type: ignore[arg-type]  # no mode asked; only JPEG has drafts
        return shrink(_upright(_rgb(image, name), turn), side)


def draft(data: bytes, *, name: str, side: int, max_pixels: int = MAX_PIXELS) -> UInt8[np.ndarray, "h w 3"]:
    """File bytes → upright RGB no smaller than `side` px a side where it can be had cheaper than the whole, else the whole.

    Only JPEGs have drafts: an eighth, a quarter or half of their sides, made from the lowest frequencies alone.
    """
    with _opened(data, name, max_pixels) as image:
        turn = _orientation(image)
        image.draft(None, (side, side))  # type: ignore[arg-type]  # no mode asked
        return _upright(_rgb(image, name), turn)


def shrink(image: UInt8[np.ndarray, "h w 3"], side: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Picture → the same within `side` × `side` px, aspect kept, never enlarged; at least 1 px a side."""
    height, width, _ = image.shape
    scale = side / max(height, width)
    if scale >= 1:
        return image
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.BOX))


@contextmanager
def _opened(data: bytes, name: str, max_pixels: int | None) -> Iterator[Image.Image]:
    """Bytes → opened image; whatever Pillow raises inside the block becomes a DataError."""
    if not data:
        raise DataError(name, "the file is empty (0 bytes)", "a picture")
    kind = _kind(data)
    try:
        with warnings.catch_warnings():
            # our own limit and errors speak; a warning would only repeat them on a terminal full of workers
            warnings.filterwarnings("ignore", module=r"PIL\.")
            with Image.open(BytesIO(data), formats=_formats()) as image:
                kind = image.format or kind
                _check_size(image, name, max_pixels)
                yield image
    except UnidentifiedImageError:
        known = kind != "picture"
        got = f"{kind} without a readable header" if known else f"not a picture (it begins with {data[:8]!r})"
        raise DataError(name, f"{got}, {len(data):,} bytes", f"one of {', '.join(_formats())}") from None
    except Image.DecompressionBombError:
        raise DataError(name, f"{kind} declares more pixels than may be decoded", f"at most {MAX_PIXELS:,}") from None
    except (DataError, MemoryError):  # too little memory is the machine's fault, not the file's
        raise
    except Exception as error:  # Pillow's plugins raise anything on broken bytes
        raise DataError(name, _reason(kind, error, data)) from None


@cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(kind for kind in FORMATS if kind in Image.OPEN)


def _check_size(image: Image.Image, name: str, max_pixels: int | None) -> None:
    width, height = image.size
    if width < 1 or height < 1:
        raise DataError(name, f"{image.format} of {width} × {height} px", "at least 1 × 1 px")
    if max_pixels is not None and width * height > max_pixels:
        got = f"{image.format} of {width} × {height} = {width * height:,} px"
        raise DataError(name, got, f"at most {max_pixels:,} px", "raise max_pixels, or leave it dropped")


def _kind(data: bytes) -> str:
    """First bytes → the name of the format they announce, or "picture": for messages only, decoding asks Pillow."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for head, kind in HEADS.items() if data.startswith(head)), "picture")


def _reason(kind: str, error: Exception, data: bytes) -> str:
    words = " ".join(str(error).split())
    announced = int.from_bytes(data[4:8], "little") + 8 if kind == "WEBP" else 0
    if announced > len(data):
        return f"{kind} ends after {len(data):,} of {announced:,} bytes"
    if isinstance(error, EOFError) or any(sign in words.lower() for sign in CUT):
        return f"{kind} ends after {len(data):,} bytes, before its pixels are complete"
    return f"{kind} is damaged: {words or type(error).__name__}"


CUT = ("truncated", "unexpected end", "end of file", "eof", "but only got", "not enough")
HEADS = {b"\xff\xd8\xff": "JPEG", b"\x89PNG": "PNG", b"GIF8": "GIF", b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF"}


def _orientation(image: Image.Image) -> int:
    """Image, just opened → its EXIF orientation 1..8, where Pillow does not apply it by itself as it does for TIFF."""
    if image.format == "TIFF":
        return 1
    turn = _exif(image).get(ExifTags.Base.Orientation, 1)
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def _exif(image: Image.Image) -> Image.Exif:
    if image.format == "PNG" and "exif" not in image.info and "Raw profile type exif" not in image.info:
        # PNG may carry EXIF behind its pixels and Pillow decodes them to look; nobody writes it there
        return Image.Image.getexif(image)
    try:
        return image.getexif()
    except Exception:  # its parser raises anything on broken bytes, and those say nothing about which side is up
        return Image.Exif()


def _upright(image: np.ndarray, turn: int) -> np.ndarray:
    """Stored pixels + EXIF orientation → upright pixels."""
    if turn >= 5:  # 5 and 7 are mirrored, 6 and 8 are not; all four swap the sides
        image = image.transpose(1, 0, 2)
    if turn in (2, 3, 6, 7):
        image = image[:, ::-1]
    if turn in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _rgb(image: Image.Image, name: str) -> np.ndarray:
    """Opened image of any mode → (h, w, 3) uint8 as stored."""
    image.load()
    mode = image.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        return np.repeat(_eight_bits(np.asarray(image), mode, name)[..., None], 3, axis=2)
    if image.has_transparency_data:
        picture = image.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        return np.array(Image.alpha_composite(white, picture).convert("RGB"))
    if mode == "LAB":
        srgb = ImageCms.createProfile("sRGB")
        to_rgb = ImageCms.buildTransform(ImageCms.createProfile("LAB"), srgb, "LAB", "RGB")
        return np.array(ImageCms.applyTransform(image, to_rgb))
    return np.array(image if mode == "RGB" else image.convert("RGB"))


def _eight_bits(values: np.ndarray, mode: str, name: str) -> np.ndarray:
    """Grey values wider than 8 bits → uint8: words and 0..1 floats over their own range, anything else from least to most."""
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise DataError(name, "pixels that are not finite numbers")
    low, high = float(values.min()), float(values.max())
    full = 1.0 if mode == "F" else WORD
    if low < 0 or high > full:
        values, full = values - low, high - low or 1.0  # a flat picture becomes black
    return np.rint(values * (255 / full)).astype(np.uint8)
