"""Variable visual positions (V2PE, arXiv 2412.09616, InternVL3): document + pictures → (T, 1) positions with fractions.

A word is 1 further than what stands before it, a visual token only `step`; behind a picture the count goes on from the next
whole number. The arithmetic of `get_rope_pos_id` in OpenGVLab/V2PE with its stride, `step` = stride / tokens of a tile.
"""

from collections.abc import Sequence

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Positions, Seen


@config
class V2pe(Positions):
    """With `step` 1 every token counts alike. Released models were trained with steps of 1/256 … 1."""

    step: float = 0.25

    def check(self) -> None:
        if not 0 < self.step <= 1:
            raise ConfigError("V2pe.step", str(self.step), "more than 0 and at most 1")

    def ids(self, num_tokens: int, seen: Sequence[Seen]) -> np.ndarray:
        """T and pictures → (T, 1) float64; in 32 bits exact up to 65,536 for steps that are multiples of 1/256."""
        ids, before, last = np.zeros(num_tokens), -1.0, 0  # `before`: where the token before this one stands
        for picture in seen:
            if not len(picture.slots):
                continue
            first = int(picture.slots[0])
            ids[last:first] = np.ceil(before) + 1 + np.arange(first - last)
            before = ids[first - 1] if first > last else np.ceil(before)
            last = first + len(picture.slots)
            ids[first:last] = before + self.step * np.arange(1, last - first + 1)
            before = ids[last - 1]
        ids[last:] = np.ceil(before) + 1 + np.arange(num_tokens - last)
        return ids[:, None]
