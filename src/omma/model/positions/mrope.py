"""M-RoPE positions (Qwen2-VL, arXiv 2409.12191, section 2.1): document + pictures → (T, 3) time, row, column.

A word has its running number on all three axes. A picture begins at the number s that a word would have there: a token at
time t, row r, column c of its grid stands at (s + t, s + r, s + c). For decoder parts with rotary `sections`.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Positions, Seen


@config
class MRope(Positions):
    """A time step of a video counts `per_second` for each of its seconds, rounded down (Qwen2.5-VL: 2), or 1 if that is 0.

    What follows goes on behind the longer side of the grid (`side`, as transformers 5 numbers videos) or behind the largest
    number of all three axes (`largest`, as the paper, transformers 4 and vLLM do). They differ only for videos of more time
    steps than rows and columns. Layout embeddings stand where their picture begins.
    """

    per_second: float = 0.0
    behind: Literal["side", "largest"] = "side"

    def check(self) -> None:
        if self.per_second < 0:
            raise ConfigError("MRope.per_second", str(self.per_second), "0 (time steps count 1) or more")

    def ids(self, num_tokens: int, seen: Sequence[Seen]) -> np.ndarray:
        """T and pictures → (T, 3) int64."""
        ids, number, last = np.zeros((num_tokens, 3), np.int64), 0, 0
        for picture in seen:
            first = int(picture.slots[0]) if len(picture.slots) else last
            ids[last:first] = np.arange(number, number + first - last)[:, None]
            number += first - last
            places = self._places(picture)
            ids[first : first + len(places)] = number + places
            axes = places[:, 1:] if self.behind == "side" else places
            number += int(axes.max(initial=-1)) + 1
            last = first + len(places)
        ids[last:] = np.arange(number, number + num_tokens - last)[:, None]
        return ids

    def _places(self, picture: Seen) -> np.ndarray:
        """Time, row and column (N, 3) relative to the picture's beginning; time in the numbers that it counts."""
        places = np.maximum(picture.places, 0).astype(np.int64)
        time = places[:, 0] - (places[:, 0].min() if len(places) else 0)
        if self.per_second and picture.seconds:
            # one rounding of the product in fp32, as the reference has it
            time = (time.astype(np.float32) * np.float32(self.per_second * picture.seconds)).astype(np.int64)
        return np.column_stack((time, places[:, 1:]))
