"""HeldOut: the benchmarks of a run's own samples: those of one source that training never saw."""

from collections.abc import Iterator, Sequence
from typing import Any

from omma.answerers.answerer import Answerer
from omma.answerers.words import question_words
from omma.core.config import config, did_you_mean
from omma.core.errors import ConfigError, DataError
from omma.evaluate.asking.replies import told
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.gold import gold, size
from omma.evaluate.question import Question, Supply
from omma.generate.reply import Reply
from omma.generate.sight import Sight, through
from omma.schema.sample import Sample
from omma.schema.verdict import Record


@config
class HeldOut(Benchmark):
    """Questions about the held-out samples of one `source`."""

    source: str

    def questions(self, supply: Supply) -> list[Question]:
        """Held-out samples of all sources → questions about this one's.

        Raises DataError if nothing is held out or a sample has no answer, ConfigError if none of it is of this source.
        """
        if not supply.heldout:
            fix = "raise data.holdout, or name a reader in data.heldout"
            raise DataError(f"suite.{self.name}", "no held-out samples at all", "at least one", fix)
        own = [sample for sample in supply.heldout if sample.source == self.source]
        if not own:
            sources = sorted({sample.source for sample in supply.heldout})
            got = f"no held-out samples of source {self.source!r}"
            raise ConfigError(f"suite.{self.name}.source", got, "", did_you_mean(self.source, sources))
        return [Question(sample, self.right(sample)) for sample in self.limited(own)]

    def right(self, sample: Sample) -> Any:
        """Sample → what an answer to it is compared with. DataError for a sample without any."""
        return gold(sample)

    def records(
        self, answerer: Answerer, questions: Sequence[Question], supply: Supply, sight: Sight, start: int = 0
    ) -> Iterator[Record]:
        """Questions from number `start` on → unmarked records, in order."""
        samples = [question.sample for question in questions]
        for question, reply in zip(questions[start:], answerer.ask(samples, self.sampling, through(sight), start), strict=True):
            yield self.record(question, reply, sight)

    def record(self, question: Question, reply: Reply, sight: Sight) -> Record:
        """One question and its reply → an unmarked record with all that it came from."""
        sample = question.sample
        details: dict[str, Any] = {"asked": self.asked(reply.prompt_hash, sample, sight)} | told(reply)
        if sample.answer is not None and sample.answer.region is not None:
            details["size"] = list(size(sample))
        picture = sample.media[0].uri if sample.media else ""
        return Record(sample.id, sample.task, question_words(sample), question.gold, reply.text, picture=picture, details=details)
