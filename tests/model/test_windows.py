"""Parts that read several tiles of one picture: by hand, as torch's own resizing, packed and alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d, interpolate

from omma.core.errors import ConfigError, ShapeError
from omma.media.apply import apply, patchify
from omma.media.views.best_fit import BestFit
from omma.media.views.framed_quarters import FramedQuarters
from omma.media.views.tiles import Tiles
from omma.media.windows import windows
from omma.model.connectors.mlp import Mlp
from omma.model.connectors.upsample_add import UpsampleAdd, places_on_wholes
from omma.model.tiles import chosen, tile_stream, windows_of
from omma.model.vision.two_scales import TwoScales
from omma.model.vision.vit import ViT
from omma.model.vision.whole_and_parts import WholeAndParts
from omma.nn.init import init
from omma.objective.next_token import NextToken
from omma.schema.batch import Asked, Pictures, Windows
from omma.schema.view import Unit

TOLERANCE = 1e-5  # fp32, in units of the largest value; worst case measured 1.1e-6
SIZES = ([(96, 33)], [], [(40, 64), (32, 32)], [(130, 130)])


def relative(a, b):
    return float((a.detach() - b.detach()).abs().max() / b.detach().abs().max().clamp(min=1e-6))


def pictures_of(view, sizes, patch=8):
    plans = [view.plan(*size, Unit(patch)) for size in sizes]
    random, patches = np.random.default_rng(0), []
    for plan in plans:
        image = random.integers(0, 256, (plan.height, plan.width, 3), dtype=np.uint8)
        patches += [patchify(tile, patch) for tile in apply(view, image, plan)]
    grids = torch.tensor([grid for plan in plans for grid in plan.grids(patch)])
    together = Windows(*map(torch.from_numpy, windows(plans)))
    return plans, Pictures(torch.from_numpy(np.concatenate(patches)), grids, None, together)


def test_the_coarse_map_of_two_tokens_upsampled_by_hand():
    """A whole of 1 × 2 tokens, 0 and 8, over two tiles of 1 × 2: places −¼, ¼, ¾, 1¼ → 0, 2, 6, 8."""
    grids = torch.tensor([[1, 1, 2]] * 3)
    box = torch.tensor([[0.0, 0, 1, 1], [0, 0, 0.5, 1], [0.5, 0, 1, 1]])
    index, weight = places_on_wholes(Windows(torch.zeros(3, dtype=torch.long), box), grids)
    values = (torch.tensor([0.0, 8.0, 1.0, 1.0, 1.0, 1.0])[index] * weight).sum(dim=1)
    assert values.tolist() == [0, 8, 0, 2, 6, 8]


@pytest.mark.parametrize("thumbnail", ["first", "last"])
def test_on_equal_tiles_the_sum_is_torchs_own_upsampling(thumbnail):
    """mlp_l(f) + upsample(mlp_g(f)), cut into the tiles again."""
    view = Tiles(size=32, thumbnail=thumbnail)
    (plan,), pictures = pictures_of(view, [(96, 64)])
    count, connector = len(pictures.patches), init(UpsampleAdd().build(in_dim=6, out_dim=5), 0)
    features = torch.randn(count, 6, generator=torch.Generator().manual_seed(0))
    got = connector(replace(tile_stream(features, pictures.grids), windows=pictures.windows), pictures.grids).view(-1, 4, 4, 5)
    tiles = features.view(-1, 16, 6)
    first = int(pictures.windows.whole[0])

    def mlp(part, hidden):
        return part.layers[1](torch.nn.functional.gelu(part.layers[0](hidden)))

    coarse = mlp(connector.whole, tiles[first]).view(4, 4, 5)
    rows, columns = plan.canvases[plan.tiles[(first + 1) % len(tiles)].canvas].height // 32, 3
    large = interpolate(coarse.permute(2, 0, 1)[None], scale_factor=(rows, columns), mode="bilinear")[0].permute(1, 2, 0)
    assert relative(got[first], coarse) <= TOLERANCE
    parts = [i for i in range(len(tiles)) if i != first]
    assert len(parts) == rows * columns == 6
    for number, part in enumerate(parts):
        r, c = divmod(number, columns)
        want = mlp(connector.parts, tiles[part]).view(4, 4, 5) + large[4 * r : 4 * r + 4, 4 * c : 4 * c + 4]
        assert relative(got[part], want) <= TOLERANCE


def test_each_tile_is_read_by_the_encoder_for_its_kind():
    _, pictures = pictures_of(Tiles(size=32), [(96, 64), (32, 32), (64, 64)])
    cfg = WholeAndParts(patch=8, whole=ViT(patch=8, image_size=32), parts=ViT(patch=8, image_size=40, class_token=True)).tiny()
    module = init(cfg.build(), 0)
    got, counts = module(pictures), pictures.grids.prod(dim=1).tolist()
    own = torch.arange(len(counts)) == pictures.windows.whole
    assert own.sum() == 3 and (~own).sum() == 10
    for number, (tile, hidden) in enumerate(zip(pictures.patches.split(counts), got.hidden.split(counts), strict=True)):
        encoder = module.whole if own[number] else module.parts
        assert relative(hidden, encoder(Pictures(tile, pictures.grids[number : number + 1])).hidden) <= TOLERANCE


def test_without_a_part_both_encoders_get_a_gradient():
    cfg = WholeAndParts().tiny()
    module, _ = init(cfg.build(), 0), None
    module(Pictures(torch.zeros(4, 3 * cfg.patch**2), torch.tensor([[1, 2, 2]]))).hidden.sum().backward()
    assert all(p.grad is not None for p in module.parameters())
    assert not any(p.grad.any() for p in module.parts.parameters())


def test_two_scales_stand_side_by_side_the_fine_one_averaged():
    """A large picture's quarters are averaged in squares of two, a small one has zeros there."""
    _, pictures = pictures_of(FramedQuarters(size=32), [(128, 128), (20, 40), (90, 200)])
    cfg = TwoScales(patch=8, tower=ViT(patch=8, image_size=32)).tiny()
    module = init(cfg.build(), 0)
    got = module(pictures).hidden.view(-1, 4, 4, cfg.width)
    seen = module.tower(pictures).hidden.view(-1, 4, 4, cfg.width // 2)
    assert len(seen) == 11 and torch.equal(got[..., : cfg.width // 2], seen)
    for whole in (0, 6):
        q = seen[whole + 1 : whole + 5]
        field = torch.cat((torch.cat((q[0], q[1]), dim=1), torch.cat((q[2], q[3]), dim=1)))
        want = avg_pool2d(field.permute(2, 0, 1), 2).permute(1, 2, 0)
        assert relative(got[whole, ..., cfg.width // 2 :], want) <= TOLERANCE
    assert not got[[1, 2, 3, 4, 5, 7, 8, 9, 10], ..., cfg.width // 2 :].any()


def test_what_is_handed_on_of_wholes_alone_is_the_same():
    plans, pictures = pictures_of(FramedQuarters(size=32), [(128, 128), (20, 40), (90, 200)])
    cfg = TwoScales(patch=8, tower=ViT(patch=8, image_size=32)).tiny()
    module, short = init(cfg.build(), 0), init(replace(cfg, hands="wholes").build(), 0)
    whole, got = module(pictures).hidden.view(-1, 16, cfg.width), short(pictures)
    assert got.cu_seqlens.tolist() == [0, 16, 32, 48]
    assert torch.equal(got.hidden.view(-1, 16, cfg.width), whole[[0, 5, 6]])
    assert [replace(cfg, hands="wholes").handed(plan) for plan in plans] == [(0,)] * 3 and cfg.handed(plans[0]) == (0, 1, 2, 3, 4)


def test_words_for_a_connector_go_with_the_tiles_that_are_kept():
    asked = Asked(torch.tensor([5, 6, 7, 8]), torch.tensor([0, 1, 3, 4]))
    kept = chosen(
        Pictures(torch.arange(6.0)[:, None], torch.tensor([[1, 1, 1], [1, 1, 2], [1, 1, 3]]), asked),
        torch.tensor([True, False, True]),
    )
    assert kept.patches.flatten().tolist() == [0, 3, 4, 5] and kept.grids.tolist() == [[1, 1, 1], [1, 1, 3]]
    assert kept.asked.tokens.tolist() == [5, 8] and kept.asked.cu_seqlens.tolist() == [0, 1, 2]


PARTS = {
    "upsample": {"view": BestFit(), "encoder": WholeAndParts(), "connector": UpsampleAdd()},
    "squashed": {"view": Tiles(), "encoder": WholeAndParts(), "connector": UpsampleAdd()},
    "scales": {"view": FramedQuarters(), "encoder": TwoScales(), "connector": Mlp()},
    "wholes": {"view": FramedQuarters(), "encoder": TwoScales(hands="wholes"), "connector": Mlp()},
}


@pytest.mark.parametrize("kind", PARTS)
def test_packed_equals_alone_in_loss_and_every_gradient(kind, make_vlm, make_module, make_document, pack):
    cfg = make_vlm(**PARTS[kind])
    module = make_module(cfg)
    documents = [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(SIZES)]
    packed = NextToken()(module(pack(cfg, documents)), pack(cfg, documents)).total
    packed.backward()
    ours = {name: p.grad.clone() for name, p in module.named_parameters()}
    module.zero_grad()
    alone = sum(NextToken()(module(one), one).total for one in (pack(cfg, [document]) for document in documents))
    alone.backward()
    assert relative(packed, alone) <= TOLERANCE
    assert max(relative(ours[name], p.grad) for name, p in module.named_parameters() if p.grad.abs().max() > 1e-6) <= TOLERANCE
    dead = [name for name, grad in ours.items() if not grad.any()]
    assert all(name.endswith("key.bias") for name in dead), dead


@pytest.mark.parametrize("kind", PARTS)
def test_a_picture_hears_of_its_own_tiles_alone(kind, make_vlm, make_module, make_document, pack):
    cfg = make_vlm(**PARTS[kind])
    module = make_module(cfg)
    documents = [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(SIZES)]
    before = module.see(pack(cfg, documents).pictures)
    documents[2]["patches"][0] = documents[2]["patches"][0] ^ 255
    moved = (module.see(pack(cfg, documents).pictures) - before).abs().amax(dim=1) > 1e-6
    first = documents[0]["seen"]
    last = first + cfg.num_visual(cfg.plan(40, 64))
    assert moved[first:last].any() and not moved[:first].any() and not moved[last:].any()


def test_unknown_windows_make_every_tile_a_picture():
    known = windows_of(None, torch.tensor([[1, 2, 2], [1, 1, 3]]))
    assert known.whole.tolist() == [0, 1] and known.box.tolist() == [[0, 0, 1, 1]] * 2


def test_parts_that_do_not_fit_are_told():
    with pytest.raises(ConfigError, match="features 1024 and 768 wide"):
        WholeAndParts(parts=ViT(patch=14, width=768))
    with pytest.raises(ConfigError, match=r"patches of 14 and 16 px"):
        WholeAndParts(parts=ViT(patch=16, width=1024, heads=16))
    with pytest.raises(ConfigError, match="TwoScales.tower: patch 16"):
        TwoScales(tower=ViT(patch=16))
    cfg = TwoScales(patch=8, tower=ViT(patch=8, image_size=32)).tiny()
    box = torch.tensor([[0.0, 0, 1, 1], [0, 0, 0.5, 1], [0.5, 0, 1, 1], [0, 0.5, 0.5, 1]])
    three = Pictures(torch.zeros(64, 192), torch.tensor([[1, 4, 4]] * 4), None, Windows(torch.zeros(4, dtype=torch.long), box))
    with pytest.raises(ShapeError, match="3 pieces with grids .*2 in a row"):
        init(cfg.build(), 0)(three)
