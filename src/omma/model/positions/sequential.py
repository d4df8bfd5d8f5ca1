"""Sequential positions: token ids (T,) of one document → position ids (T, 1), the running index."""

import numpy as np

from omma.core.config import config
from omma.model.slots import Positions


@config
class Sequential(Positions):
    """0, 1, 2, … whether a token is a word or a piece of a picture."""

    def ids(self, token_ids: np.ndarray, slots: np.ndarray) -> np.ndarray:
        """(T,) and (N,) → (T, 1) int64."""
        return np.arange(len(token_ids), dtype=np.int64)[:, None]
