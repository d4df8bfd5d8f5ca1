"""Connectors without a class in transformers against their formulas, worked by hand; counts, packing, refusals, full sizes."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import adaptive_avg_pool2d, conv2d, gelu, hardsigmoid, hardswish, layer_norm, pad, relu, unfold

from omma.core.errors import ConfigError, ShapeError
from omma.media.views.native import Native
from omma.model.connectors.adaptive_resampler import AdaptiveResampler
from omma.model.connectors.c_abstractor import CAbstractor
from omma.model.connectors.deepstack import DeepStack
from omma.model.connectors.downsample_mlp import DownsampleMlp
from omma.model.connectors.ldp import Ldp, squeezed
from omma.model.connectors.ldp_v2 import LdpV2
from omma.model.connectors.matryoshka import Matryoshka
from omma.model.connectors.merger import Merger
from omma.model.connectors.mlp import Mlp
from omma.model.connectors.nine_shuffle import NineShuffle
from omma.model.connectors.padded_shuffle import PaddedShuffle
from omma.model.connectors.patch_info_mining import PatchInfoMining
from omma.model.connectors.pixel_shuffle import PixelShuffle
from omma.model.connectors.q_former import QFormer
from omma.model.connectors.resampler import Resampler
from omma.model.connectors.transposed_shuffle import TransposedShuffle
from omma.model.connectors.visual_embedding import VisualEmbedding
from omma.model.feature_maps import on_maps
from omma.model.sincos import sincos_grid, stretched_sincos
from omma.model.slots import built_on_meta, num_parameters
from omma.model.splices.deepstack import DeepStacked
from omma.model.squares import channel_major, place_major
from omma.model.vision.native import NativeViT
from omma.model.vision.vit import ViT
from omma.nn.init import init
from omma.objective.next_token import NextToken
from omma.schema.batch import Asked, Stream

GRIDS = [(1, 4, 6), (2, 3, 3), (1, 5, 2)]  # a tile, a video of two frames, a tile with an odd side


def stream(count, width, seed=0, **more):
    torch.manual_seed(seed)
    return Stream(torch.randn(count, width), *[torch.arange(count)] * 4, **more)


def frames(features, grids):
    """(rows, columns, patches) of each frame."""
    sizes = [(r, c) for t, r, c in grids for _ in range(t)]
    return [(r, c, x) for (r, c), x in zip(sizes, features.hidden.split([r * c for r, c in sizes]), strict=True)]


def built(cfg, in_dim=12, out_dim=16, seed=3):
    """A module with every parameter drawn, norms and biases included."""
    module = init(cfg.build(in_dim=in_dim, out_dim=out_dim), seed)
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return module


def close(got, want):
    torch.testing.assert_close(got, want, atol=2e-5, rtol=1e-4)


def norm(module, x):
    return layer_norm(x, module.normalized_shape, module.weight, module.bias, module.eps)


def cross(module, q, k, v):
    """Plain attention with the module's matrices, head by head."""
    heads, outputs = module.query.out_features // module.head_dim, []
    q, k, v = module.query(q), module.key(k), module.value(v)
    for h in range(heads):
        part = slice(h * module.head_dim, (h + 1) * module.head_dim)
        weights = (q[:, part] @ k[:, part].T / math.sqrt(module.head_dim)).softmax(-1)
        outputs.append(weights @ v[:, part])
    return module.output(torch.cat(outputs, 1))


def test_sine_cosine_positions_hold_columns_first_then_rows():
    table, dim = sincos_grid(3, 5, 16), 16
    assert table.shape == (15, 16)
    for row in range(3):
        for column in range(5):
            expected = []
            for place in (column, row):
                angles = [place / 10000 ** (i / (dim / 4)) for i in range(dim // 4)]
                expected += [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
            np.testing.assert_allclose(table[row * 5 + column].numpy(), expected, atol=1e-6)
    with pytest.raises(ShapeError, match="width 10; expected a multiple of 4"):
        sincos_grid(2, 2, 10)


def test_a_stretched_table_is_the_table_itself_at_its_own_size_and_smooth_elsewhere():
    assert torch.equal(stretched_sincos(4, 4, 4, 8), sincos_grid(4, 4, 8))
    finer = stretched_sincos(4, 8, 8, 8).unflatten(0, (8, 8))
    # Every second pair of places lies around one of the coarse table: their mean is near it.
    pairs = finer.unflatten(0, (4, 2)).unflatten(2, (4, 2)).mean((1, 3))
    assert (pairs - sincos_grid(4, 4, 8).unflatten(0, (4, 4)))[1:3, 1:3].abs().max() < 0.1


def test_resampler_is_one_cross_attention_of_queries_with_positions_on_both_sides():
    cfg = Resampler(side=3, head_dim=4)
    module, features = built(cfg), stream(52, 12)
    want = []
    for r, c, x in frames(features, GRIDS):
        keys = norm(module.patch_norm, module.widen(x))
        q = norm(module.query_norm, module.queries) + sincos_grid(3, 3, 16)
        want.append(
            module.project(norm(module.output_norm, cross(module.attention, q, keys + stretched_sincos(3, r, c, 16), keys)))
        )
    close(module(features, torch.tensor(GRIDS)), torch.cat(want))
    assert cfg.grid((32, 32)) == (3, 3) and Resampler().grid((32, 32)) == (16, 16)


def test_adaptive_resampler_puts_no_position_on_queries_and_own_places_on_keys():
    module, features = built(AdaptiveResampler(queries=5, head_dim=4)), stream(52, 12)
    want = []
    for r, c, x in frames(features, GRIDS):
        keys = norm(module.patch_norm, module.widen(x))
        read = cross(module.attention, norm(module.query_norm, module.queries), keys + sincos_grid(r, c, 16), keys)
        want.append(module.project(norm(module.output_norm, read)))
    close(module(features, torch.tensor(GRIDS)), torch.cat(want))
    assert AdaptiveResampler().grid((40, 25)) == (1, 64)


def test_resamplers_need_no_matrix_where_widths_agree_and_heads_that_divide():
    assert not list(Resampler(side=2, head_dim=4).build(in_dim=16, out_dim=16).widen.parameters())
    with pytest.raises(ConfigError, match="heads of 128 at width 200; expected a divisor"):
        Resampler().build(in_dim=16, out_dim=200)
    with pytest.raises(ConfigError, match="heads of 128 at width 200; expected a divisor"):
        Matryoshka().build(in_dim=200, out_dim=16)


def test_matryoshka_keys_are_positions_alone_and_fewer_queries_give_the_first_tokens():
    cfg = Matryoshka(side=3, take=9, head_dim=4)
    module, features = built(cfg), stream(52, 12)
    whole, want = module(features, torch.tensor(GRIDS)), []
    for r, c, x in frames(features, GRIDS):
        q = norm(module.query_norm, module.queries + sincos_grid(3, 3, 12))
        want.append(
            module.project(
                cross(module.attention, q, norm(module.key_norm, stretched_sincos(3, r, c, 12)), norm(module.value_norm, x))
            )
        )
    close(whole, torch.cat(want))
    fewer = replace(cfg, take=4).build(in_dim=12, out_dim=16)
    fewer.load_state_dict(module.state_dict())
    close(fewer(features, torch.tensor(GRIDS)), whole.unflatten(0, (-1, 9))[:, :4].flatten(0, 1))
    with pytest.raises(ConfigError, match="1 … 9"):
        replace(cfg, take=10)


def test_patch_info_mining_reads_only_the_cells_of_a_patchs_own_place():
    module = built(PatchInfoMining(fine_width=6))
    fine = torch.randn(6, 4 * 6)
    features = stream(6, 12, taps=(fine,))
    got = module(features, torch.tensor([[1, 2, 3]]))
    for patch in range(6):
        x = features.hidden[patch]
        cells = fine[patch].view(4, 6)
        q = module.query(norm(module.query_norm, x))
        k, v = module.key(norm(module.key_norm, cells)), module.value(norm(module.value_norm, cells))
        mined = (k @ q / math.sqrt(12)).softmax(0) @ v
        close(got[patch], module.down(gelu(module.up(x + mined))))
    moved = fine.clone()
    moved[2] += 1
    change = (module(replace(features, taps=(moved,)), torch.tensor([[1, 2, 3]])) - got).abs().sum(1)
    assert change[2] > 0 and change.count_nonzero() == 1


def test_connectors_that_read_taps_refuse_features_without_them():
    for cfg, expected in ((PatchInfoMining(), "1"), (DeepStack(levels=2), "2")):
        assert cfg.num_taps == int(expected)
        module = cfg.tiny().build(in_dim=12, out_dim=16)
        with pytest.raises(ShapeError, match=f"0 further states beside the patch features; expected {expected}; let the encoder"):
            module(stream(4, 12), torch.tensor([[1, 2, 2]]))
    with pytest.raises(ShapeError, match="a finer map of 7 values per patch; expected a multiple of 6; set fine_width"):
        PatchInfoMining(fine_width=6).build(in_dim=12, out_dim=16)(
            stream(4, 12, taps=(torch.randn(4, 7),)), torch.tensor([[1, 2, 2]])
        )


def test_deepstack_puts_the_mergers_of_inner_layers_beside_the_main_one():
    cfg = DeepStack(levels=2)
    module, taps = built(cfg), tuple(torch.randn(24, 12) for _ in range(2))
    features = stream(24, 12, taps=taps)
    got = module(features, torch.tensor([[1, 4, 6]]))
    assert got.shape == (6, 3 * 16)
    main = Merger().build(in_dim=12, out_dim=16)
    main.load_state_dict(module.merger.state_dict())
    close(got[:, :16], main(features, torch.tensor([[1, 4, 6]])))
    square = taps[1][[2, 3, 8, 9]].flatten()  # the second square of the first row
    level = module.levels[1]
    close(got[1, 32:], level.down(gelu(level.up(norm(level.norm, square)))))


def test_the_transposed_shuffle_runs_down_the_columns():
    module = built(TransposedShuffle())
    plain = PixelShuffle().build(in_dim=12, out_dim=16)
    plain.load_state_dict(module.state_dict())
    features, grids = stream(24 + 16, 12), torch.tensor([[1, 4, 6], [1, 4, 4]])
    first, second = plain(features, grids).split([6, 4])
    want = [first.view(2, 3, 16).transpose(0, 1).flatten(0, 1), second.view(2, 2, 16).transpose(0, 1).flatten(0, 1)]
    close(module(features, grids), torch.cat(want))
    assert TransposedShuffle().grid((4, 6)) == (3, 2)


@pytest.mark.parametrize(
    "cfg", [PaddedShuffle(), NineShuffle(), DownsampleMlp(depth=3, widen=2)], ids=lambda cfg: type(cfg).__name__
)
def test_padded_squares_are_the_released_map_filled_up_with_zeros(cfg):
    module, features, factor, want = built(cfg), stream(52, 12), cfg.factor, []
    for r, c, x in frames(features, GRIDS):
        whole = pad(x.view(r, c, 12), (0, 0, 0, -c % factor, 0, -r % factor))
        rows, columns = whole.shape[0] // factor, whole.shape[1] // factor
        squares = whole.view(rows, factor, columns, factor, 12).transpose(1, 2).reshape(rows * columns, -1)
        if isinstance(cfg, PaddedShuffle):
            want.append(module.down(gelu(module.up(norm(module.norm, squares)))))
        elif isinstance(cfg, NineShuffle):
            narrow = gelu(module.narrow(norm(module.norm, squares)))
            want.append(module.down(gelu(module.up(norm(module.middle_norm, narrow)))))
        else:
            first, second, third = module.layers
            want.append(third(gelu(second(gelu(first(squares))))))
        assert cfg.grid((r, c)) == (rows, columns)
    close(module(features, torch.tensor(GRIDS)), torch.cat(want))
    assert PaddedShuffle().grid((27, 27)) == (14, 14) and NineShuffle().grid((32, 32)) == (11, 11)


def test_the_first_matrix_behind_an_unfold_reads_the_same_once_its_columns_are_exchanged():
    x, weight = torch.randn(4, 6, 5), torch.randn(7, 20)
    released = unfold(x.permute(2, 0, 1)[None], 2, stride=2)[0].T @ weight.T
    squares = x.view(2, 2, 3, 2, 5).transpose(1, 2).reshape(6, -1)
    close(squares @ place_major(weight, 2).T, released)
    assert torch.equal(channel_major(place_major(weight, 2), 2), weight)


def test_straight_through_words_are_one_row_of_the_table_with_the_gradient_of_softmax():
    module = built(VisualEmbedding(words=9, choice="straight_through"))
    soft = VisualEmbedding(words=9).build(in_dim=12, out_dim=16)
    soft.load_state_dict(module.state_dict())
    features, grids, worth = stream(24, 12), torch.tensor([[1, 4, 6]]), torch.arange(9.0)
    likeliest = soft.words(features, grids).argmax(1)
    close(module(features, grids), module.table.weight[likeliest])
    gradients = [torch.autograd.grad((m.words(features, grids) @ worth).sum(), m.head.weight)[0] for m in (module, soft)]
    close(*gradients)


def test_an_odd_map_of_visual_words_is_filled_up_with_zeros():
    module = built(VisualEmbedding(words=9))
    features = stream(9, 12)
    whole = pad(features.hidden.view(3, 3, 12), (0, 0, 0, 1, 0, 1)).view(2, 2, 2, 2, 12).transpose(1, 2).reshape(4, -1)
    want = norm(module.norm, module.head(whole)).softmax(-1) @ module.table.weight
    close(module(features, torch.tensor([[1, 3, 3]])), want)


def test_ldp_blocks_are_mobile_nets_inverted_residuals():
    module, features, want = built(Ldp()), stream(52, 12), []

    def block(part, maps, stride):
        x = conv2d(maps, part.depthwise.weight, stride=stride, padding=1, groups=16)
        x = hardswish(norm(part.norm, x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)
        scale = hardsigmoid(part.excite.widen(relu(part.excite.squeeze(x.mean((2, 3))))))
        x = (x * scale[:, :, None, None]).permute(0, 2, 3, 1) @ part.project.weight.T
        return norm(part.project_norm, x).permute(0, 3, 1, 2)

    for r, c, x in frames(features, GRIDS):
        maps = module.down(gelu(module.up(x))).T.view(1, 16, r, c)
        maps = block(module.halve, maps + block(module.mix, maps, 1), 2)
        assert maps.shape[2:] == Ldp().grid((r, c))
        want.append(maps[0].flatten(1).T)
    close(module(features, torch.tensor(GRIDS)), torch.cat(want))
    assert [squeezed(n) for n in (1, 12, 20, 512, 10)] == [8, 16, 24, 512, 16]


def test_ldp_v2_pools_and_adds_places_by_convolution():
    module, features, want = built(LdpV2(side=2)), stream(52, 12), []
    for r, c, x in frames(features, GRIDS):
        small = adaptive_avg_pool2d(module.down(gelu(module.up(x))).T.view(1, 16, r, c), (2, 2))
        small = small + conv2d(small, module.places.weight, module.places.bias, padding=1, groups=16)
        want.append(small[0].flatten(1).T)
    close(module(features, torch.tensor(GRIDS)), torch.cat(want))


def test_c_abstractor_is_bottlenecks_around_a_pool_and_an_mlp():
    module, features = built(CAbstractor(side=2, source=3, width=8, depth=1)), stream(9, 12)

    def bottleneck(part, maps):
        def last(x):
            return x.permute(0, 2, 3, 1)

        x = torch.nn.functional.silu(norm(part.enter_norm, last(maps) @ part.enter.weight.T)).permute(0, 3, 1, 2)
        x = torch.nn.functional.silu(norm(part.depthwise_norm, last(conv2d(x, part.depthwise.weight, padding=1, groups=8))))
        scale = part.excite.widen(torch.nn.functional.silu(part.excite.squeeze(x.mean((1, 2))))).sigmoid()
        x = norm(part.leave_norm, (x * scale[:, None, None]) @ part.leave.weight.T)
        straight = norm(part.straight[1], last(maps) @ part.straight[0].weight.T) if len(part.straight) else last(maps)
        return torch.nn.functional.silu(x + straight).permute(0, 3, 1, 2)

    maps = (features.hidden + module.places).T.view(1, 12, 3, 3)
    maps = bottleneck(module.behind[0], adaptive_avg_pool2d(bottleneck(module.before[0], maps), (2, 2)))
    first, second = module.readout
    close(module(features, torch.tensor([[1, 3, 3]])), second(torch.nn.functional.silu(first(maps[0].flatten(1).T))))
    assert len(module.before[0].straight) == 2 and len(module.behind[0].straight) == 0


def test_maps_of_equal_size_go_together_and_come_back_in_order():
    seen = []
    hidden = torch.arange(6 + 4 + 6 + 12.0)[:, None].expand(-1, 2)
    grids = torch.tensor([[1, 2, 3], [1, 2, 2], [1, 2, 3], [2, 2, 3]])
    back = on_maps(hidden, grids, lambda maps: seen.append(tuple(maps.shape)) or maps)
    assert torch.equal(back, hidden) and seen == [(4, 2, 2, 3), (1, 2, 2, 2)]
    halved = on_maps(hidden, grids, lambda maps: maps[:, :, :1])
    assert halved[:, 0].tolist() == [0, 1, 2, 6, 7, 10, 11, 12, 16, 17, 18, 22, 23, 24]


def asked_of(*words):
    return Asked(
        torch.tensor([word for own in words for word in own], dtype=torch.long), torch.tensor([0, *map(len, words)]).cumsum(0)
    )


def test_a_q_former_answers_each_tile_by_its_own_question():
    module = built(replace(QFormer(words=20).tiny(), cross_every=1))
    grids = torch.tensor([[1, 4, 6], [2, 3, 3]])
    features = stream(42, 12, asked=asked_of([3, 4, 5], [7, 1]))
    tokens = module(features, grids)
    assert tokens.shape == (3 * 4, 16)
    other = module(replace(features, asked=asked_of([3, 9, 5], [7, 1])), grids)
    changed = (other - tokens).abs().sum(1) > 1e-6
    assert changed[:4].all() and not changed[4:].any()
    video = replace(features, hidden=features.hidden[24:33], asked=asked_of([7, 1]))
    close(tokens[4:8], module(video, torch.tensor([[1, 3, 3]])))
    silent = module(replace(features, asked=asked_of([], [7, 1])), grids)
    close(silent[4:], tokens[4:])


def test_a_q_former_that_reads_questions_refuses_to_go_without():
    module, grids = QFormer(words=20).tiny().build(in_dim=12, out_dim=16), torch.tensor([[1, 2, 2], [1, 2, 2]])
    with pytest.raises(ShapeError, match=r"no instructions; expected 2, one per tile; give Pictures.asked"):
        module(stream(8, 12), grids)
    with pytest.raises(ShapeError, match=r"instructions for 1 tiles; expected 2"):
        module(stream(8, 12, asked=asked_of([1])), grids)
    with pytest.raises(ShapeError, match=r"an instruction of 13 words; expected at most 12"):
        module(stream(8, 12, asked=asked_of([1], [1] * 13)), grids)


def test_a_question_reaches_the_connector_of_a_whole_model(make_vlm, make_module, make_document, pack):
    cfg = make_vlm(connector=QFormer(words=20))
    module, batch = make_module(cfg), pack(cfg, [make_document(make_vlm(connector=QFormer()), [(32, 32)])])
    with pytest.raises(ShapeError, match="no instructions"):
        module(batch)
    questions = [replace(batch.pictures, asked=asked_of(words)).to("cpu") for words in ([1, 2], [3])]
    first, second = (module(replace(batch, pictures=pictures)).visual for pictures in questions)
    assert (first - second).abs().max() > 0.01


def test_tapped_layers_reach_the_language_model_through_deepstack_packed_as_one_by_one(make_vlm, make_module, make_document, pack):
    cfg = make_vlm(view=Native(), encoder=NativeViT(tap_layers=(8, 16)), connector=DeepStack(levels=2), splice=DeepStacked())
    module = make_module(cfg)
    documents = [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(([(40, 64)], [], [(96, 33), (32, 32)]))]
    batch = pack(cfg, documents)
    loss = NextToken()(module(batch), batch).total
    packed = torch.autograd.grad(loss, list(module.parameters()))
    alone = [NextToken()(module(one), one).total for one in (pack(cfg, [document]) for document in documents)]
    apart = torch.autograd.grad(sum(alone), list(module.parameters()))
    close(loss, sum(alone))
    for (name, _), a, b in zip(module.named_parameters(), packed, apart, strict=True):
        assert (a - b).abs().max() <= 1e-5 * max(1.0, float(b.abs().max())), name
        assert b.any() or name.endswith("key.bias"), name


@pytest.mark.parametrize("encoder", [ViT(class_token=True), NativeViT()], ids=lambda cfg: type(cfg).__name__)
@pytest.mark.parametrize("connector", [PixelShuffle(), PaddedShuffle(), Resampler(), QFormer()], ids=lambda cfg: type(cfg).__name__)
def test_indices_that_were_kept_in_an_evaluation_serve_training_afterwards(
    encoder, connector, make_vlm, make_module, make_document, pack
):
    cfg = make_vlm(encoder=encoder, connector=connector)
    module, batch = make_module(cfg), pack(cfg, [make_document(cfg, [(32, 32)] * 3)])
    with torch.inference_mode():
        module(batch)
    NextToken()(module(batch), batch).total.backward()
    assert all(torch.isfinite(p.grad).all() for p in module.parameters())


@pytest.mark.parametrize(
    ("cfg", "in_dim", "out_dim", "expected"),
    [
        # 0.08 B "VL adapter" of Qwen-VL's table 1 leaves the last matrix (4096²) out.
        (Resampler(), 1664, 4096, 1664 * 4096 + 256 * 4096 + 3 * 2 * 4096 + 4 * (4096**2 + 4096) + 4096**2),
        (Mlp(), 1024, 4096, 20_979_712),  # LLaVA-1.5-7B's mm_projector
        (PixelShuffle(), 1024, 4096, 2 * 4096 + 2 * (4096**2 + 4096)),  # InternVL2-8B's mlp1
        (Merger(), 1280, 3584, 2 * 1280 + 5120**2 + 5120 + 5120 * 3584 + 3584),  # Qwen2-VL-7B
        (DownsampleMlp(), 1152, 2560, 4608 * 2560 + 2560 + 2560**2 + 2560),  # DeepSeek-VL2
        (Ldp(), 1024, 2048, 18_936_832),  # 18.94 M in MobileVLM V2's comparison
        (LdpV2(), 1024, 2048, 6_316_032),  # 6.32 M there
        (VisualEmbedding(), 1024, 1536, 4096 * 65_531 + 2 * 65_531 + 65_531 * 1536),  # Ovis2-2B, its 5 indicators in the splice
    ],
    ids=lambda x: type(x).__name__ if not isinstance(x, int) else "",
)
def test_full_sizes_hold_as_many_parameters_as_the_released_ones(cfg, in_dim, out_dim, expected):
    assert num_parameters(built_on_meta(lambda: cfg.build(in_dim=in_dim, out_dim=out_dim))) == expected


def test_the_q_former_with_its_words_is_near_the_papers_188_million_parameters():
    module = built_on_meta(lambda: QFormer(words=30_523).build(in_dim=1408, out_dim=4096))
    unread = 2 * 768 * 3072 + 3072 + 768 + 2 * 768  # the words' branch of the last layer
    count = num_parameters(module) - num_parameters(module.project) + unread
    assert abs(count / 188e6 - 1) < 0.015  # the paper counts the heads of its first stage too
    without = built_on_meta(lambda: QFormer().build(in_dim=1408, out_dim=4096))
    assert count - (num_parameters(without) - num_parameters(without.project)) == 12 * unread + (30_523 + 512) * 768
