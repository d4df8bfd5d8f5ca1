"""A Dual that omma trained, asked as a space: the vectors of its module, the same digits in any company, run and checkpoint."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from omma.answerers.services.space import Space
from omma.answerers.space_trained import TrainedSpace, find_dual, load_space
from omma.core.config import show
from omma.core.errors import CheckpointError, ConfigError, DataError
from omma.core.files import write_text
from omma.generate.sampling import Sampling
from omma.media.draw import to_png
from omma.media.store import Store
from omma.media.views.native import Native
from omma.model.vision.native import NativeViT
from omma.nn.init import init
from omma.pack.captions import Tiles, caption_ids, packed
from omma.schema.sample import Media
from omma.weights.native import save_model
from omma_recipes.runs.clip_small import clip_small
from tests.answerers.folders import TEXTS, checkpoint, draw_pictures, says, shows

LONG = "a red box and " * 40
WORDS = [*TEXTS, LONG, "a"]


def written(folder, recipe, seed=0):
    """A checkpoint as `omma train` leaves it."""
    folder.mkdir(parents=True)
    module = recipe.build()
    init(module, seed)
    save_model(folder, module)
    write_text(folder / "config.yaml", show(recipe))
    recipe.model.text.fit([says(str(i), text, reply=text) for i, text in enumerate(TEXTS)], folder / "tokenizer")
    return module


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    place = draw_pictures(tmp_path_factory.mktemp("pictures"))
    (place / "wide.png").write_bytes(to_png(np.random.default_rng(9).integers(0, 256, (30, 90, 3), np.uint8)))
    return place


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    recipe = clip_small().tiny()
    write_text(folder / "config.yaml", show(recipe))
    written(folder / "checkpoints/contrast-00000004", recipe, seed=1)
    written(folder / "checkpoints/contrast-00000020", recipe)
    return folder


def rows():
    return [*(shows(str(i), f"{i}.png") for i in range(4)), *(says(words, words) for words in WORDS)]


def test_vectors_are_those_of_the_module(run, root):
    space = load_space(run, Store(root), rows=3)
    assert isinstance(space, TrainedSpace)
    found = torch.tensor(list(space.embed(rows())))
    tiles, cfg = Tiles(Store(root), space.module.cfg), space.module.cfg
    with torch.inference_mode():
        seen = space.module.see(tiles.packed([(Media(f"{i}.png"), cfg.plan(48, 40)) for i in range(4)]))
        ids = packed(caption_ids(space.codec, WORDS, cfg.longest))
        read = space.module.read(ids.tokens, ids.cu_seqlens)
    assert (found - torch.cat([seen, read])).abs().max() < 1e-6
    assert (seen @ read.T).std() > 0.01
    assert found.norm(dim=1).tolist() == pytest.approx([1.0] * len(found))


@pytest.mark.parametrize("view", ["one size", "its own size"])
def test_a_vector_is_the_same_digit_for_digit_in_any_company(view, run, root, tmp_path):
    folder = run
    if view == "its own size":
        recipe, folder = clip_small().tiny(), tmp_path / "native"
        model = replace(recipe.model, view=Native().tiny(), encoder=NativeViT().tiny(), picture_pool="mean")
        written(folder, replace(recipe, model=model))
    space, asked = load_space(folder, Store(root), rows=3), [shows("wide", "wide.png"), *rows()]
    whole = list(space.embed(asked))
    assert len(set(whole)) == len(asked)
    assert [vector for row in asked for vector in space.embed([row])] == whole
    assert list(space.embed(asked[::-1])) == whole[::-1]
    assert list(space.embed(asked, start=3)) == whole[3:]


def test_of_a_run_the_newest_checkpoint_is_opened_as_a_service(run, root):
    service, newest = Space(folder=str(run), device="cpu"), run / "checkpoints/contrast-00000020"
    assert find_dual(run).folder == newest
    (one,) = service.embedder(Store(root)).embed([shows("a", "0.png")])
    (same,) = Space(folder=str(newest), device="cpu").embedder(Store(root)).embed([shows("a", "0.png")])
    (other,) = load_space(newest.with_name("contrast-00000004"), Store(root)).embed([shows("a", "0.png")])
    assert one == same != other


def test_a_mark_changes_with_every_checkpoint(run, tmp_path):
    before = Space(folder=str(run)).mark
    assert before == Space(folder=str(run)).mark
    written(run / "checkpoints/contrast-00000003", clip_small().tiny(), seed=3)
    assert Space(folder=str(run)).mark != before


def test_what_is_no_trained_space_is_told(run, root, tmp_path):
    writes = checkpoint(tmp_path / "writes")
    with pytest.raises(CheckpointError, match="a recipe whose model is a Vlm; expected a Dual, two towers; name"):
        Space(folder=str(writes), device="cpu").open(Store(root))
    write_text(tmp_path / "fresh/config.yaml", show(clip_small()))
    with pytest.raises(CheckpointError, match="no trained model"):
        Space(folder=str(tmp_path / "fresh"), device="cpu").open(Store(root))
    space = load_space(run, Store(root))
    with pytest.raises(ConfigError, match="a TrainedSpace, which embeds and does not write"):
        list(space.ask([says("a", "b")], Sampling()))
    with pytest.raises(DataError, match=r"no file gone\.png"):
        list(space.embed([shows("a", "gone.png")]))
    assert len(space.fingerprint()) == 16 and Path(space.folder).name.startswith("contrast-")
