"""Contrast: a curated run of two towers → its final checkpoint."""

from omma.cli.job import Job
from omma.cli.steps import chat, data_root
from omma.core.errors import ConfigError
from omma.core.runs import ANNEX
from omma.media.store import Store
from omma.nn.init import init
from omma.pack.captions import Tiles
from omma.recipe import Contrast
from omma.schema.manifest import read_manifest
from omma.schema.verdict import Checkpoint
from omma.train.contrast import PairMaterials, train_contrast
from omma.train.loop import Settings
from omma.train.pairs import pictured


def contrast_step(job: Job, recipe: Contrast) -> Checkpoint:
    """Train from wherever it stopped. ConfigError on several processes; errors as `train_contrast`."""
    if job.world.size > 1:
        got = f"{job.world.size} processes"
        raise ConfigError("omma train", got, "one: negatives are not gathered over processes", "run it without torchrun")
    materials = gather_pairs(job, recipe)
    run = recipe.run
    settings = Settings(seed=run.seed, log_every=run.log_every, checkpoint_every=run.checkpoint_every, keep_last=run.keep_last)
    module = recipe.build()
    init(module, run.seed)
    with job.clock.part("train"):
        return train_contrast(recipe.stage, module, materials, job.run, recipe=recipe, device=job.world.device, settings=settings)


def gather_pairs(job: Job, recipe: Contrast) -> PairMaterials:
    """Manifests + tokenizer (made once) → what a contrast reads; samples that are no pair get a row of the ledger."""
    train, heldout = (read_manifest(job.run / f"data/{name}.parquet") for name in ("train", "heldout"))
    text, folder = chat(recipe), job.run / "tokenizer"
    if job.run.done("tokenizer") is None:
        with job.clock.part("tokenizer"):
            text.fit(train, folder)
            job.run.finish("tokenizer", vocab_size=text.vocab_size)
    (pairs, left), (others, left_out) = pictured(train), pictured(heldout)
    with job.run.ledger.step("pairs") as book:
        book.extend((*left, *left_out))
    tiles = Tiles(Store(data_root(job), job.run / ANNEX), recipe.model)
    return PairMaterials(pairs, others, text.load(folder), tiles)
