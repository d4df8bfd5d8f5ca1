"""Token loss: the part of a benchmark that measures: samples → mean loss per supervised token in nats; lower is better.

What the model could not have known without looking is the difference to the same number of a blind run. The first
`shown` samples are answered, too, for people to read.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from omma.answerers.answerer import Answerer, Measurer
from omma.answerers.words import question_words
from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.core.seeds import derive
from omma.evaluate.held_out import HeldOut
from omma.evaluate.known import Known
from omma.evaluate.question import Question, Supply
from omma.generate.sampling import Sampling
from omma.generate.sight import Sight, through
from omma.metrics.interval import bootstrap
from omma.schema.sample import Sample
from omma.schema.verdict import Record, Verdict


@config
class TokenLoss(HeldOut):
    """Tokens are those that training supervises: what is said, and the token that ends it. Subclasses say whose words they are."""

    shown: int = 24
    sampling: Sampling = Sampling(max_tokens=48)

    def check(self) -> None:
        super().check()
        if self.shown < 0:
            raise ConfigError(f"{self.name}.shown", str(self.shown), "a number of samples to answer", "0 answers none")

    def tiny(self) -> "TokenLoss":
        """Eight samples, two of them answered."""
        return replace(self, limit=min(self.limit or 8, 8), shown=min(self.shown, 2), sampling=replace(self.sampling, max_tokens=8))

    def said(self, sample: Sample) -> list[str]:
        """Sample → the words that a reader compares with the model's own. DataError for a sample without any."""
        raise NotImplementedError(f"{type(self).__name__} measures nothing yet")

    def right(self, sample: Sample) -> list[str]:
        """What was said is what is compared with."""
        return self.said(sample)

    def records(
        self, answerer: Answerer, questions: Sequence[Question], supply: Supply, sight: Sight, start: int = 0
    ) -> Iterator[Record]:
        """Questions from number `start` on → records with summed loss and tokens; `raw` is the model's own reply where shown."""
        if not isinstance(answerer, Measurer):
            got = f"{type(answerer).__name__}, which knows no likelihoods"
            raise ConfigError(f"suite.{self.name}", got, "a model whose weights are here")
        samples = [question.sample for question in questions]
        losses = answerer.measure(samples, through(sight), start)
        written = answerer.ask(samples[: self.shown], self.sampling, through(sight), start) if start < self.shown else iter(())
        for question, loss in zip(questions[start:], losses, strict=True):
            sample = question.sample
            measured = {"loss": loss.total, "supervised": loss.count}
            reply = next(written, None)
            if reply is not None:
                record = self.record(question, reply, sight)
                yield replace(record, details=record.details | measured)
                continue
            details = {"asked": self.asked(answerer.prompt_hash(sample), sample, sight)} | measured
            picture = sample.media[0].uri if sample.media else ""
            yield Record(sample.id, sample.task, question_words(sample), question.gold, "", picture=picture, details=details)

    def mark(self, records: Sequence[Record], known: Known) -> list[Record]:
        """Records → the same; `extracted` is the model's reply. It is neither right nor wrong."""
        return [replace(record, extracted=record.raw, correct=None, parsed=True) for record in records]

    def score(self, records: Sequence[Record], known: Known) -> tuple[Verdict, ...]:
        """Records → one verdict: all loss over all tokens. DataError if there is nothing to divide by."""
        losses = [float(record.details["loss"]) for record in records]
        counts = [int(record.details["supervised"]) for record in records]
        if not sum(counts):
            raise DataError(
                f"suite.{self.name}", "no supervised tokens to score", "records of `omma eval`", "run `omma eval` first"
            )
        mean = math.fsum(losses) / sum(counts)
        # A ratio of sums: each record's part in it, linearised, so that samples with many words weigh more in the interval, too.
        scale = len(counts) / sum(counts)
        parts = [mean + (loss - mean * count) * scale for loss, count in zip(losses, counts, strict=True)]
        low, high = bootstrap(parts, derive(0, "interval", self.name, "all"))
        return (Verdict(self.name, "loss", "all", mean, len(records), 0, low, high, None, higher_is_better=False, unit="points"),)
