"""Benchmark: supply → questions → records (what a model answered) → verdicts. One subclass per file in `benchmarks/`.

`records` talks to the model and judges nothing; `mark` and `score` are pure functions of records, so that a score can
be worked out again without the model.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from omma.answerers.answerer import Answerer
from omma.core.config import Config, config, to_data
from omma.core.errors import ConfigError
from omma.core.files import bytes_hash
from omma.core.seeds import generator
from omma.evaluate.known import Known
from omma.evaluate.question import Question, Supply
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight
from omma.schema.sample import Sample
from omma.schema.verdict import Record, Verdict

Item = TypeVar("Item")
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*")


@config
class Benchmark(Config):
    """Questions and how they are scored. `limit` of them are asked, chosen by `seed`; 0 asks all."""

    name: str
    limit: int = 0
    seed: int = 0
    sampling: Sampling = Sampling(max_tokens=32)

    def check(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ConfigError(
                f"{type(self).__name__}.name", repr(self.name), "lower-case letters, digits, - and _: it names a file"
            )
        if self.limit < 0:
            raise ConfigError(f"{self.name}.limit", str(self.limit), "a number of samples", "0 asks all")

    def tiny(self) -> "Benchmark":
        """Eight samples."""
        return replace(self, limit=min(self.limit or 8, 8))

    def questions(self, supply: Supply) -> list[Question]:
        """Supply → the questions that are asked, in their order. DataError or ConfigError if there are none."""
        raise NotImplementedError(f"{type(self).__name__} asks nothing yet")

    def seen(self, question: Question, supply: Supply) -> Question:
        """Question → the same with all that can be known of its pictures without a model."""
        return question

    def records(
        self, answerer: Answerer, questions: Sequence[Question], supply: Supply, sight: Sight, start: int = 0
    ) -> Iterator[Record]:
        """Questions from number `start` on → unmarked records, in order."""
        raise NotImplementedError(f"{type(self).__name__} asks nothing yet")

    def mark(self, records: Sequence[Record], known: Known) -> list[Record]:
        """Records → the same with what was read from each reply, whether it could be read, and how right it is."""
        raise NotImplementedError(f"{type(self).__name__} marks nothing yet")

    def score(self, records: Sequence[Record], known: Known) -> tuple[Verdict, ...]:
        """Records (marked or not) and what the training answers tell → verdicts, the main one first."""
        raise NotImplementedError(f"{type(self).__name__} scores nothing yet")

    def limited(self, questions: Sequence[Item]) -> list[Item]:
        """Questions (or samples) → the `limit` that are asked, in their order."""
        if not 0 < self.limit < len(questions):
            return list(questions)
        chosen = generator(self.seed, "benchmark", self.name).choice(len(questions), self.limit, replace=False)
        return [questions[i] for i in sorted(chosen)]

    def asked(self, prompt_hash: str, sample: Sample, sight: Sight) -> dict[str, Any]:
        """What an answer is a function of, beside the model: two records that agree in it are answers to the same question."""
        hashes = [media.sha256 for media in sample.media]
        picture = hashes[0] if len(hashes) == 1 else bytes_hash("".join(hashes).encode()) if any(hashes) else ""
        return {"prompt": prompt_hash, "picture": picture, "sight": sight, "sampling": to_data(self.sampling)}
