"""spelt_caption: a caption that says what is written in its picture → dropped. Score: share of its words that stand there.

Such captions teach an encoder to read and not to see: of LAION-2B half of the pictures hold text, and some 30% of the captions'
words stand in them (Lin et al. 2023, arXiv 2312.14232, who read by a text spotter; here any model that transcribes reads).
Words are compared without case, width and marks. The threshold and the prompt are ours.
"""

import math
from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.models.asking import Questions
from omma.curate.models.transcribing import Transcribing, lines
from omma.curate.operator import Drops
from omma.curate.operators.contamination import tokens
from omma.generate.reply import Reply
from omma.media.store import Store
from omma.schema.sample import Sample


@config
class SpeltCaption(Transcribing):
    """Samples with a picture and a caption; of several captions the one that says most beside the writing counts."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    scored_by: ClassVar[tuple[str, ...]] = ("model", "sampling", "prompt")
    max_share: float = 0.5

    def check(self) -> None:
        super().check()
        if not 0 <= self.max_share <= 1:
            raise ConfigError("SpeltCaption.max_share", str(self.max_share), "a share from 0 to 1")

    @property
    def threshold(self) -> float:
        """Largest share that stays."""
        return self.max_share

    def questions(self, sample: Sample, store: Store) -> Questions:
        """One for each picture of a sample whose captions have words."""
        return super().questions(sample, store) if any(tokens(caption.text) for caption in sample.captions) else ()

    def read(self, sample: Sample, replies: Sequence[Reply]) -> float:
        """The least share of a caption's distinct words."""
        written = {word for line in lines(replies) for word in tokens(line)}
        said = [set(tokens(caption.text)) for caption in sample.captions]
        return min(len(words & written) / len(words) for words in said if words)

    def decide(self, score: float) -> str:
        """Above `max_share`."""
        if math.isnan(score) or score <= self.max_share:
            return ""
        return f"{score:.0%} of its words are written in the picture, more than {self.max_share:.0%}"
