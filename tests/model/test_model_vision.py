"""Vision parts by hand: what encoders hand on, how towers are fused, what happens where there is no encoder."""

import pytest
import torch
from transformers import FuyuConfig, FuyuModel

from omma.core.errors import ConfigError
from omma.media.views.fixed import Fixed
from omma.media.views.native import Native
from omma.model.connectors.linear import Linear
from omma.model.tiles import regrid
from omma.model.vision.fusion import Fusion
from omma.model.vision.native import NativeViT
from omma.model.vision.raw_patches import RawPatches
from omma.model.vision.vit import ViT
from omma.nn.grids import frame_groups, window_order
from omma.schema.batch import Pictures

# fp32, in units of the largest value of the tensor compared. Worst case measured: 4e-7.
TOLERANCE = 1e-5
SIZES = {"patch": 4, "width": 16, "heads": 2, "mlp_width": 20}
SMALL = ViT(**SIZES, depth=2, image_size=16)
DINO = ViT(**SIZES, depth=3, image_size=16, class_token=True, registers=2, layer_scale=1.0)
WINDOWED = NativeViT(**SIZES, depth=3, window=2, full_layers=(1,), tap_layers=(2,), table_side=3)
COARSE = ViT(patch=6, width=8, depth=1, heads=2, mlp_width=8)
ENCODERS = {
    "all tokens": ViT(**SIZES, depth=2, image_size=16, class_token=True, registers=1, features="all"),
    "several layers": ViT(**SIZES, depth=3, final_norm=False, feature_layer=(-2, 1), tap_layers=(3,)),
    "windows": WINDOWED,
    "frame pairs": NativeViT(**SIZES, depth=2, temporal=2),
    "channels": Fusion(patch=4, encoders=(SMALL, DINO)),
    "channels of other patches": Fusion(patch=4, encoders=(SMALL, COARSE), zooms=(1, 2)),
    "sum": Fusion(patch=4, encoders=(SMALL, DINO), how="sum", weights=(0.25, 0.75)),
    "tokens": Fusion(patch=4, encoders=(SMALL, DINO), how="tokens", zooms=(1, 2)),
    "taps": Fusion(patch=4, encoders=(SMALL, DINO), how="taps", zooms=(1, 2)),
    "raw patches": RawPatches(patch=4),
}  # fmt: skip
GRIDS = [(1, 4, 4), (3, 2, 5), (1, 1, 1), (2, 3, 2)]


def pictures_of(grids, patch, seed=0):
    count = sum(t * r * c for t, r, c in grids)
    generator = torch.Generator().manual_seed(seed)
    return Pictures(torch.randint(256, (count, 3 * patch**2), generator=generator).to(torch.uint8), torch.tensor(grids))


def relative(a, b):
    return float((a - b).detach().abs().max() / b.detach().abs().max().clamp(min=1e-6))


@pytest.mark.parametrize("name", ENCODERS)
def test_every_way_of_handing_on_counts_as_it_says_and_keeps_tiles_apart(name, make_module):
    cfg = ENCODERS[name]
    module, pictures = make_module(cfg), pictures_of(GRIDS, cfg.patch)
    stream, grids = module(pictures), regrid(pictures.grids, cfg)
    assert stream.hidden.shape == (int(grids.prod(1).sum()), cfg.out_width)
    assert stream.cu_seqlens.tolist() == [0, *grids.prod(1).cumsum(0).tolist()]
    seen = feature = 0
    for i, (t, r, c) in enumerate(GRIDS):
        alone = module(Pictures(pictures.patches[seen : seen + t * r * c], pictures.grids[i : i + 1]))
        count = len(alone.hidden)
        assert relative(stream.hidden[feature : feature + count], alone.hidden) <= TOLERANCE
        for tap, own in zip(stream.taps, alone.taps, strict=True):
            assert relative(tap[feature : feature + count], own) <= TOLERANCE
        seen, feature = seen + t * r * c, feature + count


@pytest.mark.parametrize("name", [name for name in ENCODERS if name != "raw patches"])
def test_every_parameter_gets_a_gradient(name, make_module):
    cfg = ENCODERS[name]
    module = make_module(cfg)
    stream = module(pictures_of(GRIDS, cfg.patch))
    sum(state.square().sum() for state in (stream.hidden, *stream.taps)).backward()
    dead = [name for name, p in module.named_parameters() if p.grad is None or not p.grad.any()]
    assert all(name.endswith("key.bias") for name in dead), dead


@pytest.mark.parametrize("name", ENCODERS)
def test_tiny_parts_keep_their_wiring(name):
    cfg = ENCODERS[name]
    small = cfg.tiny()
    assert small.tiny() == small and small.build() is not None
    if isinstance(cfg, Fusion):
        assert (small.how, small.zooms, len(small.encoders)) == (cfg.how, cfg.zooms, len(cfg.encoders))
    if isinstance(cfg, NativeViT):
        assert (small.temporal, len(small.tap_layers), bool(small.window)) == (cfg.temporal, len(cfg.tap_layers), bool(cfg.window))


def test_an_encoder_that_hands_on_its_class_token_is_counted_with_it(make_vlm, make_module, make_document, pack):
    cfg = make_vlm(view=Fixed(size=32), encoder=ViT(class_token=True, features="all"))
    plan = cfg.plan(50, 40)
    assert cfg.num_visual(plan) == 17 and cfg.grid((4, 4)) == (1, 17)
    assert make_module(cfg)(pack(cfg, [make_document(cfg, [(50, 40)])])).visual.shape[0] == 17


def test_the_tower_of_384_px_and_patch_14_sees_27_patches_a_side(make_vlm):
    tower = ViT(patch=14, image_size=384)
    cfg = make_vlm(encoder=tower)
    assert (tower.side, tower.cut) == (27, 384) and ViT(patch=14, image_size=378).cut == 0
    plan = Fixed(size=384).plan(500, 400, type(cfg.unit)(14, 1, 1, tower.cut))
    assert plan.grids(14) == ((1, 27, 27),) and plan.canvases[0].width == 384


def test_windows_begin_at_the_upper_left_corner_and_end_where_the_frame_does():
    order, borders = window_order(((1, 3, 3), (2, 1, 3)), 2, torch.device("cpu"))
    assert order.tolist() == [0, 1, 3, 4, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]
    assert borders.tolist() == [0, 4, 6, 8, 9, 11, 12, 14, 15]


def test_the_last_frame_fills_the_last_time_step():
    assert frame_groups(((1, 1, 2), (3, 1, 2)), 2, torch.device("cpu")).tolist() == [
        [0, 0], [1, 1], [2, 4], [3, 5], [6, 6], [7, 7],
    ]  # fmt: skip


def test_a_still_and_a_video_of_two_like_frames_are_one(make_module):
    module = make_module(ENCODERS["frame pairs"])
    still = pictures_of([(1, 3, 4)], 4)
    twice = Pictures(still.patches.repeat(2, 1), torch.tensor([[2, 3, 4]]))
    assert torch.equal(module(still).hidden, module(twice).hidden)


def test_without_windows_every_patch_sees_every_other_and_with_them_only_its_own(make_module):
    for cfg, far in ((WINDOWED, True), (NativeViT(**SIZES, depth=3, window=2), False)):
        module, pictures = make_module(cfg), pictures_of([(1, 4, 4)], 4)
        before = module(pictures).hidden
        pictures.patches[0] = 255 - pictures.patches[0]
        moved = (module(pictures).hidden - before).abs().sum(1) > 1e-6
        assert moved[[0, 1, 4, 5]].all() and bool(moved[[2, 3, 6, 7, 8, 15]].all()) is far and bool(moved[15]) is far


def test_fused_features_stand_side_by_side_are_added_or_follow_one_another(make_module):
    pictures = pictures_of([(1, 2, 2), (1, 2, 4)], 4)
    both = [encoder.build() for encoder in (SMALL, DINO)]
    fused = {how: make_module(ENCODERS[how]) for how in ("channels", "sum")}
    for module in fused.values():
        for own, given in zip(module.encoders, both, strict=True):
            given.load_state_dict(own.state_dict())
        small, dino = (encoder(pictures).hidden for encoder in both)
        wanted = torch.cat((small, dino), dim=1) if module is fused["channels"] else 0.25 * small + 0.75 * dino
        torch.testing.assert_close(module(pictures).hidden, wanted)
    tokens = make_module(ENCODERS["tokens"])
    stream = tokens(pictures)
    assert stream.cu_seqlens.tolist() == [0, 4 * 5, 12 * 5]
    torch.testing.assert_close(stream.hidden[:4], tokens.encoders[0](pictures).hidden[:4])


def test_finer_taps_are_the_cells_of_each_patch_row_by_row(make_module):
    module, pictures = make_module(ENCODERS["taps"]), pictures_of([(1, 1, 2)], 4)
    (tap,) = module(pictures).taps
    seen = []
    module.encoders[1].register_forward_hook(lambda _, given, out: seen.append((given[0].grids, out.hidden)))
    module(pictures)
    grids, fine = seen[0]
    assert grids.tolist() == [[1, 2, 4]] and tap.shape == (2, 4 * 16)
    torch.testing.assert_close(tap, torch.stack((fine[[0, 1, 4, 5]].flatten(), fine[[2, 3, 6, 7]].flatten())))


def test_other_patches_show_the_same_picture():
    seen = []
    cfg = Fusion(patch=4, encoders=(RawPatches(patch=4), RawPatches(patch=8)))
    module = cfg.build()
    module.encoders[1].register_forward_hook(lambda _, given, out: seen.append(given[0]))
    flat = Pictures(torch.cat([torch.full((2, 48), 40), torch.full((2, 48), 200)]).to(torch.uint8), torch.tensor([[1, 2, 2]]))
    module(flat)
    rows = seen[0].patches.unflatten(1, (3, 8, 8)).float()
    assert seen[0].grids.tolist() == [[1, 2, 2]] and (rows[:2, :, 0] == 40).all() and (rows[2:, :, 7] == 200).all()


def test_fusions_that_cannot_be_are_refused():
    for make, words in (
        (lambda: Fusion(encoders=(SMALL,), patch=4, zooms=(1,)), "at least two encoders"),
        (lambda: Fusion(encoders=(SMALL, DINO)), "patch 14, zoom 1 of an encoder with patch 4"),
        (lambda: Fusion(encoders=(SMALL, DINO), patch=4, how="sum"), "one weight per encoder"),
        (lambda: Fusion(encoders=(SMALL, RawPatches(patch=4)), patch=4, how="tokens"), r"widths \[16, 48\]"),
        (lambda: Fusion(encoders=(SMALL, ENCODERS["all tokens"]), patch=4), "hands on other tokens than patches"),
        (lambda: RawPatches(patch=0), "at least 1 px"),
    ):
        with pytest.raises(ConfigError, match=words):
            make()


def test_raw_patches_behind_a_matrix_are_what_fuyu_embeds(make_module):
    text = dict(
        model_type="persimmon", vocab_size=40, hidden_size=16, intermediate_size=20, num_hidden_layers=1, num_attention_heads=2
    )
    theirs = FuyuModel(FuyuConfig(text_config=text, patch_size=6, vocab_size=40, hidden_size=16)).vision_embed_tokens
    encoder, pictures = RawPatches(patch=6).build(), pictures_of([(1, 3, 2), (1, 1, 4)], 6)
    connector = Linear().build(in_dim=RawPatches(patch=6).width, out_dim=16)
    weight = theirs.weight.unflatten(1, (6, 6, 3)).permute(0, 3, 1, 2).flatten(1)
    connector.load_state_dict({name: weight if name.endswith("weight") else theirs.bias for name in connector.state_dict()})
    got = connector(encoder(pictures), pictures.grids)
    colour_last = ((pictures.patches.float() / 255 - 0.5) / 0.5).unflatten(1, (3, 36)).transpose(1, 2).flatten(1)
    assert relative(got, theirs(colour_last)) <= TOLERANCE


def test_the_default_view_of_native_towers_fits_frame_pairs(make_vlm):
    cfg = make_vlm(view=Native(), encoder=NativeViT(temporal=2))
    assert cfg.num_visual(cfg.plan(40, 40)) == sum(r * c for _, r, c in cfg.plan(40, 40).grids(cfg.patch))
