"""A small model that sees, random weights, prompts of mixed lengths with pictures, and a tokenizer of letters."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from omma.core.config import config
from omma.model.connectors.mlp import Mlp
from omma.model.language.decoder import Decoder
from omma.model.vision.vit import ViT
from omma.model.vlm import Vlm, VlmModule, init
from omma.schema.batch import IGNORE, Batch, Pictures
from omma.schema.talk import Text
from omma.schema.view import View

VOCAB = 61


@config
class Letters(Text):
    """61 tokens that need no tokenizer."""

    @property
    def vocab_size(self) -> int:
        return VOCAB


@dataclass(frozen=True)
class LetterWords:
    """Token id → one letter; which ids stop a reply and which are forbidden."""

    stop_ids: tuple[int, ...] = ()
    banned_ids: tuple[int, ...] = ()

    def decode(self, ids) -> str:
        return "".join(chr(ord("A") + token_id) for token_id in ids)


@dataclass(frozen=True)
class Prompt:
    """One document: its name, its tokens, and the grid of its picture, whose tokens stand from place 1 on ((0, 0): none)."""

    name: str
    length: int
    grid: tuple[int, int] = (0, 0)


MIXED = (
    Prompt("a", 9, (2, 3)),
    Prompt("b", 23, (4, 4)),
    Prompt("c", 1),
    Prompt("d", 9, (3, 2)),
    Prompt("e", 14),
    Prompt("f", 23, (1, 5)),
)


def build(seed: int = 0, kv_heads: int = 2) -> VlmModule:
    vision = ViT(patch=4, width=16, depth=2, heads=2, mlp_width=32, image_size=16)
    language = Decoder(width=32, depth=3, heads=4, kv_heads=kv_heads, head_dim=8, mlp_width=48)
    module = Vlm(view=View(), encoder=vision, connector=Mlp(), language=language, text=Letters()).build()
    init(module, seed)
    with torch.no_grad():  # sharper than at the start of training, so that a greedy text is no repetition
        module.language.embedding.weight.mul_(30)
        for block in module.language.blocks:
            block.attention.query.weight.mul_(2)
    return module.eval()


def pack(prompts, continuations=None, seed: int = 0) -> Batch:
    """Prompts (each with the tokens that follow it, if given) → packed batch; a prompt's content depends on its name alone."""
    tokens, positions, patches, grids, slots, gather, borders, visual = [], [], [], [], [], [], [0], 0
    for prompt in prompts:
        draw = np.random.default_rng([seed, *map(ord, prompt.name)])
        rows, columns = prompt.grid
        ids = np.concatenate([draw.integers(0, VOCAB, prompt.length), np.array((continuations or {}).get(prompt.name, ()), int)])
        if rows:
            patches.append(draw.integers(0, 256, (rows * columns, 48)))
            grids.append((1, rows, columns))
            slots.append(borders[-1] + 1 + np.arange(rows * columns))
            gather.append(visual + np.arange(rows * columns))
            visual += rows * columns
        tokens.append(ids)
        positions.append(np.arange(len(ids)))
        borders.append(borders[-1] + len(ids))
    if not grids:
        patches, grids = [np.full((1, 48), 255)], [(1, 1, 1)]

    def flat(parts):
        return torch.as_tensor(np.concatenate(parts) if parts else np.zeros(0)).long()

    names = tuple(prompt.name for prompt in prompts)
    return Batch(
        tokens=flat(tokens),
        positions=flat(positions)[:, None],
        cu_seqlens=torch.tensor(borders, dtype=torch.int32),
        labels=torch.full((borders[-1],), IGNORE),
        pictures=Pictures(flat(patches).reshape(-1, 48).to(torch.uint8), torch.tensor(grids)),
        slots=flat(slots),
        gather=flat(gather),
        sample_ids=names,
        sources=("test",) * len(names),
    )


@pytest.fixture(scope="session")
def module() -> VlmModule:
    return build()


@pytest.fixture(scope="session")
def toolbox():
    """The builders above, for tests that need their own."""

    class Toolbox:
        Prompt, LetterWords, Letters = Prompt, LetterWords, Letters
        mixed, vocab = MIXED, VOCAB
        build, pack = staticmethod(build), staticmethod(pack)

    return Toolbox
