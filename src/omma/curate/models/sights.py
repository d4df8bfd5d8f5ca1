"""Sights: a picture of a sample → a spoilt copy of it that a model can be shown at once: it lies in the annex under its name."""

from collections.abc import Callable

import numpy as np
from jaxtyping import UInt8

from omma.core.errors import ConfigError
from omma.core.files import replaced_path
from omma.curate.rewriting.drawn import Drawn, drawn
from omma.media.decode import decode
from omma.media.store import Store, annexed
from omma.schema.sample import Media


def spoilt(media: Media, spoil: Callable[[UInt8[np.ndarray, "h w 3"]], UInt8[np.ndarray, "h w 3"]], store: Store) -> Drawn:
    """Picture + what to do to its pixels → the copy. DataError if it cannot be read, ConfigError without an annex."""
    made = drawn(spoil(decode(store.read(media.uri), name=media.uri)))
    if store.annex is None:
        raise ConfigError(made.media.uri, "no annex", "a folder for pictures that are made, from which a model reads them")
    file = store.annex / annexed(made.media.uri)
    if not file.exists():
        with replaced_path(file) as temporary:
            temporary.write_bytes(made.data)
    return made
