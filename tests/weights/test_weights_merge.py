"""Merging: means are means, greedy soups keep what helps, stacked blocks stand in order, other shapes are refused."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from omma.core.config import show
from omma.core.errors import CheckpointError, ConfigError
from omma.media.views.fixed import Fixed
from omma.model.connectors.mlp import Mlp
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.nn.init import init
from omma.pack.chat import Chat
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.weights.imported import Imported
from omma.weights.merge import Slice, alone, greedy_soup, interpolate, soup, stack, write_merged
from omma.weights.native import load_model, save_model
from omma.weights.source import open_source

FILE = "model.safetensors"


@pytest.fixture
def checkpoints(tmp_path):
    """What writes a checkpoint folder with weights of a seed."""

    def make(name, seed, dtype=torch.float32, **language):
        cfg = Vlm(
            view=Fixed(size=16),
            encoder=ViT(patch=8, width=16, depth=1, heads=2, mlp_width=16, image_size=16),
            connector=Mlp(),
            language=replace(Decoder(width=16, depth=3, heads=2, kv_heads=1, head_dim=8, mlp_width=16), **language),
            text=Chat(tokenizer=TrainedBpe(vocab_size=300)),
        )
        folder = tmp_path / name
        cfg.text.fit((), folder / "tokenizer")
        save_model(folder, init(cfg.build(), seed).to(dtype))
        (folder / "config.yaml").write_text(show(Imported(model=cfg, origin=name, model_type="test", rows=300)))
        return folder

    return make


def values(made):
    return {name: made.read(name) for name in made.tensors}


def test_a_soup_is_the_mean_and_shares_need_not_sum_to_one(checkpoints):
    folders = [checkpoints(name, seed) for seed, name in enumerate("abc")]
    one, two, three = (load_file(folder / FILE) for folder in folders)
    even, uneven = values(soup(folders)), values(soup(folders, (2, 1, 1)))
    assert even.keys() == one.keys()
    for name in one:
        assert torch.allclose(even[name], (one[name] + two[name] + three[name]) / 3, atol=1e-6)
        assert torch.allclose(uneven[name], one[name] / 2 + two[name] / 4 + three[name] / 4, atol=1e-6)


def test_a_soup_of_half_precision_is_averaged_in_full(checkpoints):
    folders = [checkpoints(name, seed, torch.bfloat16) for seed, name in enumerate("ab")]
    one, two = (load_file(folder / FILE) for folder in folders)
    made = values(soup(folders))
    for name in one:
        assert made[name].dtype == torch.bfloat16
        assert torch.equal(made[name], (0.5 * one[name].float() + 0.5 * two[name].float()).bfloat16())


def test_interpolation_has_its_ends_and_its_middle(checkpoints):
    first, second = checkpoints("a", 0), checkpoints("b", 1)
    one, two = load_file(first / FILE), load_file(second / FILE)
    for at in (0.0, 0.25, 1.0):
        made = values(interpolate(first, second, at))
        assert all(torch.allclose(made[name], (1 - at) * one[name] + at * two[name], atol=1e-6) for name in one)
    with pytest.raises(ConfigError, match=r"merge --at: 1\.5; expected from 0"):
        interpolate(first, second, 1.5)


def test_a_greedy_soup_takes_what_does_not_hurt(checkpoints):
    folders = [checkpoints(name, seed) for seed, name in enumerate("abc")]
    goal = values(soup((folders[0], folders[2])))

    def loss(made):
        return float(sum((made.read(name) - goal[name]).square().sum() for name in made.tensors))

    made = greedy_soup(folders, loss)
    assert all(torch.allclose(value, goal[name], atol=1e-6) for name, value in values(made).items())
    assert str(folders[0]) in made.origin and str(folders[2]) in made.origin and str(folders[1]) not in made.origin


def test_a_greedy_soup_may_be_one_checkpoint(checkpoints):
    folders = [checkpoints(name, seed) for seed, name in enumerate("ab")]
    goal = values(alone(folders[1]))
    made = greedy_soup(folders, lambda made: float(sum((made.read(n) - goal[n]).square().sum() for n in made.tensors)))
    assert all(torch.equal(value, goal[name]) for name, value in values(made).items())


def test_stacked_blocks_stand_in_order_and_the_rest_is_the_first_s(checkpoints, tmp_path):
    first, second = checkpoints("a", 0), checkpoints("b", 1)
    one, two = load_file(first / FILE), load_file(second / FILE)
    made = stack((Slice(first, 0, 2), Slice(second, 1, 3), Slice(first, 2, 3)))
    write_merged(made, first, tmp_path / "out")
    source = open_source(tmp_path / "out")
    module = load_model(tmp_path / "out", source.model)
    assert source.model.language.depth == 5 and module.language.num_layers == 5
    wanted = [(one, 0), (one, 1), (two, 1), (two, 2), (one, 2)]
    for block, (tensors, old) in zip(module.language.blocks, wanted, strict=True):
        assert torch.equal(block.mlp.up.weight, tensors[f"language.blocks.{old}.mlp.up.weight"])
    assert torch.equal(module.language.embedding.weight, one["language.embedding.weight"])
    assert torch.equal(module.encoder.positions, one["encoder.positions"])


def test_a_merged_checkpoint_is_one_like_others(checkpoints, tmp_path):
    folders = [checkpoints(name, seed) for seed, name in enumerate("ab")]
    write_merged(soup(folders), folders[0], tmp_path / "out")
    source = open_source(tmp_path / "out")
    assert source.model == open_source(folders[0]).model
    assert source.model.text.load(tmp_path / "out/tokenizer").stop_ids
    again = values(soup((tmp_path / "out", folders[0])))
    assert again.keys() == load_file(folders[0] / FILE).keys()
    with pytest.raises(ConfigError, match="out: is there already"):
        write_merged(soup(folders), folders[0], tmp_path / "out")


def test_other_shapes_are_told_with_both(checkpoints, llava):
    first, wider = checkpoints("a", 0), checkpoints("wide", 0, mlp_width=24)
    with pytest.raises(CheckpointError, match=r"wide: 9 tensors differ: .*mlp\.down\.weight is \(16, 24\), not \(16, 16\)"):
        soup((first, wider))
    with pytest.raises(CheckpointError, match=r"its language model differs in\n  mlp_width: 16 → 24"):
        stack((Slice(first, 0, 3), Slice(wider, 0, 3)))
    with pytest.raises(CheckpointError, match="no checkpoint of omma.*omma import FOLDER"):
        soup((first, llava()))


def test_slices_and_shares_that_do_not_fit_are_told(checkpoints):
    first, second = checkpoints("a", 0), checkpoints("b", 1)
    with pytest.raises(ConfigError, match="a:2-5: a model of 3 blocks; expected 0 ≤ start < stop ≤ depth"):
        stack((Slice(first, 2, 5),))
    with pytest.raises(ConfigError, match="2 checkpoints, 3 shares"):
        soup((first, second), (1, 1, 1))
    with pytest.raises(ConfigError, match="1 checkpoints, 1 shares"):
        soup((first,))
