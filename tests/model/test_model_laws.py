"""Laws over every part found by scanning the folders of `model`: counts, gradients, determinism, packing, full size on meta."""

import importlib
import itertools
import pkgutil
from dataclasses import replace

import numpy as np
import pytest
import torch

import omma.model.connectors
import omma.model.language
import omma.model.positions
import omma.model.reducers
import omma.model.splices
import omma.model.vision
from omma.core.config import Config, show
from omma.core.errors import ShapeError
from omma.media.views.best_fit import BestFit
from omma.media.views.fixed import Fixed
from omma.media.views.native import Native
from omma.media.views.tiles import Tiles
from omma.model.positions.sequential import Sequential
from omma.model.slots import Connector, Encoder, Language, Positions, Reducer, Splice, built_on_meta, num_parameters
from omma.model.splices.hybrid import Hybrid
from omma.model.splices.in_context import InContext
from omma.nn.attention import Causal, Packed, PackedAttend
from omma.nn.init import init
from omma.objective.next_token import NextToken
from omma.schema.batch import Pictures, Stream

SLOTS = {
    omma.model.vision: Encoder, omma.model.connectors: Connector, omma.model.reducers: Reducer, omma.model.splices: Splice,
    omma.model.language: Language, omma.model.positions: Positions,
}  # fmt: skip
# fp32, in units of the largest value of the tensor compared. Worst case measured over all combinations below and two seeds:
# loss 1.9e-7, gradients 1.3e-6.
TOLERANCE = 1e-5


def found(package):
    """Every config class of the slot's kind in a folder; each file must hold at least one."""
    classes = []
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        members = vars(importlib.import_module(module.name)).values()
        own = [c for c in members if isinstance(c, type) and issubclass(c, SLOTS[package]) and c.__module__ == module.name]
        assert own, f"{module.name} holds no {SLOTS[package].__name__}"
        classes += own
    return classes


# The plainest of each kind stands first: it is the one that others are combined with.
ENCODERS = sorted(found(omma.model.vision), key=lambda encoder: encoder.__name__ != "NativeViT")
CONNECTORS, LANGUAGES = found(omma.model.connectors), found(omma.model.language)
SPLICES, POSITIONS, REDUCERS = found(omma.model.splices), found(omma.model.positions), found(omma.model.reducers)
PARTS = [*ENCODERS, *CONNECTORS, *LANGUAGES, *SPLICES, *POSITIONS, *REDUCERS]
VIEWS = [Fixed(), Tiles(), BestFit(), Native()]
# Connectors of which every token sees its whole tile, or its neighbours.
MIXING = {"Resampler", "AdaptiveResampler", "Matryoshka", "Perceiver", "QFormer", "CAbstractor", "Ldp", "LdpV2"}
LED = {"PatchTokens"}  # a token that has seen all stands before the others
# Those that read taps are tested with an encoder or by hand that gives them.
ALONE = [connector for connector in CONNECTORS if not connector().num_taps]
FIRST = Sequential  # the positions that every view and connector is tried with
PLAIN = next(connector for connector in ALONE if connector.__name__ == "Mlp")
COMBINATIONS = [  # every connector with every view, and every encoder with every view and position scheme
    *((view, connector, FIRST, ENCODERS[0]) for view in VIEWS for connector in ALONE),
    *((v, PLAIN, p, e) for v in VIEWS for p in POSITIONS for e in ENCODERS if (p, e) != (FIRST, ENCODERS[0])),
]
WIRINGS = [  # every connector, and every encoder with every splice and language model
    *((connector, ENCODERS[0], InContext, LANGUAGES[0]) for connector in ALONE),
    *((PLAIN, *rest) for rest in itertools.product(ENCODERS, SPLICES, LANGUAGES) if rest != (ENCODERS[0], InContext, LANGUAGES[0])),
]


def named(part):
    return part.__name__ if isinstance(part, type) else type(part).__name__


def batch_pictures(grids, patch, seed=0):
    count = sum(r * c for _, r, c in grids)
    generator = torch.Generator().manual_seed(seed)
    patches = torch.randint(256, (count, 3 * patch**2), generator=generator).to(torch.uint8)
    return Pictures(patches, torch.tensor(grids))


def features_of(count, cfg, width=12):
    """Random patch features with as many taps as a connector reads."""
    taps = tuple(torch.randn(count, width) for _ in range(cfg.num_taps))
    return Stream(torch.randn(count, width), *[torch.arange(count)] * 4, taps=taps)


def relative(a, b):
    return float((a.detach() - b.detach()).abs().max() / b.detach().abs().max().clamp(min=1e-6))


def test_the_scan_finds_what_stands_here():
    assert {named(part) for part in PARTS} >= {
        "ViT", "NativeViT", "Linear", "Mlp", "PixelShuffle", "Merger", "AveragePool", "InContext", "Decoder", "Sequential",
    }  # fmt: skip


@pytest.mark.parametrize("part", PARTS, ids=named)
def test_every_config_is_complete_by_default_and_shrinks(part):
    assert isinstance(part(), Config) and type(part().tiny()) is part
    assert part().tiny().tiny() == part().tiny()
    assert show(part()).startswith("class: omma.model.")


@pytest.mark.parametrize("encoder", ENCODERS, ids=named)
def test_encoders_give_one_document_per_tile_and_keep_tiles_apart(encoder, make_module):
    cfg = encoder().tiny()
    module, grids = make_module(cfg), [(1, 4, 4), (1, 2, 6), (1, 1, 1), (1, 4, 4)]
    pictures = batch_pictures(grids, cfg.patch)
    stream = module(pictures)
    assert stream.hidden.shape == (45, cfg.width) and stream.cu_seqlens.tolist() == [0, 16, 28, 29, 45]
    assert stream.modality.eq(1).all() and stream.origin.tolist() == list(range(45))
    assert stream.positions[16:20].tolist() == [[0, 0], [0, 1], [0, 2], [0, 3]]
    for i, (first, last) in enumerate(itertools.pairwise(stream.cu_seqlens.tolist())):
        alone = module(Pictures(pictures.patches[first:last], pictures.grids[i : i + 1])).hidden
        assert relative(stream.hidden[first:last], alone) <= TOLERANCE
    assert torch.equal(module(pictures).hidden, stream.hidden)


@pytest.mark.parametrize("connector", CONNECTORS, ids=named)
def test_connectors_make_as_many_tokens_as_they_say_at_any_size(connector):
    cfg = connector().tiny()
    module = init(cfg.build(in_dim=12, out_dim=20), 0)
    rng = np.random.default_rng(0)
    for _ in range(50):
        grids = [(int(rng.integers(1, 3)), *(int(n) * cfg.merge for n in rng.integers(1, 9, 2))) for _ in range(rng.integers(1, 6))]
        tokens = module(features_of(sum(t * r * c for t, r, c in grids), cfg), torch.tensor(grids))
        expected = sum(t * int(np.prod(cfg.grid((r, c)))) for t, r, c in grids)
        assert len(tokens) == expected and tokens.shape[1] % 20 == 0


@pytest.mark.parametrize("connector", CONNECTORS, ids=named)
def test_connectors_keep_tiles_apart_and_in_order(connector):
    cfg = connector().tiny()
    module = init(cfg.build(in_dim=12, out_dim=20), 0)
    m = cfg.merge
    grids = torch.tensor([[1, 2 * m, m], [1, m, 3 * m]])
    counts = [int(np.prod(cfg.grid((r, c)))) for _, r, c in grids.tolist()]
    features = features_of(5 * m * m, cfg)
    whole = module(features, grids)
    for i, rows in enumerate((slice(0, 2 * m * m), slice(2 * m * m, None))):
        piece = replace(features, hidden=features.hidden[rows], taps=tuple(tap[rows] for tap in features.taps))
        alone = module(piece, grids[i : i + 1])
        assert len(alone) == counts[i]
        assert relative(whole[sum(counts[:i]) : sum(counts[: i + 1])], alone) <= TOLERANCE
    # Row-major: the last patch of the first square row only moves the first token (and one that leads all), or where all mix
    # the first tile's tokens.
    moved = replace(features, hidden=features.hidden.clone())
    moved.hidden[m * m - 1] += torch.randn(12)
    difference = (module(moved, grids) - whole).abs().sum(1)
    reached = counts[0] if named(connector) in MIXING else 1 + (named(connector) in LED)
    assert difference[:reached].all() and not difference[reached:].any()


@pytest.mark.parametrize("connector", [c for c in CONNECTORS if c().merge > 1], ids=named)
def test_grids_that_do_not_divide_are_refused_with_both_numbers(connector):
    cfg = connector()
    for grid in ((3, 4), (4, 3)):
        with pytest.raises(ShapeError, match=f"{grid[0]} × {grid[1]} patches; expected sides that 2 divides"):
            cfg.grid(grid)
        count = grid[0] * grid[1]
        with pytest.raises(ShapeError, match="expected sides that 2 divides"):
            cfg.build(in_dim=4, out_dim=4)(features_of(count, cfg, 4), torch.tensor([[1, *grid]]))


def combination(make_vlm, view, encoder, connector, positions):
    axes = positions().ids(1, []).shape[1]
    language = LANGUAGES[0](sections=(16, 8, 8)) if axes > 1 else LANGUAGES[0]()
    return make_vlm(view=view, encoder=encoder(), connector=connector(), positions=positions(), language=language)


def loss_of(module, batch):
    loss = NextToken()(module(batch), batch)
    return loss.total


def gradients(module):
    return {name: p.grad.clone() for name, p in module.named_parameters()}


@pytest.mark.parametrize(("view", "connector", "positions", "encoder"), COMBINATIONS, ids=named)
def test_packed_equals_unpacked_in_loss_and_every_gradient(
    view, connector, positions, encoder, make_vlm, make_module, make_document, pack
):
    cfg = combination(make_vlm, view, encoder, connector, positions)
    module = make_module(cfg)
    documents = [make_document(cfg, sizes, seed=i) for i, sizes in enumerate(([(40, 64)], [], [(96, 33), (32, 32)]))]
    batch = pack(cfg, documents)
    packed = loss_of(module, batch)
    packed.backward()
    ours = gradients(module)
    module.zero_grad()
    alone = [loss_of(module, pack(cfg, [document])) for document in documents]
    sum(alone).backward()
    assert relative(packed, sum(alone)) <= TOLERANCE
    assert max(relative(ours[name], grad) for name, grad in gradients(module).items() if grad.abs().max() > 1e-6) <= TOLERANCE


def test_a_broken_mask_makes_packed_differ(make_vlm, make_module, make_document, pack):
    cfg = make_vlm()
    module = make_module(cfg)
    documents = [make_document(cfg, [(40, 64)], seed=i) for i in range(3)]
    batch = pack(cfg, documents)
    right = module(batch).stream.hidden
    broken_attend = PackedAttend(Packed(torch.tensor([0, len(batch.tokens)]), Causal()))
    broken = module.read(batch, broken_attend).stream.hidden
    first = int(batch.cu_seqlens[1])
    assert relative(broken[:first], right[:first]) <= TOLERANCE
    assert relative(broken[first:], right[first:]) > 0.01


def test_changing_one_document_leaves_the_others_alone(make_vlm, make_module, make_document, pack):
    cfg = make_vlm()
    module = make_module(cfg)
    documents = [make_document(cfg, [(40, 64)], seed=i, words=3 + i) for i in range(4)]
    before = module(pack(cfg, documents)).stream.hidden
    documents[1] = make_document(cfg, [(40, 64)], seed=77, words=4)
    batch = pack(cfg, documents)
    after = module(batch).stream.hidden
    a, b = batch.cu_seqlens[1:3].tolist()
    torch.testing.assert_close(after[:a], before[:a], atol=1e-6, rtol=0)
    torch.testing.assert_close(after[b:], before[b:], atol=1e-6, rtol=0)
    assert (after[a:b] - before[a:b]).abs().max() > 0.1


@pytest.mark.parametrize(("connector", "encoder", "splice", "language"), WIRINGS, ids=named)
@pytest.mark.parametrize("sizes", [[(40, 64)], []], ids=["with pictures", "without"])
def test_gradients_reach_every_parameter(sizes, encoder, connector, splice, language, make_vlm, make_module, make_document, pack):
    where = {"thumbnail": "first"} if splice is Hybrid else {}  # where the view puts it
    cfg = make_vlm(view=BestFit(), encoder=encoder(), connector=connector(), splice=splice(**where), language=language())
    module = make_module(cfg)
    for name, parameter in module.splice.named_parameters():
        if name.endswith("_gate"):  # closed, it lets no gradient through
            parameter.data.fill_(0.5)
    loss_of(module, pack(cfg, [make_document(cfg, sizes)])).backward()
    silent = [name for name, p in module.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert not silent
    if sizes:
        dead = [name for name, p in module.named_parameters() if not p.grad.any()]
        assert all(name.endswith("key.bias") for name in dead), dead  # which shifts all scores of a query alike


@pytest.mark.parametrize("encoder", ENCODERS, ids=named)
def test_full_size_models_build_without_memory(encoder, make_vlm):
    cfg = make_vlm()
    full = replace(cfg, encoder=encoder(), language=LANGUAGES[0](), connector=CONNECTORS[0]())
    module = built_on_meta(full.build)
    assert all(p.is_meta for p in module.parameters()) and num_parameters(module) > 80_000_000
    assert not list(module.buffers()), "a buffer would be lost when weights are loaded into a meta build"
    assert built_on_meta(full.build).state_dict().keys() == module.state_dict().keys()


def test_the_whole_model_is_deterministic(make_vlm, make_module, make_document, pack):
    cfg = make_vlm(encoder=ENCODERS[0]())
    batch = pack(cfg, [make_document(cfg, [(40, 64)])])
    outputs = []
    for _ in range(2):
        module = make_module(cfg)
        loss_of(module, batch).backward()
        outputs.append([module(batch).stream.hidden.detach(), *gradients(module).values()])
    assert all(torch.equal(a, b) for a, b in zip(*outputs, strict=True))
