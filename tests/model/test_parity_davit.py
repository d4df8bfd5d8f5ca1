"""DaViT = transformers' `Florence2VisionBackbone`; Florence2 = what Florence-2's encoder makes of prompts; random tiny weights."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import Florence2Config, Florence2ForConditionalGeneration, Florence2VisionConfig
from transformers.models.florence2.modeling_florence2 import Florence2VisionBackbone

from omma.core.errors import CheckpointError, ConfigError, ShapeError
from omma.media.apply import patchify
from omma.model.vision.davit import DaViT
from omma.model.vision.florence2 import Florence2
from omma.nn.init import init
from omma.schema.batch import Pictures
from omma.weights.maps import florence2, florence2_vision
from omma.weights.native import fill

pytestmark = pytest.mark.parity

# fp32, in units of the largest value of the tensor compared. Worst case measured over 24 seeds each: features 8.8e-7, gradients
# 3.9e-5.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4
SHAPES = ((2, 3), (3, 2), (2, 3), (1, 4))  # patches of the tiles
PROMPTS = ((0, 7, 3, 2), (0, 11, 2))


def shake(module, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.2 if parameter.ndim > 1 else 0.5) + (parameter.ndim == 1))
    return module.eval()


def drawn(seed):
    """vision_config of a random tiny tower, and tiles that its windows do not fill."""
    rng = np.random.default_rng(seed)
    stages = int(rng.integers(1, 4))
    heads, groups = rng.integers(1, 4, stages), rng.integers(1, 4, stages)
    strides = [4, *[2] * (stages - 1)] if rng.integers(2) else [2] * stages
    said = {
        "depths": rng.integers(1, 3, stages).tolist(),
        "patch_size": [2 * stride - 1 for stride in strides],
        "patch_stride": strides,
        "patch_padding": [stride - 1 for stride in strides],
        "patch_prenorm": [bool(flip) for flip in rng.integers(0, 2, stages)],
        "embed_dim": (heads * groups * 4 * rng.integers(1, 3, stages)).tolist(),
        "num_heads": heads.tolist(),
        "num_groups": groups.tolist(),
        "window_size": int(rng.integers(2, 6)),
        "mlp_ratio": float(rng.choice([1.0, 1.5, 2.0])),
        "qkv_bias": bool(rng.integers(2)),
        "activation_function": str(rng.choice(["gelu", "quick_gelu"])),
    }
    patch = int(np.prod(strides))
    return said, [rng.integers(0, 256, (r * patch, c * patch, 3)).astype(np.uint8) for r, c in SHAPES]


def as_pictures(tiles, patch):
    grids = torch.tensor([(1, tile.shape[0] // patch, tile.shape[1] // patch) for tile in tiles])
    return Pictures(torch.from_numpy(np.concatenate([patchify(tile, patch) for tile in tiles])), grids)


def pixels_of(tile, cfg):
    pixels = torch.from_numpy(tile).permute(2, 0, 1)[None].float() / 255
    return (pixels - torch.tensor(cfg.mean)[None, :, None, None]) / torch.tensor(cfg.std)[None, :, None, None]


def worst(ours, theirs):
    return float((ours - theirs).detach().abs().max() / theirs.detach().abs().max().clamp(min=1e-3))


def filled(cfg, names, tensors):
    module = cfg.build()
    fill(module, copy.deepcopy(names.from_theirs(tensors, where="theirs")), where="test")
    return module


def gradients_apart(module, names, theirs, ours_out, theirs_out):
    """Worst difference of the gradients of one scalar of both outputs."""
    probe = torch.randn_like(theirs_out)
    for side in (ours_out, theirs_out):
        (side - probe).square().mean().backward()
    named = {name: p.grad if p.grad is not None else torch.zeros_like(p) for name, p in theirs.named_parameters()}
    expected = names.from_theirs(named, where="gradients")
    # A bias of the keys shifts all scores of a query alike, but where channels attend: there it is compared.
    own = {name: p.grad for name, p in module.named_parameters() if not name.endswith("key.bias") or ".channels." in name}
    return max(worst(grad, expected[name]) for name, grad in own.items())


def tower_of(seed):
    said, tiles = drawn(seed)
    theirs = shake(Florence2VisionBackbone(Florence2VisionConfig(**said, attn_implementation="eager")), seed)
    cfg = florence2_vision.config_from(theirs.config.to_dict())
    return theirs, cfg, tiles


@pytest.mark.parametrize("seed", range(8))
def test_features_and_gradients_of_the_tower_equal_transformers(seed):
    theirs, cfg, tiles = tower_of(seed)
    names = florence2_vision.names(cfg)
    module = filled(cfg, names, theirs.state_dict())
    ours = module(as_pictures(tiles, cfg.patch)).hidden
    expected = torch.cat([theirs(pixels_of(tile, cfg)).last_hidden_state.flatten(2)[0].T for tile in tiles])
    assert worst(ours, expected) <= TOLERANCE
    assert gradients_apart(module, names, theirs, ours, expected) <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("seed", range(8))
def test_config_and_tensors_of_the_tower_go_out_and_come_back(seed):
    theirs, cfg, _ = tower_of(seed)
    said = florence2_vision.config_to(cfg)
    assert florence2_vision.config_from(said) == cfg
    names, tensors = florence2_vision.names(cfg), theirs.state_dict()
    back = names.to_theirs(names.from_theirs(tensors, where="theirs"))
    assert back.keys() == tensors.keys() and all(torch.equal(back[name], tensors[name]) for name in tensors)
    sizes = {key: value for key, value in said.items() if key not in ("model_type", "architectures")}
    Florence2VisionBackbone(Florence2VisionConfig(**sizes)).load_state_dict(back)


def whole_of(seed):
    """A random Florence-2 and its config as ours."""
    said, tiles = drawn(seed)
    rng = np.random.default_rng(100 + seed)
    heads = int(rng.integers(1, 4))
    width = heads * int(rng.choice([4, 8]))
    read = dict(
        model_type="bart", vocab_size=40, d_model=width, encoder_layers=int(rng.integers(1, 4)), decoder_layers=1,
        encoder_attention_heads=heads, decoder_attention_heads=heads, encoder_ffn_dim=int(rng.integers(10, 40)),
        decoder_ffn_dim=8, max_position_embeddings=int(rng.integers(20, 40)), scale_embedding=False,
        activation_function=said["activation_function"],
    )  # fmt: skip
    seen = said | {"projection_dim": width, "max_position_embeddings": int(rng.integers(4, 8))}
    config = Florence2Config(vision_config=seen, text_config=read, image_token_id=39, attn_implementation="eager")
    theirs = shake(Florence2ForConditionalGeneration(config), seed)
    return theirs, florence2.config_from(config.to_dict(), PROMPTS), tiles


def their_features(theirs, cfg, tile):
    """The projected places and, prompt by prompt, their states at the end of the encoder, side by side."""
    image = theirs.model.get_image_features(pixels_of(tile, cfg)).pooler_output
    states = [image]
    for prompt in cfg.prompts:
        words = theirs.get_input_embeddings()(torch.tensor([prompt]))
        states.append(theirs.model.language_model.encoder(inputs_embeds=torch.cat((image, words), dim=1)).last_hidden_state)
    return torch.cat([state[0, 1 : image.shape[1]] for state in states], dim=1)


@pytest.mark.parametrize("seed", range(8))
def test_depth_and_breadth_features_and_gradients_equal_transformers(seed):
    theirs, cfg, tiles = whole_of(seed)
    names = florence2.names(cfg, theirs.config.to_dict())
    module = filled(cfg, names, theirs.state_dict())
    ours = module(as_pictures(tiles, cfg.patch)).hidden
    expected = torch.cat([their_features(theirs, cfg, tile) for tile in tiles])
    assert ours.shape[1] == cfg.width == 3 * cfg.text_width
    assert worst(ours, expected) <= TOLERANCE
    assert gradients_apart(module, names, theirs, ours, expected) <= GRADIENT_TOLERANCE


def test_prompts_ask_for_features_of_their_own_and_the_projected_ones_come_first():
    cfg = replace(Florence2().tiny(), prompts=((1, 2), (3, 4)))
    module, pictures = init(cfg.build(), 0), as_pictures([np.full((16, 24, 3), 90, np.uint8)], 8)
    both = module(pictures).hidden
    one = init(replace(cfg, prompts=((3, 4),)).build(), 0)(pictures).hidden
    w = cfg.text_width
    assert torch.equal(both[:, :w], one[:, :w]) and torch.allclose(both[:, 2 * w :], one[:, w:], atol=1e-6)
    assert (both[:, w : 2 * w] - both[:, 2 * w :]).abs().max() > 1e-3


def test_what_cannot_be_built_or_seen_is_refused():
    with pytest.raises(ConfigError, match="32, the product of the strides"):
        DaViT(patch=16)
    with pytest.raises(ConfigError, match="one cell per stride"):
        DaViT(kernels=(4, 3, 3, 3))
    with pytest.raises(ConfigError, match=r"expected 4, as many as widths"):
        DaViT(depths=(1, 1))
    with pytest.raises(ConfigError, match="divisors of the stage's width"):
        DaViT(heads=(3, 8, 16, 32))
    with pytest.raises(ConfigError, match="ids from 0 to 28"):
        replace(Florence2().tiny(), prompts=((29,),))
    with pytest.raises(CheckpointError, match="a DaViT alone"):
        florence2_vision.config_to(Florence2())
    small = replace(Florence2().tiny(), table_side=2)
    with pytest.raises(ShapeError, match="a tile of 2 × 3 places; expected at most 2 a side"):
        small.build()(as_pictures([np.zeros((16, 24, 3), np.uint8)], 8))
    short = replace(Florence2().tiny(), longest=9)
    with pytest.raises(ShapeError, match="a tile and a prompt of 10 tokens"):
        short.build()(as_pictures([np.zeros((16, 24, 3), np.uint8)], 8))
