"""ConvNext = transformers' ConvNeXt and ConvNeXt V2 at random tiny weights: last stage, all stages as cells, any tile size.

Weights travel as files of transformers, so that the names are those of released checkpoints.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import interpolate
from transformers.models.convnext.modeling_convnext import ConvNextConfig, ConvNextModel
from transformers.models.convnextv2.modeling_convnextv2 import ConvNextV2Config, ConvNextV2Model

from omma.core.errors import CheckpointError, ConfigError
from omma.media.apply import patchify
from omma.model.vision.conv_next import ConvNext
from omma.nn.init import init
from omma.schema.batch import Pictures
from omma.weights.family import Vocabulary, family_for, find_family
from omma.weights.maps import convnext
from omma.weights.native import fill

pytestmark = pytest.mark.parity

CLASSES = {"convnext": (ConvNextConfig, ConvNextModel), "convnextv2": (ConvNextV2Config, ConvNextV2Model)}
# fp32, in units of the largest value of the tensor compared. Worst case measured over 12 seeds per class: features 1.5e-6,
# gradients 2.8e-5.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4


def draw(kind, seed):
    """A random tiny network of the class and tiles of several sizes."""
    rng = np.random.default_rng(seed)
    stages = int(rng.integers(1, 4))
    sizes = dict(
        patch_size=int(rng.choice([2, 4])), num_stages=stages, hidden_sizes=[int(n) for n in rng.integers(3, 12, stages)],
        depths=[int(n) for n in rng.integers(1, 3, stages)], hidden_act=str(rng.choice(["gelu", "relu", "gelu_pytorch_tanh"])),
    )  # fmt: skip
    if kind == "convnext":
        sizes["layer_scale_init_value"] = float(rng.choice([0.0, 1e-6]))
    config_class, model_class = CLASSES[kind]
    theirs = model_class(config_class(**sizes)).eval()
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.3 if parameter.ndim > 1 else 0.5) + (parameter.ndim == 1))
    patch = sizes["patch_size"] * 2 ** (stages - 1)
    shapes = [(2, 3), (2, 3), (int(rng.integers(1, 4)), int(rng.integers(1, 4))), (1, 1)]
    return theirs, [rng.integers(0, 256, (r * patch, c * patch, 3)).astype(np.uint8) for r, c in shapes]


def as_pictures(tiles, patch):
    grids = torch.tensor([(1, tile.shape[0] // patch, tile.shape[1] // patch) for tile in tiles])
    return Pictures(torch.from_numpy(np.concatenate([patchify(tile, patch) for tile in tiles])), grids)


def their_features(theirs, tile, cfg):
    """Features of one tile (P, E), row by row: the last map, or the cells of each patch of all maps at the first one's size."""
    pixels = torch.from_numpy(tile).permute(2, 0, 1)[None].float() / 255
    pixels = (pixels - torch.tensor(cfg.mean)[:, None, None]) / torch.tensor(cfg.std)[:, None, None]
    levels = []
    hooks = [stage.register_forward_hook(lambda _, given, out: levels.append(out)) for stage in theirs.encoder.stages]
    last = theirs(pixels).last_hidden_state
    for hook in hooks:
        hook.remove()
    if cfg.features == "last":
        return last[0].flatten(1).T
    whole = torch.cat([interpolate(level, size=levels[0].shape[2:], mode="bilinear", align_corners=False) for level in levels], 1)
    rows, columns = tile.shape[0] // cfg.patch, tile.shape[1] // cfg.patch
    by_patch = whole[0].permute(1, 2, 0).reshape(rows, cfg.cells, columns, cfg.cells, -1).transpose(1, 2)
    return by_patch.reshape(rows * columns, -1)


def as_file(theirs, folder):
    theirs.save_pretrained(folder)
    return load_file(folder / "model.safetensors")


def ours_like(theirs, folder, features="last"):
    cfg = replace(convnext.config_from(theirs.config.to_dict()), features=features)
    module = cfg.build()
    fill(module, convnext.names(cfg).from_theirs(as_file(theirs, folder), where="theirs"), where="test")
    return cfg, module


def worst(ours, theirs):
    return float((ours - theirs).detach().abs().max() / theirs.detach().abs().max().clamp(min=1e-3))


def compare(kind, seed, features, folder):
    """→ worst difference of features of all tiles in one batch, and of gradients of one loss."""
    theirs, tiles = draw(kind, seed)
    cfg, module = ours_like(theirs, folder, features)
    got = module(as_pictures(tiles, cfg.patch)).hidden
    want = torch.cat([their_features(theirs, tile, cfg) for tile in tiles])
    assert got.shape == want.shape == (len(got), cfg.out_width)
    probe = torch.randn(want.shape, generator=torch.Generator().manual_seed(seed))
    for side in (got, want):
        (side - probe).square().mean().backward()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad)
    gradients = convnext.names(cfg).from_theirs(as_file(theirs, folder), where="gradients")
    own = {name: p.grad for name, p in module.named_parameters()}
    assert all(grad is not None for grad in own.values())
    return worst(got, want), max(worst(grad, gradients[name]) for name, grad in own.items())


@pytest.mark.parametrize("features", ["last", "cells"])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", CLASSES)
def test_features_and_gradients_equal_transformers_at_any_tile_size(kind, seed, features, tmp_path):
    outputs, gradients = compare(kind, seed, features, tmp_path)
    assert outputs <= TOLERANCE
    assert gradients <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("kind", CLASSES)
def test_weights_and_config_survive_the_way_there_and_back(kind, tmp_path):
    for seed in range(4):
        theirs, tiles = draw(kind, seed)
        cfg, module = ours_like(theirs, tmp_path)
        stored, names = load_file(tmp_path / "model.safetensors"), convnext.names(cfg)
        exported = {name: tensor.contiguous() for name, tensor in names.to_theirs(module.state_dict()).items()}
        assert exported.keys() == stored.keys()
        assert all(torch.equal(exported[name], stored[name]) for name in stored.keys() - dict(names.added).keys())
        family, told = family_for(cfg, "vision", Vocabulary(0))
        assert family is convnext.FAMILY is find_family(told, where="test", kind="vision")
        save_file(exported, tmp_path / "model.safetensors", {"format": "pt"})
        config_class, model_class = CLASSES[kind]
        again, loading = model_class.from_pretrained(tmp_path, config=config_class(**told), output_loading_info=True)
        assert not any(loading[part] for part in ("missing_keys", "unexpected_keys", "mismatched_keys"))
        assert convnext.config_from(again.config.to_dict()) == cfg
        before, after = (their_features(model.eval(), tiles[0], cfg) for model in (theirs, again))
        assert torch.equal(before, after)


def test_files_of_classifiers_are_read_without_their_classifier(tmp_path):
    theirs, _ = draw("convnextv2", 1)
    cfg = convnext.config_from(theirs.config.to_dict())
    stored = {f"convnextv2.{name}": tensor for name, tensor in as_file(theirs, tmp_path).items()}
    stored |= {"classifier.weight": torch.ones(2, cfg.width), "classifier.bias": torch.ones(2)}
    read = convnext.names(cfg).from_theirs(stored, where="test")
    assert read.keys() == cfg.build().state_dict().keys()


def test_a_response_norm_changes_nothing_at_first():
    second = ConvNext(layer_scale=0.5, response_norm=True).tiny()
    first = replace(second, response_norm=False)
    pictures = Pictures(torch.randint(256, (6, 192), generator=torch.Generator().manual_seed(0)).to(torch.uint8),
                        torch.tensor([[1, 2, 3]]))  # fmt: skip
    assert torch.equal(init(second.build(), 0)(pictures).hidden, init(first.build(), 0)(pictures).hidden)


def test_timm_s_names_are_told_for_both_versions():
    stems = {"stem.0", "stem.1", "stages.1.downsample.0", "stages.1.downsample.1"}
    blocks = {f"stages.{i}.blocks.0.{part}" for i in (0, 1) for part in ("conv_dw", "norm", "mlp.fc1", "mlp.fc2")}
    common = {f"{name}.{kind}" for name in stems | blocks for kind in ("weight", "bias")}
    first = ConvNext().tiny()
    pairs = convnext.spelled(first, convnext.TIMM).pairs
    assert {pair.theirs for pair in pairs} == common | {f"stages.{i}.blocks.0.gamma" for i in (0, 1)}
    second = replace(first, layer_scale=0.0, response_norm=True)
    named, state = convnext.spelled(second, convnext.TIMM), init(second.build(), 0).state_dict()
    theirs = named.to_theirs(state)
    assert theirs.keys() == common | {f"stages.{i}.blocks.0.mlp.grn.{kind}" for i in (0, 1) for kind in ("weight", "bias")}
    assert theirs["stages.1.blocks.0.mlp.grn.weight"].shape == (32,)


def test_networks_that_cannot_be_are_refused():
    with pytest.raises(ConfigError, match="4 widths and 3 depths"):
        ConvNext(depths=(1, 1, 1))
    with pytest.raises(ConfigError, match="16 px; expected 32, the stride of stage 4"):
        ConvNext(patch=16)
    with pytest.raises(CheckpointError, match="response_norm=True, layer_scale=0.5"):
        convnext.config_to(ConvNext(response_norm=True, layer_scale=0.5))
    said = ConvNextConfig().to_dict()
    with pytest.raises(CheckpointError, match="patch_size is"):
        convnext.config_from(said | {"patch_size": [4, 2]})
    with pytest.raises(CheckpointError, match="hidden_act is 'mish'"):
        convnext.config_from(said | {"hidden_act": "mish"})
