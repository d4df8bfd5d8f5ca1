"""A talker that answers from a list, and samples to ask it."""

from dataclasses import dataclass, field

import pytest

from omma.generate.reply import Reply, SampleLoss
from omma.schema.sample import Answer, Caption, Media, Part, Region, Sample, Turn


def question(name, task, words, gold, source="questions"):
    turns = (Turn("user", (Part("image", index=0), Part("text", words))), Turn("assistant", (Part("text", gold),)))
    media = (Media(f"{name}.png", sha256=f"hash of {name}", width=100, height=80),)
    return Sample(name, source, task, media=media, turns=turns, answer=Answer(texts=(gold,)))


def pointing(name, box, source="questions", **region):
    turns = (Turn("user", (Part("image", index=0), Part("text", "where?"))),)
    media = (Media(f"{name}.png", width=100, height=80),)
    answer = Answer(region=Region(0, box, **region))
    return Sample(name, source, "point", media=media, turns=turns, answer=answer)


def captioned(name, *captions, source="captions"):
    return Sample(name, source, "caption", media=(Media(f"{name}.png"),), captions=tuple(map(Caption, captions)))


@dataclass
class FakeTalker:
    """Says `says[sample id]`, or a default; points to `boxes[sample id]`. Counts what it was asked; breaks off at `breaks`."""

    says: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, tuple] = field(default_factory=dict)
    default: str = "no"
    model: str = "model-1"
    breaks: str = ""
    salt: str = ""
    asked: list[str] = field(default_factory=list)
    sights: list[str] = field(default_factory=list)

    def ask(self, samples, sampling, sight="picture", start=0):
        for sample in samples[start:]:
            if sample.id == self.breaks:
                raise KeyboardInterrupt
            self.asked.append(sample.id)
            self.sights.append(sight)
            regions = tuple(Region(0, box) for box in self.boxes.get(sample.id, ()))
            text = self.says.get(sample.id, self.default)
            yield Reply(text, (1, 2), (-0.5, -0.25), "stop", regions, 0.01, self.prompt_hash(sample))

    def measure(self, samples, sight="picture", start=0):
        for sample in samples[start:]:
            replies = [turn.text for turn in sample.turns if turn.role == "assistant"]
            words = sum(len(text.split()) for text in replies or [caption.text for caption in sample.captions])
            yield SampleLoss(sample.id, words * (3.0 if sight == "grey" else 2.0) + len(sample.id), words)

    def prompt_hash(self, sample):
        return f"prompt of {sample.id}{self.salt}"

    def fingerprint(self):
        return self.model


@pytest.fixture
def make():
    class Make:
        question, pointing, captioned = staticmethod(question), staticmethod(pointing), staticmethod(captioned)
        talker = FakeTalker

    return Make
