"""clip_score: a picture and a caption that lie far apart in the space of two encoders → dropped. Score: their cosine.

The similarity of CLIP (Radford et al. 2021), as filters of web pairs take it. Cosines of two models don't compare, so that
thresholds belong to theirs: with CLIP ViT-B/32 LAION-400M kept 0.3 and above, LAION-2B 0.28, and 0.25 is a baseline of
DataComp (mlfoundations/datacomp, README.md); with L/14 DataComp keeps the top 30%, which `quantile` over `clip_score` does
(`min_score` -1 leaves all of it to that). SigLIP's cosines lie lower. Words beyond what the encoder takes are not read.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from omma.answerers.service import Service
from omma.answerers.services.space import Space
from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.models.pairing import Pair, PairOperator
from omma.curate.models.spaces import cosine, read, see
from omma.curate.operator import Drops
from omma.media.store import Store


@config
class ClipScore(PairOperator):
    """`model` embeds: a folder of CLIP, SigLIP or alike. Each picture and each text is embedded once a shard."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = "<"
    scored_by: ClassVar[tuple[str, ...]] = ("model", "captions")
    model: Service = Space()
    min_score: float = 0.25

    def check(self) -> None:
        if not -1 <= self.min_score <= 1:
            raise ConfigError("ClipScore.min_score", str(self.min_score), "a cosine from -1 to 1")

    @property
    def threshold(self) -> float:
        """Lowest cosine that stays."""
        return self.min_score

    def pair_scores(self, pairs: Sequence[Pair], store: Store) -> Mapping[tuple[str, str], float | str]:
        """Pairs → cosines. A picture that cannot be read costs its own pairs only."""
        space = self.model.embedder(store)
        pictures = see({pair.picture: pair.media for pair in pairs}, space)
        texts = read([pair.text for pair in pairs], space)
        return {pair.key: cosine(pictures[pair.picture], texts[pair.text]) for pair in pairs}

    def decide(self, score: float) -> str:
        """Below `min_score`."""
        return f"cosine {score:.3f}, below {self.min_score:g}" if score < self.min_score else ""
