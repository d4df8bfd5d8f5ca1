"""Export: a model of ours → a folder that transformers, vLLM and SGLang load, in the layout that all of their versions read.

Names carry the `vision_model.` infix and the `language_model.model.` order of files from before transformers 5, which later
versions and both servers still read; the tokenizer names a class of both versions; the image processor stands in
preprocessor_config.json and the slots in processor_config.json. What is written is loaded by transformers and compared before it
counts as done.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from omma.core.errors import CheckpointError, ConfigError
from omma.core.files import atomic_path, write_text
from omma.model.vlm import VlmModule
from omma.pack.codec import Codec
from omma.weights.agreement import Agreement, agree
from omma.weights.family import Family, Processor, Vocabulary, family_for
from omma.weights.native import stored_tensors
from omma.weights.served import strangers
from omma.weights.shards import SHARD_BYTES, write_shards
from omma.weights.wording import write_wording

DTYPES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the class that loads it, its files of weights, and how well both models agree."""

    architecture: str
    num_files: int
    agreement: Agreement


def export(module: VlmModule, codec: Codec, target: Path, *, shard_bytes: int = SHARD_BYTES) -> Exported:
    """Model + codec → folder, whole or not at all, after transformers has loaded it and given the same logits.

    CheckpointError for a model that no released class covers, or if the two disagree; ConfigError if the target is there.
    """
    if target.exists():
        raise ConfigError(str(target), "is there already", "", "give another folder with --output FOLDER")
    family, config = layout_of(module, codec)
    tensors = _portable(family, family.names(module.cfg, config).to_theirs(stored_tensors(module)))
    dtype = next(iter(module.parameters())).dtype
    tensors = {name: tensor.detach().to(dtype) for name, tensor in tensors.items()}
    unknown = strangers(family.architectures[0], tensors)
    assert not unknown, f"{family.architectures[0]} has names that servers do not read: {unknown[:4]}"
    with atomic_path(target) as temporary:
        temporary.mkdir(parents=True)
        files = write_shards(temporary, tensors, tensors.__getitem__, shard_bytes=shard_bytes)
        ids = write_wording(temporary, codec)
        if family.wording_to is not None:
            family.wording_to(temporary, codec)
        numbers = {f"{name.removesuffix('_token')}_token_id": number for name, number in ids.items() if name != "unk_token"}
        _write_configs(temporary, config | {"dtype": DTYPES[dtype], "torch_dtype": DTYPES[dtype]}, numbers, codec)
        if family.processor_to is not None:
            _write_processor(temporary, family.processor_to(module.cfg), codec)
        agreement = agree(module, codec, temporary, where=str(target))
    return Exported(family.architectures[0], len(files), agreement)


def layout_of(module: VlmModule, codec: Codec) -> tuple[Family, dict[str, Any]]:
    """Model → the family that it is exported as, and its config.json. CheckpointError if no family has a place for it."""
    specials = {token: number for token, (number, _) in codec.words.specials.items()}
    return family_for(module.cfg, "vlm", Vocabulary(codec.vocab_size, codec.image_id, specials=specials))


def _portable(family: Family, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of memory → names of files; the first beginning that fits is replaced."""
    renamed = {}
    for name, tensor in tensors.items():
        rule = next(((old, new) for old, new in family.portable if name.startswith(old)), ("", ""))
        renamed[rule[1] + name.removeprefix(rule[0])] = tensor
    return renamed


def _write_configs(folder: Path, config: dict[str, Any], numbers: dict[str, int], codec: Codec) -> None:
    text = config.get("text_config")
    if isinstance(text, dict):
        config["text_config"] = text | numbers
    write_text(folder / "config.json", _pretty(config | numbers))
    stops = list(codec.stop_ids)
    generation = numbers | {"eos_token_id": stops if len(stops) > 1 else stops[0], "do_sample": False}
    write_text(folder / "generation_config.json", _pretty(generation))


def _write_processor(folder: Path, processor: Processor, codec: Codec) -> None:
    """A file each for pictures, slots and (if the model sees any) videos, where all versions of transformers look for them."""
    kind = processor.slots["processor_class"]
    own = {key: value for key, value in processor.slots.items() if key != "video_processor"}
    video = processor.slots.get("video_processor")
    if video:
        write_text(folder / "video_preprocessor_config.json", _pretty(dict(video) | {"processor_class": kind}))
    write_text(folder / "preprocessor_config.json", _pretty(dict(processor.image) | {"processor_class": kind}))
    slots = {"image_token": codec.words.image} | own | dict(processor.tokens)
    write_text(folder / "processor_config.json", _pretty(slots))
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    write_text(folder / "tokenizer_config.json", _pretty(settings | {"processor_class": kind} | dict(processor.tokens)))


def _pretty(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def no_class(error: CheckpointError) -> str:
    """Why a model has no released layout → the words for a person who gets it in ours."""
    return f"{error}\nit is written as omma's own checkpoint, which transformers, vLLM and SGLang cannot load"
