"""Seeing: names of pictures and videos → hash, size and every operator's look, shard by shard, each name once.

Looks are kept by content hash and operator key in `looks/pictures`, in a file for each shard of names: a killed job, another
threshold or another run over the same names makes none of them again.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from jaxtyping import Bool

from omma.core.errors import DataError
from omma.curate.fetching import errors
from omma.curate.machine.films import FILMS, Film, film
from omma.curate.machine.looks import Looked, read_looks, write_looks
from omma.curate.machine.shards import read_table, write_table
from omma.curate.machine.site import Site
from omma.curate.operator import PictureOperator, SetOperator
from omma.curate.picture import Picture
from omma.media.store import WEB, Store

Looker = PictureOperator | SetOperator
DIED = "the process that read it died, perhaps for want of memory"
FACTS = [("uri", pa.string()), ("kind", pa.string()), ("sha256", pa.string()), ("width", pa.int32()), ("height", pa.int32())]
FACTS += [("frames", pa.int32()), ("fps", pa.float64()), ("error", pa.string())]


@dataclass(frozen=True, slots=True)
class See:
    """A shard of names. Operators look at pictures alone; a shard of videos has their columns, empty.

    `told` says of some why they are not there (they could not be fetched). `deadly` are places of those that a process died
    of; a `careful` process says where it is.
    """

    store: Store
    kind: str
    uris: tuple[str, ...]
    lookers: tuple[Looker, ...]
    kept: Path
    out: Path
    told: Mapping[str, str] = field(default_factory=dict)
    deadly: frozenset[int] = frozenset()
    careful: bool = False

    @property
    def trail(self) -> Path:
        """File that holds the place of the name at work."""
        return self.out.with_suffix(".trail")

    def after_death(self) -> Self:
        """First with a trail, then without the name at which the trail ends."""
        if not self.careful:
            return replace(self, careful=True)
        place = int(self.trail.read_text()) if self.trail.exists() else -1
        if place in self.deadly | {-1}:
            fix = "run the same command again with run.curate_workers=0: what was done is kept"
            raise DataError("curate", "a worker process dies before it has read anything", "", fix)
        return replace(self, deadly=self.deadly | {place})


def schema(lookers: tuple[Looker, ...]) -> pa.Schema:
    """Operators → the columns of a seen shard: facts, then `fault:` and `value:`, or `look:` and its `dtype:`, by operator."""
    columns = list(FACTS)
    for looker in lookers:
        columns.append((f"fault:{looker.name}", pa.string()))
        if isinstance(looker, PictureOperator):
            columns.append((f"value:{looker.name}", pa.float64()))
        else:
            columns += [(f"look:{looker.name}", pa.binary()), (f"dtype:{looker.name}", pa.string())]
    return pa.schema(columns)


def shards(site: Site, kind: str, uris: Iterator[str], lookers: tuple[Looker, ...], folder: Path) -> Iterator[See]:
    """Names in order → jobs."""
    unfetched = errors(site.annex)
    size = site.engine.pictures if kind == "image" else FILMS
    for number, part in enumerate(_parts(uris, size)):
        name = hashlib.sha256("\n".join(part).encode()).hexdigest()[:32]
        kept = site.looks / "pictures" / f"{name}.parquet"
        told = {uri: why for uri in part if uri.startswith(WEB) and (why := unfetched.get(uri))}
        yield See(site.store, kind, part, lookers, kept, folder / f"{kind}-{number:06d}.parquet", told)


def see(job: See) -> Bool[np.ndarray, "names"]:
    """Job → its file, and which of its names cannot be read. What could not be opened is tried again by a job begun again."""
    told = _told(job.out) if job.out.exists() else []
    if not job.out.exists() or any(error not in ("", DIED) and not content for error, content in told):
        deadly = frozenset(place for place, (error, _) in enumerate(told) if error == DIED)
        job = replace(job, deadly=job.deadly | deadly)
        rows = _films(job) if job.kind == "video" else _pictures(job)
        write_table(job.out, pa.Table.from_pylist(rows, schema(job.lookers)))
        job.trail.unlink(missing_ok=True)
    return np.array([bool(error) for error, _ in _told(job.out)], bool)


def _told(out: Path) -> list[tuple[str, str]]:
    """A seen shard → for each name why it cannot be read, and the hash of its bytes; either may be empty."""
    table = read_table(out, "error", "sha256")
    return list(zip(table["error"].to_pylist(), table["sha256"].to_pylist(), strict=True))


def _films(job: See) -> list[dict[str, Any]]:
    rows = []
    for place, uri in enumerate(job.uris):
        _mark(job, place)
        facts = Film(error=DIED) if place in job.deadly else film(job.store, uri)
        rows.append({"uri": uri, "kind": "video"} | {name: getattr(facts, name) for name, _ in FACTS[2:]})
    return rows


def _pictures(job: See) -> list[dict[str, Any]]:
    keys = {looker.name: looker.key for looker in job.lookers}
    known = {(item.sha256, item.key): item for item in read_looks(job.kept)} if job.kept.exists() else {}
    old = len(known)
    rows = []
    for place, uri in enumerate(job.uris):
        _mark(job, place)
        rows.append(_dead(uri, job.lookers) if place in job.deadly else _seen(job, uri, keys, known))
    lasting = [item for item in known.values() if item.lasting]
    if len(lasting) > old:
        write_looks(job.kept, lasting)
    return rows


def _mark(job: See, place: int) -> None:
    if job.careful:
        job.trail.write_text(str(place))


def _dead(uri: str, lookers: tuple[Looker, ...]) -> dict[str, Any]:
    facts = {"uri": uri, "kind": "image", "sha256": "", "width": 0, "height": 0, "frames": 0, "fps": 0.0, "error": DIED}
    return facts | {f"fault:{looker.name}": DIED for looker in lookers}


def _seen(job: See, uri: str, keys: dict[str, str], known: dict[tuple[str, str], Looked]) -> dict[str, Any]:
    """Name → facts and looks of its picture; what fails says why in its place."""
    row: dict[str, Any] = {"uri": uri, "kind": "image", "sha256": "", "width": 0, "height": 0, "frames": 0, "fps": 0.0, "error": ""}
    try:
        picture = Picture(uri, job.store.read(uri))
    except DataError as error:
        why = job.told.get(uri) or error.got
        return row | {"error": why} | {f"fault:{looker.name}": why for looker in job.lookers}
    row["sha256"] = picture.sha256
    try:
        row["width"], row["height"] = picture.size
    except DataError as error:
        row["error"] = error.got
    for looker in job.lookers:
        place = (picture.sha256, keys[looker.name])
        if place not in known:
            known[place] = _look(looker, picture, place[1])
        row |= _columns(looker, known[place])
    return row


def _look(looker: Looker, picture: Picture, key: str) -> Looked:
    try:
        return Looked(picture.sha256, key, looker.look(picture))
    except DataError as error:
        return Looked(picture.sha256, key, np.zeros(0), error.got)
    except Exception as error:  # an operator that fails on a picture must not take the job with it: its row says so
        return Looked(picture.sha256, key, np.zeros(0), f"{type(error).__name__}: {error}", lasting=False)


def _columns(looker: Looker, looked: Looked) -> dict[str, Any]:
    name = looker.name
    if looked.error:
        return {f"fault:{name}": looked.error}
    if isinstance(looker, PictureOperator):
        return {f"fault:{name}": "", f"value:{name}": float(looked.look[0])}
    look = np.ascontiguousarray(looked.look)
    return {f"fault:{name}": "", f"look:{name}": look.tobytes(), f"dtype:{name}": look.dtype.str}


def _parts(uris: Iterator[str], size: int) -> Iterator[tuple[str, ...]]:
    for first in uris:
        yield (first, *islice(uris, size - 1))
