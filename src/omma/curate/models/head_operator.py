"""Head operator: what operators share that read a number off a model's vectors of pictures or words with a small head."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

from omma.answerers.service import Service
from omma.answerers.services.space import Space
from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.models.head import Head
from omma.curate.models.spaces import Place, read, see
from omma.curate.operator import Drops, Judged, ModelOperator, texts_of
from omma.media.store import Store
from omma.schema.sample import Sample


@config
class HeadOperator(ModelOperator):
    """`model` embeds, `head` was trained over its unit vectors. Samples with nothing that it reads are not judged."""

    scope: ClassVar[Literal["all", "train"]] = "train"
    scored_by: ClassVar[tuple[str, ...]] = ("model", "head")
    model: Service = Space()
    head: Head = Head()

    @property
    def key(self) -> str:
        """As any operator's, and what tells the model and the head from others of their names."""
        return f"{super().key}-{self.model.mark}-{self.head.mark}"

    def of_pictures(self, samples: Sequence[Sample], store: Store, counts: Callable[[list[float]], float]) -> list[Judged]:
        """Samples → what `counts` of the numbers of their pictures."""
        space = self.model.embedder(store)
        shown = [[item for item in sample.media if item.kind == "image"] for sample in samples]
        places = see({item.sha256 or item.uri: item for items in shown for item in items}, space)
        return [self._judged([places[item.sha256 or item.uri] for item in items], counts) for items in shown]

    def of_words(self, samples: Sequence[Sample], store: Store, counts: Callable[[list[float]], float]) -> list[Judged]:
        """Samples → what `counts` of the numbers of their captions and replies."""
        space = self.model.embedder(store)
        told = [[text.strip() for text in texts_of(sample) if text.strip()] for sample in samples]
        places = read([text for texts in told for text in texts], space)
        return [self._judged([places[text] for text in texts], counts) for texts in told]

    def _judged(self, places: Sequence[Place], counts: Callable[[list[float]], float]) -> Judged:
        errors = [place for place in places if isinstance(place, str)]
        if errors or not places:
            return Judged(error=errors[0]) if errors else Judged()
        return Judged(counts([self.head.score(place) for place in places if not isinstance(place, str)]))


@config
class ProbabilityOperator(HeadOperator):
    """`head` gives a probability of what nobody wants: from `max_score` on a sample goes, its highest counts."""

    drops: ClassVar[Drops] = ">="
    head: Head = Head(output="sigmoid")
    max_score: float = 0.5

    def check(self) -> None:
        if not 0 <= self.max_score <= 1:
            raise ConfigError(f"{type(self).__name__}.max_score", str(self.max_score), "a probability from 0 to 1")

    @property
    def threshold(self) -> float:
        """Probability from which on samples go."""
        return self.max_score

    def said(self, word: str, score: float) -> str:
        """What it takes a sample for + probability → reason to drop, or nothing."""
        return f"{word} with probability {score:.3f}, {self.max_score:g} or more" if score >= self.max_score else ""
