"""Answers of the worlds of shapes, found again from the boxes that are written beside them."""

import json
import re
from collections import Counter
from itertools import permutations
from math import dist

import pytest

from omma.curate.scenery.album import Asked, level
from omma.curate.worlds.counting import Counting, plural, seen
from omma.curate.worlds.entity_grid import EntityGrid
from omma.curate.worlds.spatial import Spatial, direction

SIGNS = {"right": (1, 0), "left": (-1, 0), "above": (0, -1), "below": (0, 1), "upper": (0, -1), "lower": (0, 1)}


def drawn(world, root):
    """World → (question's row, its reply, label → centres of boxes) for each question of its training split."""
    world.draw(root)
    folder = root / world.folder / "train"
    known = json.loads((folder / "instances.json").read_text())
    labels = {item["id"]: item["name"] for item in known["categories"]}
    things = {image["file_name"]: [] for image in known["images"]}
    names = {image["id"]: image["file_name"] for image in known["images"]}
    for item in known["annotations"]:
        x, y, w, h = item["bbox"]
        things[names[item["image_id"]]].append((labels[item["category_id"]], (x + w / 2, y + h / 2)))
    for line in (folder / "questions.jsonl").read_text().splitlines():
        row = json.loads(line)
        yield row, row["messages"][0]["content"].removeprefix("<image>"), things[row["image"]]


def test_spatial_answers_follow_from_the_boxes(tmp_path):
    """Questions name shapes in an order; directions, distances and ways are measured between the centres of their boxes."""
    tried = Counter()
    for row, text, things in drawn(Spatial(num_pictures=150, num_heldout=1), tmp_path):
        spots = dict(things)
        stops = [spots[name] for name in sorted(spots, key=text.find) if name in text]
        said, side = row["messages"][1]["content"], 64
        if row["task"] == "direction":
            sign = [sum(SIGNS[word][i] for word in said.split()) for i in (0, 1)]
            gap = [stops[1][i] - stops[0][i] for i in (0, 1)]
            assert all(g * s > 0 if s else abs(g) < side / 4 for g, s in zip(gap, sign, strict=True)), (text, said)
        elif row["task"] == "distance":
            near = min(stops[1:], key=lambda spot: dist(spot, stops[0]))
            assert spots[said] == near
        elif row["task"] == "place":
            x, y = stops[0]
            assert said == f"row {int(y // side) + 1}, column {int(x // side) + 1}"
        elif row["task"] == "steps":
            cells = [(int(x // side), int(y // side)) for x, y in stops]
            assert int(said) == sum(abs(a - b) for a, b in zip(*cells, strict=True))
        elif row["task"] == "round":
            lengths = {
                order: sum(dist(a, b) for a, b in zip([stops[0], *order], order, strict=False)) for order in permutations(stops[1:])
            }
            best = min(lengths, key=lengths.get)
            assert said == "".join("ABC"[stops[1:].index(stop)] for stop in best)
        tried[row["task"]] += 1
    assert min(tried[task] for task in ("direction", "distance", "place", "steps", "point")) >= 100
    assert tried["round"] >= 6


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [((0, 0), (3, 0), "above"), ((2, 2), (0, 0), "lower right"), ((0, 1), (2, 0), ""), ((1, 0), (0, 4), ""), ((3, 1), (1, 4), "")],
)
def test_directions_by_hand(there, here, said):
    """By hand: rows go down; what lies more than ten degrees off all eight directions has none."""
    assert direction(there, here) == said


def test_counts_follow_from_the_boxes(tmp_path):
    for row, text, things in drawn(Counting(num_pictures=120, num_heldout=1), tmp_path):
        counts = Counter(plural(tuple(label.split())) for label, _ in things)
        said = row["messages"][1]["content"]
        if row["task"] == "total":
            assert int(said) == len(things)
            continue
        first, *second = re.findall(r"(?:many|more) ([a-z]+ [a-z]+?)(?= are| or|\?)", text)
        if row["task"] == "count":
            assert int(said) == counts[first]
        else:
            more = first if counts[first] > counts[second[0]] else second[0]
            assert said == ("equally many" if counts[first] == counts[second[0]] else more)


def test_hidden_shares_by_hand():
    """By hand: 11 x 11 pixels, of which a later square hides the right 5 columns; then all of them."""
    square = [(10, 10), (20, 10), (20, 20), (10, 20)]
    assert seen([square, [(16, 0), (40, 0), (40, 40), (16, 40)]], 50)[0] == pytest.approx(6 / 11)
    assert seen([square, [(0, 0), (40, 0), (40, 40), (0, 40)]], 50)[0] == 0


def test_grid_answers_follow_from_the_boxes(tmp_path):
    steps = {"right": (0, 1), "left": (0, -1), "above": (-1, 0), "below": (1, 0), "higher": (-1, 0), "lower": (1, 0)}
    tried = Counter()
    for row, text, things in drawn(EntityGrid(num_pictures=120, num_heldout=1, grid=4, cell=48), tmp_path):
        cells = {(int(y // 48), int(x // 48)): label for label, (x, y) in things}
        where = {label: cell for cell, label in cells.items()}
        said, names = row["messages"][1]["content"], [label for label in where if label in text]
        names.sort(key=text.find)
        if row["task"] == "identity":
            r, c = map(int, re.findall(r"\d+", text))
            assert said == cells.get((r - 1, c - 1), "nothing")
        elif row["task"] == "position":
            assert said == "row {}, column {}".format(*(i + 1 for i in where[names[0]]))
        elif row["task"] == "empty":
            assert int(said) == 16 - len(cells)
        elif row["task"] in ("relation", "side"):
            step = next(step for word, step in steps.items() if word in text)
            (r, c), far = where[names[0]], row["task"] == "side"
            if far:
                r2, c2 = where[names[1]]
                assert said == ("yes" if (r - r2) * step[0] + (c - c2) * step[1] > 0 else "no")
            else:
                assert said == cells.get((r + step[0], c + step[1]), "nothing")
        tried[row["task"]] += 1
    assert min(tried.values()) >= 50


def test_levelling_keeps_equally_many_of_each_answer_in_order():
    import random

    asked = [(str(i), Asked("t", "?", a, a)) for i, a in enumerate("xxxyyxz")] + [("9", Asked("open", "?", "w"))]
    kept = level(asked, random.Random(0))
    assert Counter(question.answer for _, question in kept) == {"x": 1, "y": 1, "z": 1, "w": 1}
    assert [name for name, _ in kept] == sorted(name for name, _ in kept)
