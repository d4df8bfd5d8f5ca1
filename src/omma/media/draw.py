"""Draw: pictures for eyes and reports. Boxes with labels on a picture, grey stand-ins, PNG and JPEG bytes, data URIs."""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from omma.core.errors import DataError
from omma.media.geometry import Box

GREY = 127
# Okabe and Ito's colours: told apart by colour-blind eyes and on any ground
COLOURS = ((213, 94, 0), (0, 114, 178), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (240, 228, 66))


def draw_boxes(
    image: UInt8[np.ndarray, "h w 3"],
    boxes_xyxy_px: Sequence[Box],
    labels: Sequence[str] = (),
    colours: Sequence[tuple[int, int, int]] = COLOURS,
) -> UInt8[np.ndarray, "h w 3"]:
    """Picture + boxes in its px → a copy with outlines, and labels where given, in turning colours.

    Boxes are drawn in any corner order and cut at the edge. DataError if there are labels but not one per box.
    """
    if labels and len(labels) != len(boxes_xyxy_px):
        raise DataError("draw_boxes", f"{len(labels)} labels for {len(boxes_xyxy_px)} boxes", "one label per box, or none")
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    line = max(1, round(min(picture.size) / 150))
    font = ImageFont.load_default(size=max(9, min(picture.size) // 24))
    for number, box in enumerate(boxes_xyxy_px):
        colour = tuple(colours[number % len(colours)])
        x0, x1 = sorted((box[0], box[2]))
        y0, y1 = sorted((box[1], box[3]))
        # the last row of pixels that a box covers lies one before its end
        pen.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colour, width=line)
        if labels:
            _label(pen, labels[number], (x0, y0), colour, font)
    return np.array(picture)


def grey(width: int, height: int) -> UInt8[np.ndarray, "h w 3"]:
    """Size in px → a picture that shows nothing, for blind runs."""
    return np.full((height, width, 3), GREY, dtype=np.uint8)


def to_png(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """Picture → PNG file bytes, the same for the same pixels."""
    return _encoded(image, "PNG", {})


def to_jpeg(image: UInt8[np.ndarray, "h w 3"], quality: int = 85) -> bytes:
    """Picture → JPEG file bytes."""
    return _encoded(image, "JPEG", {"quality": quality})


def data_uri(data: bytes) -> str:
    """PNG or JPEG file bytes → `data:` address that an HTML page shows without a file. DataError for other bytes."""
    kinds = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg"}
    for head, kind in kinds.items():
        if data.startswith(head):
            return f"data:image/{kind};base64,{b64encode(data).decode()}"
    raise DataError("data_uri", f"bytes that begin with {data[:4]!r}", "a PNG or JPEG file")


def _encoded(image: np.ndarray, kind: str, options: dict[str, int]) -> bytes:
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def _label(
    pen: ImageDraw.ImageDraw,
    text: str,
    corner: tuple[float, float],
    colour: tuple[int, ...],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
) -> None:
    """Text on a ground of the box's colour: above its corner, or inside where there is no room above."""
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    width, height = right - left + 4, bottom - top + 4
    x = max(0.0, min(corner[0], pen.im.size[0] - width))
    y = corner[1] - height if corner[1] >= height else max(0.0, corner[1])
    pen.rectangle((x, y, x + width, y + height), fill=colour)
    ink = (0, 0, 0) if sum(colour) > 380 else (255, 255, 255)
    pen.text((x + 2 - left, y + 2 - top), text, fill=ink, font=font)
