"""Attention: every back end = a plain softmax by hand, documents never see each other, a broken mask is noticed."""

import itertools
import math

import pytest
import torch

from omma.core.errors import ConfigError, ShapeError
from omma.nn.attention import (
    KERNELS,
    Causal,
    Full,
    Packed,
    PackedAttend,
    Spans,
    Window,
    attend,
    attention_map,
)
from omma.nn.backends.documents import group_documents
from omma.nn.backends.varlen import UNBOUNDED, is_window, window

# fp32, values of order 1. Worst case measured over 200 draws: outputs 9.6e-7, gradients 2.4e-6.
TOLERANCE = 1e-5
LENGTHS = [[1], [5, 1, 1, 9], [8, 8, 8], [40, 3, 33, 1, 12, 37, 2], [64, 64, 5]]


def draw(lengths, heads=4, kv_heads=2, head_dim=8, seed=0, dtype=torch.float32, grad=True):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(sum(lengths), heads, head_dim)] + [(sum(lengths), kv_heads, head_dim)] * 2
    return [torch.randn(shape, generator=generator).to(dtype).requires_grad_(grad) for shape in shapes]


def borders(lengths):
    return torch.tensor([0, *lengths]).cumsum(0)


def span_ids(lengths):
    """Negative (text) and repeated ids, so that the same id also stands in different documents."""
    return torch.tensor([(-1, 0, 0, 1, 1, 1)[i % 6] for i in range(sum(lengths))])


RULES = {
    "causal": lambda lengths: Causal(),
    "full": lambda lengths: Full(),
    "window": lambda lengths: Causal() & Window(3),
    "two-sided window": lambda lengths: Window(4),
    "spans": lambda lengths: Causal() | Spans(span_ids(lengths)),
    "lonely": lambda lengths: Spans(span_ids(lengths)),
    "window with spans": lambda lengths: (Causal() & Window(2)) | Spans(span_ids(lengths)),
}


def by_hand(q, k, v, lengths, rule_name):
    """Token by token, in plain loops."""
    ids, out = span_ids(lengths), torch.zeros_like(q)
    starts = borders(lengths).tolist()
    for first, last in itertools.pairwise(starts):
        for i in range(first, last):
            keys = [j for j in range(first, last) if allowed_by_hand(rule_name, i, j, ids)]
            for h in range(q.shape[1]):
                g = h * k.shape[1] // q.shape[1]
                if keys:
                    weights = torch.softmax(torch.stack([q[i, h] @ k[j, g] for j in keys]) / math.sqrt(q.shape[2]), 0)
                    out[i, h] = sum(w * v[j, g] for w, j in zip(weights, keys, strict=True))
    return out


def allowed_by_hand(rule_name, i, j, ids):
    same_span = ids[i] >= 0 and ids[i] == ids[j]
    return {
        "causal": j <= i, "full": True, "window": 0 <= i - j < 3, "two-sided window": abs(i - j) < 4,
        "spans": j <= i or same_span, "lonely": same_span, "window with spans": 0 <= i - j < 2 or same_span,
    }[rule_name]  # fmt: skip


@pytest.mark.parametrize("rule_name", RULES)
def test_eager_equals_plain_loops(rule_name):
    lengths = [7, 1, 4]
    q, k, v = draw(lengths, grad=False)
    got = attend(q, k, v, Packed(borders(lengths), RULES[rule_name](lengths)), "eager")
    torch.testing.assert_close(got, by_hand(q, k, v, lengths, rule_name), atol=TOLERANCE, rtol=0)


# Flex traces its mask anew for every stream, which takes a second: two streams are enough for it.
CASES = [
    (backend, lengths)
    for backend in sorted(KERNELS.keys() - {"eager"})
    for lengths in LENGTHS[slice(1, 4, 2) if backend == "flex" else slice(None)]
]


@pytest.mark.parametrize(("backend", "lengths"), CASES, ids=str)
@pytest.mark.parametrize("rule_name", RULES)
def test_back_ends_agree_in_outputs_and_gradients(backend, rule_name, lengths):
    if backend == "varlen" and not torch.cuda.is_available():
        pytest.skip("varlen runs on CUDA only, and there is none here")
    rule, grad = RULES[rule_name](lengths), backend != "flex"
    mine, reference = draw(lengths, grad=grad), draw(lengths)
    got = attend(*mine, Packed(borders(lengths), rule), backend)
    want = attend(*reference, Packed(borders(lengths), rule), "eager")
    torch.testing.assert_close(got, want, atol=TOLERANCE, rtol=0)
    if not grad:
        return  # torch has no gradients for flex on CPU
    probe = torch.randn_like(want)
    (got * probe).sum().backward()
    (want * probe).sum().backward()
    for a, b in zip(mine, reference, strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("heads", [(6, 6), (6, 3), (6, 2), (6, 1)])
def test_grouped_queries_share_key_value_heads(heads):
    lengths = [9, 4, 1]
    q, k, v = draw(lengths, *heads, grad=False)
    mask = Packed(borders(lengths))
    repeat = heads[0] // heads[1]
    want = attend(q, k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1), mask)
    torch.testing.assert_close(attend(q, k, v, mask), want, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("backend", ["documents", "flex"])
@pytest.mark.parametrize("rule_name", ["causal", "window"])
def test_values_may_be_narrower_than_keys(backend, rule_name):
    lengths = [9, 4, 9]
    q, k, v = draw(lengths, grad=False)
    mask = Packed(borders(lengths), RULES[rule_name](lengths))
    want = attend(q, k, v, mask, "eager")[..., :3]
    torch.testing.assert_close(attend(q, k, v[..., :3], mask, backend), want, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(attend(q, k, v[..., :3], mask, "eager"), want, atol=TOLERANCE, rtol=0)


def test_a_layer_with_a_window_attends_under_its_part_of_the_mask():
    lengths = [9, 2, 5]
    q, k, v = draw(lengths, grad=False)
    attends = PackedAttend(Packed(borders(lengths)))
    want = attend(q, k, v, Packed(borders(lengths), Causal() & Window(3)), "eager")
    torch.testing.assert_close(attends(0, q, k, v, 3), want, atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(attends(1, q, k, v), attend(q, k, v, Packed(borders(lengths)), "eager"), atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(attends(1, q, k, v, 9), attends(1, q, k, v), atol=0, rtol=0)


@pytest.mark.parametrize("rule_name", RULES)
@pytest.mark.parametrize("backend", ["documents", "eager"])
def test_changing_one_document_leaves_the_others_alone(backend, rule_name):
    lengths = [6, 20, 1, 19, 7]
    q, k, v = draw(lengths, grad=False)
    mask = Packed(borders(lengths), RULES[rule_name](lengths))
    before = attend(q, k, v, mask, backend)
    changed = [x.clone() for x in (q, k, v)]
    for x in changed:
        x[6:26] = torch.randn_like(x[6:26]) * 50
    after = attend(*changed, mask, backend)
    others = torch.cat((torch.arange(6), torch.arange(26, 53)))
    torch.testing.assert_close(after[others], before[others], atol=1e-6, rtol=0)
    assert (after[6:26] - before[6:26]).abs().max() > 1


@pytest.mark.parametrize("backend", ["documents", "eager"])
def test_gradients_stay_inside_their_document(backend):
    lengths = [6, 20, 1, 19, 7]
    q, k, v = draw(lengths)
    attend(q, k, v, Packed(borders(lengths), Full()), backend)[26:27].square().sum().backward()
    for x in (q, k, v):
        assert x.grad[26].abs().sum() >= 0 and not x.grad[:26].any() and not x.grad[27:].any()


def test_a_mask_with_a_forgotten_border_is_noticed():
    lengths = [6, 20, 7]
    q, k, v = draw(lengths, grad=False)
    right, broken = attend(q, k, v, Packed(borders(lengths))), attend(q, k, v, Packed(borders([26, 7])))
    assert (right[6:26] - broken[6:26]).abs().max() > 0.1
    torch.testing.assert_close(right[26:], broken[26:], atol=1e-6, rtol=0)


def test_a_query_that_may_see_nothing_reads_zeros_and_gives_no_gradient():
    for backend in ("documents", "eager"):
        q, k, v = draw([4])
        out = attend(q, k, v, Packed(borders([4]), Spans(torch.tensor([-1, 0, 0, -1]))), backend)
        assert not out[0].any() and not out[3].any() and out[1].any()
        out.sum().backward()
        assert all(torch.isfinite(x.grad).all() for x in (q, k, v)) and not q.grad[0].any() and not v.grad[3].any()


def test_documents_are_grouped_with_little_waste_and_none_lost():
    generator = torch.Generator().manual_seed(3)
    for _ in range(20):
        lengths = (torch.rand(60, generator=generator) ** 3 * 500).long().tolist()  # some are empty
        grouping = group_documents(Packed(borders(lengths), Full()))
        for group in grouping.groups:
            kept = group.valid.sum(1)
            assert bool(((kept >= 0.75 * kept.max()) | (kept >= kept.max() - 8)).all())
        stream = torch.cat([group.rows[group.valid] for group in grouping.groups])
        assert torch.equal(stream[grouping.places], torch.arange(sum(lengths)))
        assert len(grouping.groups) < 20 < sum(length > 0 for length in lengths)


def test_equal_documents_need_no_gather():
    assert group_documents(Packed(borders([5, 5, 5]), Full())).whole
    assert not group_documents(Packed(borders([5, 4, 5]), Full())).whole
    assert group_documents(Packed(borders([5, 0, 5]), Full())).whole


def test_an_empty_stream_stays_empty():
    q, k, v = draw([])
    attend(q, k, v, Packed(torch.tensor([0]))).sum().backward()
    assert q.grad.shape == q.shape


def test_half_precision_stays_half():
    lengths = [9, 4]
    q, k, v = draw(lengths, dtype=torch.bfloat16, grad=False)
    wide = [x.float() for x in (q, k, v)]
    for backend in ("documents", "eager"):
        got = attend(q, k, v, Packed(borders(lengths)), backend)
        assert got.dtype == torch.bfloat16
        torch.testing.assert_close(got.float(), attend(*wide, Packed(borders(lengths))), atol=0.05, rtol=0)


def test_window_rules_become_kernel_windows():
    assert window(Causal()) == (UNBOUNDED, 0)
    assert window(Full()) == (UNBOUNDED, UNBOUNDED)
    assert window(Window(5)) == (4, 4)
    assert window(Causal() & Window(5)) == (4, 0)
    assert window(Window(9) & Window(5)) == (4, 4)
    assert is_window(Causal() & Window(2)) and not is_window(Causal() | Window(2)) and not is_window(Spans(torch.zeros(1)))


def test_recorded_maps_are_the_weights_of_the_asked_layers():
    lengths = [4, 3]
    q, k, v = draw(lengths, grad=False)
    attends = PackedAttend(Packed(borders(lengths)), record=(1,))
    outputs = [attends(layer, q, k, v) for layer in range(3)]
    assert list(attends.maps) == [1]
    weights = attends.maps[1]
    torch.testing.assert_close(weights.sum(-1), torch.ones(4, 7))
    assert not weights[:, 4:, :4].any() and not weights[:, 0, 1:].any()
    torch.testing.assert_close(torch.einsum("hqk,khd->qhd", weights, v.repeat_interleave(2, 1)), outputs[1], atol=TOLERANCE, rtol=0)
    torch.testing.assert_close(weights, attention_map(q, k, Packed(borders(lengths))))


def test_what_a_back_end_cannot_do_is_said():
    lengths = [3, 2]
    q, k, v = draw(lengths)
    mask = Packed(borders(lengths))
    with pytest.raises(ConfigError, match=r"'varlen' runs on CUDA only, not on cpu; take backend='auto'"):
        attend(q, k, v, mask, "varlen")
    with pytest.raises(ConfigError, match="'flex' has no gradients on CPU"):
        attend(q, k, v, mask, "flex")
    with pytest.raises(ConfigError, match="'flax' is unknown; did you mean 'flex'"):
        attend(q, k, v, mask, "flax")


def test_shapes_that_do_not_fit_are_told_with_both_numbers():
    q, k, v = draw([3, 2])
    with pytest.raises(ShapeError, match=r"5 tokens; expected 6"):
        attend(q, k, v, Packed(borders([3, 3])))
    with pytest.raises(ShapeError, match=r"4 query heads over 3"):
        attend(q, *draw([5], 3, 3)[1:], Packed(borders([5])))
    with pytest.raises(ShapeError, match=r"v \(5, 1, 8\)"):
        attend(q, k, v[:, :1], Packed(borders([5])))
    with pytest.raises(ShapeError, match=r"cu_seqlens \[1, 5\]"):
        Packed(torch.tensor([1, 5]))
    with pytest.raises(ShapeError, match=r"cu_seqlens \[0, 5, 3\]"):
        Packed(torch.tensor([0, 5, 3]))
    with pytest.raises(ShapeError, match=r"3 span ids; expected 5"):
        Packed(borders([5]), Causal() | Spans(torch.zeros(3)))
    with pytest.raises(ShapeError, match=r"size 0"):
        Window(0)
