"""Films: name of a video → hash, frame size, number of frames and pace."""

import hashlib
from dataclasses import dataclass

from omma.core.errors import DataError
from omma.media.store import Store
from omma.media.video import measure_video

FILMS = 16  # videos a worker takes at a time


@dataclass(frozen=True, slots=True)
class Film:
    """What is known of a video without decoding it whole. `error` says why it cannot be read."""

    sha256: str = ""
    width: int = 0
    height: int = 0
    error: str = ""
    frames: int = 0
    fps: float = 0.0


def film(store: Store, uri: str) -> Film:
    """Name → facts; the hash is that of the bytes, of a folder of frames that of all of theirs."""
    digest = hashlib.sha256()
    try:
        for name in store.folder(uri) or (uri,):
            digest.update(store.read(name))
        facts = measure_video(store, uri)
    except DataError as error:
        return Film(error=error.got)
    return Film(digest.hexdigest(), facts.width, facts.height, frames=facts.frames, fps=facts.fps)
