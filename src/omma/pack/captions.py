"""Captions: texts → one packed stream of token ids, each with its end mark; pictures of one tile → one stream of patches."""

from collections.abc import Sequence

import numpy as np
import torch

from omma.media.store import Store
from omma.pack.codec import Codec
from omma.pack.pieces import Piece
from omma.pack.pixels import Patches, Pixels
from omma.schema.batch import Asked, Pictures
from omma.schema.row import RowPicture
from omma.schema.sample import Media
from omma.schema.talk import Lens
from omma.schema.view import TilePlan

NOWHERE = np.zeros(0, np.int64)


def caption_ids(codec: Codec, texts: Sequence[str], longest: int) -> list[np.ndarray]:
    """Texts → token ids (T,) int64 each: words, cut so that the end mark behind them is within `longest`."""
    end = codec.stop_ids[0]
    encoded = codec.words.encode([[Piece("words", text)] for text in texts])
    return [np.append(tokens.ids[: longest - 1], end).astype(np.int64) for tokens in encoded]


def packed(texts: Sequence[np.ndarray]) -> Asked:
    """Ids of each text → one stream with its borders."""
    borders = np.cumsum([0, *map(len, texts)]).astype(np.int32)
    return Asked(torch.from_numpy(np.concatenate(texts)), torch.from_numpy(borders))


class Tiles:
    """Pictures by name → patches, decoded once as long as they fit into `cache_bytes`."""

    def __init__(self, store: Store, lens: Lens, cache_bytes: int = 256 << 20) -> None:
        self.pixels, self.patch = Pixels(store, lens, cache_bytes), lens.patch

    def of(self, media: Media, plan: TilePlan) -> Patches:
        """Picture and its plan → patches (P, C) uint8. DataError if it cannot be used."""
        return self.pixels.picture(RowPicture(media, plan, NOWHERE, NOWHERE, 0))

    def packed(self, shown: Sequence[tuple[Media, TilePlan]]) -> Pictures:
        """Pictures with their plans → one stream of patches, a grid each."""
        stream = np.concatenate([self.of(media, plan) for media, plan in shown])
        return Pictures(torch.from_numpy(stream), torch.tensor([grid for _, plan in shown for grid in plan.grids(self.patch)]))
