"""Remembering: an answerer whose replies and losses are kept in an SQLite file: a job that was killed asks nothing twice."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from omma.answerers.answerer import Answerer, Measurer
from omma.answerers.paid import Paid
from omma.core.config import to_data
from omma.core.errors import DataError
from omma.core.files import bytes_hash
from omma.generate.reply import Reply, SampleLoss
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight, shown, through
from omma.media.store import Store
from omma.schema.sample import Media, Region, Sample

FILE = "answers.sqlite"
FOLDER = "answers"  # in an annex
WINDOW = 64  # samples that are looked up together
LAG = 1.0  # seconds' worth of answers that a killed process loses at most
Value = TypeVar("Value", Reply, SampleLoss)


class Writer(Answerer, Measurer, Protocol):
    """What writes, and says how likely words are."""


class Remembering:
    """Keys are hashes of the model, what it reads, the bytes of the pictures, how it is asked and, where it draws, the sample's id.

    A reply with an error is not kept, nor what is said of pictures whose bytes nobody has. What is remembered took no seconds.
    """

    def __init__(self, answerer: Writer, store: Store, file: Path) -> None:
        self.answerer, self.store, self.kept = answerer, store, Paid(file)
        self.model = answerer.fingerprint()

    def ask(self, samples: Sequence[Sample], sampling: Sampling, sight: Sight = "picture", start: int = 0) -> Iterator[Reply]:
        """Samples → replies in order, from sample number `start` on."""
        how = to_data(sampling)

        def question(sample: Sample) -> list[Any]:
            return ["ask", self.prompt_hash(sample), how, sample.id if sampling.temperature > 0 else ""]

        def asked(some: Sequence[Sample]) -> Iterator[Reply]:
            return self.answerer.ask(some, sampling, through(sight))

        looked = shown(samples, sight)[start:]
        yield from (value for _, value in self._remembered(looked, question, asked, _reply, sight))

    def measure(self, samples: Sequence[Sample], sight: Sight = "picture", start: int = 0) -> Iterator[SampleLoss]:
        """Samples with their replies → the loss of each, in order, from sample number `start` on. DataError as the answerer's."""

        def question(sample: Sample) -> list[Any]:
            said = sample.to_dict()
            return ["measure", self.prompt_hash(sample), *(said.get(name, ()) for name in ("turns", "captions", "regions"))]

        def asked(some: Sequence[Sample]) -> Iterator[SampleLoss]:
            return self.answerer.measure(some, through(sight))

        looked = shown(samples, sight)[start:]
        for sample, loss in self._remembered(looked, question, asked, _loss, sight):
            yield replace(loss, sample_id=sample.id)

    def prompt_hash(self, sample: Sample) -> str:
        """As the answerer's."""
        return self.answerer.prompt_hash(sample)

    def fingerprint(self) -> str:
        """As the answerer's."""
        return self.model

    def _remembered(
        self,
        samples: Sequence[Sample],
        question: Callable[[Sample], list[Any]],
        asked: Callable[[Sequence[Sample]], Iterator[Value]],
        revived: Callable[[dict[str, Any]], Value],
        sight: Sight,
    ) -> Iterator[tuple[Sample, Value]]:
        rest = iter(samples)
        while window := list(islice(rest, WINDOW)):
            keys = [self._key(sample, sight, question(sample)) for sample in window]
            known = self.kept.get_all(filter(None, keys))
            fresh = asked([sample for sample, key in zip(window, keys, strict=True) if key not in known])
            with self._kept_soon() as keep:
                for sample, key in zip(window, keys, strict=True):
                    if key in known:
                        yield sample, revived(json.loads(known[key]))
                        continue
                    value = next(fresh)
                    if key and not (isinstance(value, Reply) and value.error):
                        keep(key, json.dumps(dataclasses.asdict(value)))
                    yield sample, value

    @contextmanager
    def _kept_soon(self) -> Iterator[Callable[[str, str], None]]:
        """A way to keep answers: together within a second, so that quick models do not wait for the disk, and all at the end."""
        fresh: dict[str, str] = {}
        last = time.monotonic()

        def keep(key: str, answer: str) -> None:
            nonlocal last
            fresh[key] = answer
            if time.monotonic() - last >= LAG:
                self.kept.put_all(fresh)
                fresh.clear()
                last = time.monotonic()

        try:
            yield keep
        finally:
            if fresh:
                self.kept.put_all(fresh)

    def _key(self, sample: Sample, sight: Sight, question: list[Any]) -> str:
        """Question → its hash, or nothing if what it shows has no hash."""
        try:
            pictures = [item.sha256 or self._content(item) for item in sample.media]
        except DataError:
            return ""
        return hashlib.sha256(json.dumps([self.model, through(sight), pictures, question]).encode()).hexdigest()

    def _content(self, item: Media) -> str:
        return bytes_hash(self.store.read(item.uri))


def answers_file(kept: str, store: Store) -> Path | None:
    """What a recipe says + store → the file of answers: in the folder that it names, or in the annex; None without either."""
    folder = Path(kept) if kept else store.annex / FOLDER if store.annex else None
    return folder / FILE if folder else None


def _reply(found: dict[str, Any]) -> Reply:
    regions = tuple(_region(item) for item in found["regions"])
    ids, logprobs = tuple(found["token_ids"]), tuple(found["logprobs"])
    return Reply(**(found | {"token_ids": ids, "logprobs": logprobs, "regions": regions, "seconds": 0.0}))


def _region(item: dict[str, Any]) -> Region:
    return Region(**(item | {"box": tuple(item["box"]), "polygon": tuple(map(tuple, item["polygon"]))}))


def _loss(found: dict[str, Any]) -> SampleLoss:
    return SampleLoss(**found)
