"""Reply: the text of a model that holds JSON, bare or in a code fence → its value. Nothing here raises."""

from typing import Any

from omma.metrics.structured import as_number, parse


def read_json(raw: str) -> Any:
    """Model text → what it holds as JSON; None if it is not JSON or nested too deep."""
    text = raw.strip()
    return parse(text.partition("\n")[2].rpartition("```")[0] if text.startswith("```") else text)


def is_number(value: Any) -> bool:
    """Whether a value from JSON is a finite number."""
    return as_number(value) is not None
