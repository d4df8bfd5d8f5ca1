"""Window: a stored picture + `x,y,w,h` in its px → that part of it as PNG bytes. What `#xywh=` behind a picture's name asks.

The words are those of W3C Media Fragments (section 4.2.2). What lies beyond the picture's edge is black, as Pillow cuts.
"""

import re

import numpy as np
from PIL import Image

from omma.core.errors import DataError
from omma.media.decode import decode
from omma.media.draw import to_png

MARK = "#xywh="
LARGEST = 178_956_970  # px, as `decode` allows
FOUR = re.compile(r"(-?\d{1,7}),(-?\d{1,7}),(\d{1,7}),(\d{1,7})")


def window(data: bytes, box: str, *, name: str) -> bytes:
    """Picture bytes + "x,y,w,h" → PNG bytes of that window. DataError for other words or a window without px."""
    found = FOUR.fullmatch(box)
    x, y, width, height = map(int, found.groups()) if found else (0, 0, 0, 0)
    if not 0 < width * height <= LARGEST:
        raise DataError(name, f"{box!r} behind {MARK}", "x,y,w,h in px, such as 20,10,320,240")
    image = Image.fromarray(decode(data, name=name)).crop((x, y, x + width, y + height))
    return to_png(np.asarray(image))
