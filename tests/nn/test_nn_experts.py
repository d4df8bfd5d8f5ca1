"""Sparse experts and latent attention: routing by hand, tokens in their order, gradients for all, the load-balance value."""

from dataclasses import replace

import pytest
import torch
from transformers.models.qwen3_moe.modeling_qwen3_moe import load_balancing_loss_func

from omma.core.errors import ConfigError
from omma.nn.attention import Packed, PackedAttend
from omma.nn.experts import Experts, Routing, imbalance, routed
from omma.nn.init import init
from omma.nn.latent_attention import Latent, LatentAttention
from omma.nn.rotary import Scaling, Still, pairs_apart, rotary

PLAIN = Experts(num=6, chosen=2, width=10)


def built(cfg, dim=8, seed=0):
    return init(cfg.build(dim, depth=1), seed)


def by_loops(module, hidden, routing):
    rows = []
    for x, chosen, weights in zip(hidden, routing.chosen, routing.weights, strict=True):
        rows.append(sum(w * module.experts[int(e)](x[None])[0] for e, w in zip(chosen, weights, strict=True)))
    return torch.stack(rows)


@pytest.mark.parametrize("shared_width", [0, 12])
@pytest.mark.parametrize("wanted", [True, False], ids=["with gradients", "without"])
def test_tokens_go_through_their_experts_and_come_back_in_order(shared_width, wanted):
    module, hidden = built(replace(PLAIN, shared_width=shared_width)), torch.randn(23, 8)
    with torch.set_grad_enabled(wanted), routed(module) as routings:
        got = module(hidden)
        want = by_loops(module, hidden, routings[0])
        torch.testing.assert_close(got, want + module.shared(hidden) if shared_width else want)
    assert module(hidden[:0]).shape == (0, 8)


def routing_of(cfg, logits, bias=None):
    """Routing of tokens whose router logits are given."""
    module = cfg.build(cfg.num, depth=1)
    with torch.no_grad():
        module.router.weight.copy_(torch.eye(cfg.num))
        if bias is not None:
            module.router.choice_bias.copy_(torch.tensor(bias))
    return module.router(torch.tensor(logits))


def test_weights_are_scores_of_all_or_sum_to_one():
    logits = [[0.0, 2.0, 1.0, -1.0]]
    scores = torch.tensor(logits).softmax(dim=1)[0]
    cfg = Experts(num=4, chosen=2, width=4)
    raw = routing_of(cfg, logits)
    assert raw.chosen.tolist() == [[1, 2]]
    torch.testing.assert_close(raw.weights[0], scores[1:3])
    fair = routing_of(replace(cfg, renormalise=True, scale=2.5), logits)
    torch.testing.assert_close(fair.weights[0], 2.5 * scores[1:3] / scores[1:3].sum())


def test_the_choice_stays_in_the_best_groups():
    logits = [[3.0, -9.0, 2.0, 2.8, 1.0, 1.0]]
    cfg = Experts(num=6, chosen=2, width=4, groups=3, groups_chosen=1)
    assert sorted(routing_of(cfg, logits).chosen[0].tolist()) == [0, 1]  # the best single expert is in the first group
    assert sorted(routing_of(replace(cfg, group_score="top2"), logits).chosen[0].tolist()) == [2, 3]
    assert sorted(routing_of(replace(cfg, groups_chosen=2), logits).chosen[0].tolist()) == [0, 3]


def test_a_bias_moves_the_choice_and_not_the_weights():
    logits = [[0.0, 2.0, 1.0, -1.0]]
    cfg = Experts(num=4, chosen=1, width=4, score="sigmoid", choice_bias=True)
    routing = routing_of(cfg, logits, bias=[0.0, 0.0, 0.0, 5.0])
    assert routing.chosen.tolist() == [[3]]
    torch.testing.assert_close(routing.weights[0], torch.tensor([-1.0]).sigmoid())


def test_experts_that_nobody_chose_have_gradients_of_zero():
    module = built(PLAIN)
    with torch.no_grad():
        module.router.weight[3:] = 0
        module.router.weight[:3] = 10
    module(torch.rand(5, 8) + 0.1).sum().backward()
    assert all(p.grad is not None for p in module.parameters())
    assert not any(p.grad.any() for expert in module.experts[3:] for p in expert.parameters())
    assert any(p.grad.any() for expert in module.experts[:3] for p in expert.parameters())


def test_packed_experts_equal_those_of_documents_alone():
    module, hidden = built(replace(PLAIN, shared_width=12)), torch.randn(20, 8)
    alone = torch.cat([module(piece) for piece in hidden.split([3, 12, 5])])
    torch.testing.assert_close(module(hidden), alone)


def test_impossible_choices_are_told():
    with pytest.raises(ConfigError, match="Experts.groups: 4 for 6 experts"):
        replace(PLAIN, groups=4)
    with pytest.raises(ConfigError, match=r"Experts.chosen: 3; expected 1 … 2"):
        replace(PLAIN, chosen=3, groups=3, groups_chosen=1)
    with pytest.raises(ConfigError, match=r"Experts.groups_chosen: 2; expected 1 … 1"):
        replace(PLAIN, groups_chosen=2)


def test_even_routing_has_an_imbalance_of_the_number_chosen():
    chosen = torch.tensor([[0, 1], [2, 3], [0, 1], [2, 3]])
    even = Routing(torch.full((4, 4), 0.25), chosen, torch.ones(4, 2))
    assert imbalance([even], torch.tensor([0, 4])).tolist() == [2.0]
    onto_one = Routing(torch.tensor([[1.0, 0, 0, 0]] * 2), torch.tensor([[0], [0]]), torch.ones(2, 1))
    assert imbalance([onto_one], torch.tensor([0, 2])).tolist() == [4.0]


@pytest.mark.parity
def test_imbalance_of_one_document_equals_transformers_loss():
    module, hidden = built(PLAIN), torch.randn(17, 8)
    with routed(module) as routings:
        module(hidden)
    want = load_balancing_loss_func((hidden @ module.router.weight.T,), 6, 2)
    torch.testing.assert_close(imbalance(routings, torch.tensor([0, 17]))[0], want)


def test_imbalance_is_that_of_each_document_whoever_shares_the_pack():
    module, hidden = built(PLAIN), torch.randn(17, 8)
    with routed(module) as routings:
        module(hidden)
        for piece in hidden.split([5, 12]):
            module(piece)
    together = imbalance(routings[:1], torch.tensor([0, 5, 17]))
    alone = [imbalance([routing], torch.tensor([0, n])) for routing, n in zip(routings[1:], (5, 12), strict=True)]
    torch.testing.assert_close(together, torch.cat(alone))
    together.sum().backward()
    assert module.router.weight.grad.any()


def test_neighbouring_channels_turn_together_as_complex_numbers():
    x, positions = torch.randn(6, 2, 8), torch.arange(6) * 3
    turned = rotary(positions, 8, 100.0, Scaling())(pairs_apart(x))
    angles = positions[:, None] * 100.0 ** (-torch.arange(4) / 4)
    want = torch.view_as_complex(x.unflatten(-1, (4, 2))) * torch.polar(torch.ones(6, 4), angles)[:, None]
    torch.testing.assert_close(turned, torch.cat((want.real, want.imag), dim=-1))


def test_latent_attention_by_hand_where_nothing_turns():
    cfg = Latent(kv_rank=6, query_rank=5, still_dim=4, value_dim=3)
    module = init(LatentAttention(cfg, 10, heads=2, turn_dim=2, sharpness=1.5, depth=1), 0)
    hidden = torch.randn(4, 10)
    got = module(hidden, Still(), PackedAttend(Packed(torch.tensor([0, 4]))), 0)
    q = module.query(module.query_norm(module.query_latent(hidden))).view(4, 2, 6)
    latent, shared = module.latent(hidden).split((6, 2), dim=1)
    still, value = module.key_value(module.latent_norm(latent)).view(4, 2, 7).split((4, 3), dim=2)
    scores = torch.einsum("qhd,khd->hqk", q[..., :4], still) + torch.einsum("qhd,kd->hqk", q[..., 4:], shared)
    weights = (1.5 * scores / 6**0.5).masked_fill(~torch.ones(4, 4).tril().bool(), -torch.inf).softmax(-1)
    want = module.output(torch.einsum("hqk,khd->qhd", weights, value).flatten(1))
    torch.testing.assert_close(got, want)
