"""Start: where a recipe's weights come from. Folders → the configs of the slots they fill, and a module with their weights."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from omma.core.config import HOUSE, Config, config
from omma.core.errors import CheckpointError, ConfigError
from omma.core.progress import Bar, track
from omma.model.vlm import Vlm, VlmModule
from omma.nn.init import init
from omma.pack.chat import Chat
from omma.weights.native import fill, shell, stored_tensors
from omma.weights.source import SLOTS, Source, open_source
from omma.weights.speech import chat_from

FLOATS = {"fp32": torch.float32, "bf16": torch.bfloat16, "stored": None}
IMAGE_TOKEN = "<image>"  # for a language model that never had one
Hold = Callable[[nn.Module], Mapping[str, Callable[[nn.Linear], nn.Module]]]


@config
class Weights(Config):
    """Checkpoint folders, released or omma's own, that the first stage starts from; empty: from random values.

    `model` fills every slot, `encoder` and `language` one each. On the command line `weights.model=FOLDER` also writes
    what the folder says into the recipe's model, before other changes; in a file the model stands as it is and has to
    fit the folder. `precision` is that of the values in memory.
    """

    model: str = ""
    encoder: str = ""
    language: str = ""
    precision: Literal["fp32", "bf16", "stored"] = "fp32"

    def check(self) -> None:
        if self.model and (self.encoder or self.language):
            raise ConfigError("weights.model", "beside weights of a slot", "a whole model, or slots", "import the model first")

    def tiny(self) -> "Weights":
        """Small slots fit no checkpoint: they start from random values."""
        return Weights()


def adopt(model: Vlm, weights: Weights, trusted: tuple[str, ...] = HOUSE) -> Vlm:
    """Recipe's model + folders → the model that the folders describe, with what only a recipe chooses kept.

    CheckpointError for a folder that is damaged, not covered, or of another kind than its slot.
    """
    if weights.model:
        return _whole(open_source(Path(weights.model), trusted))
    if weights.encoder:
        source = open_source(Path(weights.encoder), trusted).slot(SLOTS["vision"])
        model = replace(model, encoder=_kept(source, model.encoder))
    if weights.language:
        source = open_source(Path(weights.language), trusted).slot(SLOTS["language"])
        model = replace(model, language=source.model, text=_text(source, model))
    return model


def as_they_are(module: nn.Module) -> dict[str, Callable[[nn.Linear], nn.Module]]:
    """No linear map is held otherwise than as itself."""
    return {}


def start_model(
    cfg: Vlm,
    weights: Weights,
    seed: int,
    trusted: tuple[str, ...] = HOUSE,
    hold: Hold = as_they_are,
    device: torch.device | str = "cpu",
) -> VlmModule:
    """Model + folders + seed → the module on a device before its first step: what no folder fills is random, as on the CPU.

    Each stored tensor is read by itself and goes to its precision and device at once, and where it replaces a random one
    that one goes first: beside the module only the tensor at hand is in memory, never a second copy of the weights.

    `hold` names linear maps of the module (on meta) that something smaller stands in for as soon as each has its values,
    so that a whole model of `weights.model` is never there in full. CheckpointError for weights that do not fit the
    model, naming every difference.
    """
    dtype = FLOATS[weights.precision]
    if weights.model:
        source = _fitted(open_source(Path(weights.model), trusted), cfg)
        return _filled(shell(cfg, device), source, cfg.text.vocab_size, dtype, hold, device)
    module = cfg.build()
    init(module, seed)
    for folder, prefix in ((weights.encoder, SLOTS["vision"]), (weights.language, SLOTS["language"])):
        if folder:
            _fill_slot(module, open_source(Path(folder), trusted), prefix, dtype, device)
    return module.to(device=device, dtype=dtype)


def saved_words(weights: Weights) -> Path | None:
    """The folder of a tokenizer that a checkpoint of omma brings with it, and that must not be trained anew."""
    for folder in (weights.model, weights.language):
        if folder and (Path(folder) / "tokenizer" / "chat.json").is_file():
            return Path(folder) / "tokenizer"
    return None


def _filled(
    module: VlmModule, source: Source, vocab_size: int, dtype: torch.dtype | None, hold: Hold, device: torch.device | str
) -> VlmModule:
    """A module without weights → the same with those of a folder, read one by one."""
    own, where = stored_tensors(module), str(source.folder)
    source.match(own, vocab_size).check(where)
    read, held = source.reader(own, dtype, device), hold(module)
    with Bar("read weights", len(own)) as bar:

        def one(name: str) -> Tensor:
            bar.advance()
            return read(name)

        for name, store in held.items():
            linear = module.get_submodule(name)
            assert isinstance(linear, nn.Linear)
            fill(linear, {key: one(f"{name}.{key}") for key in stored_tensors(linear)}, where=where)
            module.set_submodule(name, store(linear))
        whole = {name: one(name) if name in own and name.rpartition(".")[0] not in held else tensor
                 for name, tensor in stored_tensors(module).items()}  # fmt: skip
    fill(module, whole, where=where)
    return module


def _whole(source: Source) -> Vlm:
    if not isinstance(source.model, Vlm):
        fix = f"give it as weights.{SLOTS[source.kind].rstrip('.')}=FOLDER to a recipe that has the other parts"
        raise CheckpointError(str(source.folder), f"a {source.kind} model", "a vision-language model", fix)
    return source.model


def _fitted(source: Source, cfg: Vlm) -> Source:
    _whole(source)
    return source.at(cfg)


def _fill_slot(module: VlmModule, source: Source, prefix: str, dtype: torch.dtype | None, device: torch.device | str) -> None:
    name = prefix.rstrip(".")
    part = getattr(module.cfg, name)
    whole = replace(source.model, **{name: part}) if isinstance(source.model, Vlm) else part
    source = source.at(whole).slot(prefix)
    target = module.get_submodule(name)
    own = {prefix + key: tensor for key, tensor in stored_tensors(target.to(device)).items()}
    source.match(own, module.cfg.text.vocab_size).check(str(source.folder))
    read = source.reader({key: torch.empty_like(tensor, device="meta") for key, tensor in own.items()}, dtype, device)
    for key, tensor in track(own.items(), "read weights", total=len(own)):
        tensor.data = torch.empty(0, device=device)
        tensor.data = read(key)


def _kept(source: Source, old: Any) -> Any:
    """What the folder says, and what a recipe with a part of that class chose; nothing is switched on that has no weights."""
    new = source.model
    if type(new) is not type(old) or source.family is None or source.family.kind != "vision":
        return new
    chosen = {name: getattr(old, name) for name in source.family.kept}
    return replace(new, **{name: value for name, value in chosen.items() if value is not True or getattr(new, name)})


def _text(source: Source, model: Vlm) -> Chat:
    """The words of a language model, in the manner of the recipe where the folder says nothing."""
    old = model.text
    if not isinstance(old, Chat):
        raise ConfigError("model.text", type(old).__name__, "a Chat (omma.pack.chat.Chat)")
    if source.released is None:
        own = vars(open_source(source.folder).model)["text"]
        return own if isinstance(own, Chat) else old
    return chat_from(
        source.released,
        image_token=IMAGE_TOKEN,
        vocab_size=source.rows,
        template=old.template,
        markup=old.markup,
        caption_prompts=old.caption_prompts,
    )
