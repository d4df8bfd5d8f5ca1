"""Drawing: outlines where the boxes are, the original untouched, encoded bytes that decode to the same pixels."""

import base64

import numpy as np
import pytest

from omma.core.errors import DataError
from omma.media.decode import decode
from omma.media.draw import COLOURS, data_uri, draw_boxes, grey, to_jpeg, to_png


def test_a_box_is_outlined_inside_its_edges():
    blank = grey(60, 40)
    drawn = draw_boxes(blank, [(10, 5, 30, 25)])
    assert (blank == 127).all()
    changed = np.argwhere((drawn != 127).any(axis=-1))
    assert changed.min(axis=0).tolist() == [5, 10] and changed.max(axis=0).tolist() == [24, 29]
    assert tuple(drawn[5, 10]) == COLOURS[0] and (drawn[10:20, 15:25] == 127).all()


def test_colours_take_turns_and_labels_are_written():
    boxes = [(5, 40, 50, 80), (100, 40, 150, 80)]
    plain, labelled = draw_boxes(grey(200, 100), boxes), draw_boxes(grey(200, 100), boxes, ["cat", "dog"])
    assert tuple(plain[40, 5]) == COLOURS[0] and tuple(plain[40, 100]) == COLOURS[1]
    assert (labelled != plain).any() and (labelled[85:] == 127).all()


@pytest.mark.parametrize("box", [(-50, -50, 500, 500), (30, 25, 10, 5), (20, 20, 20, 20), (300, 300, 400, 400)])
def test_boxes_of_any_kind_are_drawn_or_cut_never_fatal(box):
    drawn = draw_boxes(grey(60, 40), [box], ["a long label that does not fit"])
    assert drawn.shape == (40, 60, 3)


def test_labels_must_match_boxes():
    with pytest.raises(DataError, match="draw_boxes: 1 labels for 2 boxes; expected one label per box, or none"):
        draw_boxes(grey(8, 8), [(0, 0, 1, 1), (2, 2, 3, 3)], ["cat"])


def test_encoded_pictures_decode_again():
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    assert (decode(to_png(image), name="x") == image).all() and to_png(image) == to_png(image)
    assert decode(to_jpeg(grey(16, 16)), name="x").shape == (16, 16, 3)
    address = data_uri(to_png(image))
    assert address.startswith("data:image/png;base64,") and base64.b64decode(address.split(",")[1]) == to_png(image)
    assert data_uri(to_jpeg(image)).startswith("data:image/jpeg;base64,")
    with pytest.raises(DataError, match="expected a PNG or JPEG file"):
        data_uri(b"GIF89a")
