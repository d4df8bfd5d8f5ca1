"""Asking: samples + what is asked about each → a model's replies, where one that fails costs no other its own.

What rewriters and operators that ask a model share.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, TypeVar

from omma.answerers.service import Service
from omma.answerers.services.saved import Saved
from omma.core.config import config
from omma.core.errors import CheckpointError, ConfigError, DataError, OmmaError
from omma.curate.operator import Judged, ModelOperator, Operator, Rewriter, Rewritten, child
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.schema.sample import Media, Part, Sample, Turn

Answer = TypeVar("Answer")
Questions = tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked about one sample and what the model said, in order; `error` says why it could not be asked."""

    questions: Questions = ()
    replies: tuple[Reply, ...] = ()
    error: str = ""


@config
class AskingRewriter(Rewriter):
    """A rewriter that asks `model`, as `sampling` says.

    `signature` is how what it writes is signed (the name of the model, say); without one it is the model's fingerprint.
    """

    model: Service = Saved()
    sampling: Sampling = Sampling()
    signature: str = ""

    @property
    def key(self) -> str:
        """As any operator's, and what tells the model from others of its name."""
        return f"{super().key}-{self.model.mark}"

    def questions(self, sample: Sample, store: Store) -> Questions:
        """Sample → what is asked about it; nothing for one that stays as it is. DataError where it cannot be asked."""
        raise NotImplementedError(f"{type(self).__name__} has no questions")

    def answered(self, sample: Sample, asked: Asked, author: str) -> Rewritten:
        """Sample, its questions and their replies by `author` → what stands in its place. DataError for a reply that is no use."""
        raise NotImplementedError(f"{type(self).__name__} has no answered")

    def rewrite(self, samples: Sequence[Sample], store: Store) -> list[Rewritten]:
        """Samples → what stands in their places. ConfigError or CheckpointError if there is no model."""
        found = ask_about(samples, self.questions, self.model, self.sampling, store)
        author = self.signature or (self.model.open(store).fingerprint() if any(one.replies for one in found) else "")
        return [self._rewritten(sample, one, author) for sample, one in zip(samples, found, strict=True)]

    def _rewritten(self, sample: Sample, asked: Asked, author: str) -> Rewritten:
        if asked.error:
            return Rewritten((), error=asked.error)
        try:
            return self.answered(sample, asked, author) if asked.replies else Rewritten((sample,))
        except DataError as error:
            return Rewritten((), error=str(error))


@config
class AskingOperator(ModelOperator):
    """An operator whose scores are what `model` replies, asked as `sampling` says. Samples that it does not ask about stay."""

    scored_by: ClassVar[tuple[str, ...]] = ("model", "sampling")
    model: Service = Saved()
    sampling: Sampling = Sampling()

    @property
    def key(self) -> str:
        """As any operator's, and what tells the model from others of its name."""
        return f"{super().key}-{self.model.mark}"

    def questions(self, sample: Sample, store: Store) -> Questions:
        """Sample → what is asked about it; nothing for one that is not judged. DataError where it cannot be asked."""
        raise NotImplementedError(f"{type(self).__name__} has no questions")

    def read(self, sample: Sample, replies: Sequence[Reply]) -> float:
        """Sample and one reply a question → score. DataError for replies that cannot be read: nothing is guessed."""
        raise NotImplementedError(f"{type(self).__name__} has no read")

    def score(self, samples: Sequence[Sample], store: Store) -> list[Judged]:
        """Samples → scores, NaN for those that are not judged. ConfigError or CheckpointError if there is no model."""
        found = ask_about(samples, self.questions, self.model, self.sampling, store)
        return [self._judged(sample, one) for sample, one in zip(samples, found, strict=True)]

    def _judged(self, sample: Sample, asked: Asked) -> Judged:
        if asked.error or not asked.replies:
            return Judged(error=asked.error)
        try:
            return Judged(self.read(sample, asked.replies))
        except DataError as error:
            return Judged(error=str(error))


def ask_about(
    samples: Sequence[Sample], questions: Callable[[Sample, Store], Questions], model: Service, sampling: Sampling, store: Store
) -> list[Asked]:
    """Samples and what is asked about each → the replies. The model is opened only if anything is asked."""
    groups = [_questions(sample, questions, store) for sample in samples]
    flat = [question for group in groups if not isinstance(group, str) for question in group]
    replies = iter(ask(flat, model, sampling, store))
    return [Asked(error=one) if isinstance(one, str) else Asked(one, tuple(next(replies) for _ in one)) for one in groups]


def _questions(sample: Sample, questions: Callable[[Sample, Store], Questions], store: Store) -> Questions | str:
    """Sample → what is asked about it, or why it cannot be asked."""
    try:
        return questions(sample, store)
    except DataError as error:
        return str(error)


def ask(questions: Sequence[Sample], model: Service, sampling: Sampling, store: Store) -> list[Reply]:
    """Questions → replies in order; one that cannot be asked has an error."""
    if not questions:
        return []
    answerer = model.open(store)
    found = one_by_one(questions, lambda some: answerer.ask(some, sampling))
    return [Reply("", (), (), "error", error=one) if isinstance(one, str) else one for one in found]


def one_by_one(items: Sequence[Sample], work: Callable[[Sequence[Sample]], Iterable[Answer]]) -> list[Answer | str]:
    """Items + work on many → an answer each, or why there is none. What came before a failure is kept, the rest tried by halves.

    ConfigError and CheckpointError, without a server or a model, go through: nothing can work then.
    """
    answers: list[Answer | str] = []
    try:
        answers.extend(work(items) if items else ())
    except (ConfigError, CheckpointError):
        raise
    except OmmaError as error:
        rest = items[len(answers) :]
        if not rest:
            raise
        half = len(rest) // 2
        again = [*one_by_one(rest[:half], work), *one_by_one(rest[half:], work)] if half else [str(error)]
        answers += again
    assert len(answers) == len(items), f"{len(answers)} answers to {len(items)} questions"
    return answers


def question(sample: Sample, operator: Operator, number: int, words: str, media: Sequence[Media] = ()) -> Sample:
    """The `number`-th question of an operator about a sample: the user shows `media` and says `words`."""
    shown = [Part(item.kind, index=index) for index, item in enumerate(media)]
    turn = Turn("user", (*shown, Part("text", words)))
    return Sample(child(sample, operator, number), sample.source, "asked", tuple(media), (turn,))


def asked_again(sample: Sample, operator: Operator, number: int) -> Sample:
    """A sample's own question without its reply, answer and captions, as the `number`-th question of an operator."""
    turns = sample.turns
    while turns and turns[-1].role == "assistant":
        turns = turns[:-1]
    if not turns:
        raise DataError(sample.id, "nothing that is asked", "a turn of the user")
    return replace(
        sample, id=child(sample, operator, number), turns=turns, captions=(), answer=None, chosen=(), rejected=(), meta={}
    )


def filled(template: str, **values: str) -> str:
    """Text with {names} → the same with their values; braces in values, and around anything else, stay."""
    return re.sub(r"\{([a-z_]+)\}", lambda found: values.get(found[1], found[0]), template)


def check_prompt(where: str, prompt: str, *places: str) -> None:
    """ConfigError for a prompt that says nothing, or lacks one of its {places}."""
    missing = [place for place in places if f"{{{place}}}" not in prompt]
    if missing or not prompt.strip():
        raise ConfigError(where, f"no {{{missing[0]}}}" if missing else "nothing", "words for the model, with all its places")
