"""Structured: a reply that is JSON text → numbers, vectors and tables of it. Nothing is evaluated and nothing raises."""

import json
from typing import Any

LARGEST = 1e300


def parse(raw: str) -> Any:
    """JSON text → its value; None if it is not JSON or nested too deep."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def read_json(raw: str) -> Any:
    """Text of a model that holds JSON, bare or in a code fence → its value; None if it is none."""
    text = raw.strip()
    return parse(text.partition("\n")[2].rpartition("```")[0] if text.startswith("```") else text)


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a finite number."""
    return as_number(value) is not None


def as_number(value: Any) -> float | None:
    """Value of JSON → a finite float, or None: truth values, NaN and infinities are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST < value < LARGEST:
        return None
    return float(value)


def as_numbers(value: Any) -> list[float] | None:
    """Value of JSON → the finite floats of a list that holds nothing else, or None. An empty list holds nothing."""
    if not isinstance(value, list) or not value:
        return None
    numbers = [as_number(item) for item in value]
    return None if None in numbers else [item for item in numbers if item is not None]
