"""Small folders to curate: pictures of noise, and one drawn world that several tests read."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.operators.agreement import Agreement
from omma.curate.operators.aspect import Aspect
from omma.curate.operators.caption import Caption
from omma.curate.operators.decode import Decode
from omma.curate.operators.exact_hash import ExactHash
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.size import Size
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.readers.messages_jsonl import MessagesJsonl
from omma.curate.worlds.scenes import Scenes


@pytest.fixture
def draw():
    """Function that writes a picture of blurred noise, different for each seed."""

    def write(path: Path, seed: int = 0, size: tuple[int, int] = (48, 40), **how) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(path, **how)
        return path

    return write


@pytest.fixture
def write_lines():
    """Function that writes values as JSON Lines."""

    def write(path: Path, *rows) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return path

    return write


def every_operator() -> tuple:
    return Decode(), Size(), Aspect(), Caption(), ExactHash(), PerceptualHash(), Agreement()


def scenes_data(num_pictures: int, num_heldout: int, **how) -> Data:
    def readers(split: str) -> dict:
        folder = f"scenes/{split}"
        return {
            "captions": CaptionsJsonl(path=f"{folder}/captions.jsonl"),
            "questions": MessagesJsonl(path=f"{folder}/questions.jsonl"),
        }

    world = Scenes(num_pictures=num_pictures, num_heldout=num_heldout)
    how = {"operators": every_operator(), "world": (world,)} | how
    return Data(sources=readers("train"), heldout=readers("heldout"), **how)


@pytest.fixture
def scenes():
    """Function that makes the data config of a drawn world."""
    return scenes_data


@pytest.fixture(scope="session")
def curated(tmp_path_factory) -> RunFolder:
    """A finished run over 400 drawn scenes. Tests only read it."""
    run = RunFolder(tmp_path_factory.mktemp("curated"))
    curate(scenes_data(400, 60), run, seed=0, workers=0)
    return run
