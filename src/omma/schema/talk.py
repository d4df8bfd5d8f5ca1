"""Talk: what text is to a model. The abstract text slot (tokenizer, template, markup) and the eye that sizes pictures.

`pack` implements both sides of words, `model` both sides of pictures; neither imports the other.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from omma.core.config import Config, config
from omma.schema.row import RowPicture
from omma.schema.view import Layout, TilePlan, View


@config
class Text(Config):
    """Slot 8 of a model, implemented in `pack`: which tokenizer, chat template and region markup it speaks."""

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding matrix."""
        raise NotImplementedError(f"{type(self).__name__} has no vocab_size")


class Lens(Protocol):
    """What turns a planned picture into patches."""

    @property
    def patch(self) -> int:
        """Patch side in px."""
        ...

    @property
    def view(self) -> View:
        """How pictures are resized, padded and cut."""
        ...


class Eye(Lens, Protocol):
    """What `pack` needs to know of a model's sight; model configs implement it. All of it follows from sizes alone."""

    def plan(self, width: int, height: int, count: int = 1) -> TilePlan:
        """Size of one of the `count` pictures of a sample → tile plan."""
        ...

    def plan_video(self, width: int, height: int, total: int, fps: float) -> TilePlan:
        """Frame size, stored frames, frames a second → tile plan."""
        ...

    def num_visual(self, plan: TilePlan) -> int:
        """Tile plan → visual tokens that connector and reducers make of all its tiles (what a layout indexes)."""
        ...

    def layout(self, plan: TilePlan) -> Layout:
        """Tile plan → token layout."""
        ...

    def position_ids(self, num_tokens: int, pictures: Sequence[RowPicture]) -> np.ndarray:
        """Length of one document and the pictures in it → position ids (T, A)."""
        ...
