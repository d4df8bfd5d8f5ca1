"""A tiny released folder beside a data root with samples of every kind, and the runs of `omma train` that tests share."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_released import COLOURS, save_samples

from omma.cli.main import answer
from omma.media.draw import to_png
from omma.model.vlm import Vlm
from omma.schema.manifest import read_manifest
from omma.schema.sample import Part, Sample, Turn
from omma.schema.view import Footage
from omma.weights.native import load_model
from omma.weights.source import open_source

sys.path.append(str(Path(__file__).parents[1] / "weights"))
from llava_folders import Pair

STEPS = 8
SMALL = [
    "run.device=cpu", "run.threads=1", "run.curate_workers=1", "run.log_every=1", "run.checkpoint_every=3", "run.keep_last=9",
    "data.holdout=0.0", "stages.sft.precision=fp32", "stages.sft.micro_batches=2",
    f"stages.sft.length={{class: omma.train.stage.Steps, count: {STEPS}}}",
]  # fmt: skip
WHOLE = ["stages.sft.optimizer.lr=2e-2"]
ADAPTED = ["stages.sft.optimizer.lr=2e-2", "stages.sft.adapter.base=kept", "stages.sft.adapter.dropout=0.0"]


@dataclass(frozen=True)
class Family:
    """How a released folder is written, and what transformers' class sees of a sample, if it has one (`inputs`).

    `write` gets the folder, which is not there yet, and what may stand in for full-size constants; with `inputs` it gives a Pair.
    `back` says whether there is a released layout to export to. `film` is (width, height) px of a size that no processor changes,
    `counts` how many pictures the prompts have. A bin holds `tokens` and `patches`.
    """

    name: str
    write: Callable[[Path, pytest.MonkeyPatch], Any]
    inputs: Callable[[Pair, Path, Sample], Any] | None = None
    film: Callable[[Vlm], tuple[int, int]] = lambda model: (24, 16)
    back: bool = True
    counts: tuple[int, ...] = (1, 4, 0)
    tokens: int = 1024
    patches: int = 2048

    @property
    def exported(self) -> bool:
        """Whether `omma export` writes what transformers loads."""
        return self.inputs is not None and self.back


class Given:
    """A family's folder and a data root beside it, and the runs that tests share."""

    def __init__(self, family: Family, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.family, self.folder, self.patch = family, folder, patch
        self.released, self.data = folder / "released", folder / "data"
        made = family.write(self.released, patch)
        self.model = open_source(self.released).model
        self.theirs, self.processor, self.names = (made.theirs, made.processor, made.names) if family.inputs else (None,) * 3
        save_samples(self.data, count=3)
        save_films(self.data, family.film(self.model))

    @property
    def sees_films(self) -> bool:
        """Whether the model takes videos."""
        return type(self.model.view.video) is not Footage

    def changes(self, *more: str) -> list[str]:
        """The command line behind the recipe's name."""
        bins = f"tokens: {self.family.tokens}, patches: {self.family.patches}, bins_per_step: 2"
        budget = f"stages.sft.budget={{class: omma.pack.plan.Budget, {bins}}}"
        return [f"weights.model={self.released}", f"data.root={self.data}", *SMALL, budget, *more]

    def train(self, recipe: str, run: Path, *more: str) -> Path:
        """A run of a recipe on this data."""
        assert answer(["train", recipe, *self.changes(f"run.folder={run}", *more)]) == 0
        return run

    @cached_property
    def whole(self) -> Path:
        """The run of `finetune_sft`."""
        return self.train("finetune_sft", self.folder / "whole", *WHOLE)

    @cached_property
    def adapted(self) -> Path:
        """The run of `finetune_lora`."""
        return self.train("finetune_lora", self.folder / "adapted", *ADAPTED)

    def pair(self, checkpoint: Path, theirs: Any) -> Pair:
        """A checkpoint of ours beside a model of transformers."""
        source = open_source(checkpoint)
        codec = source.model.text.load(checkpoint / "tokenizer")
        module = load_model(checkpoint, source.model).eval()
        return Pair(self.released, theirs.eval(), self.processor, source.model, module, codec, None)

    def asked(self, run: Path) -> list[Sample]:
        """Prompts with a picture, with several, with none, and with an animation where the family sees any."""
        samples = read_manifest(run / "data/train.parquet")
        stills = [s for s in samples if s.turns and all(media.kind == "image" for media in s.media)]
        chosen = [next(s for s in stills if len(s.media) == count) for count in self.family.counts]
        films = [s for s in samples if any(media.uri.endswith(".gif") for media in s.media)]
        return [_prompt(s) for s in (*chosen, *films[:1] * self.sees_films)]


def _prompt(sample: Sample) -> Sample:
    """The question alone, pictures first, as every processor here has it."""
    parts = sorted(sample.turns[0].parts, key=lambda part: part.kind == "text")
    words = "".join(part.text for part in parts if part.kind == "text")
    return replace(sample, turns=(Turn("user", (*(p for p in parts if p.kind != "text"), Part("text", words))),))


def save_films(root: Path, size: tuple[int, int]) -> None:
    """Animated GIFs and folders of frames that go from one colour to another, one question about each."""
    names, rows = list(COLOURS), []
    for number, name in enumerate(names):
        other = names[(number + 1) % 3]
        frames = [np.full((size[1], size[0], 3), COLOURS[name if i < 3 else other], np.uint8) for i in range(5)]
        for index, frame in enumerate(frames):
            frame[:, index] = 255  # a line that moves: an animation keeps no frame twice
        first, *rest = [Image.fromarray(frame) for frame in frames]
        first.save(root / f"{name}.gif", save_all=True, append_images=rest, duration=200)
        place = root / f"frames-{name}"
        place.mkdir()
        for index, frame in enumerate(frames):
            (place / f"{index}.png").write_bytes(to_png(frame))
        for film in (f"{name}.gif", place.name):
            said = [{"role": "user", "content": "<video>What happens?"}, {"role": "assistant", "content": f"{name} then {other}"}]
            rows.append({"videos": [film], "messages": said})
    (root / "films.jsonl").write_text("\n".join(map(json.dumps, rows)))
