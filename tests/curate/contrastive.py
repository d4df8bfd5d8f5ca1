"""A small CLIP of omma's own, trained within seconds on drawn scenes with some captions swapped."""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch

from omma.core.runs import RunFolder
from omma.curate.worlds.scenes import Scenes
from omma.media.decode import measure
from omma.media.store import Store
from omma.nn.init import init
from omma.pack.captions import Tiles
from omma.pack.chat import Chat
from omma.schema.sample import Caption, Media, Sample
from omma.train.contrast import PairMaterials, train_contrast
from omma.train.loop import Settings
from omma.train.pairs import pictured
from omma_recipes.runs.clip_small import clip_small

SWAPPED = 0.2  # share of the captions that it learns from


@dataclass(frozen=True)
class World:
    """Pictures below `root`, samples to learn from and others, and for each whether its caption is another picture's."""

    root: Path
    train: list[Sample]
    train_swapped: np.ndarray
    heldout: list[Sample]
    heldout_swapped: np.ndarray


def draw_world(root: Path) -> World:
    Scenes(num_pictures=800, num_heldout=200, flaws=0.0).draw(root)
    (train, swapped), (heldout, others) = _read(root, "train", SWAPPED), _read(root, "heldout", 0.5)
    return World(root, train, swapped, heldout, others)


def train_clip(world: World, folder: Path) -> Path:
    """The recipe `clip_small` over captions some of which are wrong → its run folder."""
    recipe, run = clip_small(), RunFolder(folder)
    run.begin(recipe, command="test")
    assert isinstance(recipe.model.text, Chat)
    codec = recipe.model.text.fit(world.train, run / "tokenizer")
    (pairs, left), (heldout, _) = pictured(world.train), pictured(world.heldout)
    assert not left
    materials = PairMaterials(pairs, heldout, codec, Tiles(Store(world.root), recipe.model))
    module = recipe.build()
    init(module, 0)
    device = torch.device("cpu")
    train_contrast(recipe.stage, module, materials, run, recipe=recipe, device=device, settings=Settings())
    return folder


def auc(scores: np.ndarray, noisy: np.ndarray) -> float:
    """How often a clean sample scores above a noisy one, ties for a half."""
    clean, other = scores[~noisy][:, None], scores[noisy][None]
    return float(((clean > other) + 0.5 * (clean == other)).mean())


def _read(root: Path, split: str, share: float) -> tuple[list[Sample], np.ndarray]:
    rows = [json.loads(line) for line in (root / f"scenes/{split}/captions.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = [row["caption"] for row in rows]
    places = Random(0).sample(range(len(rows)), int(share * len(rows)))
    for place, text in zip(places, [texts[i] for i in places[1:] + places[:1]], strict=True):
        texts[place] = text
    names = [f"scenes/{split}/{row['image']}" for row in rows]
    sizes = [measure((root / name).read_bytes(), name=name) for name in names]
    media = [Media(name, width=width, height=height) for name, (width, height) in zip(names, sizes, strict=True)]
    samples = [Sample(f"{split}/{i}", "scenes", media=(media[i],), captions=(Caption(text),)) for i, text in enumerate(texts)]
    return samples, np.isin(np.arange(len(rows)), places)
