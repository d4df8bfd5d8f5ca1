"""Law: a pack's loss and every gradient equal those of its documents run alone, for every view × connector × position scheme.

The folders are scanned, so a new part is covered by being there. A broken mask must break the law.
"""

import importlib
import itertools
import pkgutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import omma.media.views
import omma.model.connectors
import omma.model.positions
from omma.core.config import Config, config
from omma.media.apply import apply, patchify
from omma.media.views.fixed import Fixed
from omma.model.connectors.mlp import Mlp
from omma.model.language.decoder import Decoder
from omma.model.positions.sequential import Sequential
from omma.model.slots import built_on_meta
from omma.model.vision.native import NativeViT
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm, init
from omma.nn.attention import Causal, Packed, PackedAttend
from omma.nn.experts import Experts
from omma.nn.latent_attention import Latent
from omma.objective.next_token import NextToken
from omma.pack.collate import collate
from omma.schema.row import Row, RowPicture
from omma.schema.sample import Media
from omma.schema.talk import Text
from omma.schema.view import NO_BLEND, Blend
from omma.train.flops import Reading, Work

torch.set_num_threads(1)
VOCABULARY = 41
SIZES = [[(40, 24)], [], [(64, 64), (33, 70)], [(90, 31)]]  # px of the pictures of each document
OBJECTIVE = NextToken(weighting="sqrt")


@config
class Letters(Text):
    """A vocabulary without words."""

    @property
    def vocab_size(self) -> int:
        return VOCABULARY


def parts(package, wanted):
    """Config classes of a folder, one per file that defines any that is a part of its own."""
    found = {}
    for file in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        for value in vars(importlib.import_module(file.name)).values():
            if isinstance(value, type) and issubclass(value, Config) and value.__module__ == file.name and hasattr(value, wanted):
                found[file.name] = value
    return found


VIEWS, CONNECTORS = parts(omma.media.views, "layout"), parts(omma.model.connectors, "grid")
POSITIONS = parts(omma.model.positions, "ids")


# Connectors that read inner layers of an encoder are held to the law beside their own tests.
ALONE = [connector for connector in CONNECTORS.values() if not connector().num_taps]
COMBINATIONS = list(itertools.product(VIEWS.values(), ALONE, POSITIONS.values()))


def test_the_law_covers_the_folders():
    for package, found in ((omma.media.views, VIEWS), (omma.model.connectors, CONNECTORS), (omma.model.positions, POSITIONS)):
        assert set(found) == {file.name for file in pkgutil.iter_modules(package.__path__, package.__name__ + ".")}


def small(view, connector, positions, encoder):
    axes = positions().ids(1, []).shape[1]
    vlm = Vlm(
        view=view().tiny(),
        encoder=encoder().tiny(),
        connector=connector().tiny(),
        language=(Decoder(sections=(16, 8, 8)) if axes > 1 else Decoder()).tiny(),
        positions=positions(),
        text=Letters(),
    )
    module = vlm.build()
    init(module, 3)
    with torch.no_grad():
        for parameter in module.parameters():  # identities at initialisation would hide what flows through them
            parameter.add_(0.05 * torch.randn_like(parameter))
    return vlm, module


def make_row(vlm, number, sizes):
    """A document of words with pictures between them, and the patches of each picture."""
    random = np.random.default_rng(number)
    ids, pictures, patches = list(random.integers(1, VOCABULARY, 4)), [], []
    for width, height in sizes:
        plan = vlm.plan(width, height)
        image = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
        patches.append(np.concatenate([patchify(tile, vlm.patch) for tile in apply(vlm.view, image, plan)]))
        slots, gather, blend = [], [], NO_BLEND
        for run in vlm.layout(plan):
            if isinstance(run, str):
                ids.append(7)
                continue
            slots += range(len(ids), len(ids) + len(run))
            blend = run if isinstance(run, Blend) else blend
            gather += (np.arange(len(run)) + vlm.num_visual(plan) if isinstance(run, Blend) else run).tolist()
            ids += [0] * len(run)
        pictures.append(RowPicture(Media("x"), plan, np.array(slots), np.array(gather), vlm.num_visual(plan), blend))
        ids += random.integers(1, VOCABULARY, 3).tolist()
    ids += random.integers(1, VOCABULARY, 3 + 2 * number).tolist()
    token_ids = np.array(ids, np.int32)
    supervised = (token_ids > 0) & (random.random(len(ids)) < 0.6)
    supervised[-1] = True
    return Row(f"doc-{number}", "law", token_ids, supervised, vlm.position_ids(len(token_ids), pictures), tuple(pictures)), patches


def loss_and_gradients(module, batches, attend=None):
    module.zero_grad(set_to_none=True)
    weight = sum(OBJECTIVE.weights(batch).sum() for batch in batches)
    total = 0.0
    for batch in batches:
        loss = OBJECTIVE(module(batch) if attend is None else module.read(batch, attend(batch)), batch).total / weight
        loss.backward()
        total += float(loss.detach())
    return total, {name: torch.zeros_like(p) if p.grad is None else p.grad.clone() for name, p in module.named_parameters()}


def apart(one, two):
    """Largest difference of any gradient, in units of the largest value of that gradient or of 1% of the largest of all."""
    scale = max(float(value.abs().max()) for value in one.values())
    return max(float((one[n] - two[n]).abs().max()) / max(float(one[n].abs().max()), 0.01 * scale) for n in one)


def packed_and_alone(vlm):
    made = [make_row(vlm, number, sizes) for number, sizes in enumerate(SIZES)]
    packed = collate([row for row, _ in made], [patches for _, patches in made], vlm)
    return [packed], [collate([row], [patches], vlm) for row, patches in made]


@pytest.mark.parametrize(("view", "connector", "positions"), COMBINATIONS, ids=lambda kind: kind.__name__)
def test_packed_equals_alone(view, connector, positions):
    encoder = NativeViT if view.__name__ == "Native" else ViT
    vlm, module = small(view, connector, positions, encoder)
    packed, alone = packed_and_alone(vlm)
    loss, gradients = loss_and_gradients(module, packed)
    expected, expected_gradients = loss_and_gradients(module, alone)
    assert abs(loss - expected) < 1e-5
    assert apart(expected_gradients, gradients) < 1e-4  # of the largest entry; measured worst 9e-6
    worst = max(float((gradients[n] - expected_gradients[n]).abs().max()) for n in gradients)
    assert worst < 1e-5
    silent = () if says_parts(packed[0]) else ("connector.parts.",)  # UpsampleAdd's projector of parts
    heard = [name for name in gradients if not name.endswith("key.bias") and not name.startswith(silent)]
    assert all(float(gradients[name].abs().max()) > 0 for name in heard)


def says_parts(batch):
    """Whether words show a token of a tile that is a part of a picture, where every patch makes a token."""
    grids, whole = batch.pictures.grids, batch.pictures.windows.whole
    tile = torch.arange(len(grids)).repeat_interleave(grids.prod(dim=1))
    said = tile[batch.gather[(batch.gather >= 0) & (batch.gather < len(tile))]]
    return bool((whole[said] != said).any())


def test_a_broken_mask_breaks_the_law():
    """Documents that see each other: the same batch as one document must differ, or the law above could not fail."""
    vlm, module = small(Fixed, Mlp, Sequential, ViT)
    packed, alone = packed_and_alone(vlm)

    def leaky(batch):
        return PackedAttend(Packed(torch.tensor([0, len(batch.tokens)]), Causal()))

    loss, gradients = loss_and_gradients(module, packed, leaky)
    expected, expected_gradients = loss_and_gradients(module, alone)
    assert abs(loss - expected) > 1e-4 and apart(expected_gradients, gradients) > 1e-2


SPARSE = Decoder(experts=Experts(num=16, chosen=2, width=64, dense_layers=(0,)))
LATENT = Decoder(latent=Latent(kv_rank=64, query_rank=48, still_dim=64, value_dim=32))


@pytest.mark.parametrize(
    ("trains", "language"),
    [("all", None), ("connector", None), ("language", None), ("all", SPARSE), ("language", SPARSE), ("all", LATENT)],
    ids=["all", "connector", "language", "experts", "experts alone", "latents"],
)
def test_flops_formula_follows_the_counted_ones(trains, language):
    """The closed form against what torch counts operator by operator, forward and backward."""
    vlm, _ = small(Fixed, Mlp, Sequential, ViT)
    if language is not None:
        wide = replace(language, width=32, depth=2, heads=4, kv_heads=4, head_dim=16, mlp_width=64)
        vlm = replace(vlm, language=wide)
    module = init(vlm.build(), 0)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(trains == "all" or name.startswith(trains))
    (batch,), _ = packed_and_alone(vlm)
    counter = FlopCounterMode(display=False)
    with counter:
        OBJECTIVE(module(batch), batch).total.backward()
    sides = batch.pictures.grids.prod(1).double()
    lengths = batch.cu_seqlens.diff().double()
    read = Reading(
        patch_steps=float(sides.sum()), visual=len(batch.slots), tokens=len(batch.tokens), supervised=batch.num_supervised,
        patch_pairs=float(sides.square().sum()), token_pairs=float(lengths.square().sum()),
        near_patch_pairs=0, near_token_pairs=0,
    )  # fmt: skip
    ratio = Work(module).flops(read) / counter.get_total_flops()
    assert 0.8 < ratio < 1.2, ratio  # the first trained part is charged for gradients to its input that nobody asks for


def language_work(language, read):
    """Work of a full-size decoder alone when all of it trains, by the closed form."""
    cfg = small(Fixed, Mlp, Sequential, ViT)[0]
    return Work(built_on_meta(replace(cfg, language=language).build)).flops(read)


def test_work_of_experts_and_latents_is_that_of_hand():
    """Layers of DeepSeek-V2-Lite: 6 of 64 experts and a shared branch in two of three, keys of 192 and values of 128."""
    experts = Experts(num=64, chosen=6, width=1408, shared_width=2816, dense_layers=(0,))
    latent = Latent(kv_rank=512, still_dim=128, value_dim=128)
    cfg = Decoder(width=2048, depth=3, heads=16, kv_heads=16, head_dim=64, mlp_width=10_944, latent=latent, experts=experts)
    none = Reading(**dict.fromkeys(Reading.__dataclass_fields__, 0.0))
    attention = 2048 * 16 * 192 + 2048 * (512 + 64) + 512 * 16 * 256 + 16 * 128 * 2048
    sparse = 3 * 2048 * (6 * 1408 + 2816) + 64 * 2048
    matrices = 3 * attention + 2 * sparse + 3 * 2048 * 10_944
    assert language_work(cfg, replace(none, tokens=1000.0)) == pytest.approx(6 * matrices * 1000, rel=1e-9)
    pairs = 3 * 3 * 2 * 16 * (192 + 128) * 1e6 / 2
    assert language_work(cfg, replace(none, token_pairs=1e6)) == pytest.approx(pairs, rel=1e-9)
