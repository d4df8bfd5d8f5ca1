"""Splices that act between blocks: what they add and where, packed and alone, and while tokens are decoded."""

from dataclasses import replace

import pytest
import torch

from omma.core.errors import ConfigError, ShapeError
from omma.generate.cache import DecodeAttend
from omma.generate.engine import prefill
from omma.media.views.best_fit import BestFit
from omma.media.views.native import Native
from omma.media.views.tiles import Tiles
from omma.model.connectors.deepstack import DeepStack
from omma.model.language.decoder import Decoder
from omma.model.slots import built_on_meta
from omma.model.splices.cross_attention import GatedCross, visual_borders
from omma.model.splices.deepstack import DeepStacked, DeepStackedModule
from omma.model.splices.hybrid import Hybrid
from omma.model.splices.in_context import InContext, InContextModule
from omma.model.vision.native import NativeViT
from omma.model.vision.vit import ViT
from omma.nn.init import init
from omma.objective.next_token import NextToken
from omma.schema.batch import Stream
from omma.schema.view import num_slots
from omma.train.guard import _document

TOLERANCE = 2e-5  # fp32, in units of the largest value; worst case measured over the tests below 2.3e-6
SIZES = ([(70, 40)], [], [(96, 33), (32, 32)], [(40, 64)])


def relative(a, b):
    return float((a.detach() - b.detach()).abs().max() / b.detach().abs().max().clamp(min=1e-6))


def open_gates(module, value=0.7):
    for name, parameter in module.splice.named_parameters():
        if name.endswith("_gate"):
            parameter.data.fill_(value)


@pytest.fixture(params=[GatedCross(layers=(0, 1)), Hybrid(layers=(1, 0))], ids=["cross", "hybrid"])
def looking(request, make_vlm, make_module):
    """A model whose words look at visual tokens between blocks, gates open."""
    cfg = make_vlm(view=Tiles(), splice=request.param)
    module = make_module(cfg)
    open_gates(module)
    return cfg, module


def stream_of(hidden, borders):
    index = torch.arange(len(hidden))
    return Stream(hidden, index[:, None], borders, torch.zeros_like(index), index)


def deep_batch(make_vlm, make_document, pack):
    cfg = make_vlm(view=BestFit())
    return pack(
        cfg, [make_document(cfg, [(40, 64)], seed=1), make_document(cfg, [], seed=2), make_document(cfg, [(96, 33)], seed=3)]
    )


def test_deep_features_join_visual_positions_behind_the_first_blocks(make_vlm, make_document, pack):
    batch = deep_batch(make_vlm, make_document, pack)
    count, dim = int(batch.gather.max()) + 1, 8
    module = init(DeepStackedModule(dim, 2), 0)
    words, visual = torch.randn(len(batch.tokens), dim), torch.randn(count, 3 * dim)
    entry = module(words, visual, batch)
    plain = InContextModule(dim, 2)
    plain.layout = module.layout
    torch.testing.assert_close(entry.hidden, plain(words, visual[:, :dim], batch).hidden, atol=0, rtol=0)
    stream = stream_of(torch.zeros(len(words), dim), batch.cu_seqlens)
    for layer, part in ((1, 1), (2, 2)):
        added = entry.between(layer, stream).hidden
        for slot, row in zip(batch.slots.tolist(), batch.gather.tolist(), strict=True):
            want = visual[row, part * dim : (part + 1) * dim] if row >= 0 else torch.zeros(dim)
            assert torch.equal(added[slot], want)
        assert not added[[i for i in range(len(words)) if i not in set(batch.slots.tolist())]].any()
    assert all(torch.equal(entry.between(layer, stream).hidden, stream.hidden) for layer in (0, 3))
    assert entry.between.later() is None


def test_deep_features_find_the_tokens_that_a_shortened_stream_still_has(make_vlm, make_document, pack):
    batch = deep_batch(make_vlm, make_document, pack)
    words, visual = torch.randn(len(batch.tokens), 8), torch.randn(int(batch.gather.max()) + 1, 16)
    between = init(DeepStackedModule(8, 2), 0)(words, visual, batch).between
    whole = stream_of(torch.zeros(len(words), 8), batch.cu_seqlens)
    left = torch.arange(0, len(words), 3)
    short = replace(whole, hidden=whole.hidden[left], origin=left)
    torch.testing.assert_close(between(1, short).hidden, between(1, whole).hidden[left])


def test_one_vector_per_token_is_plain_in_context_and_odd_widths_are_told(make_vlm, make_document, pack):
    batch = deep_batch(make_vlm, make_document, pack)
    module = init(DeepStackedModule(8, 2), 0)
    words, visual = torch.randn(len(batch.tokens), 8), torch.randn(int(batch.gather.max()) + 1, 8)
    assert module(words, visual, batch).between is None
    with pytest.raises(ShapeError, match="visual tokens 12 wide; expected a multiple of 8"):
        module(words, torch.randn(len(visual), 12), batch)
    assert isinstance(DeepStacked().build(dim=8, layout_tokens=0), DeepStackedModule)


@pytest.mark.parametrize("splice", [GatedCross(layers=(0, 1)), Hybrid(layers=(0, 1))], ids=["cross", "hybrid"])
def test_closed_gates_leave_the_language_model_as_it_was(splice, make_vlm, make_module, make_document, pack):
    cfg = make_vlm(view=Tiles(), splice=splice)
    module = make_module(cfg)
    batch = pack(cfg, [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(SIZES)])
    entry = module.splice(module.language.embed(batch.tokens), module.see(batch.pictures), batch)
    stream = stream_of(torch.randn(len(batch.tokens), 32), batch.cu_seqlens)
    assert all(torch.equal(entry.between(layer, stream).hidden, stream.hidden) for layer in range(3))
    open_gates(module)
    assert relative(entry.between(1, stream).hidden, stream.hidden) > 0.01


def test_a_picture_is_one_placeholder_word_or_its_thumbnail(make_vlm):
    for splice, count in ((GatedCross(), 1), (Hybrid(), 16)):
        cfg = make_vlm(view=Tiles(), splice=splice)
        plan = cfg.plan(96, 33)
        assert len(plan.tiles) > 1 and cfg.num_visual(plan) == 16 * len(plan.tiles)
        assert num_slots(cfg.layout(plan)) == count
    assert cfg.layout(plan)[0].tolist() == list(range(16 * (len(plan.tiles) - 1), 16 * len(plan.tiles)))


def test_a_hybrid_refuses_views_whose_thumbnail_stands_elsewhere(make_vlm):
    for view, splice in (
        (Tiles(thumbnail="first"), Hybrid()),
        (Tiles(thumbnail="none"), Hybrid()),
        (Tiles(), Hybrid(thumbnail="first")),
    ):
        cfg = make_vlm(view=view, splice=splice)
        with pytest.raises(ConfigError, match=r"Hybrid\.thumbnail: the (last|first) tile of a picture is a piece of it"):
            cfg.layout(cfg.plan(96, 33))
    cfg = make_vlm(view=Tiles(thumbnail="first"), splice=Hybrid(thumbnail="first"))
    assert cfg.layout(cfg.plan(96, 33))[0].tolist() == list(range(16))


def test_visual_tokens_are_shared_out_among_documents(make_vlm, make_document, pack):
    for splice, last in ((GatedCross(), False), (Hybrid(), True)):
        cfg = make_vlm(view=Tiles(), splice=splice)
        documents = [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(([], *SIZES, []))]
        batch = pack(cfg, documents)
        want = [0]
        for document in documents:
            want.append(want[-1] + document["seen"])
        assert visual_borders(batch, want[-1], last=last) == tuple(want)
        nobody = pack(cfg, documents[:1])
        assert visual_borders(nobody, 16, last=last) == (0, 0)


def test_one_document_of_a_batch_can_be_looked_at_alone(looking, make_document, pack):
    """As the guard against values that are not finite does, which keeps all pictures."""
    cfg, module = looking
    batch = pack(cfg, [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(SIZES)])
    for number in range(len(SIZES)):
        first, last = batch.cu_seqlens[number : number + 2].tolist()
        hidden = module(_document(batch, number)).stream.hidden
        assert len(hidden) == last - first and torch.isfinite(hidden).all()


def test_packed_equals_unpacked_in_loss_and_every_gradient(looking, make_document, pack):
    cfg, module = looking
    documents = [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(SIZES)]
    batch = pack(cfg, documents)
    packed = NextToken()(module(batch), batch).total
    packed.backward()
    ours = {name: p.grad.clone() for name, p in module.named_parameters()}
    module.zero_grad()
    alone = sum(NextToken()(module(one), one).total for one in (pack(cfg, [document]) for document in documents))
    alone.backward()
    assert relative(packed, alone) <= TOLERANCE
    assert max(relative(ours[name], p.grad) for name, p in module.named_parameters() if p.grad.abs().max() > 1e-6) <= TOLERANCE
    assert all(ours[name].any() for name in ours if name.startswith("splice."))


def test_words_see_the_tiles_of_their_own_document_only(looking, make_document, pack):
    cfg, module = looking
    documents = [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(SIZES)]
    before = module(pack(cfg, documents))
    documents[2]["patches"] = [patches ^ 255 for patches in documents[2]["patches"]]
    batch = pack(cfg, documents)
    moved = (module(batch).stream.hidden - before.stream.hidden).abs().amax(dim=1)
    first, last = batch.cu_seqlens[2:4].tolist()
    assert moved[first:last].max() > 1e-3 and not moved[:first].gt(1e-6).any() and not moved[last:].gt(1e-6).any()


def test_a_document_without_pictures_reads_as_if_nothing_was_inserted(looking, make_vlm, make_document, pack):
    cfg, module = looking
    batch = pack(cfg, [make_document(cfg, SIZES[0], seed=1), make_document(cfg, [], seed=2)])
    got = module(batch).stream.hidden
    open_gates(module, 0.0)
    want = module(batch).stream.hidden
    first = int(batch.cu_seqlens[1])
    assert torch.equal(got[first:], want[first:]) and relative(got[:first], want[:first]) > 0.01


@torch.no_grad()
def test_decoding_equals_the_full_forward_also_when_rows_leave(looking, make_document, pack):
    cfg, module = looking
    documents = [make_document(cfg, sizes, seed=i, words=4 + i) for i, sizes in enumerate(SIZES)]
    cache, _, between = prefill(module, pack(cfg, documents))
    alive, said = list(range(len(documents))), [[] for _ in documents]
    generator = torch.Generator().manual_seed(3)
    for step in range(6):
        following = torch.randint(61, (len(alive),), generator=generator)
        for row, token in zip(alive, following.tolist(), strict=True):
            said[row].append(token)
        cache.open()
        position = torch.tensor([[len(documents[row]["ids"]) + step] for row in alive])
        count = torch.arange(len(alive) + 1)
        tokens = Stream(module.language.embed(following), position, count, torch.zeros_like(following), torch.tensor(alive))
        hidden = module.language(tokens, DecodeAttend(cache), between).hidden
        for place, row in enumerate(alive):
            assert relative(hidden[place], full(cfg, module, documents[row], said[row], pack)) <= TOLERANCE
        if step == 2:
            alive = [0, 2, 3]
            cache.keep(torch.tensor(alive))


def full(cfg, module, document, said, pack):
    """State of the last of the words said, from one forward pass without a cache."""
    longer = {**document, "ids": [*document["ids"], *said], "labels": [*document["labels"], *(0 for _ in said)]}
    return module(pack(cfg, [longer])).stream.hidden[-1]


def test_recomputing_changes_nothing(looking, make_document, pack):
    cfg, module = looking
    batch = pack(cfg, [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(SIZES)])
    gradients = []
    for on in (False, True):
        module.zero_grad()
        module.checkpointing(on)
        NextToken()(module(batch), batch).total.backward()
        gradients.append([p.grad.clone() for p in module.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_full_size_splices_build_without_memory():
    nvlm = GatedCross(layers=tuple(range(0, 80, 8)), heads=64, kv_heads=8, head_dim=128, mlp_width=29568)
    module = built_on_meta(lambda: nvlm.build(dim=8192, layout_tokens=0))
    assert sum(p.numel() for p in module.parameters()) == 10 * (2 * 8192**2 + 2 * 8192 * 1024 + 3 * 8192 * 29568 + 2 * 8192 + 2)


def test_native_pictures_can_be_looked_at_too(make_vlm, make_module, make_document, pack):
    cfg = make_vlm(view=Native(), splice=GatedCross(layers=(1,)), language=Decoder())
    module = make_module(cfg)
    batch = pack(cfg, [make_document(cfg, [(40, 64)]), make_document(cfg, [(96, 33)])])
    assert len(batch.slots) == 2 and torch.isfinite(module(batch).stream.hidden).all()


@pytest.mark.parametrize(
    ("slots", "told"),
    [
        ({"splice": GatedCross(layers=(0, 2, 3))}, "model.splice.GatedCross.layers: blocks 2, 3; expected numbers from 0 to 1, "),
        ({"splice": Hybrid(layers=(-1,))}, "model.splice.Hybrid.layers: blocks -1; expected numbers from 0 to 1"),
        (
            {"connector": DeepStack(levels=3), "splice": DeepStacked()},
            "DeepStacked: 3 inner layers .*; expected at most 2,",
        ),
        ({"connector": DeepStack(levels=1), "splice": InContext()}, "InContext: visual tokens of 2 vectors each; expected one"),
        ({"connector": DeepStack(levels=1), "splice": GatedCross(layers=(0,))}, "GatedCross: visual tokens of 2 vectors each"),
    ],
)
def test_what_would_find_no_block_to_act_at_is_refused_when_the_model_is_built(make_vlm, slots, told):
    with pytest.raises(ConfigError, match=told):
        built_on_meta(replace(make_vlm(), **slots).build)


def test_small_twins_of_deep_models_have_a_block_for_every_level(make_vlm):
    for encoder in (NativeViT(tap_layers=(9, 17, 25)), ViT(depth=12, tap_layers=(3, 6, 9))):
        small = make_vlm(view=Native(), encoder=encoder, connector=DeepStack(levels=3), splice=DeepStacked())
        assert small.connector.vectors == 3 and len(small.encoder.tap_layers) == 2
        assert built_on_meta(small.build).language.num_layers == 2
