"""embedded_frequency: samples that a weighted draw of a share does not reach → dropped, by the concepts that pictures lie near to.

LLaVA-OneVision-1.5 (An et al. 2025, arXiv 2509.23661) embeds pictures and half a million concepts with MetaCLIP and takes the
`top` nearest of each picture; the paper gives no K. Weights and draw are those of `inverse_frequency`, which goes by words.
"""

from collections.abc import Collection
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from omma.answerers.inline import Inline
from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.curate.models.space_embedding import SpaceEmbedding
from omma.curate.models.spaces import read, unit
from omma.curate.operator import Candidate, Look
from omma.curate.operators.inverse_frequency import InverseFrequency
from omma.curate.picture import Picture
from omma.curate.sets.concept_operator import Mentions

PLACE = "{}"


@config
class EmbeddedFrequency(InverseFrequency):
    """Samples that show what is rare are likelier to stay, whatever their captions say.

    `wording` is how a concept is read by the model, `{}` its name; a sample of several pictures lies where their mean does.
    """

    version: ClassVar[str] = "1"
    looks_at: ClassVar[bool] = True
    scored_by: ClassVar[tuple[str, ...]] = ("concepts", "top", "embedding", "wording")
    embedding: SpaceEmbedding = SpaceEmbedding()
    wording: str = "a photo of {}"

    def check(self) -> None:
        super().check()
        if PLACE not in self.wording:
            raise ConfigError("EmbeddedFrequency.wording", repr(self.wording), "words with {} in the place of the concept")

    @property
    def key(self) -> str:
        """As for all concepts, and what tells the model from others of its name."""
        return f"{super().key}-{self.embedding.mark}"

    def look(self, picture: Picture) -> Look:
        """Picture → its place in the model's space."""
        return self.embedding.look(picture)

    def mentions(self, candidates: Collection[Candidate], most: int) -> Mentions:
        """The `most` concepts nearest to what each training sample shows, nearest first. DataError without concepts."""
        names = self.concepts.read()
        if not names:
            raise DataError(self.name, "no concepts", "concepts.path or concepts.names", "name a file of concepts")
        found, places = Mentions(tuple(names)), self._places(tuple(names))
        for number, candidate in enumerate(candidates):
            found.heldout.append(candidate.heldout)
            found.places.add(candidate.sample)
            if candidate.heldout or not candidate.looks:
                continue
            cosines = places @ np.mean(candidate.looks, axis=0, dtype=np.float64)
            nearest = np.lexsort((np.arange(len(names)), -cosines.round(6)))[:most]
            found.samples.extend([number] * len(nearest))
            found.concepts.extend(nearest.tolist())
        return found

    def _places(self, names: tuple[str, ...]) -> Float[np.ndarray, "concepts d"]:
        """Concepts → unit vectors. DataError for one that the model cannot read."""
        texts = [self.wording.replace(PLACE, name) for name in names]
        placed = read(texts, self.embedding.model.embedder(Inline()))
        for text in texts:
            if isinstance(placed[text], str):
                raise DataError(self.name, f"{text!r}: {placed[text]}", "concepts that the model can read", "leave it out")
        return np.stack([np.asarray(unit(placed[text])) for text in texts])  # type: ignore[arg-type]
