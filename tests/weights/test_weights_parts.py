"""Language models and towers alone, as transformers saves them: `omma import` finds them complete, and what is read is the same."""

import pkgutil
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from llava_folders import spread, worst
from transformers import Blip2VisionModel, OPTConfig, OPTForCausalLM
from transformers.models.blip_2.modeling_blip_2 import Blip2VisionConfig
from transformers.models.persimmon.modeling_persimmon import PersimmonForCausalLM

import omma.weights.maps
from omma.cli.main import answer
from omma.weights.maps import florence2
from omma.weights.native import fill
from omma.weights.source import SLOTS, open_source, own_tensors

sys.path.append(str(Path(__file__).parents[1] / "model"))
import test_parity_convnext as of_convnext
import test_parity_davit as of_davit
import test_parity_language as of_language
import test_parity_vision as of_vision
import test_parity_vision_native as of_native
from test_family_fuyu import draw_persimmon

pytestmark = pytest.mark.parity

TOLERANCE = 1e-5  # fp32, as a share of the largest value compared; worst case measured: 3e-6


def imported(theirs, folder):
    """A model of transformers → its folder, found complete by `omma import`; the config read from it, and the module."""
    theirs.save_pretrained(folder)
    assert answer(["import", str(folder)]) == 0
    source = open_source(folder)
    module = source.model.build(vocab_size=source.rows) if source.kind == "language" else source.model.build()
    read = source.read(own_tensors(source), vocab_size=source.rows)
    fill(module, {name.removeprefix(SLOTS[source.kind]): tensor for name, tensor in read.items()}, where=str(folder))
    return source.model, module


def check_language(theirs, lengths, folder):
    _, module = imported(theirs, folder)
    tokens, positions, borders = of_language.pack_tokens(lengths, theirs.config.vocab_size)
    ours = of_language.run_ours(module, tokens, positions, borders)
    return worst(ours, torch.cat([theirs(input_ids=t[None]).logits[0] for t in tokens.split(lengths)]))


def language(family, seed, folder):
    _, theirs, lengths = of_language.draw(family, seed)
    return check_language(theirs, lengths, folder)


def opt(family, seed, folder):
    heads = 1 + seed
    theirs = OPTForCausalLM(OPTConfig(
        hidden_size=8 * heads, num_attention_heads=heads, ffn_dim=20, num_hidden_layers=2, vocab_size=50,
        word_embed_proj_dim=8 * heads, max_position_embeddings=64, tie_word_embeddings=bool(seed % 2), attn_implementation="eager",
    )).eval()  # fmt: skip
    spread(theirs, seed)
    return check_language(theirs, [3, 17, 1], folder)


def persimmon(family, seed, folder):
    theirs = PersimmonForCausalLM(draw_persimmon(np.random.default_rng(seed), 50, tied=bool(seed % 2))).eval()
    spread(theirs, seed)
    return check_language(theirs, [3, 17, 1], folder)


def tower(family, seed, folder):
    _, theirs, tiles, _ = of_vision.draw(family, seed)
    cfg, module = imported(theirs, folder)
    wanted = torch.cat([of_vision.their_features(theirs, tile, cfg)[0] for tile in tiles])
    return worst(module(of_vision.as_pictures(tiles, cfg.patch)).hidden, wanted)


def convnext(family, seed, folder):
    theirs, tiles = of_convnext.draw(family, seed)
    cfg, module = imported(theirs, folder)
    wanted = torch.cat([of_convnext.their_features(theirs, tile, cfg) for tile in tiles])
    return worst(module(of_convnext.as_pictures(tiles, cfg.patch)).hidden, wanted)


def native(family, seed, folder):
    _, theirs, videos = of_native.draw(family, seed)
    cfg, module = imported(theirs, folder)
    stream, (states, _) = module(of_native.as_pictures(videos, cfg.patch)), of_native.their_output(theirs, videos, cfg)
    return max(worst(ours, wanted) for ours, wanted in zip([*stream.taps, stream.hidden], states, strict=True))


def davit(family, seed, folder):
    theirs, _, tiles = of_davit.tower_of(seed)
    cfg, module = imported(theirs, folder)
    wanted = [theirs(of_davit.pixels_of(tile, cfg)).last_hidden_state.flatten(2)[0].T for tile in tiles]
    return worst(module(of_davit.as_pictures(tiles, cfg.patch)).hidden, torch.cat(wanted))


def florence2_encoder(family, seed, folder):
    theirs, _, tiles = of_davit.whole_of(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(florence2.config_from, "__defaults__", (of_davit.PROMPTS,))
        cfg, module = imported(theirs, folder)
    wanted = [of_davit.their_features(theirs, cfg, tile) for tile in tiles]
    return worst(module(of_davit.as_pictures(tiles, cfg.patch)).hidden, torch.cat(wanted))


def blip2_tower(family, seed, folder):
    """On squares of its own size."""
    rng, heads = np.random.default_rng(seed), 1 + seed
    theirs = Blip2VisionModel(Blip2VisionConfig(
        hidden_size=8 * heads, num_attention_heads=heads, intermediate_size=20, num_hidden_layers=2, patch_size=4, image_size=12,
        qkv_bias=bool(seed % 2), attn_implementation="eager",
    )).eval()  # fmt: skip
    spread(theirs, seed)
    cfg, module = imported(theirs, folder)
    tiles = list(rng.integers(0, 256, (2, 12, 12, 3)).astype(np.uint8))
    wanted = [theirs(pixel_values=of_vision.normalised(tile, cfg)).last_hidden_state[0, cfg.extra :] for tile in tiles]
    return worst(module(of_vision.as_pictures(tiles, cfg.patch)).hidden, torch.cat(wanted))


CASES = {name: language for name in of_language.FAMILIES} | {name: tower for name in of_vision.FAMILIES}
CASES |= {name: convnext for name in of_convnext.CLASSES} | {name: native for name in of_native.FAMILIES}
CASES |= {"opt": opt, "persimmon": persimmon, "davit": davit, "florence2": florence2_encoder, "blip2_vision_model": blip2_tower}
NO_CLASS = {"internlm2", "qwen", "intern_vit_6b", "rice_vit", "aimv2_original"}  # put together by hand in tests of their own
INSIDE = {"qwen2_vl_text", "qwen3_vl_text", "qwen3_vl_moe_text", "ovis2_vision"}  # in a whole model only, which is compared


@torch.no_grad()
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("family", CASES)
def test_a_part_that_is_imported_does_as_the_class_it_came_from(family, seed, tmp_path):
    assert CASES[family](family, seed, tmp_path / "released") <= TOLERANCE


def test_every_part_with_a_class_of_its_own_is_imported():
    modules = [import_module(item.name) for item in pkgutil.iter_modules(omma.weights.maps.__path__, "omma.weights.maps.")]
    parts = {m.__name__.rpartition(".")[2] for m in modules if "FAMILY" in vars(m) and m.FAMILY.kind != "vlm"}
    compared = [*of_vision.FAMILIES.values(), *of_native.FAMILIES.values(), *of_language.FAMILIES.values()]
    others = {"opt", "persimmon", "convnext", "florence2_vision", "florence2", "blip2_vision"}
    assert parts == {maps.__name__.rpartition(".")[2] for maps, *_ in compared} | others | NO_CLASS | INSIDE
