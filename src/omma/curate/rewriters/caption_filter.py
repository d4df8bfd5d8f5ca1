"""caption_filter: a picture with captions → those that a model finds to belong to it: the filter of CapFilt.

BLIP (Li et al. 2022, arXiv 2201.12086, section 3.3): texts of the web and synthetic ones are dropped alike if the head for
image-text matching calls them unmatched (probability below a half). The filter is tuned apart from the captioner: with shared
weights it finds 8% noise instead of 25%. BLIP leaves pairs written by people alone: `spared` names their origins.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from omma.answerers.service import Service
from omma.answerers.services.released import Released
from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.models.asking import one_by_one, question
from omma.curate.operator import Rewriter, Rewritten
from omma.media.store import Store
from omma.schema.sample import Sample


@config
class CaptionFilter(Rewriter):
    """Captions of samples with one picture. `meta["matches"]` keeps the probabilities of those that stay, in their order.

    A sample with neither captions nor turns left is dropped. `model` must match: a folder of BlipForImageTextRetrieval.
    """

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = ("model", "least", "spared")
    model: Service = Released()
    least: float = 0.5
    spared: tuple[str, ...] = ()

    def check(self) -> None:
        if not 0 <= self.least <= 1:
            raise ConfigError("CaptionFilter.least", str(self.least), "a probability from 0 to 1")

    @property
    def key(self) -> str:
        """As any operator's, and what tells the model from others of its name."""
        return f"{super().key}-{self.model.mark}"

    def rewrite(self, samples: Sequence[Sample], store: Store) -> list[Rewritten]:
        """Samples → the same with fewer captions. ConfigError or CheckpointError if there is no model that matches."""
        asked = [self._questions(sample) for sample in samples]
        flat = [one for group in asked for one in group]
        found: list[float | str] = []
        if flat:
            matcher = self.model.matcher(store)
            found = one_by_one(flat, matcher.match)
        scores = dict(zip((one.id for one in flat), found, strict=True))
        return [self._filtered(sample, [scores[one.id] for one in group]) for sample, group in zip(samples, asked, strict=True)]

    def _questions(self, sample: Sample) -> list[Sample]:
        """A question for each caption that is not spared."""
        if len(sample.media) != 1:
            return []
        judged = (caption.text for caption in sample.captions if caption.origin not in self.spared)
        return [question(sample, self, number, text, sample.media) for number, text in enumerate(judged)]

    def _filtered(self, sample: Sample, scores: Sequence[float | str]) -> Rewritten:
        failed = next((score for score in scores if isinstance(score, str)), "")
        if failed or not scores:
            return Rewritten((), error=failed) if failed else Rewritten((sample,))
        rest = iter(scores)
        given = [(caption, 1.0 if caption.origin in self.spared else float(next(rest))) for caption in sample.captions]
        kept = [(caption, score) for caption, score in given if score >= self.least]
        told = ", ".join(f"{score:.3f}" for _, score in given if score < self.least)
        if not kept and not sample.turns:
            return Rewritten((), f"no caption belongs to the picture: {told} below {self.least:g}")
        meta = sample.meta | {"matches": " ".join(f"{score:.6f}" for _, score in kept)}
        reason = (
            f"{len(given) - len(kept)} of {len(given)} captions gone: {told} below {self.least:g}" if told else "captions matched"
        )
        return Rewritten((replace(sample, captions=tuple(caption for caption, _ in kept), meta=meta),), reason)
