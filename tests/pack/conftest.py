"""A small eye, small talk and a codec trained on it, for all tests of this room."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from omma.media.store import Store
from omma.media.views.pad import Pad
from omma.pack.chat import Chat
from omma.pack.markup.box_text import BoxText
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.schema.sample import Caption, Media, Part, Sample, Turn
from omma.schema.view import Unit


@dataclasses.dataclass(frozen=True)
class PatchEye:
    """Pads to `size` px, patches of 8 px, one visual token per patch, running positions. `tag` stands before each picture."""

    size: int = 16
    tag: str = ""

    patch = 8

    @property
    def view(self):
        return Pad(size=self.size)

    def plan(self, width, height, count=1):
        return self.view.plan(width, height, Unit(self.patch))

    def num_visual(self, plan):
        return plan.num_patches(self.patch)

    def layout(self, plan):
        run = np.arange(self.num_visual(plan))
        return (self.tag, run) if self.tag else (run,)

    def position_ids(self, num_tokens, pictures):
        return np.arange(num_tokens)[:, None]


def said(role, *parts):
    """Role + texts and picture numbers → turn."""
    return Turn(role, tuple(Part("image", index=p) if isinstance(p, int) else Part("text", p) for p in parts))


def dialogue(name="d", *, pictures=1, exchanges=1, words=3, source="talk", uri="a.png"):
    """A conversation about pictures that are all shown in its first turn."""
    turns = []
    for i in range(exchanges):
        turns.append(said("user", *(range(pictures) if i == 0 else ()), f"how many {i}?"))
        turns.append(said("assistant", " ".join(["there are two"] * words)))
    media = tuple(Media(uri, width=20, height=12) for _ in range(pictures))
    return Sample(id=name, source=source, media=media, turns=tuple(turns))


def captioned(name="c", texts=("a red square", "one square, red"), source="captions", uri="a.png"):
    """One picture with captions."""
    return Sample(id=name, source=source, media=(Media(uri, width=20, height=12),), captions=tuple(map(Caption, texts)))


CORPUS = [dialogue(str(i), exchanges=3) for i in range(20)] + [captioned(f"c{i}") for i in range(20)]


@pytest.fixture(scope="session")
def eye():
    return PatchEye()


@pytest.fixture(scope="session")
def codec(tmp_path_factory):
    chat = Chat(tokenizer=TrainedBpe(vocab_size=320), markup=BoxText())
    return chat.fit(CORPUS, tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture
def store(tmp_path):
    Image.new("RGB", (20, 12), (200, 10, 10)).save(tmp_path / "a.png")
    Image.new("RGB", (20, 12), (10, 10, 200)).save(tmp_path / "b.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return Store(tmp_path)


@pytest.fixture
def make():
    """The builders of this file by name: tests are imported one by one and cannot import it."""

    class Make:
        PatchEye, said, dialogue, captioned = PatchEye, staticmethod(said), staticmethod(dialogue), staticmethod(captioned)

    return Make
