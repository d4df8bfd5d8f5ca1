"""A text slot without a tokenizer, models of any parts, and batches packed by hand from sizes alone."""

import numpy as np
import pytest
import torch

from omma.core.config import config
from omma.media.views.fixed import Fixed
from omma.media.windows import windows
from omma.model.connectors.mlp import Mlp
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm, init
from omma.schema.batch import IGNORE, Batch, Pictures, Windows
from omma.schema.row import RowPicture
from omma.schema.sample import Media
from omma.schema.talk import Text

VOCABULARY = 61


@config
class Words(Text):
    """A text slot of a given size and nothing else."""

    size: int = VOCABULARY

    @property
    def vocab_size(self):
        return self.size


@pytest.fixture(scope="session")
def make_vlm():
    def make(**slots):
        parts = {"view": Fixed(size=32), "encoder": ViT(), "connector": Mlp(), "language": Decoder(), "text": Words()}
        return Vlm(**{**parts, **slots}).tiny()

    return make


@pytest.fixture(scope="session")
def make_module():
    return lambda cfg, seed=0: init(cfg.build(), seed)


@pytest.fixture(scope="session")
def make_document():
    """(vlm, picture sizes, words, seed) → one document: words, then each picture with its layout, then words again."""

    def make(cfg, sizes, words=5, seed=0):
        rng = np.random.default_rng(seed)
        ids, slots, gather, grids, patches, seen = list(rng.integers(0, VOCABULARY, words)), [], [], [], [], 0
        pictures = []
        for size in sizes:
            plan, own = cfg.plan(*size), ([], [])
            for run in cfg.layout(plan):
                if isinstance(run, str):
                    ids += list(rng.integers(0, VOCABULARY, 2))
                    continue
                own[0].extend(range(len(ids), len(ids) + len(run)))
                own[1].extend(run.tolist())
                slots += range(len(ids), len(ids) + len(run))
                gather += [int(i) if i < 0 else int(i) + seen for i in run]
                ids += [0] * len(run)
            pictures.append(RowPicture(Media("x"), plan, np.array(own[0], int), np.array(own[1], int), cfg.num_visual(plan)))
            seen += cfg.num_visual(plan)
            grids += plan.grids(cfg.patch)
            patches.append(rng.integers(0, 256, (plan.num_patches(cfg.patch), 3 * cfg.patch**2)))
        ids += list(rng.integers(0, VOCABULARY, words))
        labels = rng.integers(0, VOCABULARY, len(ids))
        labels[rng.random(len(ids)) < 0.3] = IGNORE
        return {"ids": np.array(ids), "slots": np.array(slots, int), "gather": gather, "grids": grids, "patches": patches,
                "labels": labels, "seen": seen, "pictures": pictures}  # fmt: skip

    return make


@pytest.fixture(scope="session")
def pack():
    """(vlm, documents) → Batch."""

    def make(cfg, documents):
        lengths = [len(d["ids"]) for d in documents]
        starts, seen = np.cumsum([0, *lengths]), np.cumsum([0, *(d["seen"] for d in documents)])
        grids = [grid for d in documents for grid in d["grids"]]
        patches = [p for d in documents for p in d["patches"]]
        if not grids:  # law 8: a blank tile keeps the tower at work
            side = cfg.connector.merge
            grids, patches = [(1, side, side)], [np.zeros((side**2, 3 * cfg.patch**2))]
        plans = [picture.plan for d in documents for picture in d["pictures"]]
        together = Windows(*map(torch.from_numpy, windows(plans))) if plans else None
        gather = [g if g < 0 else g + int(seen[i]) for i, d in enumerate(documents) for g in d["gather"]]
        positions = np.concatenate([cfg.position_ids(len(d["ids"]), d["pictures"]) for d in documents])
        return Batch(
            tokens=torch.as_tensor(np.concatenate([d["ids"] for d in documents])),
            positions=torch.as_tensor(positions),
            cu_seqlens=torch.as_tensor(starts),
            labels=torch.as_tensor(np.concatenate([d["labels"] for d in documents])),
            pictures=Pictures(torch.as_tensor(np.concatenate(patches)).to(torch.uint8), torch.tensor(grids), None, together),
            slots=torch.as_tensor(np.concatenate([d["slots"] + starts[i] for i, d in enumerate(documents)])),
            gather=torch.tensor(gather, dtype=torch.long),
            sample_ids=tuple(f"s{i}" for i in range(len(documents))),
            sources=("test",) * len(documents),
        )

    return make
