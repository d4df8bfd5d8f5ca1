"""Split: what a sample shows → held out or not, by content: the same in every run, on every machine, for every seed."""

from collections.abc import Sequence

from omma.core.seeds import derive


def falls_out(marks: Sequence[str], share: float) -> bool:
    """Whether any of a sample's marks falls into the held-out share: hashes of its pictures, or its id if it shows none.

    Questions about one picture, and equal files under two names, always fall on the same side.
    """
    return any(derive(0, "holdout", mark) < share * 2**63 for mark in marks)
