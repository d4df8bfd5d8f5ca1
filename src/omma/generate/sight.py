"""Sight: what a model is shown of a sample: its picture, a grey one of the same size, or another sample's picture.

The text stays as it is, so the difference between two sights is what the picture contributes.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, get_args

from omma.core.config import did_you_mean
from omma.core.errors import ConfigError, DataError, OmmaError
from omma.core.seeds import generator
from omma.media.decode import measure
from omma.media.draw import grey, to_png
from omma.media.store import Store
from omma.media.video import measure_video
from omma.schema.sample import Media, Sample

Sight = Literal["picture", "grey", "shuffled"]
SEED = 0  # which picture stands for which is the same in every run


class GreyStore(Store):
    """A store in which every picture is grey: the size is that of the stored one, and what is missing there is missing here."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.root)
        self.store = store

    def __reduce__(self) -> tuple[type["GreyStore"], tuple[Any, ...]]:
        return GreyStore, (self.store,)

    def read(self, uri: str) -> bytes:
        """Name of a picture or video → a grey PNG of its size, which as a video goes on for ever. DataError as the store's."""
        try:
            return to_png(grey(*measure(self.store.read(uri), name=uri)))
        except DataError as unreadable:
            with contextlib.suppress(OmmaError):
                facts = measure_video(self.store, uri)
                return to_png(grey(facts.width, facts.height))
            raise unreadable


def check_sight(sight: str) -> None:
    """ConfigError unless there is such a sight."""
    if sight not in get_args(Sight):
        raise ConfigError("sight", repr(sight), " or ".join(map(repr, get_args(Sight))), did_you_mean(sight, get_args(Sight)))


def through(sight: Sight) -> Sight:
    """How samples are looked at whose pictures `shown` has exchanged already: as they are."""
    return "picture" if sight == "shuffled" else sight


def shown(samples: Sequence[Sample], sight: Sight) -> list[Sample]:
    """Samples → the samples as this sight shows them; with `shuffled`, each with the pictures of another one.

    Samples that share pictures share those of one other sample. DataError if there is no other with as many pictures.
    """
    check_sight(sight)
    if sight == "grey":  # what is shown are not the bytes that curation has seen
        return [replace(sample, media=tuple(replace(media, sha256="") for media in sample.media)) for sample in samples]
    if sight == "picture":
        return list(samples)
    groups: dict[int, dict[tuple[str, ...], tuple[Media, ...]]] = {}
    for sample in samples:
        groups.setdefault(len(sample.media), {}).setdefault(_key(sample), sample.media)
    instead = {key: media for count, group in groups.items() if count for key, media in _rotated(group, count).items()}
    return [replace(sample, media=instead[_key(sample)]) if sample.media else sample for sample in samples]


def _rotated(group: dict[tuple[str, ...], tuple[Media, ...]], count: int) -> dict[tuple[str, ...], tuple[Media, ...]]:
    """Sets of pictures → the next one of a shuffled circle for each, so that none stands for itself."""
    if len(group) < 2:
        only = next(iter(group))[0]
        fix = "give more samples, or take sight='grey'"
        raise DataError("sight", f"{only} is the only set of {count} pictures", "at least two to exchange", fix)
    keys = sorted(group)
    circle = [keys[i] for i in generator(SEED, "sight").permutation(len(keys))]
    return {key: group[other] for key, other in zip(circle, circle[1:] + circle[:1], strict=True)}


def _key(sample: Sample) -> tuple[str, ...]:
    return tuple(media.uri for media in sample.media)
