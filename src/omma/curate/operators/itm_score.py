"""itm_score: a caption that a head for image-text matching finds not to belong to its picture → dropped. Score: P(match).

ALBEF (Li et al. 2021) and BLIP (Li et al. 2022, arXiv 2201.12086): a text encoder that attends to the picture says "matched"
or "unmatched". BLIP's filter drops what is called unmatched: `min_score` 0.5. Data-Juicer takes 0.003, its recipe for
LLaVA's captions 0.449 (modelscope/data-juicer, image_text_matching_filter.py and llava-pretrain-refine.yaml). TL;DR keeps the
top half: `quantile` or `cluster_reduction` over `itm_score`. Words beyond what the encoder takes are not read.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from omma.answerers.service import Service
from omma.answerers.services.released import Released
from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.models.asking import one_by_one
from omma.curate.models.pairing import Pair, PairOperator
from omma.curate.operator import Drops
from omma.media.store import Store
from omma.schema.sample import Part, Sample, Turn


@config
class ItmScore(PairOperator):
    """`model` matches: a folder of BlipForImageTextRetrieval or Blip2ForImageTextRetrieval."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = "<"
    scored_by: ClassVar[tuple[str, ...]] = ("model", "captions")
    model: Service = Released(rows=32)
    min_score: float = 0.5

    def check(self) -> None:
        if not 0 <= self.min_score <= 1:
            raise ConfigError("ItmScore.min_score", str(self.min_score), "a probability from 0 to 1")

    @property
    def threshold(self) -> float:
        """Lowest probability that stays."""
        return self.min_score

    def pair_scores(self, pairs: Sequence[Pair], store: Store) -> Mapping[tuple[str, str], float | str]:
        """Pairs → probabilities. A picture that cannot be read costs its own pairs only."""
        matcher = self.model.matcher(store)
        asked = [_asked(number, pair) for number, pair in enumerate(pairs)]
        found = one_by_one(asked, lambda some: list(matcher.match(some)))
        return dict(zip((pair.key for pair in pairs), found, strict=True))

    def decide(self, score: float) -> str:
        """Below `min_score`."""
        return f"matches with {score:.3f}, below {self.min_score:g}" if score < self.min_score else ""


def _asked(number: int, pair: Pair) -> Sample:
    turn = Turn("user", (Part("image", index=0), Part("text", pair.text)))
    return Sample(str(number), "", media=(pair.media,), turns=(turn,))
