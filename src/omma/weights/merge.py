"""Merge: several checkpoints of one shape → one. Soups (arXiv 2203.05482), interpolation (2109.01903), stacked blocks (2312.15166).

Values are averaged in fp32, one tensor at a time, and stored in the precision of the first checkpoint.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import torch
from torch import Tensor

from omma.core.config import HOUSE, difference, show
from omma.core.errors import CheckpointError, ConfigError
from omma.core.files import atomic_path, write_text
from omma.model.language.decoder import Decoder
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.weights.imported import Imported
from omma.weights.match import some
from omma.weights.shards import Shards, write_shards
from omma.weights.source import NATIVE, Source, open_source

BLOCK = re.compile(r"language\.blocks\.(\d+)\.(.+)")
Read = Callable[[str], Tensor]


@dataclass(frozen=True, slots=True)
class Slice:
    """Blocks `start` up to, not including, `stop` of the language model in a checkpoint folder."""

    folder: Path
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged model: its config, the shapes of its tensors, what reads each, and words for how it was made."""

    model: Vlm
    tensors: Mapping[str, Tensor]
    read: Read
    origin: str


def soup(folders: Sequence[Path], shares: Sequence[float] = (), trusted: tuple[str, ...] = HOUSE) -> Merged:
    """Checkpoints of equal shape + shares (equal ones if none are given; their sum is made 1) → their weighted mean.

    CheckpointError if two of them differ in a tensor's name or shape; ConfigError for shares that do not fit.
    """
    shares = list(shares) or [1.0] * len(folders)
    if len(shares) != len(folders) or len(folders) < 2 or sum(shares) == 0:
        raise ConfigError("merge", f"{len(folders)} checkpoints, {len(shares)} shares", "one share for each of two or more")
    sources = [open_source(folder, trusted) for folder in folders]
    models = [_model(source) for source in sources]
    for other in sources[1:]:
        _compare(sources[0], other)
    shards = [source.shards for source in sources]
    scaled = [share / sum(shares) for share in shares]
    origin = "mean of " + ", ".join(f"{share:.4g} × {folder}" for share, folder in zip(scaled, folders, strict=True))
    return Merged(models[0], shards[0].shapes(), _mean(shards, scaled), origin)


def interpolate(first: Path, second: Path, at: float, trusted: tuple[str, ...] = HOUSE) -> Merged:
    """Two checkpoints of equal shape → (1 − `at`) · first + `at` · second. Errors as `soup`; ConfigError outside 0 … 1."""
    if not 0 <= at <= 1:
        raise ConfigError("merge --at", str(at), "from 0 (the first) to 1 (the second)")
    return soup((first, second), (1 - at, at), trusted)


def greedy_soup(folders: Sequence[Path], loss: Callable[[Merged], float], trusted: tuple[str, ...] = HOUSE) -> Merged:
    """Checkpoints + a held-out loss → the soup that grows by one, best first, whenever that does not make the loss worse."""
    ranked = sorted(folders, key=lambda folder: loss(alone(folder, trusted)))
    chosen, best = [ranked[0]], loss(alone(ranked[0], trusted))
    for folder in ranked[1:]:
        tried = loss(soup((*chosen, folder), trusted=trusted))
        if tried <= best:
            chosen, best = [*chosen, folder], tried
    made = soup(chosen, trusted=trusted) if len(chosen) > 1 else alone(chosen[0], trusted)
    return replace(made, origin=f"greedy soup, held-out loss {best:.4f}: {made.origin}")


def alone(folder: Path, trusted: tuple[str, ...] = HOUSE) -> Merged:
    """One checkpoint as it is."""
    source = open_source(folder, trusted)
    return Merged(_model(source), source.shards.shapes(), source.shards.read, str(folder))


def stack(slices: Sequence[Slice], trusted: tuple[str, ...] = HOUSE) -> Merged:
    """Slices of blocks, in order, one upon the other; everything else from the first slice's checkpoint.

    ConfigError for a slice outside its model; CheckpointError unless the language models agree but for their depths.
    """
    sources = [open_source(part.folder, trusted) for part in slices]
    models = [_model(source) for source in sources]
    depth = sum(part.stop - part.start for part in slices)
    deeper = [_with_depth(model, depth, part) for model, part in zip(models, slices, strict=True)]
    for model, part in zip(deeper[1:], slices[1:], strict=True):
        if model.language != deeper[0].language:
            lines = "\n  ".join(difference(deeper[0].language, model.language))
            raise CheckpointError(str(part.folder), f"its language model differs in\n  {lines}\n", f"that of {slices[0].folder}")
    places = [(source, block) for source, part in zip(sources, slices, strict=True) for block in range(part.start, part.stop)]
    origins = {name: (sources[0], name) for name in sources[0].shards.stored if not BLOCK.fullmatch(name)}
    for new, (source, block) in enumerate(places):
        for name in source.shards.stored:
            found = BLOCK.fullmatch(name)
            if found and int(found[1]) == block:
                origins[f"language.blocks.{new}.{found[2]}"] = (source, name)
    shapes = {id(source): source.shards.shapes() for source in sources}
    tensors = {name: shapes[id(source)][old] for name, (source, old) in origins.items()}
    origin = "blocks of " + ", ".join(f"{part.folder}:{part.start}-{part.stop}" for part in slices)
    return Merged(deeper[0], tensors, lambda name: origins[name][0].shards.read(origins[name][1]), origin)


def write_merged(made: Merged, words: Path, target: Path) -> None:
    """Merged model + the folder whose tokenizer goes with it → a checkpoint folder. ConfigError if the target is there."""
    if target.exists():
        raise ConfigError(str(target), "is there already", "", "give another folder with --to FOLDER")
    text = made.model.text
    assert isinstance(text, Chat)
    with atomic_path(target) as temporary:
        write_shards(temporary, made.tensors, made.read)
        text.load(words / "tokenizer").save(temporary / "tokenizer")
        tree = Imported(model=made.model, origin=made.origin, model_type="merged", rows=text.vocab_size)
        write_text(temporary / NATIVE, show(tree))


def _mean(shards: Sequence[Shards], shares: Sequence[float]) -> Read:
    def read(name: str) -> Tensor:
        total = torch.zeros(shards[0].stored[name].shape)
        for one, share in zip(shards, shares, strict=True):
            total += share * one.read(name, torch.float32)
        return total.to(shards[0].stored[name].dtype)

    return read


def _model(source: Source) -> Vlm:
    if not isinstance(source.model, Vlm) or source.family is not None:
        fix = "import it first: omma import FOLDER"
        raise CheckpointError(str(source.folder), "no checkpoint of omma", "one that was trained or imported", fix)
    return source.model


def _compare(first: Source, other: Source) -> None:
    ours, theirs = ({name: entry.shape for name, entry in source.shards.stored.items()} for source in (first, other))
    names = sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))
    if names:
        told = some(f"{name} is {theirs.get(name, 'absent')}, not {ours.get(name, 'absent')}" for name in names)
        expected, fix = f"the shapes of {first.folder}", "only checkpoints of one model config can be averaged"
        raise CheckpointError(str(other.folder), f"{len(names)} tensors differ: {told}", expected, fix)


def _with_depth(model: Vlm, depth: int, part: Slice) -> Vlm:
    language = model.language
    if not isinstance(language, Decoder):
        raise CheckpointError(str(part.folder), f"a language model {type(language).__name__}", "a Decoder")
    if not 0 <= part.start < part.stop <= language.depth:
        where = f"{part.folder}:{part.start}-{part.stop}"
        raise ConfigError(where, f"a model of {language.depth} blocks", "0 ≤ start < stop ≤ depth")
    listed = [item.name for item in fields(language) if item.name.endswith("_layers") and getattr(language, item.name)]
    if listed:
        got = f"a model whose {', '.join(listed)} name blocks by number"
        raise CheckpointError(str(part.folder), got, "blocks that are all of one kind", "stacking would renumber them")
    return replace(model, language=replace(language, depth=depth))
