"""ViT = transformers' CLIP, SigLIP, SigLIP 2, DINOv2, InternViT, AIMv2 and MLCD towers at random tiny weights and any tile size.

Weights travel as files of transformers, so that the names are those of released checkpoints.
"""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers.models.aimv2.modeling_aimv2 import Aimv2VisionConfig, Aimv2VisionModel
from transformers.models.clip.modeling_clip import CLIPVisionConfig, CLIPVisionModel
from transformers.models.dinov2.modeling_dinov2 import Dinov2Config, Dinov2Model
from transformers.models.dinov2_with_registers.modeling_dinov2_with_registers import (
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
)
from transformers.models.internvl.modeling_internvl import InternVLVisionConfig, InternVLVisionModel
from transformers.models.mlcd.modeling_mlcd import MLCDVisionConfig, MLCDVisionModel
from transformers.models.siglip.modeling_siglip import SiglipVisionConfig, SiglipVisionModel
from transformers.models.siglip2.modeling_siglip2 import Siglip2VisionConfig, Siglip2VisionModel

from omma.core.errors import CheckpointError
from omma.media.apply import patchify
from omma.schema.batch import Pictures
from omma.weights.family import Vocabulary, family_for
from omma.weights.maps import aimv2, clip, dinov2, intern_vit, mlcd, rice_vit, siglip, siglip2
from omma.weights.native import fill

pytestmark = pytest.mark.parity

FAMILIES = {
    "clip": (clip, CLIPVisionConfig, CLIPVisionModel),
    "siglip": (siglip, SiglipVisionConfig, SiglipVisionModel),
    "siglip2": (siglip2, Siglip2VisionConfig, Siglip2VisionModel),
    "dinov2": (dinov2, Dinov2Config, Dinov2Model),
    "dinov2 with registers": (dinov2, Dinov2WithRegistersConfig, Dinov2WithRegistersModel),
    "internvit": (intern_vit, InternVLVisionConfig, InternVLVisionModel),
    "aimv2": (aimv2, Aimv2VisionConfig, Aimv2VisionModel),
    "mlcd": (mlcd, MLCDVisionConfig, MLCDVisionModel),
}
# fp32, in units of the largest value of the tensor compared. Worst case measured over 24 seeds per family: features 1.1e-6,
# gradients 1.7e-5.
TOLERANCE, GRADIENT_TOLERANCE = 1e-5, 1e-4


def shake(module, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.2 if parameter.ndim > 1 else 0.5) + (parameter.ndim == 1))
    return module.eval()


def own_sizes(family, rng, sizes, side):
    """What a family's config says besides, or otherwise."""
    flip = lambda: bool(rng.integers(2))  # noqa: E731
    if family.startswith("dinov2"):
        registers = {"num_register_tokens": int(rng.integers(1, 4))} if "registers" in family else {}
        swiglu = {"use_swiglu_ffn": flip(), "qkv_bias": flip(), "layerscale_value": 0.5}
        return sizes | {"mlp_ratio": int(rng.integers(1, 4)), "image_size": side * sizes["patch_size"]} | registers | swiglu
    if family == "siglip2":
        return sizes | {"num_patches": side**2}
    sizes = sizes | {"image_size": side * sizes["patch_size"]}
    if family == "internvit":
        norm = str(rng.choice(["layer_norm", "rms_norm"]))
        pooled = norm == "rms_norm" or flip()
        return sizes | {"norm_type": norm, "use_qk_norm": flip(), "attention_bias": flip(), "use_mean_pooling": pooled}
    if family == "aimv2":
        return sizes | {"is_native": flip(), "qkv_bias": flip(), "mlp_bias": flip(), "hidden_act": "silu"}
    return sizes


def draw(family, seed):
    """A random tiny tower of the family, its pictures, and where to read it."""
    rng = np.random.default_rng(seed)
    heads, patch, side = int(rng.integers(1, 4)), int(rng.choice([4, 6])), int(rng.integers(2, 6))
    sizes = dict(
        hidden_size=heads * int(rng.choice([8, 12])), intermediate_size=int(rng.integers(20, 70)),
        num_hidden_layers=int(rng.integers(2, 5)), num_attention_heads=heads, patch_size=patch, attn_implementation="eager",
        hidden_act=str(rng.choice(["quick_gelu", "gelu", "gelu_pytorch_tanh"])),
    )  # fmt: skip
    maps, config_class, model_class = FAMILIES[family]
    sizes = own_sizes(family, rng, sizes, side)
    theirs = shake(model_class(config_class(**sizes)), seed)
    shapes = [(side, side), (side, side), (side + 2, side), (2, side + 3), (1, 1)]
    if family == "aimv2" and not sizes["is_native"]:  # theirs has no other size
        shapes = [(side, side)] * 3
    tiles = [rng.integers(0, 256, (r * patch, c * patch, 3)).astype(np.uint8) for r, c in shapes]
    depth, both_ends = sizes["num_hidden_layers"], bool(rng.integers(2))
    layer = int(rng.integers(1, depth + 1))
    choice = {"feature_layer": -layer, "tap_layers": (1, -1) if both_ends else ()}
    return maps, theirs, tiles, choice | {"features": "all" if rng.integers(2) else "patches"}


def as_pictures(tiles, patch):
    grids = torch.tensor([(1, tile.shape[0] // patch, tile.shape[1] // patch) for tile in tiles])
    return Pictures(torch.from_numpy(np.concatenate([patchify(tile, patch) for tile in tiles])), grids)


def normalised(tile, cfg):
    pixels = torch.from_numpy(tile).permute(2, 0, 1)[None].float() / 255
    return (pixels - torch.tensor(cfg.mean)[None, :, None, None]) / torch.tensor(cfg.std)[None, :, None, None]


def their_output(theirs, tile, cfg):
    pixels = normalised(tile, cfg)
    if theirs.config.model_type == "siglip2_vision_model":
        r, c = tile.shape[0] // cfg.patch, tile.shape[1] // cfg.patch
        patches = pixels[0].unflatten(1, (r, cfg.patch)).unflatten(3, (c, cfg.patch)).permute(1, 3, 2, 4, 0).reshape(1, r * c, -1)
        mask = torch.ones(1, r * c, dtype=torch.long)
        return theirs(patches, pixel_attention_mask=mask, spatial_shapes=torch.tensor([[r, c]]), output_hidden_states=True)
    resize = {"interpolate_pos_encoding": True} if theirs.config.model_type in ("clip_vision_model", "siglip_vision_model") else {}
    return theirs(pixel_values=pixels, output_hidden_states=True, **resize)


def their_features(theirs, tile, cfg):
    """Features and taps as our config asks for them."""
    out = their_output(theirs, tile, cfg)
    first = 0 if cfg.features == "all" else cfg.extra
    chosen = cfg.feature_layer if isinstance(cfg.feature_layer, tuple) else (cfg.feature_layer,)
    states = [out.last_hidden_state] if cfg.final_norm else [out.hidden_states[layer] for layer in chosen]
    return torch.cat(states, dim=2)[0, first:], [out.hidden_states[layer][0, first:] for layer in cfg.tap_layers]


def worst(ours, theirs):
    ours, theirs = ours.detach(), theirs.detach()
    return float((ours - theirs).abs().max() / theirs.abs().max().clamp(min=1e-3))


def as_file(theirs, folder):
    theirs.save_pretrained(folder)
    return load_file(folder / "model.safetensors")


def ours_like(maps, theirs, choice, folder):
    cfg = replace(maps.config_from(theirs.config.to_dict()), **choice)
    module = cfg.build()
    fill(module, copy.deepcopy(maps.names(cfg).from_theirs(as_file(theirs, folder), where="theirs")), where="test")
    return cfg, module


def compare(family, seed, folder, final=False, **other):
    maps, theirs, tiles, choice = draw(family, seed)
    at_end = {"feature_layer": -1, "tap_layers": ()} if final else {"final_norm": False}
    cfg, module = ours_like(maps, theirs, choice | at_end | other, folder)
    stream = module(as_pictures(tiles, cfg.patch))
    features, taps = zip(*(their_features(theirs, tile, cfg) for tile in tiles), strict=True)
    got, want = [stream.hidden, *stream.taps], [torch.cat(features), *map(torch.cat, zip(*taps, strict=True))]
    assert len(got) == len(want) and all(a.shape == b.shape for a, b in zip(got, want, strict=True))
    probes = [torch.randn_like(tensor) for tensor in want]
    for side in (got, want):
        sum((tensor - probe).square().mean() for tensor, probe in zip(side, probes, strict=True)).backward()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.zeros_like(parameter) if parameter.grad is None else parameter.grad)
    gradients = maps.names(cfg).from_theirs(as_file(theirs, folder), where="gradients")
    # A bias of the keys shifts all scores of a query alike: its true gradient is zero and only noise would be compared.
    own = {name: p.grad for name, p in module.named_parameters() if not name.endswith("key.bias")}
    assert all(grad is not None for grad in own.values())
    outputs = max(worst(a, b) for a, b in zip(got, want, strict=True))
    return outputs, max(worst(grad, gradients[name]) for name, grad in own.items())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_states_taps_and_gradients_equal_transformers_at_any_tile_size(family, seed, tmp_path):
    features, gradients = compare(family, seed, tmp_path)
    assert features <= TOLERANCE
    assert gradients <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in ("clip", "mlcd")])
def test_last_hidden_state_with_its_norm_equals_transformers(family, tmp_path):
    seed = next(s for s in range(20) if draw(family, s)[0].config_from(draw(family, s)[1].config.to_dict()).final_norm)
    features, gradients = compare(family, seed, tmp_path, final=True)
    assert features <= TOLERANCE
    assert gradients <= GRADIENT_TOLERANCE


def test_several_layers_stand_side_by_side_in_the_order_asked_by_either_way_of_counting(tmp_path):
    for seed, layers in ((0, (-2, -1)), (1, (-1, 1, -2)), (2, (2, 1))):
        features, gradients = compare("clip", seed, tmp_path, feature_layer=layers, tap_layers=())
        assert features <= TOLERANCE
        assert gradients <= GRADIENT_TOLERANCE


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_and_config_survive_the_way_there_and_back(family, tmp_path):
    for seed in range(4):
        maps, theirs, tiles, choice = draw(family, seed)
        if maps.config_from(theirs.config.to_dict()).final_norm:
            choice = {"feature_layer": -1}
        cfg, module = ours_like(maps, theirs, choice, tmp_path)
        stored, names = load_file(tmp_path / "model.safetensors"), maps.names(cfg)
        exported = {name: tensor.contiguous() for name, tensor in names.to_theirs(module.state_dict()).items()}
        assert family_for(cfg, "vision", Vocabulary(0))[0] is maps.FAMILY
        kept = [name for name in exported if name in stored and name not in dict(names.added)]
        assert kept and all(torch.equal(exported[name], stored[name]) for name in kept)
        save_file(exported, tmp_path / "model.safetensors", {"format": "pt"})
        _, config_class, model_class = FAMILIES[family]
        again, loading = model_class.from_pretrained(
            tmp_path, config=config_class(**maps.config_to(cfg)), attn_implementation="eager", output_loading_info=True
        )
        assert not any(loading[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
        assert replace(maps.config_from(again.config.to_dict()), depth=cfg.depth, **choice) == cfg
        before, after = (their_output(model, tiles[0], cfg).hidden_states for model in (theirs, again))
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=False)) and len(after) == cfg.num_blocks + 1


def test_rice_is_mlcd_with_fused_projections_under_other_names(tmp_path):
    maps, theirs, tiles, _ = draw("mlcd", 3)
    cfg, module = ours_like(maps, theirs, {}, tmp_path)
    state = theirs.state_dict()
    rename = {
        "class_embedding": "embeddings.class_embedding", "patch_embed.proj.weight": "embeddings.patch_embedding.weight",
        "class_pos_emb": "class_pos_emb", "pre_layernorm.weight": "pre_layrnorm.weight", "pre_layernorm.bias": "pre_layrnorm.bias",
    }  # fmt: skip
    released = {name: state[old] for name, old in rename.items()}
    parts = {
        "norm1": "layer_norm1",
        "norm2": "layer_norm2",
        "attn.proj": "self_attn.out_proj",
        "mlp.fc1": "mlp.fc1",
        "mlp.fc2": "mlp.fc2",
    }
    for i in range(cfg.depth):
        for kind in ("weight", "bias"):
            old = f"encoder.layers.{i}"
            released |= {f"blocks.{i}.{name}.{kind}": state[f"{old}.{their}.{kind}"] for name, their in parts.items()}
            released[f"blocks.{i}.attn.qkv.{kind}"] = torch.cat([state[f"{old}.self_attn.{x}_proj.{kind}"] for x in "qkv"])
    vision = {"model_type": "rice_vit", "patch_size": cfg.patch, "hidden_size": cfg.width, "depth": cfg.depth}
    vision |= {"num_heads": cfg.heads, "intermediate_size": cfg.mlp_width, "hidden_act": theirs.config.hidden_act}
    rice = rice_vit.config_from({"vision_config": vision})
    twin = rice.build()
    fill(twin, rice_vit.names(rice).from_theirs(released | {"merger.ln_q.weight": torch.ones(1)}, where="released"), where="test")
    pictures = as_pictures(tiles, cfg.patch)
    assert torch.equal(twin(pictures).hidden, module(pictures).hidden)
    back = rice_vit.names(rice).to_theirs(twin.state_dict())
    assert back.keys() == released.keys() and all(torch.equal(back[name], released[name]) for name in released)
    assert rice_vit.config_from(rice_vit.config_to(rice)) == rice


def test_frames_of_a_video_are_read_as_pictures_of_their_own(tmp_path):
    for family in ("clip", "siglip2", "mlcd"):
        maps, theirs, _, _ = draw(family, 4)
        cfg, module = ours_like(maps, theirs, {"features": "all"}, tmp_path)
        frames = [np.random.default_rng(i).integers(0, 256, (2 * cfg.patch, 3 * cfg.patch, 3)).astype(np.uint8) for i in range(3)]
        pictures = as_pictures(frames, cfg.patch)
        video = module(Pictures(pictures.patches, torch.tensor([[3, 2, 3]])))
        assert torch.equal(video.hidden, module(pictures).hidden) and video.cu_seqlens.tolist() == [0, 3 * (6 + cfg.extra)]


def test_variants_and_shapes_that_a_layout_has_no_place_for_are_refused():
    said = {family: FAMILIES[family][1]().to_dict() for family in FAMILIES}
    for family, change, words in (
        ("siglip2", {"num_patches": 250}, "num_patches is 250; expected a square number"),
        ("internvit", {"use_absolute_position_embeddings": False}, "use_absolute_position_embeddings is false"),
        ("internvit", {"norm_type": "rms_norm", "use_mean_pooling": False}, "a last norm of another kind"),
        ("internvit", {"use_qk_norm": True, "layer_norm_eps": 1e-5}, "use_qk_norm with layer_norm_eps 1e-05"),
        ("internvit", {"patch_size": [14, 16]}, "expected a square"),
        ("mlcd", {"num_key_value_groups": 2}, "num_key_value_groups 2"),
        ("aimv2", {"hidden_act": "mish"}, "hidden_act is 'mish'"),
    ):
        with pytest.raises(CheckpointError, match=words):
            FAMILIES[family][0].config_from(said[family] | change)
    with pytest.raises(CheckpointError, match="temporal_patch_size 2; expected 1"):
        rice_vit.config_from(rice_vit.config_to(mlcd.config_from(said["mlcd"])) | {"temporal_patch_size": 2})
    with pytest.raises(CheckpointError, match="an MLP of 100 with gelu; expected a whole multiple of the width 768"):
        dinov2.config_to(replace(dinov2.config_from(said["dinov2"]), mlp_width=100))
    one_network = {dinov2, intern_vit}  # but for the norms of queries and keys, and registers
    for maps in {maps for maps, _, _ in FAMILIES.values()}:
        for family, (other, _, _) in FAMILIES.items():
            if other is not maps and {other, maps} != one_network:
                with pytest.raises(CheckpointError, match="a ViT of another shape: .*; expected "):
                    maps.config_to(other.config_from(said[family]))
