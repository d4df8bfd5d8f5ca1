"""Pixels: rows → the patches of their pictures, decoded once and kept as long as a budget of bytes allows."""

from collections import OrderedDict

import numpy as np
from jaxtyping import Shaped

from omma.core.errors import DataError, ShapeError
from omma.media.apply import apply, apply_clip, patchify
from omma.media.decode import decode
from omma.media.store import Store
from omma.media.video import read_frames
from omma.schema.row import Row, RowPicture
from omma.schema.sample import Media
from omma.schema.talk import Lens
from omma.schema.view import TilePlan

Patches = Shaped[np.ndarray, "P C"]


class Pixels:
    """Patches by (picture, plan), the least recently used dropped first. Small data sets are decoded once."""

    def __init__(self, store: Store, eye: Lens, cache_bytes: int = 256 << 20) -> None:
        self.store, self.eye, self.cache_bytes = store, eye, cache_bytes
        self.kept: OrderedDict[tuple[str, TilePlan], Patches] = OrderedDict()
        self.size = 0

    def __reduce__(self) -> tuple[type["Pixels"], tuple[Store, Lens, int]]:
        return Pixels, (self.store, self.eye, self.cache_bytes)  # what is kept stays with its process

    def of(self, row: Row) -> list[Patches]:
        """Row → patches of each of its pictures, all tiles one after the other. DataError or ShapeError if one fails."""
        return [self.picture(picture) for picture in row.pictures]

    def picture(self, picture: RowPicture) -> Patches:
        """Picture of a row → its patches."""
        key = (picture.media.uri, picture.plan)
        if key in self.kept:
            self.kept.move_to_end(key)
            return self.kept[key]
        patches = self._decode(picture.media, picture.plan)
        if patches.nbytes <= self.cache_bytes:
            self.kept[key] = patches
            self.size += patches.nbytes
        while self.size > self.cache_bytes:
            self.size -= self.kept.popitem(last=False)[1].nbytes
        return patches

    def _decode(self, media: Media, plan: TilePlan) -> Patches:
        try:
            if media.kind == "video":
                clip = apply_clip(self.eye.view, read_frames(self.store, media.uri, plan.clip.frames), plan)
                tiles = [frame for frames in clip for frame in frames]
            else:
                tiles = apply(self.eye.view, decode(self.store.read(media.uri), name=media.uri), plan)
        except ShapeError as error:
            raise DataError(media.uri, str(error)) from None
        return np.concatenate([patchify(tile, self.eye.patch) for tile in tiles])
