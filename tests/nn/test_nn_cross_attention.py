"""Cross-attention over packed documents: equal to attention document by document, in values and gradients."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from omma.core.errors import ShapeError
from omma.nn.cross_attention import Across, CrossAttention, attend_across


def borders(lengths):
    return tuple(int(x) for x in np.cumsum([0, *lengths]))


def one_by_one(q, k, v, across):
    shared, outputs = q.shape[1] // k.shape[1], []
    for (a, b), (c, d) in zip(itertools.pairwise(across.queries), itertools.pairwise(across.keys), strict=True):
        scores = torch.einsum("qhk,nhk->hqn", q[a:b], k[c:d].repeat_interleave(shared, 1)) / q.shape[2] ** 0.5
        read = torch.einsum("hqn,nhk->qhk", scores.softmax(-1), v[c:d].repeat_interleave(shared, 1))
        outputs.append(read if d > c else torch.zeros_like(q[a:b]))
    return torch.cat(outputs)


@pytest.mark.parametrize("seed", range(8))
def test_each_document_reads_its_own_keys_in_values_and_gradients(seed):
    rng = np.random.default_rng(seed)
    documents = int(rng.integers(1, 7))
    across = Across(borders(rng.integers(0, 4, documents)), borders(rng.integers(0, 12, documents)))
    groups = int(rng.integers(1, 3))
    torch.manual_seed(seed)
    sizes = ((across.queries[-1], 2 * groups, 5), (across.keys[-1], groups, 5), (across.keys[-1], groups, 5))
    parts = [torch.randn(size, requires_grad=True) for size in sizes]
    probe = torch.randn(sizes[0])
    got = attend_across(*parts, across)
    ours = torch.autograd.grad((got * probe).sum(), parts)
    want = one_by_one(*parts, across)
    torch.testing.assert_close(got, want, atol=1e-6, rtol=1e-5)
    if want.requires_grad:
        theirs = torch.autograd.grad((want * probe).sum(), parts, allow_unused=True)
        for a, b in zip(ours, theirs, strict=True):
            torch.testing.assert_close(a, torch.zeros_like(a) if b is None else b, atol=1e-6, rtol=1e-5)


def test_a_stream_without_any_keys_reads_zeros_and_keeps_all_projections_in_the_graph():
    module = CrossAttention(6, 4, heads=2, kv_heads=1, head_dim=3)
    module(torch.randn(3, 6), torch.randn(0, 4), torch.randn(0, 4), Across((0, 3), (0, 0))).sum().backward()
    assert all(p.grad is not None for p in module.parameters())
    assert not module.query.weight.grad.any()


def test_the_module_is_torch_multi_head_attention_with_its_matrices_apart():
    torch.manual_seed(0)
    theirs = torch.nn.MultiheadAttention(12, 3, batch_first=True)
    module = CrossAttention(12, 12, heads=3, kv_heads=3, head_dim=4)
    with torch.no_grad():
        for name, weight, bias in zip(
            ("query", "key", "value"), theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.normal_().chunk(3), strict=True
        ):
            getattr(module, name).weight.copy_(weight)
            getattr(module, name).bias.copy_(bias)
        module.output.load_state_dict(theirs.out_proj.state_dict())
    q, k, v = torch.randn(2, 12), torch.randn(7, 12), torch.randn(7, 12)
    torch.testing.assert_close(module(q, k, v, Across((0, 2), (0, 7))), theirs(q[None], k[None], v[None])[0][0])


def test_streams_that_do_not_fit_the_borders_are_refused_with_all_numbers():
    with pytest.raises(ShapeError, match=r"2 queries, 3 keys, 3 values; expected 2 and twice 4"):
        attend_across(torch.randn(2, 1, 4), torch.randn(3, 1, 4), torch.randn(3, 1, 4), Across((0, 2), (0, 4)))
    with pytest.raises(ShapeError, match=r"2 documents of queries and 1 of keys"):
        Across((0, 1, 2), (0, 3))
    with pytest.raises(ShapeError, match=r"keys: borders \[0, 3, 1\]; expected ascending"):
        Across((0, 1, 2), (0, 3, 1))


def test_documents_with_few_padded_keys_share_one_call(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "omma.nn.cross_attention.scaled_dot_product_attention",
        lambda *parts, **options: calls.append(parts[0].shape) or scaled_dot_product_attention(*parts, **options),
    )
    across = Across(borders([4] * 6), borders([16, 15, 13, 4, 16, 4]))
    attend_across(torch.randn(24, 1, 4), torch.randn(68, 1, 4), torch.randn(68, 1, 4), across)
    assert [shape[0] for shape in calls] == [4, 2]
