"""Name maps: one module per family, both ways, every name accounted for."""

import importlib
import pkgutil
from dataclasses import replace

import pytest
import torch

import omma.weights.maps
from omma.core.errors import CheckpointError
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.nn.rotary import LinearScaling, Llama3Scaling, Scaling
from omma.weights.family import families
from omma.weights.maps import clip, llama, qwen2, qwen3, siglip
from omma.weights.names import Flat, Led, Names, Pair, Rows, constant
from omma.weights.vit_names import OPENAI

MAPS = [importlib.import_module(m.name) for m in pkgutil.iter_modules(omma.weights.maps.__path__, "omma.weights.maps.")]
DECODERS = {
    llama: Decoder(width=16, depth=2, heads=2, kv_heads=1, head_dim=8, mlp_width=20),
    qwen2: Decoder(width=16, depth=2, heads=2, kv_heads=1, head_dim=8, mlp_width=20, qkv_bias=True, tied=True),
    qwen3: Decoder(width=16, depth=2, heads=2, kv_heads=1, head_dim=8, mlp_width=20, qk_norm="rms"),
}
TOWERS = {
    clip: ViT(patch=4, width=8, depth=2, heads=2, mlp_width=12, image_size=8, class_token=True, input_norm=True, final_norm=False,
              patch_bias=False, norm_eps=1e-5, **OPENAI),
    siglip: ViT(patch=4, width=8, depth=2, heads=2, mlp_width=12, image_size=8),
}  # fmt: skip


def build(cfg):
    return cfg.build(vocab_size=30) if isinstance(cfg, Decoder) else cfg.build()


def test_every_family_offers_the_same_three_functions():
    known = {name for family in families() for name in family.model_types}
    assert known >= {"clip_vision_model", "siglip_vision_model", "llama", "qwen2", "qwen3", "llava"}
    assert all(callable(call) for family in families() for call in (family.model_from, family.config_to, family.names))
    assert all("FAMILY" in vars(m) for m in MAPS)


@pytest.mark.parametrize(("maps", "cfg"), [*DECODERS.items(), *TOWERS.items()], ids=lambda x: getattr(x, "MODEL_TYPE", ""))
def test_the_map_names_every_tensor_of_ours_once(maps, cfg):
    pairs = maps.names(cfg).pairs
    assert sorted(p.ours for p in pairs) == sorted(name for name, _ in build(cfg).named_parameters())
    assert len({p.theirs for p in pairs}) == len(pairs)


@pytest.mark.parametrize(("maps", "cfg"), [*DECODERS.items(), *TOWERS.items()], ids=lambda x: getattr(x, "MODEL_TYPE", ""))
def test_there_and_back_is_the_identity(maps, cfg):
    ours = {name: torch.randn(p.shape) for name, p in build(cfg).named_parameters()}
    theirs = maps.names(cfg).to_theirs(ours)
    back = maps.names(cfg).from_theirs(theirs, where="test")
    assert back.keys() == ours.keys() and all(torch.equal(back[name], ours[name]) for name in ours)


@pytest.mark.parametrize(("maps", "cfg"), DECODERS.items(), ids=lambda x: getattr(x, "MODEL_TYPE", ""))
@pytest.mark.parametrize(
    "scaling", [Scaling(), LinearScaling(factor=2.0), Llama3Scaling(factor=4.0)], ids=lambda s: type(s).__name__
)
def test_decoder_configs_there_and_back(maps, cfg, scaling):
    cfg = replace(cfg, scaling=scaling, theta=123.0)
    assert maps.config_from(maps.config_to(cfg, 30)) == cfg


@pytest.mark.parametrize(("maps", "cfg"), TOWERS.items(), ids=lambda x: getattr(x, "MODEL_TYPE", ""))
def test_tower_configs_there_and_back_also_from_a_whole_model(maps, cfg):
    assert maps.config_from(maps.config_to(cfg)) == cfg
    assert maps.config_from({"vision_config": maps.config_to(cfg), "text_config": {}}) == cfg


def test_the_older_spelling_of_rotary_settings_is_read():
    theirs = llama.config_to(DECODERS[llama], 30)
    del theirs["rope_parameters"]
    assert llama.config_from(theirs | {"rope_theta": 5e5}).theta == 5e5
    old = {"rope_theta": 5e5, "rope_scaling": {"type": "linear", "factor": 2.0}}
    assert llama.config_from(theirs | old).scaling == LinearScaling(factor=2.0)


def test_older_file_names_and_parts_that_are_not_ours_are_read():
    cfg = TOWERS[clip]
    ours = {name: torch.randn(p.shape) for name, p in cfg.build().named_parameters()}
    old = {f"vision_model.{name}": tensor for name, tensor in clip.names(cfg).to_theirs(ours).items()}
    old |= {"vision_model.embeddings.position_ids": torch.arange(5), "text_model.final_layer_norm.weight": torch.ones(1)}
    back = clip.names(cfg).from_theirs(old, where="test")
    assert all(torch.equal(back[name], ours[name]) for name in ours)


def test_missing_and_unknown_names_are_told():
    maps = llama.names(DECODERS[llama])
    theirs = maps.to_theirs({name: p.detach() for name, p in build(DECODERS[llama]).named_parameters()})
    del theirs["model.norm.weight"]
    with pytest.raises(CheckpointError, match=r"file: 1 missing \(model\.norm\.weight\), 1 unknown \(model\.extra\)"):
        maps.from_theirs(theirs | {"model.extra": torch.ones(1)}, where="file")
    with pytest.raises(CheckpointError, match="connector.x: has no name in this layout"):
        maps.to_theirs({"connector.x": torch.ones(1)})


def test_another_shape_than_the_family_is_refused():
    with pytest.raises(CheckpointError, match="qkv_bias=True; expected qkv_bias=False"):
        llama.config_to(DECODERS[qwen2], 30)
    with pytest.raises(CheckpointError, match="a ViT of another shape"):
        clip.config_to(TOWERS[siglip])
    with pytest.raises(CheckpointError, match="a ViT of another shape"):
        siglip.config_to(TOWERS[clip])
    with pytest.raises(CheckpointError, match="hidden_act is 'mish'; expected 'quick_gelu'"):
        clip.config_from(clip.config_to(TOWERS[clip]) | {"hidden_act": "mish"})
    with pytest.raises(CheckpointError, match=r"layer_types \['chunked_attention'\] over 2 layers"):
        qwen2.config_from(qwen2.config_to(DECODERS[qwen2], 30) | {"layer_types": ["chunked_attention"] * 2})
    with pytest.raises(CheckpointError, match="hidden_act is 'gelu'; expected 'silu'"):
        llama.config_from(llama.config_to(DECODERS[llama], 30) | {"hidden_act": "gelu"})


def test_prefixes_compose_on_both_sides():
    part = Names((Pair("a", "x", Flat((3, 2, 2))),), unused=("y",), added={"z": constant(1.0, 3)}, aliases=(("old.", ""),))
    whole = part.under("ours.", "theirs.") + Names((Pair("b", "w"),))
    tensors = {"theirs.old.x": torch.randn(4, 3, 2, 2), "theirs.y.1": torch.ones(1), "w": torch.zeros(1)}
    ours = whole.from_theirs(tensors, where="test")
    assert ours["ours.a"].shape == (4, 12)
    back = whole.to_theirs(ours)
    assert torch.equal(back["theirs.x"], tensors["theirs.old.x"]) and back["theirs.z"].tolist() == [1, 1, 1]


def test_a_fused_tensor_is_taken_apart_and_put_together_bit_by_bit():
    fused = Rows((4, 2, 2))
    part = Names(tuple(Pair(name, "qkv", fused, i) for i, name in enumerate("qkv")) + (Pair("c", "cls", Led(2)),))
    whole = part.under("ours.", "theirs.")
    tensors = {"theirs.qkv": torch.randn(8, 5), "theirs.cls": torch.randn(1, 1, 5)}
    ours = whole.from_theirs(tensors, where="test")
    assert [ours[f"ours.{name}"].shape[0] for name in "qkvc"] == [4, 2, 2, 5]
    assert torch.equal(ours["ours.k"], tensors["theirs.qkv"][4:6])
    back = whole.to_theirs(dict(reversed(ours.items())))
    assert back.keys() == tensors.keys() and all(torch.equal(back[name], tensors[name]) for name in tensors)
