"""Family: a line of released checkpoints with one layout. config.json ↔ our configs, tensor names ↔ ours, files of a processor.

Each module in `maps/` ends with its `FAMILY`; `find_family` lists them by the `model_type` of config.json.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

import omma.weights.maps
from omma.core.config import Config, did_you_mean
from omma.core.errors import CheckpointError
from omma.pack.codec import Codec
from omma.weights.names import Names
from omma.weights.released import Released

Kind = Literal["vlm", "language", "vision"]
WHOLE_LAST: tuple[Kind, ...] = ("vision", "language", "vlm")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What an export says of tokens: rows of the embedding, id of a visual slot (-1: none), ids of `bos_token` and its like, ids
    of special tokens by how they are written."""

    size: int
    image_id: int = -1
    ids: Mapping[str, int] = field(default_factory=dict)
    specials: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Processor:
    """Files that turn a person's pictures and words into a released model's inputs: preprocessor_config.json,
    processor_config.json, and what transformers calls the tokens (`image_token`)."""

    image: Mapping[str, Any]
    slots: Mapping[str, Any]
    tokens: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Family:
    """One line of released checkpoints.

    `part` is the config that it makes (Vlm, Decoder, ViT, ...), `model_types` its names in config.json, the one to export
    first, `architectures` its transformers classes. `model_from` raises CheckpointError for a variant that is not
    covered. `names` takes that model and the config.json beside the tensors. `config_to` makes the config.json of an
    export, or raises CheckpointError for a model that has no place in this layout. `processor_to` (VLMs) says what a
    processor must do to feed the model as ours does; `wording_to` writes files of words that this layout has besides, or
    in another form. `kept` are fields of a slot that a recipe chooses and no file states, such as the layer that features are
    taken from. `portable` are (beginning, replacement) that turn the names of
    memory into those that every server reads. `mark` is a key of config.json that tells this family from another with the same
    `model_type`. `folders` hold the weights where the folder itself holds none.
    """

    kind: Kind
    part: type[Config]
    model_types: tuple[str, ...]
    architectures: tuple[str, ...]
    model_from: Callable[[Released], Any]
    names: Callable[[Any, Mapping[str, Any]], Names]
    config_to: Callable[[Any, Vocabulary], dict[str, Any]]
    processor_to: Callable[[Any], Processor] | None = None
    wording_to: Callable[[Path, Codec], None] | None = None
    kept: tuple[str, ...] = ()
    portable: tuple[tuple[str, str], ...] = ()
    mark: str = ""
    folders: tuple[str, ...] = ()


def find_family(theirs: Mapping[str, Any], *, where: str, kind: Kind | None = None) -> Family:
    """config.json (or a part of it) → its family, of a `kind` if one is given; else a whole model before its parts.

    A family whose mark is there comes before one without a mark.

    CheckpointError for a model_type that is not covered, and for a folder that needs code of its own: omma runs none.
    """
    name = theirs.get("model_type", "")
    fitting = [family for family in families() if kind in (None, family.kind) and (not family.mark or family.mark in theirs)]
    best_last = sorted(fitting, key=lambda family: (WHOLE_LAST.index(family.kind), bool(family.mark)))
    known = {model_type: family for family in best_last for model_type in family.model_types}
    if name in known:
        return known[name]
    if theirs.get("auto_map"):
        fix = "omma never runs code from a checkpoint; look for the same model in transformers' own layout (often named …-hf)"
        raise CheckpointError(where, f"model_type {name!r} needs code that lies in the folder (auto_map)", "", fix)
    what = f"the model_type of a {kind} model" if kind else "a model_type that omma knows"
    raise CheckpointError(where, f"model_type {name!r}", what, did_you_mean(str(name), sorted(known)))


def family_for(model: Config, kind: Kind, vocabulary: Vocabulary) -> tuple[Family, dict[str, Any]]:
    """Our model → the first family whose layout has a place for it, and its config.json. CheckpointError saying why none has."""
    reasons = []
    for family in families():
        if family.kind == kind and isinstance(model, family.part):
            try:
                return family, family.config_to(model, vocabulary)
            except CheckpointError as error:
                reasons.append(f"{family.model_types[0]}: {error.got}" + (f", not {error.expected}" if error.expected else ""))
    fix = "keep it in our own layout; no other program can serve it"
    raise CheckpointError(f"a {kind} model", "no released layout has a place for it:\n  " + "\n  ".join(reasons) + "\n", "", fix)


@cache
def families() -> tuple[Family, ...]:
    """Every FAMILY of the modules in `maps/`, by the name of the module."""
    found = pkgutil.iter_modules(omma.weights.maps.__path__, "omma.weights.maps.")
    modules = [importlib.import_module(item.name) for item in found]
    return tuple(vars(module)["FAMILY"] for module in modules if "FAMILY" in vars(module))
