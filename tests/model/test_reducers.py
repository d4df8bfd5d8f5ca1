"""Reducers against transformers' poolings and by hand: tokens, closed-form grids, tiles apart, in a whole model."""

import importlib
import pkgutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers.models.llava_next_video.modeling_llava_next_video import LlavaNextVideoPooler
from transformers.models.llava_onevision.modeling_llava_onevision import LlavaOnevisionModel

import omma.model.reducers
from omma.core.errors import ShapeError
from omma.model.connectors.q_former import QFormer
from omma.model.reducers.adaptive_average import AdaptiveAverage
from omma.model.reducers.average import Average
from omma.model.reducers.bilinear import Bilinear
from omma.model.slots import Reducer
from omma.objective.next_token import NextToken
from omma.schema.batch import Stream

MODULES = [
    importlib.import_module(found.name) for found in pkgutil.iter_modules(omma.model.reducers.__path__, "omma.model.reducers.")
]
REDUCERS = [c for module in MODULES for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
CONFIGS = [c for c in REDUCERS if issubclass(c, Reducer)]


def stream(count, width=6):
    return Stream(torch.randn(count, width), *[torch.arange(count)] * 4)


def named(cfg):
    return cfg.__name__


def test_the_scan_finds_what_stands_here():
    assert set(CONFIGS) >= {Average, Bilinear, AdaptiveAverage}


@pytest.mark.parametrize("reducer", CONFIGS, ids=named)
def test_reducers_make_as_many_tokens_as_they_say_and_keep_tiles_apart(reducer):
    cfg = reducer().tiny()
    module, rng = cfg.build(dim=6), np.random.default_rng(0)
    for _ in range(30):
        grids = [(int(rng.integers(1, 3)), *(int(n) for n in rng.integers(2, 9, 2))) for _ in range(rng.integers(1, 5))]
        counts = [t * r * c for t, r, c in grids]
        features = stream(sum(counts))
        tokens = module(features, torch.tensor(grids))
        made = [t * int(np.prod(cfg.grid((r, c)))) for t, r, c in grids]
        assert tokens.shape == (sum(made), 6)
        pieces = zip(features.hidden.split(counts), tokens.split(made), grids, strict=True)
        for hidden, own, grid in pieces:
            alone = module(Stream(hidden, *[torch.arange(len(hidden))] * 4), torch.tensor([grid]))
            torch.testing.assert_close(own, alone, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("side", [4, 7, 27])
def test_bilinear_pooling_of_a_frame_equals_llava_onevisions(side):
    stub = SimpleNamespace(config=SimpleNamespace(vision_config=SimpleNamespace(image_size=side, patch_size=1)))
    features = stream(2 * side**2)
    want = LlavaOnevisionModel.apply_pooling(stub, features.hidden.view(2, side**2, 6)).flatten(0, 1)
    got = Bilinear().build(dim=6)(features, torch.tensor([[2, side, side]]))
    torch.testing.assert_close(got, want, atol=1e-6, rtol=1e-5)
    assert Bilinear().grid((27, 27)) == (14, 14)


@pytest.mark.parametrize(("by", "mode"), [("mean", "average"), ("max", "max")])
@pytest.mark.parametrize(("side", "factor"), [(4, 2), (7, 2), (9, 4)])
def test_means_and_maxima_of_squares_equal_llava_next_videos(by, mode, side, factor):
    vision = SimpleNamespace(image_size=side, patch_size=1, hidden_size=6)
    theirs = LlavaNextVideoPooler(SimpleNamespace(spatial_pool_mode=mode, spatial_pool_stride=factor, vision_config=vision))
    features = stream(3 * side**2)
    want = theirs(features.hidden.view(3, side**2, 6)).flatten(0, 1)
    got = Average(factor=factor, by=by).build(dim=6)(features, torch.tensor([[1, side, side], [2, side, side]]))
    torch.testing.assert_close(got, want, atol=1e-6, rtol=1e-5)


def test_a_tile_smaller_than_a_square_is_refused_with_a_way_out():
    with pytest.raises(ShapeError, match="a grid of 1 × 5; expected sides of at least 2; take a smaller factor"):
        Average().grid((1, 5))
    with pytest.raises(ShapeError, match="a grid of 1 × 5"):
        Average().build(dim=6)(stream(5), torch.tensor([[1, 1, 5]]))


def test_parts_of_an_uneven_map_overlap_as_adaptive_pooling_does():
    tokens = AdaptiveAverage(side=2).build(dim=1)(
        Stream(torch.arange(9.0)[:, None], *[torch.arange(9)] * 4), torch.tensor([[1, 3, 3]])
    )
    assert tokens[:, 0].tolist() == [2.0, 3.0, 5.0, 6.0]  # means of the four 2 × 2 corners


@pytest.mark.parametrize("reducers", [(Bilinear(),), (Bilinear(), Average()), (AdaptiveAverage(),)], ids=str)
def test_a_whole_model_reduces_and_packs_to_the_same_loss(reducers, make_vlm, make_module, make_document, pack):
    cfg = make_vlm(reducers=reducers)
    module = make_module(cfg)
    documents = [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(([(32, 32)], [(9, 40), (32, 32)]))]
    loss = [NextToken()(module(batch), batch).total for batch in (pack(cfg, documents), *(pack(cfg, [d]) for d in documents))]
    torch.testing.assert_close(loss[0], sum(loss[1:]), atol=1e-4, rtol=1e-5)


def test_queries_in_one_row_are_not_squares_to_reduce(make_vlm):
    with pytest.raises(ShapeError, match="a grid of 1 × 4"):
        make_vlm(connector=QFormer(), reducers=(Average(),)).grid((4, 4))
