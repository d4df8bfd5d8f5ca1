"""A small captioner that omma itself trains within seconds: pictures of one colour with noise over it, and what they are called."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from omma.core.config import show
from omma.core.files import write_text
from omma.core.runs import RunFolder
from omma.curate.operators.perplexity import Perplexity
from omma.media.draw import to_png
from omma.media.store import Store
from omma.model.vlm import init
from omma.pack.plan import Budget
from omma.schema.sample import Caption, Media, Sample
from omma.train.course import Materials
from omma.train.job import train
from omma.train.loop import Settings
from omma.train.optimizers.muon import Muon
from omma.train.parallel import world
from omma.train.stage import Steps
from omma_recipes.runs.captions_small import captions_small

SHADES = {"red": (210, 40, 40), "green": (40, 170, 60), "blue": (40, 70, 210), "yellow": (230, 210, 50), "black": (20, 20, 20)}
SIDE = 48


def coloured(root: Path, count: int, seed: int) -> list[Sample]:
    """Samples with their pictures below `root`, colours in turn."""
    random = np.random.default_rng(seed)
    samples = []
    for number in range(count):
        name = list(SHADES)[number % len(SHADES)]
        pixels = np.clip(np.array(SHADES[name]) + random.integers(-30, 30, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
        media = Media(f"{seed}-{number}.png", width=SIDE, height=SIDE)
        (root / media.uri).write_bytes(to_png(pixels))
        samples.append(
            Sample(f"{seed}/{number}", "colours", "caption", (media,), captions=(Caption(f"a picture that is all {name}"),))
        )
    return samples


def train_captioner(root: Path, folder: Path) -> Path:
    """Eighty steps of the recipe's stage at tiny size → the run folder."""
    recipe = captions_small().tiny()
    model = replace(recipe.model, text=replace(recipe.model.text, caption_prompts=(Perplexity().prompt,)))
    budget = Budget(tokens=512, patches=1024, bins_per_step=1)
    quick = Muon(lr=0.03, adamw_lr=1e-2)
    stage = replace(recipe.stages[0], length=Steps(count=80), budget=budget, optimizer=quick, validate_every=0)
    recipe = replace(recipe, model=model, data=replace(recipe.data, root=str(root)), stages=(stage,))
    run, samples = RunFolder(folder), coloured(root, 100, seed=0)
    write_text(run / "config.yaml", show(recipe))
    codec = model.text.fit(samples, run / "tokenizer")
    materials = Materials(samples, (), codec, model, Store(root))
    with world("cpu") as here:
        train((stage,), init(model.build(), 0), materials, run, recipe=recipe, world=here, settings=Settings(seed=0))
    return folder
