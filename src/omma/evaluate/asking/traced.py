"""Traced: the model reads documents, and what its layers make of pictures and of words is compared, over all documents."""

import json
from collections.abc import Iterator, Sequence

import numpy as np

from omma.answerers.answerer import Answerer
from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.evaluate.asking.asking import Answered, Asking
from omma.evaluate.question import Question
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight
from omma.generate.talker import Talker
from omma.metrics.mir import layer_distance


@config
class Traced(Asking):
    """`raw` is a JSON list, the same for all documents that are asked together: the Fréchet distance in each layer.

    Distances need all states of a layer at once. The documents are read again for every few layers, as many as
    `memory` bytes hold.
    """

    memory: int = 4 * 2**30

    def ask(self, answerer: Answerer, questions: Sequence[Question], sampling: Sampling, sight: Sight) -> Iterator[Answered]:
        """Documents with pictures → distances. ConfigError for an answerer whose layers cannot be seen."""
        if not isinstance(answerer, Talker):
            got = f"{type(answerer).__name__}, whose layers are not seen"
            raise ConfigError("model", got, "a model of omma", "`omma import` a released folder")
        if not questions:
            return
        first = answerer.trace(questions[0].sample, [1], sight)[1]
        together = max(1, self.memory // (len(questions) * (first.visual.nbytes + first.words.nbytes)))
        depth, raw = answerer.depth, list[float]()
        for start in range(1, depth + 1, together):
            layers = range(start, min(start + together, depth + 1))
            read = [answerer.trace(question.sample, layers, sight) for question in questions]
            for layer in layers:
                visual = np.concatenate([traces[layer].visual for traces in read])
                words = np.concatenate([traces.pop(layer).words for traces in read])
                if min(len(visual), len(words)) < 2:
                    got = f"{len(visual)} visual tokens and {len(words)} others in layer {layer}"
                    raise DataError("MIR", got, "at least two of each", "give more documents")
                raw.append(layer_distance(visual, words))
        for _ in questions:
            yield Answered(json.dumps(raw))
