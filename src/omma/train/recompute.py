"""Recompute: block activations are computed again in backward instead of kept: less memory for a third more work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from torch import nn

from omma.nn.block import Stack


@contextmanager
def recompute_blocks(module: nn.Module, what: Literal["nothing", "blocks"]) -> Iterator[None]:
    """While open, every block of the model's stacks keeps only its input between forward and backward."""
    stacks = [part for part in module.modules() if isinstance(part, Stack)] if what == "blocks" else []
    for stack in stacks:
        stack.recompute = True
    try:
        yield
    finally:
        for stack in stacks:
            stack.recompute = False
