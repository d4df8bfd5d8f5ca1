"""Answers of geometry, charts, documents, towers and anomalies, found again from what is drawn."""

import json
from collections import Counter
from math import acos, degrees, dist
from random import Random

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageFont

from omma.curate.scenery.chart import INKS, Chart, draw_bars, draw_pie
from omma.curate.scenery.words import SCRIPTS
from omma.curate.worlds import geometry
from omma.curate.worlds.anomalies import Anomalies
from omma.curate.worlds.charts import Charts, correlation
from omma.curate.worlds.documents import FACES, Documents
from omma.curate.worlds.geometry import FIGURES, Geometry
from omma.curate.worlds.towers import Block, Towers, falls


def pages(world, count):
    return [world.page(Random(number), number) for number in range(count)]


def corner(a, b, c):
    """The angle at b, degrees."""
    ab, cb = ((a[0] - b[0], a[1] - b[1]), (c[0] - b[0], c[1] - b[1]))
    return degrees(acos((ab[0] * cb[0] + ab[1] * cb[1]) / (dist(a, b) * dist(c, b))))


@pytest.fixture
def lettered(monkeypatch):
    """What points a page letters, by letter."""
    points, draw = {}, geometry._figure

    def spy(pen, places, letters, random, *, closed):
        points.update(zip(letters, places, strict=True))
        draw(pen, places, letters, random, closed=closed)

    monkeypatch.setattr(geometry, "_figure", spy)
    return points


def test_geometry_answers_are_those_of_the_lettered_points(lettered):
    tried = Counter()
    for number in range(72):
        lettered.clear()
        (asked,) = Geometry().page(Random(number), number).asked
        assert all(8 < v < 312 for point in lettered.values() for v in point)
        names = [word.strip("?,") for word in asked.text.split() if word.strip("?,").isupper() and len(word.strip("?,")) > 1]
        if asked.task == "angle":
            assert corner(*(lettered[letter] for letter in names[0])) == pytest.approx(float(asked.answer[:-1]))
        elif asked.task == "length":
            lengths = {name: dist(lettered[name[0]], lettered[name[1]]) for name in names}
            assert max(lengths, key=lengths.get) == asked.answer
            assert max(lengths.values()) >= 1.24 * min(lengths.values())
        elif asked.task == "parallel":
            ends = [np.subtract(lettered[name[1]], lettered[name[0]]) for name in names]
            sine = abs(ends[0][0] * ends[1][1] - ends[0][1] * ends[1][0]) / np.prod([np.linalg.norm(end) for end in ends])
            assert (sine < 1e-9) if asked.answer == "yes" else (sine > 0.25)
        tried[asked.task] += 1
    assert set(tried.values()) == {12}


def test_named_figures_are_what_their_names_say_and_clearly_nothing_more():
    sides = {name: [dist(a, b) for a, b in zip(p, (*p[1:], p[0]), strict=True)] for name, p in FIGURES.items()}
    angles = {name: [corner(p[i - 1], p[i], p[(i + 1) % len(p)]) for i in range(len(p))] for name, p in FIGURES.items()}
    assert np.ptp(sides["equilateral"]) < 1e-9
    assert len({round(side, 6) for side in sides["isosceles"]}) == 2
    assert max(angles["right"]) == pytest.approx(90)
    for name in ("right", "scalene"):
        assert min(np.diff(sorted(sides[name]))) > 0.1
    assert min(abs(angle - 90) for angle in angles["scalene"] + angles["isosceles"]) > 10
    assert np.ptp(sides["square"]) < 1e-9
    assert np.ptp(sides["rhombus"]) < 1e-9
    assert np.ptp(angles["square"]) < 1e-5
    assert np.ptp(angles["rectangle"]) < 1e-5
    assert max(sides["rectangle"]) > 1.5 * min(sides["rectangle"])
    assert np.ptp(angles["rhombus"]) > 40
    for name in ("parallelogram", "rhombus"):
        assert angles[name][0] == pytest.approx(angles[name][2])
        assert angles[name][1] == pytest.approx(angles[name][3])
    assert np.ptp(angles["parallelogram"]) > 40
    assert angles["trapezoid"][0] + angles["trapezoid"][3] == pytest.approx(180)
    assert abs(angles["trapezoid"][0] + angles["trapezoid"][1] - 180) > 40
    kite = sides["kite"]
    assert (kite[0], kite[1]) == (pytest.approx(kite[3]), pytest.approx(kite[2]))
    assert kite[0] > 1.3 * kite[1]


def test_bars_are_as_high_and_slices_as_large_as_their_values():
    chart = Chart("Sales", ("a", "b", "c", "d"), (10, 95, 55, 40))
    pixels = np.asarray(draw_bars(chart, (400, 320))).astype(int)
    heights = [(np.abs(pixels - ink).sum(axis=2) < 12).sum(axis=0).max() for ink in INKS[:4]]
    assert heights == pytest.approx([2.5 * value for value in chart.values], abs=2)  # the axis is 250 px high
    pie = Chart("Sales", ("a", "b", "c"), (50, 35, 15))
    pixels = np.asarray(draw_pie(pie, (400, 320))).astype(int)[:, :250]  # without the legend
    areas = np.array([(np.abs(pixels - ink).sum(axis=2) < 12).sum() for ink in INKS[:3]])
    assert areas / areas.sum() == pytest.approx([0.50, 0.35, 0.15], abs=0.01)


def test_chart_answers_follow_from_the_table():
    tried = Counter()
    for page in pages(Charts(), 96):
        asked = {question.task: question for question in page.asked}
        if "table" not in asked:
            assert set(asked) == {"kind", "correlation"}
            continue
        table = {name: int(value) for name, value in (line.split(" | ") for line in asked["table"].answer.splitlines())}
        names = [name for name in table if name in asked["value"].text]
        assert asked["value"].answer == str(table[names[0]])
        assert all(f"{name} {value}" in page.caption for name, value in table.items())
        if "trend" in asked:
            values = list(table.values())
            steps = np.diff(values)
            fate = "rising" if (steps > 0).all() else "falling" if (steps < 0).all() else "level"
            assert asked["trend"].level == fate
            assert fate != "level" or (np.ptp(values) <= 10 and values[0] == values[-1])
        else:
            assert asked["highest"].answer == max(table, key=table.get)
            assert asked["lowest"].answer == min(table, key=table.get)
            text = asked["compare"].text
            a, b = sorted((name for name in table if f" {name}" in text), key=text.find)
            assert asked["compare"].answer == ("yes" if table[a] > table[b] else "no")
            assert int(asked["difference"].answer) == abs(table[a] - table[b])
        tried[asked["kind"].answer] += 1
    assert tried == {"bar": 24, "line": 24, "pie": 24}


def test_correlation_by_hand():
    """By hand: (1, 2, 3) with (2, 4, 6), with (3, 2, 1) and with (1, 0, 1)."""
    assert correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1)
    assert correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert correlation([1, 2, 3], [1, 0, 1]) == pytest.approx(0)


@pytest.mark.parametrize("face", FACES)
def test_every_face_has_every_letter_of_every_script(face):
    font = ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/{face}.ttf", 30)
    missing = bytes(font.getmask("\uffff"))
    letters = {name: "".join(kinds) for name, kinds in SCRIPTS.items()}
    capitals = "".join(text.upper() for name, text in letters.items() if name != "Georgian")  # which is written without
    assert [letter for letter in "".join(letters.values()) + capitals if bytes(font.getmask(letter)) == missing] == []


def test_document_answers_stand_in_the_text_and_boxes_hold_ink():
    for page in pages(Documents(), 80):
        asked = {question.task: question for question in page.asked}
        for task in ("line", "field", "cell"):
            assert task not in asked or asked[task].answer in page.caption
        if "point" in asked:
            x0, y0, x1, y1 = map(round, asked["point"].box)
            pixels = np.asarray(page.picture.convert("L")).astype(int)
            assert (pixels[y0:y1, x0:x1] < 128).mean() > 0.05
            sought = asked["present"].text.split("“")[1].split("”")[0]
            assert (sought in page.caption.split()) == (asked["present"].answer == "yes")
            assert 0 <= x0 < x1 <= 400


@pytest.mark.parametrize(
    ("middles", "said"),
    [
        ((50, 50, 50), ("stands", -1)),
        ((50, 90, 90), ("right", 0)),  # both upper ones lie 40 to the right of a block 60 wide
        ((50, 10, 10), ("left", 0)),
        ((50, 32, 72), ("right", 1)),  # the top lies 40 off its block; together the upper two are 2 off the lowest
        ((50, 83, 83), ("unclear", -1)),  # just over the edge
    ],
)
def test_towers_by_hand(middles, said):
    """By hand: blocks 60 wide and of one mass, by the centre of mass over each joint."""
    assert falls([Block(c, x, 60, 30) for c, x in zip(("red", "blue", "green"), middles, strict=True)]) == said


def test_tower_answers_follow_from_what_is_drawn():
    for page in pages(Towers(), 60):
        asked = {question.task: question for question in page.asked}
        labels = [thing.label.split()[0] for thing in page.things]
        boxes = [thing.box for thing in page.things]
        blocks = [Block(c, (x0 + x1) / 2, x1 - x0, y1 - y0) for c, (x0, y0, x1, y1) in zip(labels, boxes, strict=True)]
        fate, joint = falls(blocks)
        assert fate != "unclear"
        assert asked["stable"].answer == ("yes" if fate == "stands" else "no")
        assert (asked["top"].answer, asked["bottom"].answer) == (labels[-1], labels[0])
        assert int(asked["blocks"].answer) == len(labels)
        assert ("breaks" in asked) == (joint >= 0)
        if joint >= 0:
            assert (asked["side"].answer, asked["breaks"].answer) == (fate, labels[joint])
        assert all(x0 >= 0 and x1 <= 320 and y0 > 0 for x0, y0, x1, _ in boxes)


def test_masks_cover_the_defect_and_nothing_else(tmp_path):
    """Where a mask is white the picture has the ink of the defect, which differs from the texture all around it."""
    Anomalies(num_pictures=40, num_heldout=1).draw(tmp_path)
    folder = tmp_path / "anomalies/train"
    known = json.loads((folder / "instances.json").read_text())
    assert len(known["annotations"]) == len(list((folder / "masks").iterdir())) == 20
    for item in known["annotations"]:
        name = f"{item['image_id'] - 1:06d}.png"
        with Image.open(folder / "masks" / name) as mask, Image.open(folder / "pictures" / name) as picture:
            held, pixels = np.asarray(mask), np.asarray(picture).astype(float)
        rows, columns = np.flatnonzero(held.any(axis=1)), np.flatnonzero(held.any(axis=0))
        x, y, w, h = item["bbox"]
        assert (columns[0], rows[0], columns[-1], rows[-1]) == pytest.approx((x, y, x + w, y + h), abs=1.5)
        ink = np.median(pixels[held], axis=0)
        like = np.abs(pixels - ink).sum(axis=2) < 90
        assert like[held].mean() > 0.6
        assert like[~held].mean() < 0.01
