"""Talker: samples → replies of a model, many at a time. What evaluation, chat and serving talk to.

Prompts of similar length share a batch; replies come back in the order of the samples. A reply depends on its own
sample alone, whatever stands beside it in a batch.
"""

import contextlib
import hashlib
import time
from collections.abc import Collection, Iterator, Sequence
from itertools import islice

import numpy as np
import torch

from omma.core.errors import ConfigError
from omma.generate.engine import generate, stream
from omma.generate.losses import token_losses
from omma.generate.reply import Reply, SampleLoss
from omma.generate.sampling import Sampling
from omma.generate.sight import GreyStore, Sight, shown
from omma.generate.traces import Trace, trace
from omma.media.store import Store
from omma.model.vlm import VlmModule
from omma.pack.codec import Codec
from omma.pack.collate import collate
from omma.pack.pixels import Pixels
from omma.schema.batch import Batch
from omma.schema.row import Row
from omma.schema.sample import Region, Sample
from omma.schema.talk import Eye

WINDOW = 8  # batches' worth of samples that are sorted by length together


class Talker:
    """A model with its words, its eye and its pictures. `batch_tokens` bounds prompts, replies and patches of a batch together."""

    def __init__(
        self,
        module: VlmModule,
        codec: Codec,
        eye: Eye,
        store: Store,
        device: torch.device | str = "cpu",
        *,
        batch_tokens: int = 16_384,
        batch_rows: int = 64,
    ) -> None:
        if batch_tokens < 1 or batch_rows < 1:
            raise ConfigError("Talker", f"{batch_tokens} tokens and {batch_rows} rows a batch", "at least 1 of each")
        self.module, self.codec, self.eye, self.device = module.to(device), codec, eye, device
        pixels = Pixels(store, eye)  # several questions about one picture decode it once
        self.pixels: dict[Sight, Pixels] = {"picture": pixels, "shuffled": pixels, "grey": Pixels(GreyStore(store), eye)}
        self.batch_tokens, self.batch_rows = batch_tokens, batch_rows

    def looking_at(self, store: Store) -> "Talker":
        """The same model with another data root."""
        return Talker(
            self.module, self.codec, self.eye, store, self.device, batch_tokens=self.batch_tokens, batch_rows=self.batch_rows
        )

    def answer(self, samples: Sequence[Sample], sampling: Sampling, sight: Sight = "picture") -> list[Reply]:
        """Samples → one reply each, in order."""
        return list(self.ask(samples, sampling, sight))

    def ask(self, samples: Sequence[Sample], sampling: Sampling, sight: Sight = "picture", start: int = 0) -> Iterator[Reply]:
        """Samples → replies in order as they come, from sample number `start` on (the earlier ones were answered before)."""
        looked = shown(samples, sight)[start:]
        for window in _windows(looked, self.batch_rows * WINDOW):
            rows = [self.prompt(sample) for sample in window]
            replies: dict[int, Reply] = {}
            for places in self._batches([self._cost(row) + sampling.max_tokens for row in rows]):
                replies |= zip(places, self._answer([rows[i] for i in places], sampling, sight), strict=True)
            yield from (replies[i] for i in range(len(window)))

    def stream(self, sample: Sample, sampling: Sampling) -> Iterator[str]:
        """Sample → pieces of the reply's text as soon as they are certain."""
        batch = self._batch([self.prompt(sample)], "picture")
        with _evaluating(self.module):
            yield from stream(self.module, batch, sampling, self.codec)

    def losses(self, samples: Sequence[Sample], sight: Sight = "picture") -> list[SampleLoss]:
        """Samples → the loss of each: summed over the supervised tokens of all its variants (captions), with their number."""
        return list(self.measure(samples, sight))

    def measure(self, samples: Sequence[Sample], sight: Sight = "picture", start: int = 0) -> Iterator[SampleLoss]:
        """The same in order as they come, from sample number `start` on."""
        looked = shown(samples, sight)[start:]
        for window in _windows(looked, self.batch_rows * WINDOW):
            owner = [i for i, sample in enumerate(window) for _ in range(self.codec.variants(sample))]
            rows = [self.codec.row(s, self.eye, variant) for s in window for variant in range(self.codec.variants(s))]
            total, count = np.zeros(len(window)), np.zeros(len(window), int)
            for places in self._batches([self._cost(row) for row in rows]):
                with _evaluating(self.module):
                    losses, counts = token_losses(self.module, self._batch([rows[i] for i in places], sight))
                np.add.at(total, [owner[i] for i in places], losses)
                np.add.at(count, [owner[i] for i in places], counts)
            for sample, loss, tokens in zip(window, total, count, strict=True):
                yield SampleLoss(sample.id, float(loss), int(tokens))

    def pool(self, samples: Sequence[Sample], sight: Sight = "picture", start: int = 0) -> Iterator[tuple[float, ...]]:
        """Samples → of each the state of its prompt's last token behind the final norm, in order, from number `start` on."""
        looked = shown(samples, sight)[start:]
        for window in _windows(looked, self.batch_rows * WINDOW):
            rows = [self.prompt(sample) for sample in window]
            states: dict[int, tuple[float, ...]] = {}
            for places in self._batches([self._cost(row) for row in rows]):
                with _evaluating(self.module), torch.no_grad():
                    stream = self.module(self._batch([rows[i] for i in places], sight)).stream
                ends = stream.hidden[stream.cu_seqlens[1:].long() - 1].float().tolist()
                states |= zip(places, map(tuple, ends), strict=True)
            yield from (states[i] for i in range(len(window)))

    def trace(self, sample: Sample, layers: Collection[int], sight: Sight = "picture") -> dict[int, Trace]:
        """Sample with its reply + layers of the language model → what each of these leaves of it."""
        row = self.codec.row(sample, self.eye)
        with _evaluating(self.module):
            return trace(self.module, self._batch([row], sight), layers)

    @property
    def depth(self) -> int:
        """Blocks of the language model."""
        return int(self.module.language.num_layers)

    def prompt(self, sample: Sample) -> Row:
        """Sample → the tokens that the model answers."""
        return self.codec.prompt(sample, self.eye)

    def prompt_hash(self, sample: Sample) -> str:
        """Sample → 16 hex digits over the tokens that the model answers."""
        return _hash(self.prompt(sample))

    def fingerprint(self) -> str:
        """The weights → 16 hex digits that change when they do."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.module.state_dict().items()):
            values = tensor.detach().double()
            facts = f"{name} {tuple(tensor.shape)} {tensor.dtype} {float(values.sum())!r} {float(values.square().sum())!r}"
            digest.update(facts.encode())
        return digest.hexdigest()[:16]

    def _answer(self, rows: Sequence[Row], sampling: Sampling, sight: Sight) -> list[Reply]:
        began = time.perf_counter()
        batch = self._batch(rows, sight)
        with _evaluating(self.module):
            said = generate(self.module, batch, sampling, self.codec)
        seconds = (time.perf_counter() - began) / len(rows)
        return [
            Reply(c.text, c.token_ids, c.logprobs, c.finish, self._regions(c.text, row), seconds, _hash(row))
            for c, row in zip(said, rows, strict=True)
        ]

    def _regions(self, text: str, row: Row) -> tuple[Region, ...]:
        """Places named in a reply, in px of the sample's first picture."""
        return self.codec.regions(text, row.pictures[0].plan) if row.pictures else ()

    def _cost(self, row: Row) -> int:
        return row.num_tokens + row.num_patches(self.eye.patch)

    def _batches(self, costs: Sequence[int]) -> Iterator[list[int]]:
        """Costs → places of each batch, the dearest first, so that rows of a batch are alike and memory peaks at once."""
        batch: list[int] = []
        for place in sorted(range(len(costs)), key=lambda i: -costs[i]):
            full = len(batch) == self.batch_rows or (batch and (len(batch) + 1) * costs[batch[0]] > self.batch_tokens)
            if full:
                yield batch
                batch = []
            batch.append(place)
        if batch:
            yield batch

    def _batch(self, rows: Sequence[Row], sight: Sight) -> Batch:
        return collate(rows, [self.pixels[sight].of(row) for row in rows], self.eye).to(self.device)


@contextlib.contextmanager
def _evaluating(module: VlmModule) -> Iterator[None]:
    """Evaluation mode inside, and the mode it was in behind: a talker may share its module with a training loop."""
    before = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(before)


def _windows(samples: Sequence[Sample], size: int) -> Iterator[list[Sample]]:
    """Samples → runs of at most `size`."""
    rest = iter(samples)
    while window := list(islice(rest, size)):
        yield window


def _hash(row: Row) -> str:
    """Row → 16 hex digits over its tokens, which include one for every visual slot."""
    return hashlib.sha256(np.ascontiguousarray(row.token_ids, dtype=np.int32).tobytes()).hexdigest()[:16]
