"""Counted work where layers see windows: pairs worked by hand and drawn masks, then whole towers and decoders."""

import random
from dataclasses import replace

import pytest
import torch

from omma.media.views.native import Native
from omma.model.connectors.mlp import Mlp
from omma.model.language.decoder import Decoder
from omma.model.slots import built_on_meta
from omma.model.vision.native import NativeViT
from omma.model.vlm import Vlm
from omma.nn.grids import paired_frames, window_order
from omma.pack.chat import Chat
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.train.flops import Horizon, Reading, Work

NONE = Reading(**dict.fromkeys(Reading.__dataclass_fields__, 0.0))
SIZES = {"language": Decoder(width=64, depth=1, heads=4, kv_heads=4, head_dim=16, mlp_width=64), "encoder": NativeViT().tiny()}


def work(**parts):
    """The work of a model of which only `parts` is of any size; all of it trains."""
    slots = {"view": Native(), "connector": Mlp(), "text": Chat(tokenizer=TrainedBpe(vocab_size=512))} | SIZES | parts
    return Work(built_on_meta(Vlm(**slots).build))


def test_pairs_of_windows_are_those_of_hand():
    text = Horizon(window=4).pairs([3, 10], [])
    assert (text["token_pairs"], text["near_token_pairs"]) == (9 + 100, 9 + 4 * 16)
    # Two time steps of 20 patches, each cut into four windows of 2 · 2 and two of 1 · 2.
    sight = Horizon(side=2, temporal=2).pairs([], [(3, 5, 4)])
    assert (sight["patch_pairs"], sight["near_patch_pairs"]) == (2 * 400, 2 * (4 * 16 + 2 * 4))
    whole = Horizon().pairs([3], [(3, 5, 4)])
    assert whole == {"patch_pairs": 3600, "token_pairs": 9, "near_patch_pairs": 0, "near_token_pairs": 0}


def test_pairs_of_tokens_are_those_of_the_mask_but_for_the_diagonal():
    place = torch.arange(50)
    apart = place[:, None] - place[None, :]
    for size in (1, 7, 49, 50, 80):
        seen = int(((apart >= 0) & (apart < size)).sum())
        assert Horizon(window=size).pairs([50], [])["near_token_pairs"] == 2 * seen - min(size, 50)


def test_pairs_of_patches_are_those_of_the_tower_s_own_windows():
    draw = random.Random(0)
    for _ in range(10):
        side, temporal = draw.randint(1, 5), draw.randint(1, 2)
        rows = tuple((draw.randint(1, 3), draw.randint(1, 12), draw.randint(1, 12)) for _ in range(4))
        borders = window_order(paired_frames(rows, temporal), side, torch.device("cpu"))[1]
        assert Horizon(side=side, temporal=temporal).pairs([], rows)["near_patch_pairs"] == int(borders.diff().square().sum())


def test_a_tower_with_windows_works_as_by_hand():
    """Qwen2.5-VL's tower: four of 32 blocks see all 6400 patches of a picture of 1120 px, the others 64 each."""
    tower = work(encoder=NativeViT(window=8, full_layers=(7, 15, 23, 31)))
    assert tower.horizon == Horizon(side=8, temporal=1)
    pairs = tower.horizon.pairs([], [(1, 80, 80)])
    by_hand = 3 * 2 * (2 * 1280) * (4 * 6400**2 + 28 * 6400 * 64)
    assert tower.flops(replace(NONE, **pairs)) == pytest.approx(by_hand, rel=1e-9)
    whole = work(encoder=NativeViT())
    pairs = whole.horizon.pairs([], [(1, 80, 80)])
    assert whole.flops(replace(NONE, **pairs)) == pytest.approx(3 * 2 * 2560 * 32 * 6400**2, rel=1e-9)


def test_a_decoder_with_a_window_works_as_by_hand():
    """Mistral 7B's attention over 16384 tokens: a triangle of the first 4096, then 4096 for each."""
    sizes = Decoder(width=4096, depth=32, heads=32, kv_heads=8, head_dim=128, mlp_width=14_336, window=4096)
    mistral = work(language=sizes)
    pairs = mistral.horizon.pairs([16_384], [])
    by_hand = 3 * 2 * (2 * 4096) * 32 * (4096**2 / 2 + 12_288 * 4096)
    assert mistral.flops(replace(NONE, near_token_pairs=pairs["near_token_pairs"])) == pytest.approx(by_hand, rel=1e-9)
    assert mistral.flops(replace(NONE, **pairs)) == pytest.approx(by_hand, rel=1e-9), "no layer of it sees everything"


def test_layers_that_see_everything_stand_apart():
    mixed = work(language=replace(SIZES["language"], depth=3, window=4, full_layers=(1,)))
    pairs = mixed.horizon.pairs([10], [])
    by_hand = 3 * 2 * (2 * 64) * (1 * 50 + 2 * 32)
    assert mixed.flops(replace(NONE, **pairs)) == pytest.approx(by_hand, rel=1e-9)
