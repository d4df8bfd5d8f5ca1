"""Laws of every view in the folder: plans are deterministic, hashable values whose counts equal what is cut; boxes invert."""

import importlib
import pickle
import pkgutil

import numpy as np
import pytest

import omma.media.views
from omma.core.config import from_data, to_data
from omma.core.errors import ConfigError, DataError, OmmaError, ShapeError
from omma.media.apply import apply, patchify, unpatchify
from omma.media.footage.whole import Whole
from omma.media.geometry import from_frame, to_frame
from omma.media.views.best_fit import BestFit
from omma.media.views.crop import Crop
from omma.media.views.fixed import Fixed
from omma.media.views.native import Native
from omma.media.views.pad import Pad
from omma.media.views.tiles import Tiles
from omma.schema.view import NEWLINE, NO_BLEND, Blend, Canvas, Tile, Unit, View, num_slots

FRAMES = ("px", "unit", "k1000", "view_px", "view_unit", "view_k1000")
TINY = Unit(patch=8, merge=2)


def fitting(view, merge=1):
    """Patches of 14 px, of an encoder that was made for this view's tiles even if they do not fill them."""
    size = getattr(view, "size", 0)
    return Unit(14, merge, cut=size if size % 14 else 0)


def modules():
    return [
        importlib.import_module(f"omma.media.views.{module.name}") for module in pkgutil.iter_modules(omma.media.views.__path__)
    ]


def views_of(module):
    found = [v for v in vars(module).values() if isinstance(v, type) and issubclass(v, View) and v.__module__ == module.__name__]
    return found


VIEWS = [view for module in modules() for view in views_of(module)]
every_view = pytest.mark.parametrize("view", [kind() for kind in VIEWS], ids=lambda view: type(view).__name__)


def random_sizes(count, seed=0, longest=3000):
    random = np.random.default_rng(seed)
    return np.exp(random.uniform(0, np.log(longest), (count, 2))).astype(int).clip(1).tolist()


def plans(view, unit, sizes):
    """Sizes that the view accepts, with their plans; at least half must be accepted."""
    done = []
    for width, height in sizes:
        try:
            done.append((width, height, view.plan(width, height, unit)))
        except DataError:
            continue
    assert len(done) > len(sizes) / 2
    return done


def test_each_file_of_the_folder_holds_one_view_and_is_covered():
    assert all(len(views_of(module)) == 1 for module in modules())
    assert {kind.__name__ for kind in VIEWS} >= {"Fixed", "Pad", "Tiles", "BestFit", "Native"}


@every_view
def test_plan_is_a_deterministic_hashable_value(view):
    tiny = view.tiny()
    for width, height, plan in plans(tiny, TINY, random_sizes(200)):
        again = tiny.plan(width, height, TINY)
        assert plan == again and hash(plan) == hash(again) and pickle.loads(pickle.dumps(plan)) == plan
        assert (plan.width, plan.height) == (width, height)


@every_view
def test_tiles_lie_on_their_canvases_and_hold_whole_patches(view):
    for _, _, plan in plans(view, fitting(view), random_sizes(500)):
        assert 0 <= plan.main < len(plan.canvases) and plan.tiles
        for tile in plan.tiles:
            canvas = plan.canvases[tile.canvas]
            assert tile.x0 >= 0 and tile.x0 + tile.width <= canvas.width
            assert tile.y0 >= 0 and tile.y0 + tile.height <= canvas.height
            assert tile.width % 14 == 0 and tile.height % 14 == 0 and tile.width > 0 and tile.height > 0
        for canvas in plan.canvases:
            x0, y0, x1, y1 = canvas.content
            assert 0 <= x0 < x1 <= canvas.width and 0 <= y0 < y1 <= canvas.height


@every_view
def test_counts_equal_what_is_cut(view):
    view = view.tiny()
    random = np.random.default_rng(1)
    for width, height, plan in plans(view, TINY, random_sizes(40, seed=2, longest=300)):
        image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        tiles = apply(view, image, plan)
        assert [tile.shape for tile in tiles] == [(t.height, t.width, 3) for t in plan.tiles]
        patches = [patchify(tile, TINY.patch) for tile in tiles]
        assert sum(map(len, patches)) == plan.num_patches(TINY.patch)
        for tile, values, (_, rows, columns) in zip(tiles, patches, plan.grids(TINY.patch), strict=True):
            assert (unpatchify(values, rows, columns, TINY.patch) == tile).all()


@every_view
def test_layout_names_tokens_that_exist_each_at_most_once(view):
    for _, _, plan in plans(view, fitting(view), random_sizes(150)):
        grids = plan.grids(14)
        layout = view.layout(plan, grids)
        runs = [run for run in layout if not isinstance(run, str)]
        plain = np.concatenate([np.zeros(0, int), *(run for run in runs if not isinstance(run, Blend))])
        blended = np.concatenate([run.index for run in runs if isinstance(run, Blend)] or [NO_BLEND.index])
        weights = np.concatenate([run.weight for run in runs if isinstance(run, Blend)] or [NO_BLEND.weight])
        assert (blended >= 0).all() and (blended < sum(r * c for _, r, c in grids)).all()
        assert np.abs(weights.sum(1) - 1).max(initial=0) < 1e-6 and (weights >= 0).all()
        tokens = plain[plain >= 0]
        assert num_slots(layout) == len(plain) + len(blended)
        assert len(np.unique(tokens)) == len(tokens) and (tokens < sum(r * c for _, r, c in grids)).all()
        learned = set(plain[plain < 0].tolist())
        assert learned <= set(range(-view.layout_tokens, 0))


@every_view
def test_boxes_invert_in_every_frame(view):
    random = np.random.default_rng(3)
    for width, height, plan in plans(view, fitting(view, 2), random_sizes(300, seed=4)):
        box = tuple(random.uniform(0, [width, height, width, height]))
        for frame in FRAMES:
            back = from_frame(to_frame(box, frame, plan), frame, plan)
            assert np.abs(np.subtract(back, box)).max() < 1e-6, frame


@every_view
def test_a_whole_picture_fills_the_content_of_the_main_canvas(view):
    for width, height, plan in plans(view, fitting(view, 2), random_sizes(100, seed=5)):
        canvas = plan.canvases[plan.main]
        x0, y0, x1, y1 = to_frame((0, 0, width, height), "view_px", plan)
        assert -1e-9 <= x0 < x1 <= canvas.width + 1e-9 and -1e-9 <= y0 < y1 <= canvas.height + 1e-9
        unit_box = to_frame((0, 0, width, height), "view_unit", plan)
        assert unit_box == pytest.approx((x0 / canvas.width, y0 / canvas.height, x1 / canvas.width, y1 / canvas.height))


@every_view
def test_pixels_lie_where_the_box_map_says(view):
    """A bright block in a dark picture is found in the tiles at the mapped box, so that apply and geometry agree."""
    view = type(view)(fill=(0, 0, 0), resample="box").tiny()
    for width, height in ((160, 160), (200, 120), (90, 230))[: 2 if isinstance(view, Crop) else 3]:  # of the last it cuts the block
        plan = view.plan(width, height, TINY)
        image = np.zeros((height, width, 3), np.uint8)
        box = (width // 4, height // 4, width // 2, height // 2)
        image[box[1] : box[3], box[0] : box[2]] = 255
        canvas = plan.canvases[plan.main]
        sheet = np.zeros((canvas.height, canvas.width))
        for tile, pixels in zip(plan.tiles, apply(view, image, plan), strict=True):
            if tile.canvas == plan.main:
                sheet[tile.y0 : tile.y0 + tile.height, tile.x0 : tile.x0 + tile.width] = pixels[..., 0] / 255.0
        x0, y0, x1, y1 = to_frame(box, "view_px", plan)
        assert sheet.sum() == pytest.approx((x1 - x0) * (y1 - y0), rel=0.03)
        rows, columns = np.arange(canvas.height) + 0.5, np.arange(canvas.width) + 0.5
        assert (sheet.sum(1) @ rows) / sheet.sum() == pytest.approx((y0 + y1) / 2, abs=0.6)
        assert (sheet.sum(0) @ columns) / sheet.sum() == pytest.approx((x0 + x1) / 2, abs=0.6)


@every_view
def test_tiny_keeps_the_kind_and_fits_a_tiny_encoder(view):
    tiny = view.tiny()
    assert type(tiny) is type(view) and tiny.fill == view.fill
    moving = type(view)(video=Whole())
    assert moving.tiny().video == Whole().tiny() and moving.tiny().tiny() == moving.tiny()
    plan = tiny.plan(640, 480, TINY)
    assert 0 < plan.num_patches(8) <= 7 * 16
    assert all(rows % 2 == 0 and columns % 2 == 0 for _, rows, columns in plan.grids(8))


@every_view
def test_a_view_survives_its_yaml(view):
    assert from_data(to_data(view), where="view") == view


@every_view
@pytest.mark.parametrize("size", [(0, 5), (5, 0), (-3, 4)])
def test_pictures_without_area_are_refused(view, size):
    with pytest.raises(DataError, match=rf"picture: is {size[0]} × {size[1]} px; expected at least 1 × 1 px"):
        view.plan(*size, Unit(14, 1))


@pytest.mark.parametrize(
    "view", [Fixed(size=336), Pad(size=336), Tiles(size=336), BestFit(size=336)], ids=lambda v: type(v).__name__
)
def test_a_tile_that_patches_do_not_fill_is_refused_with_both_numbers(view):
    with pytest.raises(ShapeError) as error:
        view.plan(100, 100, Unit(patch=16 * 2 + 1))
    assert str(error.value) == (
        f"{type(view).__name__}.size: 336 px; expected a multiple of the encoder's patch of 33 px; "
        f"set {type(view).__name__}.size to 330 or change encoder.patch"
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Fixed(size=0), "Fixed.size: 0 px; expected at least 1 px"),
        (lambda: Pad(size=-1), "Pad.size: -1 px; expected at least 1 px"),
        (lambda: Tiles(min_tiles=0), "Tiles: min_tiles 0 and max_tiles 12; expected 1 ≤ min_tiles ≤ max_tiles"),
        (lambda: Tiles(min_tiles=7, max_tiles=6), "Tiles: min_tiles 7 and max_tiles 6; expected 1 ≤ min_tiles ≤ max_tiles"),
        (lambda: BestFit(pinpoints=()), "BestFit.pinpoints: is empty; expected at least one (height, width)"),
        (
            lambda: BestFit(pinpoints=((336, 500),)),
            "BestFit.pinpoints: (336, 500); expected positive multiples of the tile size of 336 px",
        ),
        (lambda: Native(min_pixels=0), "Native: min_pixels 0 and max_pixels 1003520; expected 1 ≤ min ≤ max"),
        (lambda: Native(min_pixels=100, max_pixels=10), "Native: min_pixels 100 and max_pixels 10; expected 1 ≤ min ≤ max"),
        (lambda: Native(max_aspect=0.5), "Native.max_aspect: 0.5; expected at least 1"),
        (lambda: Fixed(fill=(0, 0, 256)), "Fixed.fill: (0, 0, 256); expected three values from 0 to 255"),
        (lambda: Pad(resample="bicubik"), "did you mean 'bicubic'?"),
    ],
)
def test_bad_numbers_are_refused_when_the_view_is_made(make, words):
    with pytest.raises(ConfigError) as error:
        make()
    assert words in str(error.value)


def test_native_refuses_ribbons_and_says_the_way_out():
    with pytest.raises(DataError) as error:
        Native().plan(4020, 20, Unit(14, 2))
    assert str(error.value) == (
        "picture: is 4020 × 20 px, 201 times as long as wide; expected at most 200 times; crop it, or drop it in curation"
    )
    assert isinstance(error.value, OmmaError)


# Mirror cases: worked out by hand from the published rules, not from the code.


def test_fixed_by_hand():
    plan = Fixed(size=28).plan(100, 50, Unit(14))
    assert plan.canvases == (Canvas(28, 28, (0, 0, 28, 28)),) and plan.tiles == (Tile(0, 0, 0, 28, 28),)
    assert to_frame((50, 25, 100, 50), "view_px", plan) == (14, 14, 28, 28)


def test_pad_by_hand_with_an_odd_margin():
    """101 × 50: 51 px to share, 25 above and 26 below; half of the picture's height lies at (25 + 25) / 101 of the tile."""
    plan = Pad(size=28).plan(101, 50, Unit(14))
    assert plan.canvases[0].border == (0, 25, 0, 26)
    assert to_frame((0, 0, 101, 25), "view_unit", plan) == pytest.approx((0, 25 / 101, 1, 50 / 101))
    assert to_frame((0, 0, 101, 25), "unit", plan) == pytest.approx((0, 0, 1, 0.5))


def test_tiles_by_hand():
    """800 × 400 has aspect 2, so a 2 × 1 grid or its double 4 × 2: 320,000 px is less than half of 8 tiles, the small one stays."""
    plan = Tiles(size=448).plan(800, 400, Unit(14, 2))
    assert plan.canvases == (Canvas(896, 448, (0, 0, 896, 448)), Canvas(448, 448, (0, 0, 448, 448)))
    assert plan.tiles == (Tile(0, 0, 0, 448, 448), Tile(0, 448, 0, 448, 448), Tile(1, 0, 0, 448, 448))
    # the tie: 1800 × 900 = 1,620,000 px is more than half of the 8 tiles' 1,605,632 px, so the later grid wins
    assert len(Tiles(size=448).plan(1800, 900, Unit(14, 2)).tiles) == 9
    assert len(Tiles(size=448, thumbnail="none").plan(1800, 900, Unit(14, 2)).tiles) == 8


def test_a_single_tile_has_no_thumbnail():
    assert len(Tiles(size=448).plan(448, 448, Unit(14, 2)).tiles) == 1


def test_native_by_hand():
    """From the reference runs: 56 × 56 stays and makes 4 visual tokens; 1920 × 1080 becomes 1316 × 728 and makes 1,222."""
    view, unit = Native(), Unit(14, 2)
    small, large = view.plan(56, 56, unit), view.plan(1920, 1080, unit)
    assert small.tiles == (Tile(0, 0, 0, 56, 56),) and small.num_patches(14) // 4 == 4
    assert large.tiles == (Tile(0, 0, 0, 1316, 728),) and large.num_patches(14) // 4 == 1222


def test_best_fit_by_hand():
    """A 600 × 300 picture in (336, 672): scale 1.12 fills it exactly; 24 × 24 + 24 rows of 48 and a newline each."""
    view = BestFit(fill=(0, 0, 0))
    plan = view.plan(600, 300, Unit(14))
    assert plan.canvases[1] == Canvas(672, 336, (0, 0, 672, 336)) and plan.main == 1
    assert num_slots(view.layout(plan, plan.grids(14))) == 24 * 24 + 24 * 49


def test_best_fit_cuts_the_padding_and_reads_rows_across_tiles():
    """A 64 × 32 picture on a 64 × 64 sheet of four 2 × 2-token tiles: of the 4 × 4 map the two middle rows are left."""
    view = BestFit(size=32, pinpoints=((64, 64),))
    plan = view.plan(64, 32, Unit(16))
    assert plan.canvases[1].content == (0, 16, 64, 48)
    (layout,) = view.layout(plan, plan.grids(16))
    # tiles in order: base 0-3, upper left 4-7, upper right 8-11, lower left 12-15, lower right 16-19
    assert layout.tolist() == [0, 1, 2, 3, 6, 7, 10, 11, NEWLINE, 12, 13, 16, 17, NEWLINE]


def test_best_fit_refuses_grids_that_are_not_its_tiles():
    view = BestFit()
    plan = view.plan(600, 300, Unit(14))
    with pytest.raises(
        ShapeError, match=r"BestFit.layout: grids \(\(1, 24, 24\), \(1, 24, 24\)\); expected 3, the detail tiles' all equal"
    ):
        view.layout(plan, ((1, 24, 24), (1, 24, 24)))
