"""Source: a checkpoint folder, released or our own, opened → our config of it and its tensors by our names, read on demand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from omma.core.config import HOUSE, Config, field_types, load
from omma.core.errors import CheckpointError
from omma.core.files import read_text
from omma.core.progress import track
from omma.model.slots import Encoder, Language, built_on_meta
from omma.model.vlm import Vlm
from omma.weights.family import Family, Kind, find_family
from omma.weights.match import Match, match
from omma.weights.names import Names, Pair
from omma.weights.native import stored_tensors
from omma.weights.released import CONFIG_FILE, Released, read_released
from omma.weights.shards import Shards, open_parts, open_shards
from omma.weights.vocabulary import grow

NATIVE = "config.yaml"
SLOTS: dict[Kind, str] = {"vlm": "", "language": "language.", "vision": "encoder."}


@dataclass(frozen=True)
class Source:
    """`model` is a Vlm, Language or Encoder as `kind` says; `names` leads from the tensors in `shards` to those of a VlmModule.

    `rows` are those of the embedding in the file. `released` and `family` say more of a released folder.
    """

    folder: Path
    kind: Kind
    model: Any
    names: Names
    shards: Shards
    rows: int = 0
    config: Mapping[str, Any] | tuple[()] = ()
    released: Released | None = None
    family: Family | None = None

    def at(self, model: Any) -> "Source":
        """The same weights for a config of one's own, such as an encoder whose features come from another layer."""
        if self.family is None or self.released is None:
            tensors = stored_tensors(built_on_meta(model.build)) if isinstance(model, Vlm) else {}
            return replace(self, model=model, names=Names(tuple(Pair(name, name) for name in tensors)))
        if not isinstance(model, self.family.part):
            got, expected = f"weights of a {self.family.part.__name__}", f"those of the recipe's {type(model).__name__}"
            raise CheckpointError(str(self.folder), got, expected, "let the folder say the part's config: weights.SLOT=FOLDER")
        return replace(self, model=model, names=_names(self.family, model, self.released))

    def slot(self, prefix: str) -> "Source":
        """The same folder seen for one slot, `encoder.` or `language.`. CheckpointError if it does not fill that slot."""
        pairs = tuple(pair for pair in self.names.pairs if pair.ours.startswith(prefix))
        if not pairs:
            raise CheckpointError(str(self.folder), f"a {self.kind} model", f"one with weights for {prefix.rstrip('.')}")
        model = self.model
        if isinstance(model, Vlm):
            model = model.encoder if prefix == SLOTS["vision"] else model.language
        kind: Kind = "vision" if prefix == SLOTS["vision"] else "language"
        others = {pair.theirs for pair in self.names.pairs} - {pair.theirs for pair in pairs}
        stored = {name: at for name, at in self.shards.stored.items() if self.names.canonical(name) not in others}
        return replace(self, kind=kind, model=model, names=replace(self.names, pairs=pairs), shards=Shards(self.folder, stored))

    def match(self, own: Mapping[str, Tensor], vocab_size: int = 0) -> Match:
        """Tensors of a module (meta is enough) by their names in a VlmModule → what goes where."""
        return match(self.names, self.shards.shapes(), own, vocab_size=vocab_size, config=dict(self.config))

    def read(
        self,
        own: Mapping[str, Tensor],
        *,
        vocab_size: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str = "cpu",
    ) -> dict[str, Tensor]:
        """Tensors of a module → their values by our names, one file tensor at a time. CheckpointError unless all fit."""
        self.match(own, vocab_size).check(str(self.folder))
        one = self.reader(own, dtype, device)
        return {name: one(name) for name in track(own, "read weights", total=len(own))}

    def reader(
        self, own: Mapping[str, Tensor], dtype: torch.dtype | None = None, device: torch.device | str = "cpu"
    ) -> Callable[[str], Tensor]:
        """What reads one tensor of `own` by its name, with rows for new tokens. To be used when `match` has no complaints."""
        stored = {self.names.canonical(name): name for name in self.shards.stored}
        theirs = {pair.ours: pair.theirs for pair in self.names.pairs}
        together: dict[str, list[Pair]] = {}
        for pair in self.names.pairs:
            together.setdefault(pair.theirs, []).append(pair)

        def pieces(name: str) -> dict[str, Tensor]:
            whole = self.shards.read(stored[name], dtype, device)
            return Names(tuple(together[name])).from_theirs({name: whole}, where=str(self.folder))

        kept = lru_cache(maxsize=2)(pieces)  # queries, keys and values of one fused tensor are asked for one after the other

        def one(ours: str) -> Tensor:
            name = theirs[ours]
            tensor = (kept if len(together[name]) > 1 else pieces)(name)[ours]
            short = tensor.dim() > 0 and len(tensor) < len(own[ours])
            return grow(tensor, len(own[ours]), where=ours) if short else tensor.contiguous()

        return one


def open_source(folder: Path, trusted: tuple[str, ...] = HOUSE) -> Source:
    """Checkpoint folder, of omma or released → source. CheckpointError for one that is damaged, incomplete or not covered."""
    if (folder / NATIVE).is_file() and not (folder / CONFIG_FILE).is_file():
        return _native(folder, trusted)
    released = read_released(folder)
    family = find_family(released.config, where=released.where)
    shards = open_parts(folder, family.folders) if family.folders else open_shards(folder)
    model = _untied(family.model_from(released), family, released, shards)
    names = _names(family, model, released)
    text = released.config.get("text_config") or released.config.get("llm_config") or released.config
    rows = int(text.get("vocab_size", 0))
    return Source(folder, family.kind, model, names, shards, rows, released.config, released, family)


def own_tensors(source: Source, vocab_size: int = 0) -> dict[str, Tensor]:
    """Tensors on the meta device of the module that a source fills, by their names in a VlmModule."""
    if isinstance(source.model, Vlm):
        return stored_tensors(built_on_meta(source.model.build))
    module = built_on_meta(lambda: _part(source.model, vocab_size or source.rows))
    return {SLOTS[source.kind] + name: tensor for name, tensor in stored_tensors(module).items()}


def _names(family: Family, model: Any, released: Released) -> Names:
    names = family.names(model, released.config)
    return names if family.kind == "vlm" else names.under(SLOTS[family.kind], "")


def _part(model: Encoder | Language, vocab_size: int) -> nn.Module:
    return model.build(vocab_size=vocab_size) if isinstance(model, Language) else model.build()


def _native(folder: Path, trusted: tuple[str, ...]) -> Source:
    tree = load(read_text(folder / NATIVE), where=str(folder / NATIVE), trusted=trusted)
    model = vars(tree)["model"] if isinstance(tree, Config) and "model" in field_types(type(tree)) else tree
    if not isinstance(model, Vlm):
        raise CheckpointError(str(folder / NATIVE), f"a {type(model).__name__}", "a recipe with a model, as omma saves it")
    shards = open_shards(folder)
    names = Names(tuple(Pair(name, name) for name in stored_tensors(built_on_meta(model.build))))
    return Source(folder, "vlm", model, names, shards, model.text.vocab_size)


def _untied(model: Any, family: Family, released: Released, shards: Shards) -> Any:
    """A config may say that the head is the embedding although the file holds another one: what is in the file counts."""
    language = model.language if isinstance(model, Vlm) else model
    if not isinstance(language, Language) or "tied" not in field_types(type(language)) or not vars(language)["tied"]:
        return model
    apart = replace(language, **{"tied": False})
    whole = replace(model, language=apart) if isinstance(model, Vlm) else apart
    names = family.names(whole, released.config)
    canonical = {names.canonical(name): name for name in shards.stored}
    ours = {pair.ours.removeprefix("language."): canonical.get(pair.theirs) for pair in names.pairs}
    embedding, head = ours.get("embedding.weight"), ours.get("unembedding.weight")
    if not (embedding and head) or torch.equal(shards.read(embedding), shards.read(head)):
        return model
    return whole
