"""Markup: boxes to text and back within half a bin; malformed text reads as nothing. Runs over every file of the folder."""

import dataclasses
import importlib
import math
import pkgutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import omma.pack.markup
from omma.core.config import field_types, load, show
from omma.core.errors import ConfigError, DataError
from omma.media.geometry import reorder, to_frame, whole
from omma.media.views.pad import Pad
from omma.pack.markup.box_bins import BoxBins
from omma.pack.markup.box_text import BoxText
from omma.pack.markup.markup import Markup
from omma.schema.sample import Region
from omma.schema.view import Unit

ALL = [
    BoxText(),
    BoxText(frame="view_k1000"),
    BoxText(frame="unit", decimals=2),
    BoxText(frame="view_unit", order="cxcywh"),
    BoxText(frame="px", order="xywh", template='{"bbox_2d": [{}, {}, {}, {}]}'),
    BoxText(frame="view_px", template="<box>({},{}),({},{})</box>"),
    BoxBins(bins=32),
    BoxBins(bins=1000, frame="view_unit"),
    BoxBins(bins=7, order="cxcywh"),
]


def step(markup):
    """The side of a bin in the numbers of the markup's frame."""
    if isinstance(markup, BoxBins):
        return 1 / markup.bins
    return 10.0**-markup.decimals if markup.frame.endswith("unit") else 1.0


def test_every_markup_of_the_folder_is_tried():
    modules = [importlib.import_module(f"omma.pack.markup.{m.name}") for m in pkgutil.iter_modules(omma.pack.markup.__path__)]
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Markup)}
    assert kinds - {Markup} == {type(markup) for markup in ALL}


@pytest.mark.parametrize("markup", ALL, ids=str)
def test_configs_survive_yaml_and_shrink(markup):
    assert load(show(markup), where="markup") == markup
    assert field_types(type(markup.tiny())).keys() == field_types(type(markup)).keys()


@pytest.mark.parametrize("markup", ALL, ids=str)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_round_trip_within_half_a_bin(markup, data):
    width, height = data.draw(st.integers(1, 3000)), data.draw(st.integers(1, 3000))
    xs, ys = (sorted(data.draw(st.tuples(st.floats(0, side), st.floats(0, side)))) for side in (width, height))
    box = (xs[0], ys[0], xs[1], ys[1])
    plan = Pad(size=64).plan(width, height, Unit(8))
    text = f"it is at {markup.write(Region(media=0, box=box), plan)}, see"
    found = markup.read(text, plan)
    wanted = reorder(to_frame(box, markup.frame, plan), "xyxy", markup.order)
    if not found:  # rounding may turn a box of no extent over, or push it out: then nothing is read
        return
    numbers = reorder(to_frame(found[0].box, markup.frame, plan), "xyxy", markup.order)
    slack = step(markup) / 2 * (2 if markup.order != "xyxy" else 1) + 1e-6 * max(map(abs, wanted))
    assert len(found) == 1 and (found[0].order, found[0].frame) == ("xyxy", "px")
    assert all(abs(a - b) <= slack for a, b in zip(numbers, wanted, strict=True))


def test_a_plain_box_is_always_read():
    plan = whole(200, 100)
    for markup in ALL:
        assert len(markup.read(markup.write(Region(media=0, box=(20, 10, 120, 60)), plan), plan)) == 1


def test_golden_texts():
    plan = whole(200, 100)
    region = Region(media=0, box=(20, 10, 120, 60))
    assert BoxText().write(region, plan) == "[100, 100, 600, 600]"
    assert BoxText(frame="unit").write(region, plan) == "[0.100, 0.100, 0.600, 0.600]"
    assert BoxText(order="xywh", frame="px", template="({} {} {} {})").write(region, plan) == "(20 10 100 50)"
    assert BoxBins(bins=32).write(region, plan) == "<loc_3><loc_3><loc_19><loc_19>"
    assert BoxText().write(Region(media=0, box=(0.5, 0.5, 1.0, 1.0), order="cxcywh", frame="unit"), plan) == "[0, 0, 1000, 1000]"
    assert BoxText().write(Region(media=0, box=(-4, 0, 220, 100)), plan) == "[0, 0, 1000, 1000]"  # clipped
    assert [r.box for r in BoxText().read("[100,100,600,600] and [ 0, 0, 500, 500]", plan)] == [(20, 10, 120, 60), (0, 0, 100, 50)]


@pytest.mark.parametrize(
    "text", ["", "no box", "[1, 2, 3]", "[600, 1, 100, 2]", "[0, 0, 1001, 5]", "[-1, 0, 5, 5]", "[a, 1, 2, 3]", "[1 2 3 4]",
             "[0, 0, 500, 500] [9, 9, 5, 5]", "[٣, 0, 5, 5, 5", "[1, 2, 3, nan]", "[1e9, 2, 3, 4]"]
)  # fmt: skip
def test_malformed_numbers_read_as_nothing(text):
    assert BoxText().read(text, whole(200, 100)) == ()


@pytest.mark.parametrize(
    "text", ["", "<loc_1>", "<loc_1><loc_1><loc_2>", "<loc_1><loc_1><loc_2><loc_2><loc_3>", "<loc_9><loc_1><loc_2><loc_2>",
             "<loc_1><loc_1><loc_2><loc_32>", "<loc_1> <loc_1> <loc_2> <loc_2>", "<loc_x><loc_1><loc_2><loc_2>"]
)  # fmt: skip
def test_malformed_bins_read_as_nothing(text):
    assert BoxBins(bins=32).read(text, whole(200, 100)) == ()


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="<loc_>0123456789[], .-{}()", max_size=60))
def test_readers_never_fail(text):
    for markup in ALL:
        for region in markup.read(text, whole(200, 100)):
            assert all(math.isfinite(value) for value in region.box)
            assert 0 <= region.box[0] <= region.box[2] <= 200 and 0 <= region.box[1] <= region.box[3] <= 100


@pytest.mark.parametrize("box", [(5, 5, 1, 9), (300, 0, 400, 10), (0, float("nan"), 1, 1)])
def test_impossible_boxes_are_told(box):
    with pytest.raises(DataError, match=r"region: box .* in a picture of 200 × 100 px; expected x0 ≤ x1"):
        BoxText().write(Region(media=0, box=box), whole(200, 100))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: BoxText(template="[{}, {}, {}]"), r"BoxText\.template: .*; expected four {} with text between them"),
        (lambda: BoxText(template="{}{}{}{}"), "with text between"),
        (lambda: BoxText(decimals=0), r"BoxText\.decimals: 0; expected 1 to 6"),
        (lambda: BoxText(frame="metres"), r"BoxText\.frame: 'metres'"),
        (lambda: BoxBins(bins=1), r"BoxBins\.bins: 1; expected at least 2"),
        (lambda: BoxBins(frame="px"), r"BoxBins\.frame: 'px'"),
    ],
)
def test_wrong_fields_are_told(build, message):
    with pytest.raises(ConfigError, match=message):
        build()


def test_markups_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ALL[0].frame = "px"
