"""A folder of small pictures with text and a recipe file beside it, as a newcomer would have them; and one finished run."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from omma.cli.main import answer
from omma.media.draw import to_png

COLOURS = {"red": (214, 61, 57), "blue": (58, 112, 200), "green": (44, 158, 96)}
NUM_PICTURES = 60

LAB = '''\
"""A recipe of one's own, small enough for a test."""

from omma.curate.data import Data
from omma.curate.operators.decode import Decode
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.readers.messages_jsonl import MessagesJsonl
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.evaluate.benchmarks.scenes import Scenes
from omma.media.views.fixed import Fixed
from omma.model.connectors.linear import Linear
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.pack.plan import Budget
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.recipe import Recipe, Run
from omma.train.optimizers.adamw import AdamW
from omma.train.stage import Stage, Steps

BUDGET = Budget(tokens=256, patches=256, bins_per_step=2)


def mine() -> Recipe:
    """Colours of squares, with a model of a few thousand parameters."""
    model = Vlm(
        view=Fixed(size=16),
        encoder=ViT(patch=8, image_size=16, width=16, depth=1, heads=2, mlp_width=32).tiny(),
        connector=Linear(),
        language=Decoder(width=32, depth=1, heads=2, kv_heads=2, head_dim=16, mlp_width=64).tiny(),
        text=Chat(tokenizer=TrainedBpe(vocab_size=512)),
    )
    return Recipe(
        id="mine",
        title="Colours of squares",
        model=model,
        data=Data(
            root="pictures",
            sources={"captions": CaptionsJsonl(task="caption"), "questions": MessagesJsonl()},
            holdout=0.2,
            operators=(Decode(),),
            max_errors=0.5,
        ),
        stages=(
            Stage(name="align", trains=("connector.*",), mixture={"captions": 1.0}, budget=BUDGET, length=Steps(count=3)),
            Stage(name="instruct", optimizer=AdamW(lr=3e-3), budget=BUDGET, length=Steps(count=4)),
        ),
        suite=(Scenes(), CaptionLoss(shown=2)),
        run=Run(threads=1, curate_workers=0, log_every=1, device="cpu"),
    )
'''


@dataclass(frozen=True)
class Said:
    """What a command printed and returned."""

    code: int
    out: str
    err: str


def make_data(folder: Path) -> None:
    """Pictures of one square each, a caption and a question about each; one of them broken."""
    folder.mkdir(parents=True)
    captions, talks = [], []
    for number in range(NUM_PICTURES):
        colour = list(COLOURS)[number % 3]
        image = np.full((16, 16, 3), 235, np.uint8)
        x, y = number % 7, number % 5
        image[y : y + 8, x : x + 8] = np.array(COLOURS[colour]) - number % 11
        (folder / f"{number}.png").write_bytes(to_png(image))
        captions.append({"image": f"{number}.png", "caption": f"a {colour} square"})
        messages = [{"role": "user", "content": "<image>what colour?"}, {"role": "assistant", "content": colour}]
        talks.append({"image": f"{number}.png", "messages": messages, "answer": colour, "task": "colour"})
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
    captions.append({"image": "broken.png", "caption": "a square that is not there"})
    (folder / "captions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in captions))
    (folder / "messages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in talks))


@contextlib.contextmanager
def standing_in(folder: Path) -> Iterator[None]:
    """A working folder for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def call(*arguments: object, folder: Path) -> Said:
    """`omma ARGUMENTS` in a folder, in this process → what it said."""
    words = [str(argument) for argument in arguments]
    out, err = io.StringIO(), io.StringIO()
    argv, path = sys.argv, list(sys.path)
    sys.argv = ["omma", *words]
    try:
        with standing_in(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = answer(words)
    finally:
        sys.argv, sys.path[:] = argv, path
        own = [
            name for name, module in sys.modules.items() if str(getattr(module, "__file__", "")).startswith(str(folder.resolve()))
        ]
        for name in own:
            del sys.modules[name]
    return Said(code, out.getvalue(), err.getvalue())


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with pictures/ and lab.py."""
    make_data(tmp_path / "pictures")
    (tmp_path / "lab.py").write_text(LAB)
    return tmp_path


@pytest.fixture
def omma(desk: Path) -> Callable[..., Said]:
    """`omma(...)` at the desk."""
    return lambda *arguments: call(*arguments, folder=desk)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """A desk where `omma run ./lab.py:mine` has been run, and what it said. Tests only read it."""
    folder = tmp_path_factory.mktemp("finished")
    make_data(folder / "pictures")
    (folder / "lab.py").write_text(LAB)
    return folder, call("run", "./lab.py:mine", folder=folder)


@pytest.fixture(scope="session")
def curated_desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk where `omma curate ./lab.py:mine` has been run. Tests only read its `runs/mine`."""
    folder = tmp_path_factory.mktemp("curated")
    make_data(folder / "pictures")
    (folder / "lab.py").write_text(LAB)
    said = call("curate", "./lab.py:mine", folder=folder)
    assert said.code == 0, said.err
    return folder


@pytest.fixture
def at_curated(curated_desk: Path) -> Callable[..., Said]:
    """`at_curated(...)` is `omma ...` at the desk with the curated run."""
    return lambda *arguments: call(*arguments, folder=curated_desk)


@pytest.fixture
def reading(finished: tuple[Path, Said]) -> Callable[..., Said]:
    """`reading(...)` at the desk with the finished run."""
    return lambda *arguments: call(*arguments, folder=finished[0])
