"""NativeViT = the towers of Qwen2-VL, Qwen2.5-VL and Qwen3-VL at random tiny weights, on stills and videos of any size.

Theirs orders patches by the squares that its merger joins, and Qwen2.5-VL's by windows besides; ours row by row.
"""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers.models.qwen2_5_vl.configuration_qwen2_5_vl import Qwen2_5_VLVisionConfig
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import Qwen2_5_VisionTransformerPretrainedModel
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLVisionConfig
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VisionTransformerPretrainedModel
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLVisionConfig
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLVisionModel
from transformers.vision_utils import get_vision_window_index

from omma.core.errors import CheckpointError
from omma.media.apply import patchify
from omma.model.connectors.merger import Merger
from omma.model.tiles import regrid
from omma.schema.batch import Pictures
from omma.weights.family import Vocabulary, family_for
from omma.weights.maps import qwen2_5_vl_vision, qwen2_vl_vision, qwen3_vl_vision
from omma.weights.native import fill

pytestmark = pytest.mark.parity

FAMILIES = {
    "qwen2_vl": (qwen2_vl_vision, Qwen2VLVisionConfig, Qwen2VisionTransformerPretrainedModel),
    "qwen2_5_vl": (qwen2_5_vl_vision, Qwen2_5_VLVisionConfig, Qwen2_5_VisionTransformerPretrainedModel),
    "qwen3_vl": (qwen3_vl_vision, Qwen3VLVisionConfig, Qwen3VLVisionModel),
}
# fp32, in units of the largest value of the tensor compared. Worst case measured over 24 seeds per family: features 7.0e-7,
# gradients 1.3e-5.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4


def shake(module, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.2 if parameter.ndim > 1 else 0.5) + (parameter.ndim == 1))
    return module.eval()


def draw(family, seed):
    """A random tiny tower of the family, and videos (frames, height, width, 3), of which some are stills."""
    rng = np.random.default_rng(seed)
    heads, patch, merge, depth = int(rng.integers(1, 4)), int(rng.choice([4, 6])), int(rng.integers(1, 4)), int(rng.integers(2, 6))
    width, out = heads * int(rng.choice([8, 12])), 20
    sizes = dict(depth=depth, num_heads=heads, patch_size=patch, temporal_patch_size=int(rng.integers(1, 4)),
                 spatial_merge_size=merge, attn_implementation="eager")  # fmt: skip
    if family == "qwen2_vl":
        sizes |= {"embed_dim": width, "hidden_size": out, "mlp_ratio": int(rng.integers(1, 4))}
    else:
        sizes |= {"hidden_size": width, "out_hidden_size": out, "intermediate_size": int(rng.integers(20, 70))}
    if family == "qwen2_5_vl":
        # More than one patch: alone in its window, a patch has scores without a gradient, and only noise would be compared.
        side = max(2, int(rng.integers(1, 4)) * merge) * patch
        sizes |= {"window_size": side + int(rng.integers(0, patch)), "fullatt_block_indexes": sorted({int(rng.integers(depth)), 1})}
    if family == "qwen3_vl":
        taps = sorted(rng.choice(depth, size=min(2, depth), replace=False).tolist())
        sizes |= {"num_position_embeddings": int(rng.integers(1, 7)) ** 2, "deepstack_visual_indexes": taps}
    maps, config_class, model_class = FAMILIES[family]
    theirs = shake(model_class(config_class(**sizes)), seed)
    shapes = [(1, 2, 3), (1, 1, 1), (4, 3, 1), (5, 2, 2), (1, 5, 4)]
    videos = [rng.integers(0, 256, (t, r * merge * patch, c * merge * patch, 3)).astype(np.uint8) for t, r, c in shapes]
    return maps, theirs, videos


def as_pictures(videos, patch):
    grids = torch.tensor([(len(video), video.shape[1] // patch, video.shape[2] // patch) for video in videos])
    return Pictures(torch.from_numpy(np.concatenate([patchify(frame, patch) for video in videos for frame in video])), grids)


def their_patches(video, cfg, merge):
    """Steps, then squares row by row, patches row by row inside; (channel, frame, row, column) inside a patch."""
    pixels = torch.from_numpy(video).float() / 255
    pixels = (pixels - torch.tensor(cfg.mean)) / torch.tensor(cfg.std)
    pixels = torch.cat([pixels, pixels[-1:].expand(-len(pixels) % cfg.temporal, -1, -1, -1)])
    t, r, c = len(pixels) // cfg.temporal, pixels.shape[1] // cfg.patch, pixels.shape[2] // cfg.patch
    cut = pixels.reshape(t, cfg.temporal, r // merge, merge, cfg.patch, c // merge, merge, cfg.patch, 3)
    return cut.permute(0, 2, 5, 3, 6, 8, 1, 4, 7).reshape(t * r * c, -1), (t, r, c)


def row_major(grids, theirs):
    """Grids in time steps → for each of our patches its place in their stream."""
    merge, places, first = theirs.config.spatial_merge_size, [], 0
    for t, r, c in grids:
        squares = torch.arange(t * r * c).reshape(t, r // merge, c // merge, merge, merge).permute(0, 1, 3, 2, 4)
        places.append(first + squares.flatten())
        first += t * r * c
    places = torch.cat(places)
    if theirs.config.model_type != "qwen2_5_vl_vision":
        return places
    cfg = theirs.config
    window, _ = get_vision_window_index(torch.tensor(grids), merge, cfg.window_size, cfg.patch_size)
    stream = (window[:, None] * merge**2 + torch.arange(merge**2)).flatten()
    return stream.argsort()[places]


def their_output(theirs, videos, cfg):
    patches, grids = zip(*(their_patches(video, cfg, theirs.config.spatial_merge_size) for video in videos), strict=True)
    out = theirs(torch.cat(patches), grid_thw=torch.tensor(grids), output_hidden_states=True)
    place = row_major(grids, theirs)
    states = [out.hidden_states[layer][place] for layer in cfg.tap_layers] + [out.last_hidden_state[place]]
    return states, out.pooler_output


def worst(ours, theirs):
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-3))


def ours_like(maps, theirs):
    cfg = maps.config_from(theirs.config.to_dict())
    module = cfg.build()
    fill(module, copy.deepcopy(maps.names(cfg).from_theirs(theirs.state_dict(), where="theirs")), where="test")
    return cfg, module


def compare(family, seed):
    maps, theirs, videos = draw(family, seed)
    cfg, module = ours_like(maps, theirs)
    stream = module(as_pictures(videos, cfg.patch))
    got, (want, _) = [*stream.taps, stream.hidden], their_output(theirs, videos, cfg)
    assert len(got) == len(want) and all(a.shape == b.shape for a, b in zip(got, want, strict=True))
    probes = [torch.randn_like(tensor) for tensor in want]
    for side in (got, want):
        sum((tensor - probe).square().mean() for tensor, probe in zip(side, probes, strict=True)).backward()
    named = {name: p.grad if p.grad is not None else torch.zeros_like(p) for name, p in theirs.named_parameters()}
    gradients = maps.names(cfg).from_theirs(named, where="gradients")
    # A bias of the keys shifts all scores of a query alike: its true gradient is zero and only noise would be compared.
    own = {name: p.grad for name, p in module.named_parameters() if not name.endswith("key.bias")}
    outputs = max(worst(a, b) for a, b in zip(got, want, strict=True))
    return outputs, max(worst(grad, gradients[name]) for name, grad in own.items())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("family", FAMILIES)
def test_features_taps_and_gradients_equal_transformers_on_stills_and_videos(family, seed):
    features, gradients = compare(family, seed)
    assert features <= TOLERANCE
    assert gradients <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("family", "norm"), [("qwen2_vl", "layer"), ("qwen2_5_vl", "rms")])
def test_tower_and_merger_equal_what_a_language_model_gets(family, norm, seed):
    maps, theirs, videos = draw(family, seed)
    cfg, module = ours_like(maps, theirs)
    connector = Merger(norm=norm, factor=theirs.config.spatial_merge_size).build(in_dim=cfg.out_width, out_dim=20)
    state, names = theirs.state_dict(), {"norm": "merger.ln_q", "up": "merger.mlp.0", "down": "merger.mlp.2"}
    parts = {f"{ours}.{kind}": f"{name}.{kind}" for ours, name in names.items() for kind in ("weight", "bias")}
    fill(connector, {ours: state[name] for ours, name in parts.items() if name in state}, where="test")
    pictures = as_pictures(videos, cfg.patch)
    got = connector(module(pictures), regrid(pictures.grids, cfg))
    assert worst(got, their_output(theirs, videos, cfg)[1]) <= TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_and_config_survive_the_way_there_and_back(family):
    for seed in range(4):
        maps, theirs, _ = draw(family, seed)
        cfg, module = ours_like(maps, theirs)
        exported = maps.names(cfg).to_theirs(module.state_dict())
        merger = {name: tensor for name, tensor in theirs.state_dict().items() if "merger" in name}
        assert exported.keys() | merger.keys() == theirs.state_dict().keys()
        assert all(torch.equal(tensor, theirs.state_dict()[name]) for name, tensor in exported.items())
        again = FAMILIES[family][1](**maps.config_to(cfg) | {"spatial_merge_size": theirs.config.spatial_merge_size})
        assert maps.config_from(again.to_dict()) == cfg
        assert family_for(cfg, "vision", Vocabulary(0))[0] is maps.FAMILY


def test_variants_and_shapes_that_a_layout_has_no_place_for_are_refused():
    towers = {family: maps.config_from(config().to_dict()) for family, (maps, config, _) in FAMILIES.items()}
    for family, (maps, config, _) in FAMILIES.items():
        with pytest.raises(CheckpointError, match="rope_theta 500.0"):
            maps.config_from(config().to_dict() | {"rope_parameters": {"rope_theta": 500.0}})
        for other in towers.keys() - {family}:
            with pytest.raises(CheckpointError, match="a NativeViT of another shape"):
                maps.config_to(towers[other])
    with pytest.raises(CheckpointError, match="num_position_embeddings is 10; expected a square number"):
        qwen3_vl_vision.config_from(Qwen3VLVisionConfig().to_dict() | {"num_position_embeddings": 10})
    with pytest.raises(CheckpointError, match="an MLP of 100; expected a multiple of the width"):
        qwen2_vl_vision.config_to(replace(towers["qwen2_vl"], mlp_width=100))
