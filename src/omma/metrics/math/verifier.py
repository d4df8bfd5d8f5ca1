"""Verifier: the process that runs math-verify: lines of JSON [answer, gold] → lines of JSON true, false or null.

Its first line says whether the library is there. It has no more memory than it needs, because texts of models may ask
for numbers that fill any. Run as `python -m omma.metrics.math.verifier` by `omma.metrics.math.verify`.
"""

import json
import logging
import resource
import sys
from typing import Any

MEMORY = 2 << 30  # bytes of address space


def main() -> None:
    """Standard input → standard output, until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    logging.disable(logging.CRITICAL)
    try:
        import math_verify  # noqa: PLC0415  # an extra
    except ImportError:
        print("false", flush=True)
        return
    print("true", flush=True)
    for line in sys.stdin:
        print(json.dumps(_verdict(math_verify, *json.loads(line))), flush=True)


def _verdict(library: Any, said: str, gold: str) -> bool | None:
    """Answer + gold → whether they are equal; None where the library fails or reads nothing in the gold."""
    try:
        right = _read(library, gold)
        return bool(library.verify(right, _read(library, said), timeout_seconds=None)) if right else None
    except Exception:  # whatever the library raises on a model's text; the mark's details then say that our own rule judged
        return None


def _read(library: Any, text: str) -> Any:
    """Text → the library's expressions; bare LaTeX, which it does not look for, is read as if between dollars."""
    bare = "\\" in text and "$" not in text and "\\boxed" not in text
    return (not bare and library.parse(text, parsing_timeout=None)) or library.parse(f"${text}$", parsing_timeout=None)


if __name__ == "__main__":
    main()
