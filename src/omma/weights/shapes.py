"""Shapes: a part of ours + what a layout has a place for → nothing, or the refusal that names every field that differs."""

from collections.abc import Mapping
from typing import Any

from omma.core.config import Config
from omma.core.errors import CheckpointError


def refuse_others(cfg: Config, wanted: Mapping[str, Any], layout: str, fix: str) -> None:
    """CheckpointError unless all `wanted` fields of the part hold those values."""
    other = [name for name, value in wanted.items() if getattr(cfg, name) != value]
    if other:
        got = ", ".join(f"{name}={getattr(cfg, name)!r}" for name in other)
        expected = ", ".join(f"{name}={wanted[name]!r}" for name in other)
        raise CheckpointError(layout, f"a {type(cfg).__name__} of another shape: {got}", expected, fix)
