"""Budget: failures so far + what a recipe allows → nothing, or the error that stops a job gone wrong."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from omma.core.errors import DataError

FIX = "mend the data, or raise {}"


@dataclass(slots=True)
class Streak:
    """Names that failed one after the other, without a success between them; `most` is how many are too many (0: never)."""

    most: int
    length: int = 0
    first: str = ""

    def add(self, name: Callable[[int], str], failed: Bool[np.ndarray, "n"], what: str) -> None:
        """Count some more, in order; `name` gives that of the n-th of them. DataError at a streak that is too long."""
        if not self.most:
            return
        for place, bad in enumerate(failed.tolist()):
            if bad and not self.length:
                self.first = name(place)
            self.length = self.length + 1 if bad else 0
            if self.length >= self.most:
                got = f"{self.length:,} {what} failed in a row, the first {self.first}"
                fix = FIX.format("data.max_errors_in_a_row") + "; what was done is kept"
                raise DataError("curate", got, f"fewer than {self.most:,} (data.max_errors_in_a_row)", fix)
