"""recaption: a picture with the words of its page → one description that a model wrote in their place (SAIL-Caption).

SAIL-VL (Dong et al. 2025, arXiv 2501.05952): a captioner, tuned on descriptions by a stronger model that was shown the
alternative text as knowledge of the world, describes 300M pictures. Which operators stand around it (samples and duplicates
before; repetition and ratings behind) is the recipe's to say; refusals are errors here. Prompts are ours.
"""

from dataclasses import replace
from typing import ClassVar

from omma.core.config import config
from omma.curate.models.asking import Asked, AskingRewriter, Questions, check_prompt, filled, question
from omma.curate.models.replies import whole
from omma.curate.operator import Rewritten
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.schema.sample import Caption, Sample

KNOWING = """\
Describe this picture in detail: what is in it, how it looks, what happens, where things are, and any writing that can be read.

The page on which it stands says of it:
{caption}

Take names and facts from there only where they agree with what you see. Say nothing of the page."""
SEEING = """\
Describe this picture in detail: what is in it, how it looks, what happens, where things are, and any writing that can be read."""


@config
class Recaption(AskingRewriter):
    """Samples with pictures and without turns: the new caption stands alone, `meta["captions"]` has the old ones, one a line.

    `prompt` with its {caption} is for samples with captions, `prompt_alone` for those without. A refusal, a reply that is
    cut off, an empty one and a failure are errors of the sample.
    """

    version: ClassVar[str] = "1"
    scored_by: ClassVar[tuple[str, ...]] = ("model", "sampling", "signature", "prompt", "prompt_alone")
    sampling: Sampling = Sampling(max_tokens=1024)
    prompt: str = KNOWING
    prompt_alone: str = SEEING

    def check(self) -> None:
        check_prompt("Recaption.prompt", self.prompt, "caption")
        check_prompt("Recaption.prompt_alone", self.prompt_alone)

    def questions(self, sample: Sample, store: Store) -> Questions:
        """Its pictures, the prompt and the captions."""
        if not sample.media or sample.turns:
            return ()
        told = _told(sample)
        words = filled(self.prompt, caption=told) if told else self.prompt_alone
        return (question(sample, self, 0, words, sample.media),)

    def answered(self, sample: Sample, asked: Asked, author: str) -> Rewritten:
        """One caption in the place of all."""
        captions, told = (Caption(whole(asked.replies[0]), author),), _told(sample)
        meta = sample.meta | ({"captions": told} if told else {})
        return Rewritten((replace(sample, captions=captions, meta=meta),), f"described anew by {author}")


def _told(sample: Sample) -> str:
    return "\n".join(text for caption in sample.captions if (text := " ".join(caption.text.split())))
