"""perplexity: a caption that surprises a model which sees the picture → dropped. Score: exp of its mean loss over its tokens.

POINTS (Liu et al. 2024, arXiv 2409.04828): the perplexity of the given caption under a vision-language model that sees the
picture and is asked "please generate a caption for this image."; the fifth with the lowest is kept, which
`Quantile(column="perplexity", best="lowest", keep_share=0.2)` does (`max_score` inf leaves all of it to that).

What counts are the caption's tokens and the one that ends the reply, as in the reference (WePOINTS/WePOINTS,
scripts/pretrain_filtering_with_ppl.py), never the template: it is found by comparing what is said with and without the reply.
The reference cuts off the first 14 tokens of the caption as a user's message, which fits the template of Qwen2-VL alone, rounds
probabilities to bfloat16, and leaves out samples that do not fit into memory with a printed line.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from omma.answerers.service import Service
from omma.answerers.services.saved import Saved
from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.models.asking import one_by_one
from omma.curate.models.pairing import Choice, chosen
from omma.curate.operator import Drops, Judged, ModelOperator, child
from omma.generate.reply import SampleLoss
from omma.media.store import Store
from omma.schema.sample import Part, Sample, Turn


@config
class Perplexity(ModelOperator):
    """`model` says how likely words are: a run of omma (`Saved`) or a folder of transformers that writes (`Released`).

    Captions are measured as replies to `prompt`, with all pictures of the sample in front of it; `captions` says which of several
    counts, "best" being the least surprising. A small model knows the prompts that it was trained with, and wants one of them:
    those of its `text.caption_prompts`, of which "" shows the picture and says nothing.
    A sample without captions is measured by its reply to its own question, if it has one of each. Others, and those without a
    picture, are not judged.
    """

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    scope: ClassVar[Literal["all", "train"]] = "train"
    scored_by: ClassVar[tuple[str, ...]] = ("model", "prompt", "captions")
    model: Service = Saved()
    prompt: str = "please generate a caption for this image."
    captions: Choice = "best"
    max_score: float = math.inf

    def check(self) -> None:
        if not self.max_score > 1:
            raise ConfigError("Perplexity.max_score", str(self.max_score), "a perplexity above 1", "inf keeps all")

    @property
    def key(self) -> str:
        """As any operator's, and what tells the model from others of its name."""
        return f"{super().key}-{self.model.mark}"

    @property
    def threshold(self) -> float:
        """Highest perplexity that stays."""
        return self.max_score

    def score(self, samples: Sequence[Sample], store: Store) -> list[Judged]:
        """Samples → perplexities, NaN for those that are not judged. ConfigError or CheckpointError if there is no model."""
        groups = [self._asked(sample) for sample in samples]
        flat = [one for group in groups for one in group]
        found: Mapping[str, SampleLoss | str] = {}
        if flat:
            measurer = self.model.measurer(store)
            losses = one_by_one(flat, lambda some: list(measurer.measure(some)))
            found = dict(zip((one.id for one in flat), losses, strict=True))
        return [self._judged([found[one.id] for one in group]) for group in groups]

    def decide(self, score: float) -> str:
        """Above `max_score`."""
        return f"perplexity {score:.4g}, above {self.max_score:g}" if score > self.max_score else ""

    def _asked(self, sample: Sample) -> list[Sample]:
        """What is measured of a sample: its captions as replies, or its own reply."""
        pictures = [item for item in sample.media if item.kind == "image"]
        told = [caption.text.strip() for caption in sample.captions if caption.text.strip()]
        if pictures and told:
            shown = tuple(Part("image", index=index) for index in range(len(pictures)))
            asked = Turn("user", (*shown, *((Part("text", self.prompt),) if self.prompt else ())))
            turns = [(asked, Turn("assistant", (Part("text", text),))) for text in told]
            return [
                Sample(child(sample, self, number), sample.source, "asked", tuple(pictures), both)
                for number, both in enumerate(turns)
            ]
        roles = [turn.role for turn in sample.turns if turn.role != "system"]
        single = roles == ["user", "assistant"] and bool(sample.turns[-1].text.strip())
        return [replace(sample, captions=())] if pictures and single else []

    def _judged(self, losses: Sequence[SampleLoss | str]) -> Judged:
        errors = [one for one in losses if isinstance(one, str)]
        if errors or not losses:
            return Judged(error=errors[0]) if errors else Judged()
        means = [one.total / one.count for one in losses if isinstance(one, SampleLoss) and one.count]
        if len(means) < len(losses):
            return Judged(error="the model reads no token of what is said")
        surprise: Mapping[Choice, Choice] = {"best": "worst", "worst": "best", "mean": "mean"}  # the best loss is the lowest
        return Judged(math.exp(chosen(means, surprise[self.captions])))
