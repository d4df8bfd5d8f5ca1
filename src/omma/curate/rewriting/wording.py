"""Wording: a sample + a change of texts → the same sample with other words; what rewriters of words share."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ClassVar

from omma.core.config import config
from omma.curate.operator import Rewriter, Rewritten
from omma.media.store import Store
from omma.schema.sample import Sample, Turn

Change = Callable[[str], str]


@config
class CaptionRewriter(Rewriter):
    """Changes captions one by one. Conversations stay: there an address or a piece of markup may be what is asked about.

    A caption of which nothing is left goes, and so does a sample that has neither captions nor turns left.
    """

    what: ClassVar[str] = ""  # what it takes out, for the ledger

    def change(self, text: str) -> str:
        """Caption → what stands in its place."""
        raise NotImplementedError(f"{type(self).__name__} has no change")

    def rewrite(self, samples: Sequence[Sample], store: Store) -> list[Rewritten]:
        """Samples → the same with changed captions."""
        return [self._rewritten(sample) for sample in samples]

    def _rewritten(self, sample: Sample) -> Rewritten:
        texts = [self.change(caption.text) for caption in sample.captions]
        changed = sum(text != caption.text for text, caption in zip(texts, sample.captions, strict=True))
        if not changed:
            return Rewritten((sample,))
        captions = tuple(replace(caption, text=text) for text, caption in zip(texts, sample.captions, strict=True) if text.strip())
        if not captions and not sample.turns:
            return Rewritten((), reason=f"nothing but {self.what} in its captions")
        return Rewritten((replace(sample, captions=captions),), reason=f"{self.what} in {changed} of {len(texts)} captions")


def with_texts(sample: Sample, change: Change) -> Sample:
    """Sample → the same with every text changed that anybody says: captions, turns, preferences, answers, labels of regions."""
    regions = tuple(replace(region, label=change(region.label)) for region in sample.regions)
    answer = sample.answer
    if answer is not None:
        texts, choices = tuple(map(change, answer.texts)), tuple(map(change, answer.choices))
        region = answer.region and replace(answer.region, label=change(answer.region.label))
        answer = replace(answer, texts=texts, choices=choices, region=region)
    return replace(
        sample,
        captions=tuple(replace(caption, text=change(caption.text)) for caption in sample.captions),
        turns=_changed(sample.turns, change),
        chosen=_changed(sample.chosen, change),
        rejected=_changed(sample.rejected, change),
        regions=regions,
        answer=answer,
    )


def _changed(turns: tuple[Turn, ...], change: Change) -> tuple[Turn, ...]:
    return tuple(replace(turn, parts=tuple(replace(part, text=change(part.text)) for part in turn.parts)) for turn in turns)
