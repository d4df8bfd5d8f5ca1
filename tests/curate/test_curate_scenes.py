"""Drawn scenes: what is asked can be seen, what is answered is balanced, nothing is shared between the splits."""

import csv
import json
from collections import Counter, defaultdict
from io import BytesIO
from random import Random

import numpy as np
import pytest
from PIL import Image

from omma.core.errors import ConfigError
from omma.curate.scenery.canvas import box, handwriting, ink, paint
from omma.curate.scenery.dirt import CAPTION_FLAWS, PICTURE_FLAWS
from omma.curate.scenery.questions import ANSWERS, ask
from omma.curate.scenery.scene import COLOURS, GRID, Scene, Shape, Theme, caption, compose, deck, themes
from omma.curate.worlds.scenes import Scenes


def some_scenes(count, size=64, seed=0):
    random = Random(seed)
    return [compose(random, size, theme, 0.5) for theme in deck(random, count)]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_same_seed_draws_the_same_bytes(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        Scenes(num_pictures=40, num_heldout=5, seed=seed).draw(tmp_path / name)
    files = [sorted(p for p in (tmp_path / name).rglob("*") if p.is_file()) for name in "abc"]
    first, same, other = ({p.relative_to(tmp_path / n): p.read_bytes() for p in fs} for n, fs in zip("abc", files, strict=True))
    assert first == same
    assert first != other
    assert len(first) == 5 + 40 + 5 + 7  # annotations and flaws, pictures, one addition for each flaw but the swapped caption


@pytest.mark.parametrize("size", [48, 64, 96])
def test_objects_lie_apart_inside_their_cells(size):
    for scene in some_scenes(300, size):
        taken = np.zeros((size, size), int)
        for shape in scene.shapes:
            x0, y0, x1, y1 = box(shape)
            assert 0 < x0 < x1 <= size
            assert 0 < y0 < y1 <= size
            assert min(x1 - x0, y1 - y0) >= 0.17 * size  # a star fills less of its square than its points reach
            assert (GRID * (x0 + x1) // (2 * size), GRID * (y0 + y1) // (2 * size)) == (shape.column, shape.row)
            taken[y0:y1, x0:x1] += 1
        for number in scene.numbers:
            width = number.side * len(number.digits)
            assert number.x0 + width <= size
            taken[number.y0 : number.y0 + number.side, number.x0 : number.x0 + width] += 1
        assert taken.max() <= 1


def test_every_count_is_asked_equally_often():
    scenes = some_scenes(len(themes()) * 3)
    counts = Counter((scene.theme.word, scene.count(scene.theme.word)) for scene in scenes)
    assert set(counts.values()) == {3}
    assert len(counts) == len(themes())


def test_words_alone_tell_nothing():
    """Within each wording that matters, every answer is equally often right."""
    questions = ask(some_scenes(900), Random(0))
    groups = defaultdict(Counter)
    for question in questions:
        if question.task in ANSWERS:
            groups[question.task, question.group][question.answer] += 1
    for (task, group), counts in groups.items():
        assert set(counts) == set(ANSWERS[task]), (task, group)
        assert len(set(counts.values())) == 1, (task, group, counts)
    asked = Counter(question.task for question in questions)
    assert all(asked[task] > 300 for task in ("count", "yesno", "point", "colour", "relation", "read")), asked


def test_answers_are_true():
    scenes = some_scenes(300)
    for question in ask(scenes, Random(0)):
        scene = scenes[question.scene]
        kinds = [shape.kind for shape in scene.shapes]
        if question.task == "yesno":
            assert (tuple(question.group.split()) in kinds) == (question.answer == "yes")
        elif question.task == "colour":
            assert [kind[0] for kind in kinds if kind[1] == question.group] == [question.answer]
        elif question.task == "count":
            word = question.group
            assert int(question.answer) == sum(word in (*kind, "shape") for kind in kinds)
        elif question.task == "read":
            assert question.answer == scene.numbers[0].text
        elif question.task == "point":
            assert kinds.count(tuple(question.label.split())) == 1


def test_relations_by_hand():
    red = Shape("red", "circle", 0, 0, 2, 2, 14)
    scene = Scene(64, (255, 255, 255), (red, Shape("blue", "star", 0, 2, 45, 2, 14)), (), Theme("shape", 2))
    texts = {(q.text, q.answer) for q in ask([scene] * 400, Random(0)) if q.task == "relation"}
    assert not texts  # only left and right can be asked here: what cannot be balanced is left out
    below = Scene(64, (255, 255, 255), (red, Shape("blue", "star", 2, 0, 2, 45, 14)), (), Theme("shape", 2))
    texts = {(q.text, q.answer) for q in ask([scene, below] * 50, Random(0)) if q.task == "relation" and q.text[0] == "w"}
    assert texts <= {
        ("where is the red circle relative to the blue star?", "left"),
        ("where is the blue star relative to the red circle?", "right"),
        ("where is the red circle relative to the blue star?", "above"),
        ("where is the blue star relative to the red circle?", "below"),
    }
    assert len(texts) == 4


def test_caption_by_hand():
    shapes = (
        Shape("orange", "star", 0, 0, 2, 2, 14),
        Shape("red", "circle", 1, 1, 25, 25, 14),
        Shape("blue", "cross", 1, 2, 45, 25, 14),
    )
    scene = Scene(64, (255, 255, 255), shapes, (), Theme("shape", 3))
    assert caption(scene) == "an orange star at the top left, a red circle in the middle and a blue cross on the right"


def test_boxes_hold_their_shape_and_nothing_else():
    scene = next(s for s in some_scenes(50) if len(s.shapes) == 4 and not s.numbers)
    pixels = np.asarray(paint(scene, ())).astype(int)
    shape = scene.shapes[1]
    x0, y0, x1, y1 = box(shape)
    inked = np.abs(pixels - scene.background).sum(axis=2) > 0.6 * np.abs(np.subtract(COLOURS[shape.colour], scene.background)).sum()
    rows = np.flatnonzero(inked[y0 - 1 : y1 + 1, x0 - 1 : x1 + 1].any(axis=1))
    columns = np.flatnonzero(inked[y0 - 1 : y1 + 1, x0 - 1 : x1 + 1].any(axis=0))
    assert (rows[0], columns[0]) == (1, 1)
    assert (rows[-1], columns[-1]) == (y1 - y0, x1 - x0)


def test_no_handwritten_digit_is_in_both_splits():
    train, heldout = ({p.tobytes() for digit in handwriting(held) for p in digit} for held in (False, True))
    assert len(train) > 1200
    assert len(heldout) > 400
    assert not train & heldout


def test_digits_are_dark_on_light():
    scene = next(s for s in some_scenes(50) if s.numbers)
    number = scene.numbers[0]
    masks = tuple(ink(handwriting(False)[digit][0], number) for digit in number.digits)
    grey = np.asarray(paint(scene, masks).convert("L"))
    patch = grey[number.y0 : number.y0 + number.side, number.x0 : number.x0 + number.side]
    assert number.side >= 16
    assert patch.min() < 80
    assert np.median(patch) > 150


def test_flaws_are_labelled_and_only_in_train(curated):
    raw = curated / "raw/scenes"
    with (raw / "flaws.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert Counter(row["flaw"] for row in rows) == dict.fromkeys((*PICTURE_FLAWS, *CAPTION_FLAWS), 8)
    assert all(row["picture"].startswith("scenes/train/pictures/") for row in rows)
    sizes = {Image.open(BytesIO(path.read_bytes())).size for path in (raw / "heldout/pictures").iterdir()}
    assert sizes == {(64, 64)}
    assert {row["task"] for row in lines(raw / "heldout/questions.jsonl")} == {
        "read",
        "count",
        "colour",
        "relation",
        "yesno",
        "point",
    }


def test_numbers_out_of_range():
    for how, message in (
        ({"size": 20}, "Scenes.size: 20; expected 48 to 512 px"),
        ({"num_pictures": 0}, "expected at least one picture"),
        ({"flaws": 1.5}, "Scenes.flaws: 1.5; expected a share from 0 to 1"),
    ):
        with pytest.raises(ConfigError) as caught:
            Scenes(**how)
        assert message in str(caught.value)
    assert Scenes(num_pictures=9000).tiny().num_pictures == 240
