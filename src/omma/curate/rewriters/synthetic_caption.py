"""synthetic_caption: a picture → the same with a caption that a model wrote behind its own: the captioner of CapFilt.

BLIP (Li et al. 2022, arXiv 2201.12086, section 3.3): a captioner tuned on COCO writes one caption for each picture of the web,
drawn with nucleus sampling, p = 0.9: more of them are wrong than of beam search's (25% against 19%), and more is learnt from
them. `caption_filter`, with another model tuned apart, then looks at both texts. The prompt is ours.
"""

from dataclasses import replace
from typing import ClassVar

from omma.core.config import config
from omma.curate.models.asking import Asked, AskingRewriter, Questions, check_prompt, question
from omma.curate.models.replies import whole
from omma.curate.operator import Rewritten
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.schema.sample import Caption, Sample


@config
class SyntheticCaption(AskingRewriter):
    """Samples with pictures and without turns. A caption that says what another does is not added.

    A refusal, a reply that is cut off, an empty one and a failure are errors of the sample.
    """

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = ("model", "sampling", "signature", "prompt")
    sampling: Sampling = Sampling(temperature=1.0, top_p=0.9, max_tokens=64)
    prompt: str = "Describe the picture in one sentence."

    def check(self) -> None:
        check_prompt("SyntheticCaption.prompt", self.prompt)

    def questions(self, sample: Sample, store: Store) -> Questions:
        """Its pictures and the prompt."""
        return (question(sample, self, 0, self.prompt, sample.media),) if sample.media and not sample.turns else ()

    def answered(self, sample: Sample, asked: Asked, author: str) -> Rewritten:
        """One caption more."""
        text = whole(asked.replies[0])
        if any(caption.text.strip().casefold() == text.casefold() for caption in sample.captions):
            return Rewritten((sample,))
        return Rewritten((replace(sample, captions=(*sample.captions, Caption(text, author))),), f"a caption by {author}")
