"""ViT = transformers' CLIP and SigLIP towers, NativeViT + Merger = Qwen2-VL's, at random tiny weights; packed = one by one."""

import copy

import numpy as np
import pytest
import torch
from transformers.models.clip.modeling_clip import CLIPVisionConfig, CLIPVisionModel
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLVisionConfig
from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VisionTransformerPretrainedModel
from transformers.models.siglip.modeling_siglip import SiglipVisionConfig, SiglipVisionModel

from omma.media.apply import patchify
from omma.model.connectors.merger import Merger
from omma.model.vision.native import NativeViT
from omma.schema.batch import Pictures
from omma.weights.maps import clip, siglip
from omma.weights.native import fill

pytestmark = pytest.mark.parity

FAMILIES = {"clip": (clip, CLIPVisionConfig, CLIPVisionModel), "siglip": (siglip, SiglipVisionConfig, SiglipVisionModel)}
# fp32, in units of the largest value of the tensor compared. Worst case measured over 24 seeds per family: features 1.8e-6,
# gradients 1.4e-5.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4


def shake(module, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.2 if parameter.ndim > 1 else 0.5) + (parameter.ndim == 1))
    return module.eval()


def draw(family, seed):
    """A random tiny tower of the family, its pictures, and the hidden state to read."""
    rng = np.random.default_rng(seed)
    heads, patch, side = int(rng.integers(1, 4)), int(rng.choice([4, 6])), int(rng.integers(2, 6))
    sizes = dict(
        hidden_size=heads * int(rng.choice([8, 12])), intermediate_size=int(rng.integers(20, 70)),
        num_hidden_layers=int(rng.integers(2, 5)), num_attention_heads=heads,
        image_size=side * patch, patch_size=patch, attn_implementation="eager",
        hidden_act=str(rng.choice(["quick_gelu", "gelu", "gelu_pytorch_tanh"])),
    )  # fmt: skip
    maps, config_class, model_class = FAMILIES[family]
    theirs = shake(model_class(config_class(**sizes)), seed)
    shapes = [(side, side), (side, side), (side + 2, side), (2, side + 3), (1, 1)]
    tiles = [rng.integers(0, 256, (r * patch, c * patch, 3)).astype(np.uint8) for r, c in shapes]
    return maps, theirs, tiles, int(rng.integers(1, 3))


def as_pictures(tiles, patch):
    grids = torch.tensor([(1, tile.shape[0] // patch, tile.shape[1] // patch) for tile in tiles])
    return Pictures(torch.from_numpy(np.concatenate([patchify(tile, patch) for tile in tiles])), grids)


def normalised(tile, cfg):
    pixels = torch.from_numpy(tile).permute(2, 0, 1)[None].float() / 255
    return (pixels - torch.tensor(cfg.mean)[None, :, None, None]) / torch.tensor(cfg.std)[None, :, None, None]


def their_features(theirs, pixels, layer, family):
    out = theirs(pixel_values=pixels, interpolate_pos_encoding=True, output_hidden_states=True)
    if layer == 0:
        return out.last_hidden_state[0, int(family == "clip") :]
    return out.hidden_states[-layer][0, int(family == "clip") :]


def worst(ours, theirs):
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-3))


def compare(family, seed, final=False):
    maps, theirs, tiles, layer = draw(family, seed)
    options = {} if family == "clip" else {"final_norm": final}
    layer = 0 if final else layer
    cfg = maps.config_from(theirs.config.to_dict(), feature_layer=-max(layer, 1), **options)
    module = cfg.build()
    fill(module, copy.deepcopy(maps.names(cfg).from_theirs(theirs.state_dict(), where="theirs")), where="test")
    got = module(as_pictures(tiles, cfg.patch)).hidden
    want = torch.cat([their_features(theirs, normalised(tile, cfg), layer, family) for tile in tiles])
    probe = torch.randn_like(want)
    (got - probe).square().mean().backward()
    (want - probe).square().mean().backward()
    named = {name: p.grad if p.grad is not None else torch.zeros_like(p) for name, p in theirs.named_parameters()}
    gradients = maps.names(cfg).from_theirs(named, where="gradients")
    # A bias of the keys shifts all scores of a query alike: its true gradient is zero and only noise would be compared.
    own = {name: p.grad for name, p in module.named_parameters() if not name.endswith("key.bias")}
    return worst(got, want), max(worst(grad, gradients[name]) for name, grad in own.items())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_states_and_gradients_equal_transformers_at_any_tile_size(family, seed):
    features, gradients = compare(family, seed)
    assert features <= TOLERANCE
    assert gradients <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_last_hidden_state_with_its_norm_equals_transformers(family):
    features, gradients = compare(family, 11, final=True)
    assert features <= TOLERANCE
    assert gradients <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_and_config_survive_the_way_there_and_back(family):
    for seed in range(4):
        maps, theirs, tiles, layer = draw(family, seed)
        cfg = maps.config_from(theirs.config.to_dict(), feature_layer=-layer)
        ours = maps.names(cfg).from_theirs(theirs.state_dict(), where="theirs")
        again = FAMILIES[family][2](FAMILIES[family][1](**maps.config_to(cfg))).eval()
        again.load_state_dict(maps.names(cfg).to_theirs(ours))  # strict: every name of theirs is there
        pixels = normalised(tiles[2], cfg)
        if family == "clip":
            want = their_features(theirs, pixels, layer, family)
            assert worst(their_features(again, pixels, 1, family), want) <= 1e-6
        shared = maps.names(cfg).to_theirs(ours)
        kept = [name for name in shared if name in theirs.state_dict() and not name.startswith("post_layernorm")]
        assert kept and all(torch.equal(shared[name], theirs.state_dict()[name]) for name in kept)


def qwen_like(seed):
    rng = np.random.default_rng(seed)
    heads, width, out = 2, 32, 24
    sizes = dict(depth=2, embed_dim=width, hidden_size=out, num_heads=heads, mlp_ratio=2, patch_size=4, temporal_patch_size=2,
                 spatial_merge_size=2, attn_implementation="eager")  # fmt: skip
    theirs = shake(Qwen2VisionTransformerPretrainedModel(Qwen2VLVisionConfig(**sizes)), seed)
    cfg = NativeViT(patch=4, width=width, depth=2, heads=heads, mlp_width=2 * width)
    encoder, connector = cfg.build(), Merger().build(in_dim=width, out_dim=out)
    state, qkv = theirs.state_dict(), {}
    ours = {"embed.project.weight": state["patch_embed.proj.weight"].sum(2).flatten(1)}  # two equal frames: their weights add up
    for i in range(2):
        for kind in ("weight", "bias"):
            qkv = dict(zip(("query", "key", "value"), state[f"blocks.{i}.attn.qkv.{kind}"].chunk(3), strict=True))
            ours |= {f"blocks.{i}.attention.{name}.{kind}": tensor.clone() for name, tensor in qkv.items()}
            for mine, their in (("attention.output", "attn.proj"), ("attention_norm", "norm1"), ("mlp_norm", "norm2"),
                                ("mlp.up", "mlp.fc1"), ("mlp.down", "mlp.fc2")):  # fmt: skip
                ours[f"blocks.{i}.{mine}.{kind}"] = state[f"blocks.{i}.{their}.{kind}"]
    fill(encoder, ours, where="test")
    names = {"norm": "ln_q", "up": "mlp.0", "down": "mlp.2"}
    merged = {f"{m}.{kind}": state[f"merger.{t}.{kind}"] for m, t in names.items() for kind in ("weight", "bias")}
    fill(connector, merged, where="test")
    shapes = [(4, 6), (2, 2), (8, 4)]
    tiles = [rng.integers(0, 256, (r * 4, c * 4, 3)).astype(np.uint8) for r, c in shapes]
    return theirs, cfg, encoder, connector, tiles


def their_patches(tile, cfg):
    """Qwen2-VL's order: 2 × 2 squares row by row, (channel, frame, row, column) inside a patch."""
    pixels = normalised(tile, cfg)[0]
    _, height, width = pixels.shape
    r, c = height // 4, width // 4
    cut = pixels.reshape(3, r // 2, 2, 4, c // 2, 2, 4).permute(1, 4, 2, 5, 0, 3, 6)
    return cut[:, :, :, :, :, None].expand(-1, -1, -1, -1, -1, 2, -1, -1).reshape(r * c, -1), (1, r, c)


@pytest.mark.parametrize("seed", range(3))
def test_native_vit_and_merger_equal_qwen2_vl(seed):
    theirs, cfg, encoder, connector, tiles = qwen_like(seed)
    pictures = as_pictures(tiles, 4)
    got = connector(encoder(pictures), pictures.grids)
    patches, grids = zip(*(their_patches(tile, cfg) for tile in tiles), strict=True)
    out = theirs(torch.cat(patches), grid_thw=torch.tensor(grids))
    assert worst(got, out.pooler_output) <= TOLERANCE
