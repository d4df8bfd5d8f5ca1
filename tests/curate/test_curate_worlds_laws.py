"""Laws of drawn albums, for every world that is one: the same bytes, splits apart, readers find all, guessing is worth little."""

import hashlib
import importlib
import json
import pkgutil
from collections import Counter, defaultdict

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import omma.curate.worlds
from omma.core.errors import ConfigError
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.reader import Broken
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.readers.coco import Coco
from omma.curate.readers.messages_jsonl import MessagesJsonl
from omma.curate.scenery.album import Album

# What the best constant reply (an answer, or a place in the list of choices) scores on 96 held-out pages, at most.
# A task whose reply is a box has no entry.
GUESSES = {
    "Anomalies": {"defect": 0.5, "kind": 0.25, "texture": 0.21},
    "Charts": {
        "kind": 0.25,
        "value": 0.15,
        "table": 0.02,
        "highest": 0.4,
        "lowest": 0.4,
        "compare": 0.5,
        "difference": 0.25,
        "trend": 0.34,
        "correlation": 0.34,
    },
    "Documents": {"script": 0.21, "read": 0.05, "line": 0.05, "field": 0.05, "cell": 0.1, "present": 0.5},
    "Geometry": {"angle": 0.17, "length": 0.5, "triangle": 0.25, "quadrilateral": 0.17, "circle": 0.34, "parallel": 0.5},
    "Towers": {
        "blocks": 0.34,
        "top": 0.25,
        "bottom": 0.25,
        "above": 0.25,
        "stable": 0.5,
        "widest": 0.33,
        "side": 0.5,
        "breaks": 0.33,
    },
    "Counting": {"count": 0.13, "total": 0.25, "more": 0.34},
    "EntityGrid": {"identity": 0.26, "position": 0.15, "empty": 0.34, "relation": 0.28, "side": 0.5},
    "Spatial": {"direction": 0.13, "distance": 0.5, "place": 0.12, "steps": 0.25, "round": 0.17},
}


def albums():
    for found in pkgutil.iter_modules(omma.curate.worlds.__path__):
        module = importlib.import_module(f"omma.curate.worlds.{found.name}")
        yield from (
            kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Album) and kind is not Album
        )


ALBUMS = list(albums())


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """World's class → the folder of one draw, 12 pages to train on and 96 held out, made once."""
    made = {}

    def of(kind):
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind.__name__)
            kind(num_pictures=12, num_heldout=96).draw(made[kind])
        return made[kind]

    return of


def pixels_of(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


def answer(sample):
    return sample.answer.texts[0] if sample.answer.texts else ""


def asked(kind, root, split):
    return list(MessagesJsonl(path=f"{kind().folder}/{split}/questions.jsonl").read(root))


def test_every_album_states_what_guessing_is_worth():
    assert {kind.__name__ for kind in ALBUMS} == set(GUESSES)


@pytest.mark.parametrize("kind", ALBUMS)
def test_the_same_seed_draws_the_same_bytes_and_another_seed_others(kind, tmp_path):
    prints = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        kind(num_pictures=6, num_heldout=3, seed=seed).draw(tmp_path / name)
        files = sorted(path for path in (tmp_path / name).rglob("*") if path.is_file())
        prints.append({str(path.relative_to(tmp_path / name)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    assert prints[0] == prints[1]
    pictures = [{digest for path, digest in kept.items() if "pictures" in path} for kept in prints]
    assert len(pictures[0]) == 9
    assert not pictures[0] & pictures[2]


@pytest.mark.parametrize("kind", ALBUMS)
def test_no_picture_is_in_both_splits_or_twice(kind, drawn):
    root = drawn(kind) / kind().folder
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(root.rglob("pictures/*.png"))]
    assert len(set(digests)) == len(digests) == 108


@pytest.mark.parametrize("kind", ALBUMS)
def test_readers_find_every_question_with_a_task_and_a_checked_answer(kind, drawn):
    root = drawn(kind)
    samples = asked(kind, root, "heldout")
    assert not [row for row in samples if isinstance(row, Broken)]
    named = {row.task for row in samples}
    boxed = {row.task for row in samples if row.answer.region}
    assert named == set(GUESSES[kind.__name__]) | boxed
    for row in samples:
        assert (root / row.media[0].uri).is_file()
        assert row.turns[-1].text == answer(row)
        assert not row.answer.choices or answer(row) in row.answer.choices
        assert len(set(row.answer.choices)) == len(row.answer.choices)


@pytest.mark.parametrize("kind", ALBUMS)
def test_boxes_lie_in_their_picture_and_things_are_read_as_coco(kind, drawn):
    root = drawn(kind)
    folder = root / kind().folder / "heldout"
    for row in asked(kind, root, "heldout"):
        if row.answer.region:
            height, width = pixels_of(root / row.media[0].uri).shape[:2]
            x0, y0, x1, y1 = row.answer.region.box
            assert 0 <= x0 < x1 <= width + 0.1
            assert 0 <= y0 < y1 <= height + 0.1
    if (folder / "instances.json").exists():
        known = json.loads((folder / "instances.json").read_text())
        read = list(Coco(path=f"{kind().folder}/heldout/instances.json").read(root))
        assert sum(len(sample.regions) for sample in read) == len(known["annotations"])
    if (folder / "captions.jsonl").exists():
        captions = list(CaptionsJsonl(path=f"{kind().folder}/heldout/captions.jsonl").read(root))
        assert not [row for row in captions if isinstance(row, Broken)]
        assert len({row.media[0].uri for row in captions}) == len(captions) > 40


@pytest.mark.parametrize("kind", ALBUMS)
def test_guessing_without_the_picture_is_worth_what_is_stated(kind, drawn):
    heldout = asked(kind, drawn(kind), "heldout")
    for task, stated in GUESSES[kind.__name__].items():
        rows = [row for row in heldout if row.task == task]
        assert len(rows) >= 6, task
        usual = Counter(answer(row) for row in rows).most_common(1)[0][1]
        places = Counter(row.answer.choices.index(answer(row)) for row in rows if row.answer.choices)
        best = max([usual, *places.values()]) / len(rows)
        assert best <= stated + 0.005, f"{task}: {best:.3f}"
        assert stated <= 2.0 * best + 0.1, f"{task}: {best:.3f} is far less than stated"


@pytest.mark.parametrize("kind", ALBUMS)
def test_pictures_show_something_and_masks_fit_them(kind, drawn):
    folder = drawn(kind) / kind().folder / "heldout"
    for path in sorted((folder / "pictures").iterdir())[:12]:
        pixels = pixels_of(path)
        assert pixels.shape[2] == 3
        assert pixels.astype(float).std() > 8
    sizes = defaultdict(set)
    for path in sorted(folder.glob("masks/*.png")):
        sizes[path.name] |= {pixels_of(path).shape[:2], pixels_of(folder / "pictures" / path.name).shape[:2]}
    assert all(len(found) == 1 for found in sizes.values())


@pytest.mark.parametrize("kind", ALBUMS)
def test_a_world_without_pictures_is_refused(kind):
    with pytest.raises(ConfigError, match="at least one picture"):
        kind(num_pictures=0)


def test_several_worlds_of_one_recipe_are_curated_without_a_lost_row(tmp_path):
    worlds = tuple(kind(num_pictures=4, num_heldout=2) for kind in ALBUMS)
    splits = ("train", "heldout")
    train, heldout = (
        {world.folder: MessagesJsonl(path=f"{world.folder}/{split}/questions.jsonl") for world in worlds} for split in splits
    )
    run = RunFolder(tmp_path)
    curate(Data(world=worlds, sources=train, heldout=heldout), run, seed=0, workers=0)
    for split in splits:
        kept = pq.read_table(tmp_path / "data" / f"{split}.parquet").num_rows
        assert kept == sum(len(asked(type(world), tmp_path / "raw", split)) for world in worlds) > 2 * len(worlds)
