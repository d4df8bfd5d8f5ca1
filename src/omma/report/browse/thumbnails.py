"""Thumbnails: a picture of a row → a small JPEG (of a tiny one a PNG), made when it is asked for, kept while there is room.

Pictures are named by row and place, never by a path of the asker, and always encoded anew: no file is handed out as it is.
"""

import contextlib
import threading
from collections import OrderedDict
from dataclasses import replace

import numpy as np

from omma.core.errors import DataError, OmmaError
from omma.media.decode import measure, shrink, thumbnail
from omma.media.draw import to_jpeg, to_png
from omma.media.store import Store
from omma.media.video import measure_video, read_frames
from omma.schema.sample import Media

ROOM = 64 << 20  # bytes of thumbnails that are kept
SIDES = (240, 480, 1400)  # px
TINY = 128  # px; up to so many a side a picture is shown without loss


class Thumbnails:
    """Small pictures of one store. Safe from several threads."""

    def __init__(self, store: Store, room: int = ROOM) -> None:
        self.store, self.room = store, room
        self.kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self.size = 0
        self.lock, self.reading = threading.Lock(), threading.Lock()

    def get(self, media: Media, side: int) -> bytes:
        """Picture or video (its middle frame) → JPEG or PNG within `side` px, a step of `SIDES`; DataError where it cannot be."""
        side = next((step for step in SIDES if step >= side), SIDES[-1])
        key = (media.uri, side)
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
                return self.kept[key]
        pixels = self._pixels(media, side)
        data = to_png(pixels) if max(pixels.shape[:2]) <= TINY else to_jpeg(pixels, quality=82)
        with self.lock:
            if key not in self.kept and len(data) <= self.room:
                self.kept[key] = data
                self.size += len(data)
            while self.size > self.room:
                _, old = self.kept.popitem(last=False)
                self.size -= len(old)
        return data

    def measured(self, media: Media) -> Media:
        """Picture → the same with its sides, where they are not known and its header tells them."""
        if media.kind != "image" or (media.width and media.height):
            return media
        with contextlib.suppress(DataError), self.reading:
            width, height = measure(self.store.read(media.uri), name=media.uri)
            return replace(media, width=width, height=height)
        return media

    def _pixels(self, media: Media, side: int) -> np.ndarray:
        try:
            with self.reading:  # a store's open shards are one thread's at a time
                data = self.store.read(media.uri)
            return thumbnail(data, name=media.uri, side=side)
        except DataError as unreadable:
            if media.kind == "video":
                with contextlib.suppress(OmmaError), self.reading:
                    frames = measure_video(self.store, media.uri).frames
                    return shrink(read_frames(self.store, media.uri, [frames // 2])[0], side)
            raise unreadable
