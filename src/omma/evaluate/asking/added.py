"""Added: the vector of a picture and words is the sum of theirs, for spaces that place one of them at a time (CLIP)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from omma.answerers.answerer import Answerer
from omma.core.config import config
from omma.evaluate.asking.asking import Answered
from omma.evaluate.asking.embedded import Embedded, space_of, written
from omma.evaluate.question import Question, asking
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight
from omma.schema.sample import Part, Sample, Turn


@config
class Added(Embedded):
    """`raw` is a JSON list of floats: the sum of the features as the model gives them, without a norm
    (TIGER-AI-Lab/VLM2Vec, `evaluation/eval_clip.py`, embedding type multimodal)."""

    def ask(self, answerer: Answerer, questions: Sequence[Question], sampling: Sampling, sight: Sight) -> Iterator[Answered]:
        """Questions → vectors. ConfigError for an answerer that embeds nothing."""
        space = space_of(answerer)
        parts = [_parts(question.sample) for question in questions]
        vectors = space.embed([sample for group in parts for sample in group], sight)
        for group in parts:
            yield Answered(written(np.sum([next(vectors) for _ in group], axis=0)))


def _parts(sample: Sample) -> list[Sample]:
    """A sample → one for each of its pictures, then one for its words if it has any."""
    turn = Turn("user", (Part("image", index=0),))
    pictures = [replace(sample, media=(media,), turns=(turn,)) for media in sample.media]
    words = "".join(turn.text for turn in sample.turns).strip()
    return [*pictures, asking(sample.id, words)] if words or not pictures else pictures
