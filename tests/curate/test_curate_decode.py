"""Decode: a draft finds what decoding a whole picture finds."""

from collections import Counter
from io import BytesIO

import numpy as np
from PIL import Image

from omma.core.errors import DataError
from omma.curate.operators.decode import Decode
from omma.curate.picture import Picture
from omma.media.decode import decode


def test_decode_refuses_damaged_jpegs_as_decoding_all_of_them_does():
    """Drafts read a file to its end: cut off, with changed bytes or a hole, the same files fail in the same words."""
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 256, (30, 40, 3), dtype=np.uint8)).resize((480, 360))
    said = Counter()
    for progressive in (False, True):
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=85, progressive=progressive)
        whole = buffer.getvalue()
        cuts = [whole[:size] for size in random.integers(200, len(whole), 20)]
        holes = [whole[:start] + whole[start + 300 :] for start in random.integers(600, len(whole) - 300, 20)]
        for data in (whole, *cuts, *holes):
            verdicts = [
                _said(lambda data=data: decode(data, name="a")),
                _said(lambda data=data: Decode().score(Picture("a", data))),
            ]
            assert verdicts[0] == verdicts[1]
            said[bool(verdicts[0])] += 1
    assert min(said[True], said[False]) >= 20


def _said(work, *given, **named) -> str:
    try:
        work(*given, **named)
    except DataError as error:
        return error.got
    return ""
