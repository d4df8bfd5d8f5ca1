"""The wiring: counts before pixels, splice, reducers in a row, layout embeddings, errors, recomputing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from omma.core.config import config, load, show
from omma.core.errors import ConfigError, ShapeError
from omma.media.views.best_fit import BestFit
from omma.media.views.tiles import Tiles
from omma.model.connectors.average_pool import AveragePool
from omma.model.connectors.merger import Merger
from omma.model.connectors.mlp import Mlp
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.language.decoder import Decoder
from omma.model.positions.sequential import Sequential
from omma.model.slots import ConnectorModule, Reducer
from omma.model.splices.in_context import InContext
from omma.model.vision.native import NativeViT
from omma.model.vision.vit import ViT
from omma.nn.attention import Causal, Packed, PackedAttend
from omma.nn.position_table import read_table
from omma.schema.batch import Pictures, Stream
from omma.schema.view import NEWLINE, Unit, num_slots


@config
class FirstOfTwo(Reducer):
    """Every second column goes; for tests."""

    def grid(self, tokens):
        return tokens[0], tokens[1] // 2

    def build(self, *, dim):
        return FirstOfTwoModule()


class FirstOfTwoModule(ConnectorModule):
    def forward(self, features, grids):
        assert features.cu_seqlens.diff().tolist() == grids.prod(1).tolist()
        return features.hidden[features.positions[:, 1] % 2 == 0]


def test_the_eye_counts_before_pixels_are_decoded(make_vlm):
    cfg = make_vlm(view=BestFit(), connector=PixelShuffle())
    assert (cfg.patch, cfg.unit) == (8, Unit(8, 2))
    rng = np.random.default_rng(0)
    for width, height in rng.integers(1000, 3000, (300, 2)):
        plan = cfg.plan(int(width), int(height))
        visual = cfg.num_visual(plan)
        run = np.concatenate([r for r in cfg.layout(plan) if not isinstance(r, str)])
        assert visual == sum(r // 2 * (c // 2) for _, r, c in plan.grids(8))
        assert num_slots(cfg.layout(plan)) == len(run) and run.max() < visual and NEWLINE in run


def test_what_was_counted_is_what_is_seen(make_vlm, make_module, make_document, pack):
    cfg = make_vlm(view=Tiles(), connector=AveragePool())
    batch = pack(cfg, [make_document(cfg, [(300, 100), (40, 40)])])
    plans = [cfg.plan(300, 100), cfg.plan(40, 40)]
    assert len(make_module(cfg).see(batch.pictures)) == sum(cfg.num_visual(plan) for plan in plans)


def test_reducers_follow_each_other_and_are_counted(make_vlm, make_module, make_document, pack):
    plain = make_vlm(view=Tiles())
    cfg = replace(plain, reducers=(FirstOfTwo(), FirstOfTwo()))
    plan = cfg.plan(300, 100)
    assert cfg.num_visual(plan) * 4 == plain.num_visual(plan)
    batch = pack(cfg, [make_document(cfg, [(300, 100)])])
    got, want = make_module(cfg).see(batch.pictures), make_module(plain).see(batch.pictures)
    assert torch.equal(got, want[::4])


def test_visual_tokens_stand_in_their_slots_and_newlines_are_learned(make_vlm, make_module, make_document, pack):
    cfg = make_vlm(view=BestFit())
    module = make_module(cfg)
    batch = pack(cfg, [make_document(cfg, []), make_document(cfg, [(90, 40)])])
    visual = module.see(batch.pictures)
    words = module.language.embed(batch.tokens)
    hidden = module.splice(words, visual, batch).hidden
    text = torch.ones(len(words), dtype=torch.bool).index_fill(0, batch.slots, False)
    assert torch.equal(hidden[text], words[text])
    seen = batch.gather >= 0
    assert torch.equal(hidden[batch.slots[seen]], visual[batch.gather[seen]])
    assert torch.equal(hidden[batch.slots[~seen]], module.splice.layout[[0]].expand(int((~seen).sum()), -1))
    assert (~seen).any()


def test_slots_and_visual_tokens_that_do_not_fit_are_told_with_both_numbers(make_vlm, make_module, make_document, pack):
    cfg = make_vlm()
    module = make_module(cfg)
    batch = pack(cfg, [make_document(cfg, [(40, 64)])])
    with pytest.raises(ShapeError, match="16 slots for 15 visual tokens"):
        module(replace(batch, gather=batch.gather[:-1]))
    with pytest.raises(ShapeError, match="a slot asks for visual token 16; expected fewer than 16"):
        module(replace(batch, gather=batch.gather + 1))
    with pytest.raises(ShapeError, match="a slot asks for layout embedding -1"):
        module(replace(batch, gather=batch.gather - 1))


def test_pictures_that_do_not_fit_their_grids_are_told_with_both_numbers(make_vlm, make_module):
    for encoder in (ViT(), NativeViT()):
        module = make_module(make_vlm(encoder=encoder))
        patches = torch.zeros(8, 192, dtype=torch.uint8)
        with pytest.raises(ShapeError, match="8 patches; expected 9, the sum over 1 grids"):
            module.see(Pictures(patches, torch.tensor([[1, 3, 3]])))


def test_read_attends_as_it_is_told(make_vlm, make_module, make_document, pack):
    cfg = make_vlm()
    module, batch = make_module(cfg), pack(cfg, [make_document(cfg, [(40, 64)])])
    attend = PackedAttend(Packed(batch.cu_seqlens, Causal()), backend="eager", record=(0, 1))
    out = module.read(batch, attend)
    torch.testing.assert_close(out.stream.hidden, module(batch).stream.hidden, atol=1e-5, rtol=0)
    assert sorted(attend.maps) == [0, 1] and module.language.num_layers == 2
    assert torch.equal(out.stream.modality.nonzero()[:, 0], batch.slots)
    assert torch.equal(out.stream.origin, torch.arange(len(batch.tokens)))
    assert out.logits(torch.tensor([3])).shape == (1, 61)


def test_children_carry_the_slots_names(make_vlm, make_module):
    module = make_module(make_vlm(view=BestFit()))
    assert {name.split(".")[0] for name, _ in module.named_parameters()} == {"encoder", "connector", "splice", "language"}


@pytest.mark.parametrize("tied", [True, False])
def test_a_tied_head_is_the_embedding(tied, make_vlm, make_module):
    module = make_module(make_vlm(language=Decoder(tied=tied)))
    assert (module.language.head is module.language.embedding.weight) == tied
    names = dict(module.named_parameters())
    assert ("language.unembedding.weight" in names) != tied


def test_checkpointing_changes_no_gradient(make_vlm, make_module, make_document, pack):
    cfg = make_vlm()
    module, batch, seen = make_module(cfg), pack(cfg, [make_document(cfg, [(40, 64)])]), []
    for on in (False, True):
        module.checkpointing(on)
        module.zero_grad()
        module(batch).stream.hidden.square().sum().backward()
        seen.append([p.grad.clone() for p in module.parameters() if p.grad is not None])
    assert len(seen[0]) > 20 and all(torch.equal(a, b) for a, b in zip(*seen, strict=True))


def test_the_visible_precision_under_autocast_and_in_bfloat16(make_vlm, make_module, make_document, pack):
    cfg = make_vlm(encoder=ViT(class_token=True))
    module, batch = make_module(cfg), pack(cfg, [make_document(cfg, [(40, 64)])])
    full = module(batch).stream.hidden
    with torch.autocast("cpu", torch.bfloat16):
        cast = module(batch).stream.hidden
    half = module.to(torch.bfloat16)(batch).stream.hidden
    assert (cast.float() - full).abs().mean() < 0.05 and (half.float() - full).abs().mean() < 0.05
    assert half.dtype == torch.bfloat16


def test_position_ids_run_inside_each_document():
    assert Sequential().ids(3, ()).tolist() == [[0], [1], [2]]


def test_positions_with_other_axes_are_refused(make_vlm, make_module, make_document, pack):
    cfg = make_vlm()
    batch = pack(cfg, [make_document(cfg, [])])
    with pytest.raises(ShapeError, match=r"positions of shape \(10, 3\); expected \(10, 1\)"):
        make_module(cfg)(replace(batch, positions=batch.positions.expand(-1, 3)))


def test_a_class_token_takes_part_and_is_not_handed_on(make_module):
    cfg = ViT(class_token=True).tiny()
    module = make_module(cfg)
    pictures = Pictures(torch.randint(256, (8, 192)).to(torch.uint8), torch.tensor([[1, 2, 2], [1, 1, 4]]))
    before = module(pictures).hidden
    with torch.no_grad():
        module.class_token.copy_(torch.linspace(-1, 1, 32))
    after = module(pictures).hidden
    assert before.shape == after.shape == (8, 32) and (before - after).abs().max() > 1e-3


def test_positions_are_read_as_they_stand_at_the_tables_own_size(make_module):
    module = make_module(ViT().tiny())
    rows = ((1, 4, 4), (1, 2, 2), (2, 4, 4))
    table = read_table(module.positions, 4, rows, "bicubic")
    assert all(torch.equal(piece, module.positions) for piece in (table[:16], table[20:36], table[36:]))
    square = module.positions.unflatten(0, (4, 4)).permute(2, 0, 1)[None]
    small = torch.nn.functional.interpolate(square, size=(2, 2), mode="bicubic", align_corners=False)
    torch.testing.assert_close(table[16:20], small[0].flatten(1).T)


def test_the_feature_layer_says_how_many_blocks_are_built():
    assert [len(ViT(depth=4, width=12, feature_layer=-n).build().blocks) for n in (1, 2, 4)] == [4, 3, 1]
    assert len(ViT(feature_layer=-2).tiny().build().blocks) == 2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ViT(width=30, heads=4), "4 heads over width 30; expected a divisor"),
        (lambda: ViT(image_size=10, patch=16), "10 px; expected at least one patch of 16 px"),
        (lambda: ViT(feature_layer=(-2, -5)), "on, with several layers; expected off"),
        (lambda: ViT(feature_layer=()), "no layer; expected at least one"),
        (lambda: ViT(tap_layers=(13,)), r"ViT.tap_layers: \(13,\); expected"),
        (lambda: ViT(positions="rotary", heads=128), "'rotary' with heads of 6; expected a multiple of 4"),
        (lambda: NativeViT(full_layers=(7,)), "set window"),
        (lambda: NativeViT(window=8, full_layers=(32,)), "blocks from 0 to 31"),
        (lambda: NativeViT(tap_layers=(33,)), "from 1 to 32"),
        (lambda: NativeViT(temporal=0), "at least 1 frame"),
        (lambda: ViT(depth=3, feature_layer=-4), "−1 .last. … −3"),
        (lambda: NativeViT(width=24, heads=4), "head width a multiple of 4"),
        (lambda: Decoder(heads=6, kv_heads=4), "4 for 6 query heads; expected a divisor"),
        (lambda: Decoder(head_dim=7), "7; expected an even number"),
        (lambda: Mlp(depth=0), "at least 1 matrix"),
        (lambda: PixelShuffle(factor=0), "at least 1 patch per side"),
        (lambda: Merger(factor=0), "at least 1 patch per side"),
        (lambda: AveragePool(factor=0), "at least 1 patch per side"),
        (lambda: Mlp(activation="gelo"), "did you mean 'gelu'"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_when_a_config_is_made(make, words):
    with pytest.raises(ConfigError, match=words):
        make()


def test_pixel_shuffle_follows_internvl_by_hand():
    """Square of patches 0 1 / 4 5 of a 2 × 4 grid: features concatenated 0, 1, 4, 5 (InternVL's second order)."""
    module = PixelShuffle().build(in_dim=1, out_dim=4)
    with torch.no_grad():
        module.norm.weight.copy_(torch.ones(4))
        module.up.weight.copy_(torch.eye(4))
        module.down.weight.copy_(torch.eye(4))
        for layer in (module.up, module.down):
            layer.bias.zero_()
    patches = torch.tensor([0.0, 1, 2, 3, 4, 5, 6, 7])[:, None]
    got = module(Stream(patches, *[torch.arange(8)] * 4), torch.tensor([[1, 2, 4]]))
    squares = torch.tensor([[0.0, 1, 4, 5], [2, 3, 6, 7]])
    want = torch.nn.functional.gelu(torch.nn.functional.layer_norm(squares, (4,)))
    torch.testing.assert_close(got, want)


def test_average_pool_by_hand():
    module = AveragePool().build(in_dim=1, out_dim=1)
    with torch.no_grad():
        module.project.weight.fill_(2.0)
        module.project.bias.fill_(1.0)
    patches = torch.tensor([0.0, 1, 2, 3, 4, 5, 6, 7])[:, None]
    got = module(Stream(patches, *[torch.arange(8)] * 4), torch.tensor([[1, 2, 4]]))
    assert got[:, 0].tolist() == [6.0, 10.0]


def test_a_splice_without_slots_still_gives_gradients():
    splice = InContext().build(dim=4, layout_tokens=2)
    with torch.no_grad():
        splice.layout.normal_()
    visual, empty = torch.randn(3, 4, requires_grad=True), torch.zeros(0, dtype=torch.long)
    batch = type("Slots", (), {"slots": empty, "gather": empty})()
    hidden = torch.randn(5, 4)
    out = splice(hidden, visual, batch).hidden
    out.sum().backward()
    assert torch.equal(out, hidden) and not visual.grad.any() and not splice.layout.grad.any()


def test_a_config_survives_yaml(make_vlm):
    cfg = make_vlm(view=BestFit(), encoder=NativeViT(), connector=Merger())
    for part in (cfg.view, cfg.encoder, cfg.connector, cfg.splice, cfg.language, cfg.positions):
        assert load(show(part), where="test") == part
