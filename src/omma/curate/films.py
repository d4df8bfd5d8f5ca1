"""Films: names of videos → hash, frame size, number of frames and pace, in worker processes or in this one."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from omma.core.errors import DataError
from omma.core.progress import Bar
from omma.curate.looking import Facts, spread
from omma.media.store import Store
from omma.media.video import measure_video

SHARD = 16  # videos a worker takes at a time


@dataclass(frozen=True, slots=True)
class Film(Facts):
    """What is known of a video without decoding it whole."""

    frames: int = 0
    fps: float = 0.0


def gather_films(root: Path, uris: list[str], workers: int) -> dict[str, Film]:
    """Data root + names → facts of each; the hash is that of the bytes, of a folder of frames that of all of theirs."""
    if not uris:
        return {}
    store = Store(root)
    jobs = [(store, uris[i : i + SHARD]) for i in range(0, len(uris), SHARD)]
    films: dict[str, Film] = {}
    with Bar("read videos", len(uris)) as bar:
        for (_, shard), found in zip(jobs, spread(_films_of, jobs, workers), strict=True):
            films.update(zip(shard, found, strict=True))
            bar.advance(len(shard))
    return films


def _films_of(job: tuple[Store, list[str]]) -> list[Film]:
    store, uris = job
    return [_film(store, uri) for uri in uris]


def _film(store: Store, uri: str) -> Film:
    digest = hashlib.sha256()
    try:
        for name in store.folder(uri) or (uri,):
            digest.update(store.read(name))
        facts = measure_video(store, uri)
    except DataError as error:
        return Film(error=error.got)
    return Film(digest.hexdigest(), facts.width, facts.height, frames=facts.frames, fps=facts.fps)
