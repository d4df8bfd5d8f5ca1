"""Space embedding: pictures → their places in a model's space, looked at one by one: what semantic operators compare.

SemanticDedupe(embedding=SpaceEmbedding(model=Space(folder="models/clip-vit-base-patch32", rows=1)), eps=0.05)
"""

import numpy as np
from jaxtyping import Float

from omma.answerers.inline import Inline, named
from omma.answerers.service import Service
from omma.answerers.services.space import Space
from omma.core.config import config
from omma.curate.operator import Look
from omma.curate.picture import Picture
from omma.curate.sets.embeddings import Embedding, Shown
from omma.curate.sets.kmeans import unit
from omma.schema.sample import Media, Sample


@config
class SpaceEmbedding(Embedding):
    """Vectors are kept as looks, by content. Every process that looks at pictures opens the model: on one GPU, let one look."""

    model: Service = Space(rows=1)

    @property
    def mark(self) -> str:
        """What tells the model from others of its name."""
        return self.model.mark

    def look(self, picture: Picture) -> Look:
        """Picture → its vector. DataError for one that cannot be decoded."""
        picture.pixels  # noqa: B018  (what fails here names the picture)
        asked = Sample(picture.uri, "", media=(Media(named(picture.data)),))
        (vector,) = self.model.embedder(Inline()).embed([asked])
        return np.array(vector, np.float32)

    def vectors(self, pictures: Shown) -> Float[np.ndarray, "pictures d"]:
        """Vectors of length one."""
        return unit(pictures.looks)
