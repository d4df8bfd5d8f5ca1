"""Traces: what is kept of which layer, against hooks on the blocks themselves, which is another way to the same states."""

import numpy as np
import pytest
import torch

from omma.core.errors import DataError
from omma.generate.traces import trace


def heard(module, batch):
    """Layer → states behind that block, and behind the final norm for the last, by hooks of torch."""
    kept = {}
    parts = [*module.language.blocks[:-1], module.language.norm]
    hooks = [
        part.register_forward_hook(lambda part, given, out, layer=layer: kept.__setitem__(layer, out))
        for layer, part in enumerate(parts, 1)
    ]
    with torch.no_grad():
        module(batch)
    for hook in hooks:
        hook.remove()
    return kept


def test_layers_are_numbered_as_hidden_states_are(module, toolbox):
    batch = toolbox.pack([toolbox.Prompt("a", 9, (2, 3))])
    expected, found = heard(module, batch), trace(module, batch, {1, 2, 3})
    assert list(found) == [1, 2, 3] == list(expected)
    for layer, states in expected.items():
        assert np.array_equal(found[layer].visual, states[1:7].numpy())
        assert np.array_equal(found[layer].words, states[7:].numpy()), "the token in front of the picture is left out"
    assert list(trace(module, batch, [2])) == [2]


def test_looking_inside_changes_nothing(module, toolbox):
    batch = toolbox.pack([toolbox.Prompt("b", 23, (4, 4))])
    with torch.no_grad():
        before = module(batch).stream.hidden
    trace(module, batch, {1, 3})
    with torch.no_grad():
        assert torch.equal(module(batch).stream.hidden, before)
    assert not module.splice._forward_hooks


def test_a_document_without_a_picture_has_no_trace(module, toolbox):
    with pytest.raises(DataError, match="no visual tokens"):
        trace(module, toolbox.pack([toolbox.Prompt("c", 5)]), {1})
