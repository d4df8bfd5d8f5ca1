"""Collate: rows and the patches of their pictures → one packed Batch. Nothing is padded; labels are shifted by document."""

from collections.abc import Sequence

import numpy as np
import torch

from omma.core.errors import ShapeError
from omma.media.apply import patchify
from omma.media.store import Store
from omma.media.windows import windows
from omma.pack.pixels import Patches, Pixels
from omma.schema.batch import IGNORE, Asked, Batch, Blends, Pictures, Windows
from omma.schema.row import NO_TAGS, Row
from omma.schema.talk import Eye
from omma.schema.view import NO_BLEND

SMALL = 4  # patches a side of the picture whose first tile stands for "no picture"


def rows_to_batch(rows: Sequence[Row], eye: Eye, store: Store) -> Batch:
    """Rows → batch, pictures read from the store. DataError if a picture cannot be used."""
    pixels = Pixels(store, eye, cache_bytes=0)
    return collate(rows, [pixels.of(row) for row in rows], eye)


def collate(rows: Sequence[Row], patches: Sequence[Sequence[Patches]], eye: Eye) -> Batch:
    """Rows + patches of each picture of each row → batch. Rows follow one another as documents.

    `labels[t]` is the id at t + 1 where that is supervised and in the same document. `gather` counts visual tokens
    over all pictures of the batch; layout embeddings keep their negative numbers. Without any picture one blank tile
    goes along. ShapeError if patches do not fit the plan of their picture.
    """
    if not rows:
        raise ShapeError("collate", "no rows", "at least one")
    starts = np.cumsum([0, *(row.num_tokens for row in rows)])
    slots, gather = _slots(rows, starts)
    index, weight = _blends(rows)
    return Batch(
        tokens=torch.from_numpy(np.concatenate([row.token_ids for row in rows]).astype(np.int64)),
        positions=torch.from_numpy(np.concatenate([row.positions for row in rows])),
        cu_seqlens=torch.from_numpy(starts.astype(np.int32)),
        labels=torch.from_numpy(np.concatenate([_labels(row) for row in rows])),
        pictures=_pictures(rows, patches, eye),
        slots=torch.from_numpy(slots),
        gather=torch.from_numpy(gather),
        sample_ids=tuple(row.sample_id for row in rows),
        sources=tuple(row.source for row in rows),
        blends=Blends(torch.from_numpy(index), torch.from_numpy(weight)),
        tags=torch.from_numpy(_tags(rows, starts)),
    )


def blank(eye: Eye) -> Pictures:
    """The picture of a batch that has none: one tile of the fill colour, of a size that the view would make."""
    side = SMALL * eye.patch
    tile = eye.plan(side, side).tiles[0]
    sheet = np.empty((tile.height, tile.width, 3), np.uint8)
    sheet[:] = eye.view.fill
    grid = [[1, tile.height // eye.patch, tile.width // eye.patch]]
    patches = torch.from_numpy(patchify(sheet, eye.patch).copy())
    return Pictures(patches, torch.tensor(grid), Asked(torch.zeros(0, dtype=torch.long), torch.zeros(2, dtype=torch.long)))


def _labels(row: Row) -> np.ndarray:
    labels = np.full(row.num_tokens, IGNORE, np.int64)
    labels[:-1] = np.where(row.supervised[1:], row.token_ids[1:], IGNORE)
    return labels


def _slots(rows: Sequence[Row], starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of slots in the stream, and which visual token of the batch fills each; blends count behind all others."""
    slots, gather = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    seen, blended = 0, sum(picture.num_visual for row in rows for picture in row.pictures)
    for row, start in zip(rows, starts[:-1], strict=True):
        for picture in row.pictures:
            slots.append(picture.slots + start)
            own = np.where(picture.gather >= 0, picture.gather + seen, picture.gather)
            gather.append(np.where(picture.gather >= picture.num_visual, picture.gather - picture.num_visual + blended, own))
            seen += picture.num_visual
            blended += len(picture.blend)
    return np.concatenate(slots), np.concatenate(gather)


def _tags(rows: Sequence[Row], starts: np.ndarray) -> np.ndarray:
    """Tags of all pictures, their tokens counted over the stream and their visual tokens over the batch."""
    tags, seen = [NO_TAGS], 0
    for row, start in zip(rows, starts[:-1], strict=True):
        for picture in row.pictures:
            tags.append(picture.tags + np.array([start, start, seen, seen]))
            seen += picture.num_visual
    return np.concatenate(tags)


def _blends(rows: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Index into the batch's visual tokens and weight of every blended token, picture by picture."""
    index, weight = [NO_BLEND.index], [NO_BLEND.weight]
    seen = 0
    for picture in (picture for row in rows for picture in row.pictures):
        index.append(picture.blend.index + seen)
        weight.append(picture.blend.weight)
        seen += picture.num_visual
    return np.concatenate(index), np.concatenate(weight)


def _pictures(rows: Sequence[Row], patches: Sequence[Sequence[Patches]], eye: Eye) -> Pictures:
    grids: list[tuple[int, int, int]] = []
    for row, given in zip(rows, patches, strict=True):
        for picture, values in zip(row.pictures, given, strict=True):
            if len(values) != picture.plan.num_patches(eye.patch):
                expected = f"{picture.plan.num_patches(eye.patch)} as planned"
                raise ShapeError(picture.media.uri, f"{len(values)} patches", expected)
            grids += picture.plan.grids(eye.patch)
    if not grids:
        return blank(eye)
    stream = np.concatenate([values for given in patches for values in given])
    whole, box = windows([picture.plan for row in rows for picture in row.pictures])
    together = Windows(torch.from_numpy(whole), torch.from_numpy(box))
    return Pictures(torch.from_numpy(stream), torch.tensor(grids), _asked(rows), together)


def _asked(rows: Sequence[Row]) -> Asked | None:
    """What is asked of each tile; None where no picture has words for its connector."""
    words = [picture.asked for row in rows for picture in row.pictures for _ in picture.plan.tiles]
    if not any(map(len, words)):
        return None
    borders = np.cumsum([0, *map(len, words)])
    return Asked(torch.from_numpy(np.concatenate(words)), torch.from_numpy(borders))
