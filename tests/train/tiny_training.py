"""A training job of a few kilobytes: a fake model with an encoder, a connector and a language model, and endless fake data.

`launch` runs it in child processes, for tests that kill them or need several ranks.
"""

import dataclasses
import json
import multiprocessing
import os
import time
from pathlib import Path

import torch
from torch import nn

from omma.core.runs import RunFolder
from omma.pack.plan import Budget
from omma.schema.batch import IGNORE, Batch, Pictures, Stream
from omma.schema.output import Output
from omma.train.checkpoint import Checkpoints
from omma.train.course import Course
from omma.train.loop import Settings, train_stage
from omma.train.optimizers.adamw import AdamW
from omma.train.optimizers.muon import Muon
from omma.train.parallel import world
from omma.train.schedules.wsd import Wsd
from omma.train.stage import Stage, Steps

VOCABULARY, WIDTH, PATCH = 29, 16, 12
DOCUMENTS = 8  # per step


class TinyLanguage(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.blocks = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(2))
        self.drop = nn.Dropout(0.1)
        self.norm = nn.LayerNorm(WIDTH)
        self.output = nn.Linear(WIDTH, VOCABULARY, bias=False)

    @property
    def head(self):
        return self.output.weight

    def forward(self, hidden):
        for block in self.blocks:
            hidden = hidden + self.drop(block(hidden).tanh())
        return self.norm(hidden)


class TinyModel(nn.Module):
    def __init__(self, dropout=0.1):
        super().__init__()
        self.encoder = nn.Linear(PATCH, WIDTH)
        self.connector = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH))
        self.language = TinyLanguage()
        self.language.drop.p = dropout

    def forward(self, batch):
        visual = self.connector(self.encoder(batch.pictures.patches.float() / 255).tanh())
        hidden = self.language.embedding(batch.tokens)
        hidden = hidden.index_put((batch.slots,), visual[batch.gather].to(hidden.dtype)) + 0 * visual.sum()
        origin = torch.arange(len(batch.tokens))
        stream = Stream(self.language(hidden), batch.positions, batch.cu_seqlens, torch.zeros_like(origin), origin)
        return Output(stream, self.language.head, visual)


def tiny_model(dropout=0.1, seed=0):
    torch.manual_seed(seed)
    return TinyModel(dropout)


def document(number):
    """Document `number` alone as a batch: 3 to 9 tokens, half of them with a 2-patch picture, an easy next-token rule."""
    generator = torch.Generator().manual_seed(number)
    length = int(torch.randint(3, 10, (1,), generator=generator))
    tokens = (torch.arange(length) * 3 + number) % VOCABULARY
    labels = (tokens + 3) % VOCABULARY
    labels[: 1 + number % 2] = IGNORE
    seen = number % 2 == 0
    slots = torch.arange(2) if seen else torch.zeros(0, dtype=torch.long)
    patches = torch.randint(0, 256, (2 if seen else 1, PATCH), generator=generator).byte()
    pictures = Pictures(patches, torch.tensor([[1, 1, len(patches)]]))
    border = torch.tensor([0, length])
    source = ("even", "odd")[number % 2]
    return Batch(
        tokens, torch.arange(length)[:, None], border, labels, pictures, slots, slots.clone(), (f"doc-{number}",), (source,)
    )


def pack(batches):
    """Batches → one batch, streams end to end; blank tiles of picture-less documents stay behind."""
    starts = torch.tensor([0, *(len(b.tokens) for b in batches)]).cumsum(0)
    with_pictures = [b for b in batches if len(b.slots)] or batches[:1]
    offset, offsets = 0, {}
    for b in with_pictures:
        offsets[id(b)], offset = offset, offset + len(b.pictures.patches)
    return Batch(
        torch.cat([b.tokens for b in batches]),
        torch.cat([b.positions for b in batches]),
        starts,
        torch.cat([b.labels for b in batches]),
        Pictures(torch.cat([b.pictures.patches for b in with_pictures]), torch.cat([b.pictures.grids for b in with_pictures])),
        torch.cat([b.slots + s for b, s in zip(batches, starts, strict=False)]),
        torch.cat([b.gather + offsets.get(id(b), 0) for b in batches]),
        tuple(name for b in batches for name in b.sample_ids),
        tuple(name for b in batches for name in b.sources),
    )


def tiny_course(steps, micro_batches=2, rank=0, ranks=1, plan="tiny-plan", change=lambda batch: batch):
    def feed(start):
        for step in range(start, steps):
            mine = [document(step * DOCUMENTS + i) for i in range(rank, DOCUMENTS, ranks)]
            each = len(mine) // micro_batches
            yield tuple(change(pack(mine[i * each : (i + 1) * each])) for i in range(micro_batches))

    return Course(plan, steps, ("even", "odd"), feed, lambda: [pack([document(10_000 + 2 * i + rank) for i in range(4)])])


def tiny_stage(**changes):
    stage = Stage(
        name="tiny",
        optimizer=Muon(lr=0.02, matrices=("*.blocks.*", "connector.*")),
        schedule=Wsd(warmup=2, decay=3),
        budget=Budget(tokens=100, patches=100, bins_per_step=DOCUMENTS),
        length=Steps(count=12),
        validate_every=4,
    )
    return dataclasses.replace(stage, **changes)


def save_no_tokenizer(folder):
    folder.mkdir()
    (folder / "tokenizer.json").write_text("{}")


SETTINGS = Settings(seed=3, log_every=3, checkpoint_every=2, keep_last=2)


def train_tiny(folder, stage=None, course=None, module=None, gradients=False):
    """Train (or continue) one stage in a folder; returns the module."""
    stage = stage or tiny_stage()
    module = module or tiny_model()
    run = RunFolder(Path(folder))
    checkpoints = Checkpoints(run / "checkpoints", stage, save_no_tokenizer)
    with world() as here:
        course = course or tiny_course(stage.length.count)
        train_stage(stage, module, course, run, checkpoints, here, SETTINGS)
        if gradients and here.leads:
            (run / "gradients.json").write_text(json.dumps(torch.cat([p.grad.flatten() for p in module.parameters()]).tolist()))
    return module


def slowly(batch):
    time.sleep(0.005)
    return batch


def life(folder, steps, errors):
    """A child process: trains one stage in a folder until it is done or killed; what it says goes to the file `errors`."""
    redirect(errors)
    train_tiny(folder, tiny_stage(length=Steps(count=steps)), tiny_course(steps, change=slowly))


def rank_life(folder, share, rank, ranks, port, errors):
    """A child process: one rank of three steps. `apart` gives even ranks all documents with pictures, odd ranks the others."""
    redirect(errors)
    os.environ |= {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(ranks),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
    }

    def feed(start):
        for step in range(start, 3):
            numbers = list(range(step * 8, step * 8 + 8))
            mine = numbers[rank::ranks] if share == "apart" else numbers[rank * 8 // ranks : (rank + 1) * 8 // ranks]
            half = len(mine) // 2
            yield pack([document(n) for n in mine[:half]]), pack([document(n) for n in mine[half:]])

    course = Course("p", 3, ("even", "odd"), feed, list)
    module = train_tiny(
        folder, tiny_stage(optimizer=AdamW(lr=1e-3), length=Steps(count=3)), course, tiny_model(dropout=0.0), gradients=True
    )
    del module


def redirect(errors):
    torch.set_num_threads(1)
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)


def launch(target, *arguments):
    """Start a child quickly: a server process that has imported everything forks it."""
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
    )  # preloading reads only this
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tiny_training"])
    process = context.Process(target=target, args=arguments)
    process.start()
    return process
