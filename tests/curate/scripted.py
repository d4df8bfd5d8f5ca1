"""A service whose replies a test writes: a name of a script → what it says to each question."""

from collections.abc import Callable
from dataclasses import dataclass, field

from omma.answerers.service import Service
from omma.core.config import config
from omma.core.errors import DataError
from omma.generate.reply import Reply

SCRIPTS: dict[str, "Script"] = {}


@dataclass
class Script:
    """`says` makes of a question (a sample) and a store its reply, or raises; `matches` a probability. What was asked is kept."""

    says: Callable = lambda question, store: "a reply"
    matches: Callable = lambda question, store: 1.0
    asked: list = field(default_factory=list)
    samplings: list = field(default_factory=list)
    opened: int = 0


@config
class Scripted(Service):
    """`name` is the script's."""

    name: str = "plain"

    @property
    def mark(self) -> str:
        return f"mark of {self.name}"

    def open(self, store):
        SCRIPTS[self.name].opened += 1
        return _Answerer(SCRIPTS[self.name], store, self.name)


class _Answerer:
    """One unreadable question spoils the whole call, as it does for a batch of a model."""

    def __init__(self, script, store, name):
        self.script, self.store, self.name = script, store, name

    def ask(self, samples, sampling, sight="picture", start=0):
        self.script.samplings.append(sampling)
        for sample in samples[start:]:
            said = self.script.says(sample, self.store)
            self.script.asked.append(sample)
            yield said if isinstance(said, Reply) else Reply(said, (), (), "stop")

    def match(self, samples, sight="picture", start=0):
        for sample in samples[start:]:
            yield self.script.matches(sample, self.store)

    def prompt_hash(self, sample):
        return "0" * 16

    def fingerprint(self):
        return f"fingerprint of {self.name}"


def script(name="plain", **how) -> Script:
    """A new script under a name."""
    SCRIPTS[name] = Script(**how)
    return SCRIPTS[name]


def words(question) -> str:
    """What a question says."""
    return question.turns[-1].text


def lost(what="no answer within 600 s") -> Reply:
    """What an endpoint makes of a question that failed."""
    return Reply("", (), (), "error", error=what)


def cut(text) -> Reply:
    """A reply that ran out of tokens."""
    return Reply(text, (), (), "length")


def unreadable(question, store):
    """What a model does with a picture that is none."""
    raise DataError(question.id, "no picture", "one")
