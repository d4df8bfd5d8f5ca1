"""Counted work: pairs worked by hand and drawn masks, then whole towers and decoders, by hand, by papers and as torch counts."""

import random
from dataclasses import replace

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from omma.media.views.native import Native
from omma.model.connectors.mlp import Mlp
from omma.model.connectors.q_former import QFormer
from omma.model.language.decoder import Decoder
from omma.model.slots import built_on_meta
from omma.model.vision.conv_next import ConvNext
from omma.model.vision.davit import DaViT
from omma.model.vision.florence2 import Florence2
from omma.model.vision.fusion import Fusion
from omma.model.vision.native import NativeViT
from omma.model.vision.sphinx import Sphinx
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.nn.block import recompute
from omma.nn.grids import paired_frames, window_order
from omma.nn.init import init
from omma.pack.chat import Chat
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.schema.batch import Pictures
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
    assert whole == {"patch_steps": 60, "patch_pairs": 3 * 400, "token_pairs": 9, "near_patch_pairs": 0, "near_token_pairs": 0}


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
    """Attention of Qwen2.5-VL's tower: four of 32 blocks see all 6400 patches of a picture of 1120 px, the others 64 each."""
    tower = work(encoder=NativeViT(window=8, full_layers=(7, 15, 23, 31)))
    assert tower.horizon == Horizon(side=8, temporal=1)
    pairs = tower.horizon.pairs([], [(1, 80, 80)]) | {"patch_steps": 0}
    by_hand = 3 * 2 * (2 * 1280) * (4 * 6400**2 + 28 * 6400 * 64)
    assert tower.flops(replace(NONE, **pairs)) == pytest.approx(by_hand, rel=1e-9)
    whole = work(encoder=NativeViT())
    pairs = whole.horizon.pairs([], [(1, 80, 80)]) | {"patch_steps": 0}
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


def forward(encoder, *grids):
    """FLOPs of reading these tiles with a frozen tower, and nothing else."""
    cfg = Vlm(**{"view": Native(), "connector": Mlp(), "text": Chat(tokenizer=TrainedBpe(vocab_size=512))} | SIZES | {
        "encoder": encoder})  # fmt: skip
    frozen = Work(built_on_meta(cfg.build).requires_grad_(False))
    return frozen.flops(replace(NONE, **frozen.horizon.pairs([], grids)))


def test_frames_of_one_step_are_counted_once():
    """Eight frames of 28 × 28 patches that go in pairs work like four pictures; three like two, the last one filled up."""
    tower = NativeViT(temporal=2, depth=1, width=64, heads=4, mlp_width=256)
    one = forward(tower, (1, 28, 28))
    by_hand = 2 * 784 * (3 * 2 * 14**2 * 64 + 4 * 64 * 64 + 2 * 64 * 256) + 2 * 784**2 * (2 * 64)
    assert one == pytest.approx(by_hand, rel=1e-9)
    assert forward(tower, (8, 28, 28)) == pytest.approx(4 * one) and forward(tower, (3, 28, 28)) == pytest.approx(2 * one)
    assert forward(replace(tower, temporal=1), (8, 28, 28)) == pytest.approx(8 * forward(replace(tower, temporal=1), (1, 28, 28)))
    video = forward(ViT(depth=1), (8, 14, 14))
    assert video == pytest.approx(8 * forward(ViT(depth=1), (1, 14, 14))), "frames never see each other"


# GFLOPs (one for a multiplication with its addition) at 224 px: arXiv 2201.03545, tables 1 and 12; arXiv 2204.03645, table 5
PUBLISHED = {
    "ConvNeXt-T": (ConvNext(), 4.5),
    "ConvNeXt-S": (ConvNext(depths=(3, 3, 27, 3)), 8.7),
    "ConvNeXt-B": (ConvNext(depths=(3, 3, 27, 3), widths=(128, 256, 512, 1024)), 15.4),
    "ConvNeXt-L": (ConvNext(depths=(3, 3, 27, 3), widths=(192, 384, 768, 1536)), 34.4),
}
DAVIT = DaViT(widths=(96, 192, 384, 768), depths=(1, 1, 3, 1), heads=(3, 6, 12, 24), groups=(3, 6, 12, 24), window=7,
              kernels=(7, 2, 2, 2), paddings=(3, 0, 0, 0))  # fmt: skip
PUBLISHED["DaViT-T"] = (DAVIT, 4.5)
PUBLISHED["DaViT-S"] = (replace(DAVIT, depths=(1, 1, 9, 1)), 8.8)
PUBLISHED["DaViT-B"] = (
    replace(DAVIT, depths=(1, 1, 9, 1), widths=(128, 256, 512, 1024), heads=(4, 8, 16, 32), groups=(4, 8, 16, 32)),
    15.5,
)


@pytest.mark.parametrize("name", PUBLISHED)
def test_convolutional_towers_work_as_published(name):
    encoder, published = PUBLISHED[name]
    assert forward(encoder, (1, 7, 7)) / 2e9 == pytest.approx(published, abs=0.05)


def test_a_convolutional_tower_works_as_by_hand():
    """A stage of a block at 4 px of 8 and one at 8 px, on 3 × 5 patches: 60 places and 15."""
    tower = ConvNext(patch=8, stem=4, widths=(4, 8), depths=(1, 1))
    first = 60 * (3 * 4**2 * 4 + 4 * 7**2 + 2 * 4 * 16)
    second = 15 * (4 * 2**2 * 8 + 8 * 7**2 + 2 * 8 * 32)
    assert forward(tower, (1, 3, 5)) == 2 * (first + second)


def test_each_tower_of_a_fusion_works_on_its_own_grid():
    clip = ViT(patch=14, width=64, depth=2, heads=4, mlp_width=128, image_size=336)
    conv = ConvNext(widths=(8, 16, 32, 64), depths=(1, 1, 1, 1))
    both = Fusion(encoders=(clip, clip, conv), zooms=(1, 2, 1))
    expected = forward(clip, (1, 24, 24)) + forward(clip, (1, 48, 48)) + forward(conv, (1, 24, 24))
    assert forward(both, (1, 24, 24)) == pytest.approx(expected, rel=1e-9)


TOWERS = {
    "vit": ViT(patch=8, width=32, depth=2, heads=4, mlp_width=64, image_size=64),
    "native": NativeViT(patch=8, temporal=2, width=32, depth=2, heads=4, mlp_width=64, window=2, full_layers=(1,)),
    "convnext": ConvNext(patch=8, widths=(8, 16), depths=(2, 1)),
    "convnext cells": ConvNext(patch=8, widths=(8, 16), depths=(1, 2), response_norm=True, features="cells"),
    "davit": replace(DaViT().tiny(), window=2),
    "florence2": replace(Florence2().tiny(), window=2),
    "fusion": Fusion(patch=8, encoders=(ViT().tiny(), ConvNext().tiny()), zooms=(1, 2)),
    "sphinx": replace(Sphinx().tiny(), features="all", queries=QFormer(queries=16, width=32, depth=2, heads=4, mlp_width=64)),
}


@pytest.mark.parametrize("name", TOWERS)
def test_the_closed_form_of_a_tower_is_what_torch_counts(name):
    """On drawn grids. A tenth more or less: class tokens and words of prompts, which are few beside many patches; queries."""
    module, draw = init(TOWERS[name].build(), 0), random.Random(name)
    for _ in range(3):
        frames = draw.choice((1, 2)) if name in ("vit", "native", "convnext", "davit") else 1
        grids = [(frames, 2 * draw.randint(3, 6), 2 * draw.randint(3, 6)) for _ in range(2)]
        pictures = Pictures(torch.zeros(sum(t * r * c for t, r, c in grids), 3 * 64, dtype=torch.uint8), torch.tensor(grids))
        counter = FlopCounterMode(display=False)
        with counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):  # as matrix products, which are counted
            module(pictures)
        ratio = forward(TOWERS[name], *grids) / counter.get_total_flops()
        assert 0.9 < ratio < 1.15, ratio


@pytest.mark.parametrize("name", TOWERS)
def test_every_tower_computes_its_blocks_again_with_the_same_gradients(name):
    """What autograd keeps falls, and nothing else changes."""
    module = init(TOWERS[name].build(), 0)
    pictures = Pictures(torch.randint(0, 255, (72, 3 * 64), dtype=torch.uint8), torch.tensor([(1, 6, 6), (1, 6, 6)]))

    def trained():
        kept = {}

        def keep(tensor):
            kept[tensor.untyped_storage()._cdata] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            stream = module(pictures)
        module.zero_grad()
        (stream.hidden.square().sum() + sum(tap.sum() for tap in stream.taps)).backward()
        return sum(kept.values()), [p.grad.clone() for p in module.parameters()]

    whole, gradients = trained()
    recompute(module, True)
    less, again = trained()
    assert less < 0.75 * whole
    assert all(torch.allclose(a, b, rtol=1e-4, atol=1e-6) for a, b in zip(gradients, again, strict=True))
