"""Small work for recipes and parts: a stage of one step, and pictures with words to learn from."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from omma.media.draw import to_png
from omma.pack.plan import Budget
from omma.schema.sample import Answer, Caption, Media, Part, Sample, Turn
from omma.train.stage import Stage, Steps

PICTURES = ((32, 32), (48, 32), (40, 64))


@pytest.fixture
def one_step() -> Callable[[Stage], Stage]:
    """Stage → the same as one step, with a budget that a few samples fill."""
    return _one_step


@pytest.fixture
def samples_of() -> Callable[[str, Path], list[Sample]]:
    """Source + folder → a captioned picture and a question for each of a few sizes."""
    return _samples_of


def _one_step(stage: Stage) -> Stage:
    budget = Budget(tokens=1024, patches=2048, bins_per_step=stage.micro_batches)
    return dataclasses.replace(stage, length=Steps(count=1), budget=budget)


def _samples_of(source: str, root: Path) -> list[Sample]:
    samples = []
    for number, (width, height) in enumerate(PICTURES):
        file = f"{source}-{number}.png"
        (root / file).write_bytes(to_png(np.full((height, width, 3), 40 * number, np.uint8)))
        media = (Media(file, width=width, height=height),)
        asked = Turn("user", (Part("image", index=0), Part("text", "how bright?")))
        said = Turn("assistant", (Part("text", f"level {number}"),))
        samples += [
            Sample(f"{file}:c", source, media=media, captions=(Caption(f"a plain picture of level {number}"),)),
            Sample(f"{file}:q", source, media=media, turns=(asked, said), answer=Answer((f"level {number}",))),
        ]
    return samples
