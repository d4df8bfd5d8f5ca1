"""Traces: a packed batch of one document → what chosen blocks of the language model leave of it. No gradient.

Layers are numbered as transformers numbers `hidden_states`: layer 1 is behind the first block, and the last one stands
behind the final norm.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from omma.core.errors import DataError
from omma.model.vlm import VlmModule
from omma.schema.batch import Batch, Stream
from omma.schema.output import Between


@dataclass(frozen=True, slots=True)
class Trace:
    """States in one layer: of the visual tokens, and of all tokens behind the first of them that are not visual."""

    visual: Float[np.ndarray, "N D"]
    words: Float[np.ndarray, "T D"]


def trace(module: VlmModule, batch: Batch, layers: Collection[int]) -> dict[int, Trace]:
    """Batch of one document with a picture + layers from 1 to the model's depth → a trace of each.

    What stands in front of the picture is left out. DataError without visual tokens among the words.
    """
    if not len(batch.slots):
        fix = "take a model that reads pictures between its words"
        raise DataError(",".join(batch.sample_ids), "no visual tokens in the stream", "a document with a picture", fix)
    listening = _Listening(set(layers))
    hook = module.splice.register_forward_hook(listening.join)
    try:
        with torch.no_grad():
            output = module(batch)
    finally:
        hook.remove()
    streams = listening.heard | {module.language.num_layers: output.stream}
    first = int(batch.slots.min())
    return {layer: _parted(streams[layer], first) for layer in sorted(layers)}


class _Listening:
    """Stands between blocks, hands on what the splice's own `between` makes, and keeps the streams of chosen layers."""

    def __init__(self, layers: set[int]) -> None:
        self.layers, self.heard, self.inner = layers, dict[int, Stream](), _nothing

    def join(self, splice: Any, given: Any, entry: Any) -> Any:
        """What the splice gives → the same with this one in it."""
        self.inner = entry.between or _nothing
        return replace(entry, between=self)

    def __call__(self, layer: int, stream: Stream) -> Stream:
        if layer in self.layers:
            self.heard[layer] = stream
        return self.inner(layer, stream)

    def later(self) -> Between | None:
        """Nothing: traces are of what is read at once."""
        return None


def _nothing(layer: int, stream: Stream) -> Stream:
    return stream


def _parted(stream: Stream, first: int) -> Trace:
    behind = stream.hidden[stream.origin >= first].float().cpu().numpy()
    visual = stream.modality[stream.origin >= first].bool().cpu().numpy()
    return Trace(behind[visual], behind[~visual])
