"""Benchmark: held-out samples → records (what a model answered) → verdicts. One subclass per file in `benchmarks/`.

`records` talks to the model and judges nothing; `mark` and `score` are pure functions of records, so that a score can
be worked out again without the model.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from omma.core.config import Config, config, did_you_mean, to_data
from omma.core.errors import ConfigError, DataError
from omma.core.seeds import generator
from omma.evaluate.gold import gold, size
from omma.evaluate.known import Known
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight
from omma.generate.talker import Reply, Talker
from omma.schema.sample import Sample
from omma.schema.verdict import Record, Verdict

NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


@config
class Benchmark(Config):
    """Questions about the held-out samples of one source. `limit` of them are asked, chosen by `seed`; 0 asks all."""

    name: str
    source: str
    limit: int = 0
    seed: int = 0
    sampling: Sampling = Sampling(max_tokens=32)

    def check(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ConfigError("Benchmark.name", repr(self.name), "lower-case letters, digits, - and _: it names a file")
        if self.limit < 0:
            raise ConfigError(f"{self.name}.limit", str(self.limit), "a number of samples", "0 asks all")

    def tiny(self) -> "Benchmark":
        """Eight samples."""
        return replace(self, limit=min(self.limit or 8, 8))

    def choose(self, heldout: Sequence[Sample]) -> list[Sample]:
        """Held-out samples of all sources → those that are asked, in their order.

        Raises DataError if nothing is held out, ConfigError if none of it is of this source.
        """
        if not heldout:
            fix = "raise data.holdout, or name a reader in data.heldout"
            raise DataError(f"suite.{self.name}", "no held-out samples at all", "at least one", fix)
        own = [sample for sample in heldout if sample.source == self.source]
        if not own:
            sources = sorted({sample.source for sample in heldout})
            got = f"no held-out samples of source {self.source!r}"
            raise ConfigError(f"suite.{self.name}.source", got, "", did_you_mean(self.source, sources))
        if not 0 < self.limit < len(own):
            return own
        chosen = generator(self.seed, "benchmark", self.name).choice(len(own), self.limit, replace=False)
        return [own[i] for i in sorted(chosen)]

    def records(self, talker: Talker, samples: Sequence[Sample], sight: Sight, start: int = 0) -> Iterator[Record]:
        """Samples from number `start` on → unmarked records, in order. DataError for a sample without an answer."""
        golds = [gold(sample) for sample in samples]
        for offset, reply in enumerate(talker.ask(samples, self.sampling, sight, start), start):
            yield self.record(samples[offset], golds[offset], reply, sight)

    def record(self, sample: Sample, gold: Any, reply: Reply, sight: Sight) -> Record:
        """One sample and its reply → an unmarked record with all that it came from."""
        first = sample.media[0] if sample.media else None
        details: dict[str, Any] = {
            "asked": self.asked(reply.prompt_hash, sample, sight),
            "finish": reply.finish,
            "tokens": len(reply.token_ids),
            "logprob": sum(reply.logprobs),
            "seconds": round(reply.seconds, 6),
            "boxes": [list(region.box) for region in reply.regions],
        }
        if sample.answer is not None and sample.answer.region is not None:
            details["size"] = list(size(sample))
        picture = first.uri if first else ""
        return Record(sample.id, sample.task, question(sample), gold, reply.text, picture=picture, details=details)

    def asked(self, prompt_hash: str, sample: Sample, sight: Sight) -> dict[str, Any]:
        """What an answer is a function of, beside the model: two records that agree in it are answers to the same question."""
        picture = sample.media[0].sha256 if sample.media else ""
        return {"prompt": prompt_hash, "picture": picture, "sight": sight, "sampling": to_data(self.sampling)}

    def mark(self, records: Sequence[Record], known: Known) -> list[Record]:
        """Records → the same with what was read from each reply, whether it could be read, and how right it is."""
        raise NotImplementedError(f"{type(self).__name__} marks nothing yet")

    def score(self, records: Sequence[Record], known: Known) -> tuple[Verdict, ...]:
        """Records (marked or not) and what the training answers tell → verdicts, the main one first."""
        raise NotImplementedError(f"{type(self).__name__} scores nothing yet")


def question(sample: Sample) -> str:
    """Sample → the words of its last user turn; nothing for a picture with captions only."""
    asked = [turn.text for turn in sample.turns if turn.role == "user"]
    return asked[-1].strip() if asked else ""
