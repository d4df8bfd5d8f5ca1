"""Compose: the families of a whole's parts, found by their own `model_type`, and their names inside the whole's."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from omma.model.slots import Encoder, Language
from omma.weights.family import Family, Kind, Vocabulary, family_for, find_family
from omma.weights.names import Names
from omma.weights.released import Released

MOVED = (("model.", "model.language_model."),)  # where transformers puts a language model inside a VLM; lm_head stays


def encoder_from(theirs: Mapping[str, Any], *, where: str) -> Encoder:
    """vision_config → encoder. CheckpointError for one that no vision family covers."""
    encoder = _part_from(theirs, "vision", where)
    assert isinstance(encoder, Encoder)
    return encoder


def language_from(theirs: Mapping[str, Any], *, where: str) -> Language:
    """text_config → language model. CheckpointError for one that no language family covers."""
    language = _part_from(theirs, "language", where)
    assert isinstance(language, Language)
    return language


def encoder_to(cfg: Encoder) -> dict[str, Any]:
    """Encoder → vision_config. CheckpointError if no family has a place for it."""
    return family_for(cfg, "vision", Vocabulary(0))[1]


def language_to(cfg: Language, vocabulary: Vocabulary) -> dict[str, Any]:
    """Language model → text_config. CheckpointError if no family has a place for it."""
    return family_for(cfg, "language", vocabulary)[1]


def encoder_names(cfg: Encoder, theirs: Mapping[str, Any], prefix: str = "model.vision_tower.") -> Names:
    """Encoder + its vision_config → names under `encoder.` and the whole's prefix."""
    return _family(theirs, "vision").names(cfg, theirs).under("encoder.", prefix)


def language_names(cfg: Language, theirs: Mapping[str, Any], moves: tuple[tuple[str, str], ...] = MOVED) -> Names:
    """Language model + its text_config → names under `language.`, with the beginnings of theirs replaced by `moves`."""
    own = _family(theirs, "language").names(cfg, theirs)
    return Names(
        pairs=tuple(replace(pair, ours=f"language.{pair.ours}", theirs=_moved(pair.theirs, moves)) for pair in own.pairs),
        unused=tuple(_moved(name, moves) for name in own.unused),
        added={_moved(name, moves): make for name, make in dict(own.added).items()},
        aliases=tuple((_moved(old, moves), _moved(new, moves)) for old, new in own.aliases),
    )


def _moved(name: str, moves: tuple[tuple[str, str], ...]) -> str:
    for old, new in moves:
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _part_from(theirs: Mapping[str, Any], kind: Kind, where: str) -> Any:
    return find_family(theirs, where=where, kind=kind).model_from(Released(Path(where), theirs))


def _family(theirs: Mapping[str, Any], kind: Kind) -> Family:
    return find_family(theirs, where="config.json", kind=kind)
