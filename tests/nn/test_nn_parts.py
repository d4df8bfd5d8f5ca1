"""Norms, rotary positions, feed-forward branches, grids, patch embedding, blocks and initial weights."""

import math

import pytest
import torch
from torch import nn

from omma.core.errors import ConfigError, ShapeError
from omma.nn.attention import Causal, Packed, PackedAttend
from omma.nn.block import build_stack, recompute
from omma.nn.grids import on_host, patch_places, square_groups, tile_borders
from omma.nn.init import ResidualLinear, init
from omma.nn.mlp import ACTIVATIONS, build_mlp
from omma.nn.norm import build_norm
from omma.nn.patches import PatchEmbedding
from omma.nn.rotary import LinearScaling, Llama3Scaling, Scaling, Still, rotary, rotary_2d

CPU, REACH = torch.device("cpu"), torch.ones(1, 1)


def test_rms_norm_by_hand():
    norm = build_norm("rms", 2, 0.5)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0]))
    scale = 1 / math.sqrt((9 + 16) / 2 + 0.5)
    torch.testing.assert_close(norm(torch.tensor([[3.0, 4.0]])), torch.tensor([[3 * scale, 8 * scale]]))
    assert norm(torch.ones(1, 2, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_rotation_by_hand_pairs_channel_i_with_i_plus_half():
    turned = rotary(torch.tensor([3]), 4, 100.0, Scaling())(torch.tensor([[[1.0, 0.0, 0.0, 1.0]]]))
    slow = 3 * 100.0**-0.5  # the second pair's angle
    want = [math.cos(3), -math.sin(slow), math.sin(3), math.cos(slow)]
    torch.testing.assert_close(turned[0, 0], torch.tensor(want))


def test_rotated_products_depend_on_distances_only():
    q, k = torch.randn(1, 2, 16), torch.randn(1, 2, 16)
    product = [
        (rotary(torch.tensor([i]), 16, 1e4, Scaling())(q) * rotary(torch.tensor([j]), 16, 1e4, Scaling())(k)).sum()
        for i, j in ((5, 2), (105, 102), (5, 3))
    ]
    torch.testing.assert_close(product[0], product[1], atol=1e-4, rtol=0)
    assert abs(product[0] - product[2]) > 1e-3


def test_two_axes_turn_separate_halves_of_the_frequencies():
    x = torch.randn(1, 1, 8)
    here, down, right = (rotary_2d(torch.tensor([place]), 8, 1e4)(x)[0, 0] for place in ((0, 0), (1, 0), (0, 1)))
    assert torch.equal(here, x[0, 0])
    rows, columns = [0, 1, 4, 5], [2, 3, 6, 7]
    assert torch.equal(down[columns], here[columns]) and (down[rows] != here[rows]).all()
    assert torch.equal(right[rows], here[rows]) and (right[columns] != here[columns]).all()


def test_scalings_by_hand():
    waves = torch.tensor([1.0, 2 * math.pi / 4096, 2 * math.pi / 100_000])
    assert torch.equal(Scaling()(waves, 1e4, REACH), waves)
    torch.testing.assert_close(LinearScaling(factor=4.0)(waves, 1e4, REACH), waves / 4)
    short, middle, long = Llama3Scaling()(
        waves, 1e4, REACH
    ).tolist()  # 8192 trained tokens: 2 turns of the middle wave, one third of the way
    assert short == 1.0
    assert long == pytest.approx(2 * math.pi / 100_000 / 8)
    assert middle == pytest.approx(2 * math.pi / 4096 * (1 / 3 + 2 / 3 / 8))
    with pytest.raises(ConfigError, match="more than low"):
        Llama3Scaling(low=4.0, high=4.0)


def test_activations_by_hand():
    x = torch.tensor([-1.0, 0.0, 2.0])
    torch.testing.assert_close(ACTIVATIONS["quick_gelu"](x), x * torch.sigmoid(1.702 * x))
    cubic = 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    torch.testing.assert_close(ACTIVATIONS["gelu_tanh"](x), cubic)
    torch.testing.assert_close(ACTIVATIONS["gelu"](x), 0.5 * x * (1 + torch.erf(x / math.sqrt(2))))
    torch.testing.assert_close(ACTIVATIONS["silu"](x), x * torch.sigmoid(x))


def test_gated_branch_multiplies_gate_and_line():
    mlp = init(build_mlp("gated", 4, 6, activation="silu", bias=False, depth=1), 0)
    x = torch.randn(3, 4)
    want = (nn.functional.silu(x @ mlp.gate.weight.T) * (x @ mlp.up.weight.T)) @ mlp.down.weight.T
    torch.testing.assert_close(mlp(x), want)


def test_squares_of_mixed_grids_by_hand():
    rows = on_host(torch.tensor([[1, 2, 4], [1, 2, 2]]))
    assert square_groups(rows, 2, CPU).tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 10, 11]]
    assert tile_borders(rows, CPU).tolist() == [0, 8, 12]
    assert patch_places(rows, CPU)[[5, 8, 11]].tolist() == [[0, 0, 1, 1], [1, 0, 0, 0], [1, 0, 1, 1]]
    assert square_groups(((2, 2, 2),), 2, CPU).tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]  # frames do not mix
    with pytest.raises(ShapeError, match="3 × 4 patches; expected sides that 2 divides"):
        square_groups(((1, 3, 4),), 2, CPU)


def test_squares_cover_every_patch_once():
    rows = ((1, 6, 3), (1, 3, 9), (2, 3, 3))
    index = square_groups(rows, 3, CPU)
    assert sorted(index.flatten().tolist()) == list(range(18 + 27 + 18))


def test_patch_embedding_equals_a_convolution():
    embed = PatchEmbedding(4, 6, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7), bias=True)
    picture = torch.randint(256, (3, 8, 12)).to(torch.uint8)
    patches = picture.unflatten(1, (2, 4)).unflatten(3, (3, 4)).permute(1, 3, 0, 2, 4).flatten(0, 1).flatten(1)
    mean, std = (torch.tensor(x)[:, None, None] for x in (embed.mean, embed.std))
    weight = embed.project.weight.unflatten(1, (3, 4, 4))
    want = nn.functional.conv2d(((picture.float() / 255 - mean) / std)[None], weight, embed.project.bias, stride=4)
    torch.testing.assert_close(embed(patches), want[0].flatten(1).T, atol=1e-5, rtol=0)
    with pytest.raises(ShapeError, match="192 values per patch; expected 48"):
        embed(torch.zeros(1, 192, dtype=torch.uint8))


def stack(depth=3):
    sizes = dict(heads=4, kv_heads=2, head_dim=8, qkv_bias=True, output_bias=True, qk_norm="rms", norm="rms", norm_eps=1e-6,
                 mlp="gated", mlp_width=40, activation="silu", mlp_bias=False)  # fmt: skip
    return init(build_stack(depth, 24, **sizes), 0)


def test_recomputing_changes_neither_outputs_nor_gradients():
    blocks, seen = stack(), []
    for on in (False, True):
        recompute(blocks, on)
        blocks.zero_grad()
        hidden = torch.randn(9, 24, generator=torch.Generator().manual_seed(1), requires_grad=True)
        out = blocks(hidden, Still(), PackedAttend(Packed(torch.tensor([0, 4, 9]), Causal())))
        out.square().sum().backward()
        seen.append([out.detach(), hidden.grad, *(p.grad.clone() for p in blocks.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*seen, strict=True))


def test_recomputing_keeps_less():
    """Tensors that autograd saves for the backward pass, counted."""
    blocks, sizes = stack(6), []
    for on in (False, True):
        recompute(blocks, on)
        kept = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, kept=kept: kept.append(t.numel()) or t, lambda t: t):
            blocks(torch.randn(64, 24), Still(), PackedAttend(Packed(torch.tensor([0, 64]), Causal())))
        sizes.append(sum(kept))
    assert sizes[1] < sizes[0] / 4


def test_initial_weights_depend_on_seed_and_name_only():
    first, again, other = stack(), stack(), init(stack(), 1)
    for (name, a), b, c in zip(first.named_parameters(), again.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert a.ndim == 1 or not torch.equal(a, c), name
    assert not torch.equal(first[0].attention.query.weight, first[1].attention.query.weight)
    swapped = nn.Module()
    swapped.b, swapped.a = nn.Linear(3, 3), nn.Linear(3, 3)
    straight = nn.Module()
    straight.a, straight.b = nn.Linear(3, 3), nn.Linear(3, 3)
    assert torch.equal(init(swapped, 0).a.weight, init(straight, 0).a.weight)


def test_initial_scales():
    wide = init(nn.Sequential(nn.Linear(400, 300), ResidualLinear(400, 300, depth=8, bias=True), nn.Embedding(500, 64)), 0)
    assert wide[0].weight.std().item() == pytest.approx(400**-0.5, rel=0.02)
    assert wide[1].weight.std().item() == pytest.approx(400**-0.5 / 4, rel=0.02)
    assert wide[2].weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert not wide[0].bias.any() and not wide[1].bias.any()
    norms = init(nn.ModuleList([build_norm("rms", 4, 1e-6), build_norm("layer", 4, 1e-6)]), 0)
    assert norms[0].weight.eq(1).all() and norms[1].weight.eq(1).all() and not norms[1].bias.any()


def test_a_parameter_without_a_rule_is_named():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(1))

    with pytest.raises(ConfigError, match=r"0\.scale: Odd has no rule for its start; let Odd be a SelfScaled"):
        init(nn.Sequential(Odd()), 0)
