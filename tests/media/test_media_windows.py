"""Windows of tiles on the tile of their whole picture: hand-computed cases, and agreement with the box map of the plan."""

import numpy as np
import pytest

from omma.core.errors import ConfigError
from omma.media.footage.frames import Frames
from omma.media.views.best_fit import BestFit
from omma.media.views.cells import Cells
from omma.media.views.fixed import Fixed
from omma.media.views.framed_quarters import FramedQuarters
from omma.media.views.tiles import Tiles
from omma.media.windows import windows
from omma.schema.view import Unit

UNIT = Unit(8)


def test_squashed_tiles_by_hand():
    """Two rows of two tiles and a thumbnail behind them: quarters of it."""
    whole, box = windows([Tiles(size=32, max_tiles=4).plan(90, 90, UNIT)])
    assert whole.tolist() == [4] * 5
    assert box.tolist() == [[0, 0, 0.5, 0.5], [0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1], [0.5, 0.5, 1, 1], [0, 0, 1, 1]]


def test_padding_reaches_beyond_the_whole():
    """200 × 50 px on a canvas of 64 × 64: the picture fills its middle quarter, so a tile's upper edge lies 1.5 pictures above."""
    plan = BestFit(size=32, pinpoints=((64, 64),)).plan(200, 50, UNIT)
    assert plan.canvases[1].content == (0, 24, 64, 40)
    whole, box = windows([plan])
    assert whole.tolist() == [0] * 5
    assert box[1].tolist() == [0, -1.5, 0.5, 0.5] and box[4].tolist() == [0.5, 0.5, 1, 2.5]


def test_cells_that_are_cut_and_padded_by_themselves_by_hand():
    """64 × 64 px in 32 px tiles: four cells without padding; a whole picture of 64 × 32 px has padding above and below."""
    whole, box = windows([FramedQuarters(size=32, least=1.0).plan(64, 64, UNIT)])
    assert whole.tolist() == [0] * 5 and box[2].tolist() == [0.5, 0, 1, 0.5]
    _, box = windows([FramedQuarters(size=32, least=1.0).plan(128, 64, UNIT)])
    # the whole's tile shows −32 … 96 px down; the quarters (64 × 32 px) show −16 … 48 and 16 … 80
    assert box[1].tolist() == [0, 0.125, 0.5, 0.625] and box[3].tolist() == [0, 0.375, 0.5, 0.875]


def test_a_picture_without_quarters_is_shown_whole_alone():
    """One px wide, it has none; smaller than `least` tiles, none are wanted."""
    for least, size, tiles in ((0.0, (1, 50), 1), (0.0, (2, 3), 5), (1.5, (47, 99), 1), (1.5, (48, 48), 5)):
        assert len(FramedQuarters(size=32, least=least).plan(*size, UNIT).tiles) == tiles
    with pytest.raises(ConfigError, match=r"FramedQuarters.least: -1.0; expected 0 or more"):
        FramedQuarters(least=-1.0)
    with pytest.raises(ConfigError, match=r"Cells.max_tiles: 0; expected at least 1"):
        Cells(max_tiles=0)


def test_pictures_follow_one_another_and_tiles_without_a_whole_are_their_own():
    plans = [Fixed(size=32).plan(9, 9, UNIT), Tiles(size=32, max_tiles=2, thumbnail="none").plan(64, 32, UNIT),
             Tiles(size=32, max_tiles=2).plan(64, 32, UNIT)]  # fmt: skip
    whole, box = windows(plans)
    assert whole.tolist() == [0, 1, 2, 5, 5, 5]
    assert box[1].tolist() == box[2].tolist() == [0, 0, 1, 1] and box[3].tolist() == [0, 0, 0.5, 1]
    assert [part.shape for part in windows([])] == [(0,), (0, 4)]


def test_frames_of_a_video_are_their_own():
    plan = Tiles(size=32, video=Frames(size=32)).plan_video(64, 48, 20, 5.0, UNIT)
    whole, _ = windows([plan])
    assert len(whole) > 1 and whole.tolist() == list(range(len(whole)))


VIEWS = [Tiles(size=32), BestFit(size=32, pinpoints=((32, 64), (64, 32), (64, 64))), Cells(size=32), FramedQuarters(size=32)]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: type(view).__name__)
def test_parts_cover_the_picture_on_the_tile_of_the_whole(view):
    """What all parts show together is all of the picture; no part shows more than its share of px where nothing is padded."""
    random = np.random.default_rng(0)
    for width, height in random.integers(40, 400, (100, 2)).tolist():
        plan = view.plan(width, height, UNIT)
        whole, box = windows([plan])
        first = int(whole[0])
        parts = box[[i for i in range(len(box)) if i != first]]
        assert (whole == first).all() and box[first].tolist() == [0, 0, 1, 1]
        if len(parts):
            canvas = plan.canvases[plan.tiles[first].canvas]
            x0, y0, x1, y1 = np.divide(canvas.content, [canvas.width, canvas.height] * 2)
            low, high = parts[:, :2].min(axis=0), parts[:, 2:].max(axis=0)
            assert (low <= [x0 + 1e-5, y0 + 1e-5]).all() and (high >= [x1 - 1e-5, y1 - 1e-5]).all()
