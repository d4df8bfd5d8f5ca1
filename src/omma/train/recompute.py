"""Recompute: block activations are computed again in backward instead of kept: less memory for a third more work."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from torch import nn

from omma.nn.block import recompute


@contextmanager
def recompute_blocks(module: nn.Module, what: Literal["nothing", "blocks"]) -> Iterator[None]:
    """While open, every block of the model's stacks keeps only its input between forward and backward."""
    recompute(module, what == "blocks")
    try:
        yield
    finally:
        recompute(module, False)
