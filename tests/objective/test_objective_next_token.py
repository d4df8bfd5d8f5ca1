"""Next-token loss: equals full cross entropy with its gradients, weightings by hand, invariance over splitting."""

import itertools
import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from omma.core.errors import ConfigError, ShapeError
from omma.objective.next_token import NextToken
from omma.objective.objective import Objective, documents
from omma.schema.batch import IGNORE, Batch, Pictures, Stream
from omma.schema.output import Output

torch.set_num_threads(1)
VOCABULARY, WIDTH = 37, 8


def make_batch(lengths, supervised_share=0.6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    total = sum(lengths)
    labels = torch.randint(VOCABULARY, (total,), generator=generator)
    labels[torch.rand(total, generator=generator) > supervised_share] = IGNORE
    empty = torch.zeros(0, dtype=torch.long)
    return Batch(
        tokens=torch.randint(VOCABULARY, (total,), generator=generator),
        positions=torch.arange(total)[:, None],
        cu_seqlens=torch.tensor([0, *lengths]).cumsum(0),
        labels=labels,
        pictures=Pictures(torch.zeros(1, 3, dtype=torch.uint8), torch.ones(1, 3, dtype=torch.long)),
        slots=empty,
        gather=empty,
        sample_ids=tuple(f"s{i}" for i in range(len(lengths))),
        sources=("x",) * len(lengths),
    )


def make_output(hidden, head, origin=None):
    count = len(hidden)
    origin = torch.arange(count) if origin is None else origin
    stream = Stream(hidden, origin[:, None], torch.tensor([0, count]), torch.zeros(count, dtype=torch.long), origin)
    return Output(stream, head, torch.zeros(0, WIDTH))


def states(count, seed=1, dtype=torch.float32):
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(count, WIDTH, generator=generator).to(dtype).requires_grad_()
    head = torch.randn(VOCABULARY, WIDTH, generator=generator).to(dtype).requires_grad_()
    return hidden, head


def cut(batch, hidden, first, last):
    """Documents first..last of a batch, with their hidden states."""
    a, b = int(batch.cu_seqlens[first]), int(batch.cu_seqlens[last])
    piece = Batch(
        batch.tokens[a:b], batch.positions[a:b], batch.cu_seqlens[first : last + 1] - a, batch.labels[a:b], batch.pictures,
        batch.slots, batch.gather, batch.sample_ids[first:last], batch.sources[first:last],
    )  # fmt: skip
    return piece, hidden[a:b]


@pytest.mark.parametrize("chunk_bytes", [1, 4 * VOCABULARY * 7, 2**25])
def test_equals_full_cross_entropy_with_gradients(chunk_bytes):
    batch = make_batch([20, 1, 13])
    hidden, head = states(34)
    loss = NextToken(chunk_bytes=chunk_bytes)(make_output(hidden, head), batch)
    (loss.total / loss.weight).backward()
    full_hidden, full_head = states(34)
    full = cross_entropy(full_hidden @ full_head.T, batch.labels, ignore_index=IGNORE)
    full.backward()
    assert loss.weight == batch.num_supervised
    torch.testing.assert_close(loss.total / loss.weight, full, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(hidden.grad, full_hidden.grad, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(head.grad, full_head.grad, rtol=1e-6, atol=1e-6)
    assert (hidden.grad[batch.labels == IGNORE] == 0).all()
    expected = cross_entropy(full_hidden @ full_head.T, batch.labels, ignore_index=IGNORE, reduction="none")
    torch.testing.assert_close(loss.token_loss, expected[loss.positions].detach(), rtol=1e-6, atol=1e-6)
    assert not loss.token_loss.requires_grad


def test_frozen_head_or_hidden_gets_no_gradient():
    batch = make_batch([12])
    hidden, head = states(12)
    NextToken()(make_output(hidden, head.detach()), batch).total.backward()
    assert hidden.grad is not None and head.grad is None
    hidden, head = states(12)
    NextToken()(make_output(hidden.detach(), head), batch).total.backward()
    assert hidden.grad is None and head.grad is not None
    with torch.no_grad():
        assert not NextToken()(make_output(hidden, head), batch).total.requires_grad


def test_gradient_reaches_the_graph_without_supervised_tokens():
    batch = make_batch([6], supervised_share=0.0)
    hidden, head = states(6)
    loss = NextToken()(make_output(hidden, head), batch)
    loss.total.backward()
    assert loss.total == 0 and loss.weight == 0 and len(loss.token_loss) == 0
    assert (hidden.grad == 0).all() and (head.grad == 0).all()


def test_weights_by_hand():
    batch = make_batch([3, 6])
    batch.labels[:] = torch.tensor([IGNORE, 4, IGNORE, 5, 6, 7, 8, IGNORE, IGNORE])
    assert NextToken(weighting="token").weights(batch).tolist() == [0, 1, 0, 1, 1, 1, 1, 0, 0]
    assert NextToken(weighting="sample").weights(batch).tolist() == [0, 1, 0, 0.25, 0.25, 0.25, 0.25, 0, 0]
    assert NextToken(weighting="sqrt").weights(batch).tolist() == [0, 1, 0, 0.5, 0.5, 0.5, 0.5, 0, 0]
    hidden = torch.zeros(9, WIDTH)  # uniform logits: every token costs log V whatever its weight
    loss = NextToken(weighting="sqrt")(make_output(hidden, torch.ones(VOCABULARY, WIDTH)), batch)
    assert math.isclose(float(loss.total), 3 * math.log(VOCABULARY), rel_tol=1e-6) and loss.weight == 3


def test_document_number_of_each_position():
    assert documents(make_batch([2, 1, 3])).tolist() == [0, 0, 1, 2, 2, 2]


def test_single_document_is_the_same_for_all_weightings():
    batch = make_batch([30])
    gradients = []
    for weighting in ("token", "sample", "sqrt"):
        hidden, head = states(30)
        loss = NextToken(weighting=weighting)(make_output(hidden, head), batch)
        (loss.total / loss.weight).backward()
        gradients.append(hidden.grad)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(gradients[0], gradients[2], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("weighting", ["token", "sample", "sqrt"])
@pytest.mark.parametrize("borders", [(0, 1, 2, 3, 4), (0, 1, 4), (0, 4)])
def test_invariant_over_splitting(weighting, borders):
    batch, objective = make_batch([9, 2, 14, 5]), NextToken(weighting=weighting, chunk_bytes=600)
    hidden, head = states(30)
    whole = objective(make_output(hidden, head), batch)
    (whole.total / whole.weight).backward()
    split_hidden, split_head = states(30)
    pieces = [cut(batch, split_hidden, a, b) for a, b in itertools.pairwise(borders)]
    denominator = sum(objective.weights(piece).sum() for piece, _ in pieces)
    total = sum(objective(make_output(h, split_head), piece).total / denominator for piece, h in pieces)
    total.backward()
    torch.testing.assert_close(total, whole.total / whole.weight, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(split_hidden.grad, hidden.grad, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(split_head.grad, head.grad, rtol=1e-5, atol=1e-6)


def test_shortened_stream_is_found_through_origin():
    batch = make_batch([10])
    hidden, head = states(10)
    origin = torch.tensor([0, 3, 4, 8])
    loss = NextToken()(make_output(hidden[origin], head, origin), batch)
    survivors = [i for i in origin.tolist() if batch.labels[i] != IGNORE]
    expected = cross_entropy(hidden[survivors] @ head.T, batch.labels[survivors], reduction="sum")
    assert loss.positions.tolist() == survivors
    torch.testing.assert_close(loss.total, expected)


def test_bf16_states_accumulate_in_fp32():
    batch = make_batch([400], supervised_share=1.0)
    hidden, head = states(400, dtype=torch.bfloat16)
    loss = NextToken(chunk_bytes=4 * VOCABULARY)(make_output(hidden, head), batch)
    (loss.total / loss.weight).backward()
    exact_hidden, exact_head = (x.detach().float().requires_grad_() for x in (hidden, head))
    exact = cross_entropy(exact_hidden @ exact_head.T, batch.labels)
    exact.backward()
    assert loss.total.dtype == torch.float32 and head.grad.dtype == torch.bfloat16
    assert abs(loss.total / loss.weight - exact) < 5e-3  # measured worst 9e-4
    assert (head.grad.float() - exact_head.grad).norm() / exact_head.grad.norm() < 0.02  # summing in bf16 itself: above 0.1


def test_autocast_projects_in_low_precision_and_returns_gradients_in_the_parameters_own():
    batch = make_batch([50], supervised_share=1.0)
    hidden, head = states(50)
    exact = NextToken()(make_output(hidden, head), batch).total
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = NextToken()(make_output(hidden, head), batch)
    loss.total.backward()
    assert loss.total.dtype == hidden.grad.dtype == head.grad.dtype == torch.float32
    assert 0 < abs(float(loss.total.detach() / exact.detach()) - 1) < 0.01


def test_differentiating_twice_is_refused():
    hidden, head = states(8)
    loss = NextToken()(make_output(hidden, head), make_batch([8]))
    loss.total.backward(retain_graph=True)
    with pytest.raises(AssertionError, match="twice"):
        loss.total.backward()


def test_label_outside_the_vocabulary_is_told():
    batch = make_batch([4], supervised_share=1.0)
    batch.labels[2] = VOCABULARY + 5
    with pytest.raises(ShapeError, match=f"label {VOCABULARY + 5}; expected fewer than {VOCABULARY}"):
        NextToken()(make_output(*states(4)), batch)


def test_bad_settings_are_told():
    with pytest.raises(ConfigError, match="chunk_bytes: 0; expected a positive"):
        NextToken(chunk_bytes=0)
    with pytest.raises(ConfigError, match="did you mean 'sqrt'"):
        NextToken(weighting="square")
    with pytest.raises(NotImplementedError, match="Objective has no weights"):
        Objective().weights(make_batch([1]))
