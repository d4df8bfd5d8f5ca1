"""Chat: what an answer points at is drawn into a copy of the picture, enlarged when the picture is small."""

import numpy as np
from PIL import Image

from omma.cli.chat import DRAWN_SIDE, draw
from omma.media.draw import to_png
from omma.schema.sample import Region


def test_a_box_is_drawn_where_the_answer_points_at(tmp_path):
    white = np.full((64, 128, 3), 255, np.uint8)
    (tmp_path / "small.png").write_bytes(to_png(white))
    copy = draw(tmp_path / "small.png", (Region(0, (16.0, 8.0, 48.0, 40.0), label="cat"),), tmp_path / "chat")
    assert copy == tmp_path / "chat" / "small-boxes.png"
    pixels = np.asarray(Image.open(copy).convert("RGB"))
    scale = DRAWN_SIDE // 128
    assert pixels.shape == (64 * scale, 128 * scale, 3)
    drawn = (pixels != 255).any(axis=2)
    middle = 24 * scale
    assert drawn[middle, 16 * scale - 4 : 16 * scale + 5].any() and drawn[middle, 48 * scale - 5 : 48 * scale + 4].any()
    assert not drawn[middle, 20 * scale : 44 * scale].any() and not drawn[:, 60 * scale :].any()


def test_the_picture_itself_stays_as_it_was(tmp_path):
    before = to_png(np.full((40, 40, 3), 200, np.uint8))
    (tmp_path / "grey.png").write_bytes(before)
    draw(tmp_path / "grey.png", (Region(0, (4.0, 4.0, 20.0, 20.0)),), tmp_path / "chat")
    assert (tmp_path / "grey.png").read_bytes() == before
