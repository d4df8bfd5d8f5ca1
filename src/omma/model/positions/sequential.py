"""Sequential positions: length T of one document → position ids (T, 1), the running index."""

from collections.abc import Sequence

import numpy as np

from omma.core.config import config
from omma.model.slots import Positions, Seen


@config
class Sequential(Positions):
    """0, 1, 2, … whether a token is a word or a piece of a picture."""

    def ids(self, num_tokens: int, seen: Sequence[Seen]) -> np.ndarray:
        """T and pictures → (T, 1) int64."""
        return np.arange(num_tokens, dtype=np.int64)[:, None]
