"""Row: one sample as tokens, before any pixel is decoded. Made by `pack.rows`, read by the plan, the loader and generation."""

from dataclasses import dataclass, field

import numpy as np

from omma.schema.sample import Media
from omma.schema.view import NO_BLEND, Blend, TilePlan

NO_TAGS = np.zeros((0, 4), np.int64)


@dataclass(frozen=True, slots=True)
class RowPicture:
    """A picture of a row: its name, its plan, where its slots stand and which of its `num_visual` tokens goes to each slot.

    Behind the visual tokens count those of the `blend`: index num_visual + m. `asked` are the words of its turn for a connector
    that reads them. `tags` are its layout's text tags that name visual tokens.
    """

    media: Media
    plan: TilePlan
    slots: np.ndarray  # (N,) positions in token_ids
    gather: np.ndarray  # (N,) index into this picture's visual tokens, or NEWLINE / SEPARATOR
    num_visual: int
    blend: Blend = NO_BLEND
    asked: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # (W,) ids of the connector's own vocabulary
    tags: np.ndarray = field(default_factory=lambda: NO_TAGS)  # (K, 4) positions [a, b) in token_ids, visual tokens [c, d)


@dataclass(frozen=True, slots=True)
class Row:
    """Token ids (T,) int32, which of them are supervised (T,) bool, positions (T, A), and the pictures between them."""

    sample_id: str
    source: str
    token_ids: np.ndarray
    supervised: np.ndarray
    positions: np.ndarray
    pictures: tuple[RowPicture, ...]

    @property
    def num_tokens(self) -> int:
        """Language tokens, visual slots included."""
        return len(self.token_ids)

    def num_patches(self, patch: int) -> int:
        """Vision patches of all pictures."""
        return sum(picture.plan.num_patches(patch) for picture in self.pictures)
