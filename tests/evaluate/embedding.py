"""Space: an answerer that embeds pictures by their mean colour and words by the colours they name. Near means alike."""

import numpy as np

from omma.media.decode import decode
from tests.evaluate.drawing import COLOURS


class Space:
    """Vectors of four numbers: a colour, and one that is never zero."""

    def __init__(self, store):
        self.store = store

    def ask(self, samples, sampling, sight="picture", start=0):
        raise AssertionError("vectors were to be asked")

    def embed(self, samples, sight="picture", start=0):
        for sample in samples[start:]:
            words = " ".join(turn.text for turn in sample.turns)
            shades = [np.asarray(rgb, float) for name, rgb in COLOURS.items() if name in words]
            shades += [decode(self.store.read(one.uri), name=one.uri).reshape(-1, 3).mean(0) for one in sample.media]
            shade = np.mean(shades, axis=0) if shades else np.zeros(3)
            yield (*(float(value) for value in shade / 255), 0.1)

    def prompt_hash(self, sample):
        return "prompt"

    def fingerprint(self):
        return "space"
