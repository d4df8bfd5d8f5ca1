"""Config trees: frozen dataclasses ↔ YAML text, typed `path=value` overrides with did-you-mean.

A recipe is a tree of `Config` objects. It is checked when it is made, printed as YAML, loaded back from YAML
(only `Config` classes of trusted packages), and changed by assignments such as `stages.align.clip=0.5`.
"""

import dataclasses
import difflib
import hashlib
import importlib
import itertools
import pkgutil
import types
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import PurePath
from typing import Any, Literal, Self, TypeVar, Union, cast, dataclass_transform, get_args, get_origin, get_type_hints

import yaml

from omma.core.errors import ConfigError

HOUSE = ("omma", "omma_recipes")  # packages whose config classes a YAML file may name
Class = TypeVar("Class", bound=type)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Base of everything a recipe can hold. Subclass it under `@config`; override `check` to refuse bad values."""

    def __post_init__(self) -> None:
        for name, kind in field_types(type(self)).items():
            object.__setattr__(self, name, conform(getattr(self, name), kind, f"{type(self).__name__}.{name}"))
        self.check()

    def check(self) -> None:
        """Raise ConfigError if the fields do not fit together. It never assigns."""

    def tiny(self) -> Self:
        """The same wiring with small numbers, so that two CPU cores can train it. Default: shrink every child."""
        return dataclasses.replace(self, **{name: _tiny(getattr(self, name)) for name in field_types(type(self))})


@dataclass_transform(kw_only_default=True, frozen_default=True)
def config(cls: Class) -> Class:
    """Class → frozen keyword-only dataclass whose field types are checked on construction. A dict default is copied."""
    for name, default in list(vars(cls).items()):
        if isinstance(default, dict) and name in cls.__annotations__:
            setattr(cls, name, dataclasses.field(default_factory=default.copy))
    return cast(Class, dataclasses.dataclass(frozen=True, kw_only=True)(cls))


def show(tree: Config) -> str:
    """Tree → YAML text that `load` turns back into an equal tree."""
    return yaml.safe_dump(to_data(tree), sort_keys=False, allow_unicode=True, width=120)


def load(text: str, *, where: str, trusted: Iterable[str] = HOUSE) -> Config:
    """YAML text → tree. Refuses unknown keys and classes outside the `trusted` packages (ConfigError)."""
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(where, f"not YAML: {' '.join(str(error).split())}") from None
    return from_data(data, where=where, trusted=tuple(trusted))


def to_data(value: Any) -> Any:
    """Config, tuple, mapping or scalar → plain data; a config becomes a mapping whose `class` is its import path."""
    if isinstance(value, Config):
        kind = type(value)
        fields = {name: to_data(getattr(value, name)) for name in field_types(kind)}
        return {"class": f"{kind.__module__}.{kind.__qualname__}"} | fields
    if isinstance(value, tuple):
        return [to_data(item) for item in value]
    if isinstance(value, Mapping):
        return {key: to_data(item) for key, item in value.items()}
    return str(value) if isinstance(value, PurePath) else value


def from_data(data: Any, *, where: str, trusted: tuple[str, ...] = HOUSE) -> Any:
    """Plain data → what `to_data` was given. `where` names the place for error messages."""
    if isinstance(data, list):
        return tuple(from_data(item, where=f"{where}.{i}", trusted=trusted) for i, item in enumerate(data))
    if not isinstance(data, dict):
        return data
    items = {key: from_data(item, where=f"{where}.{key}", trusted=trusted) for key, item in data.items() if key != "class"}
    if "class" not in data:
        return items
    kind = find_class(str(data["class"]), where=where, trusted=trusted)
    for key in items:
        if key not in field_types(kind):
            raise unknown_field(f"{where}.{key}", kind, key)
    try:
        return kind(**items)
    except TypeError as error:
        raise ConfigError(where, str(error).replace("__init__() ", "")) from None


def override(tree: Config, assignments: Iterable[str], *, trusted: tuple[str, ...] = HOUSE) -> Any:
    """Tree + `path=value` texts → new tree. A path steps through fields, tuple indices or element names, and keys.

    All changes of a config are made at once, so that values which only fit together may come in any order.
    """
    changes = []
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals:
            raise ConfigError(assignment, "no '='", "path=value", "for example run.seed=1")
        changes.append(_Change(tuple(path.split(".")), text, path))
    return _assign(tree, type(tree), changes, trusted)


def difference(old: Config, new: Config) -> list[str]:
    """Two trees → lines `path: old → new` for every leaf that differs, sorted by path."""
    before, after = _leaves(to_data(old), ""), _leaves(to_data(new), "")
    return [
        f"{path}: {before.get(path, '(absent)')} → {after.get(path, '(absent)')}"
        for path in sorted(before.keys() | after.keys())
        if before.get(path, "(absent)") != after.get(path, "(absent)")
    ]


def fingerprint(tree: Config) -> str:
    """Tree → 16 hex digits that change with any value in it."""
    return hashlib.sha256(show(tree).encode()).hexdigest()[:16]


def packages(tree: Any) -> tuple[str, ...]:
    """Tree → top-level packages of every config class in it, the house's first: what a saved copy of it may name."""
    names = dict.fromkeys(HOUSE)
    if isinstance(tree, Config):
        names |= {type(tree).__module__.split(".")[0]: None}
        tree = [getattr(tree, name) for name in field_types(type(tree))]
    items = tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, tuple | list) else ()
    return tuple(names | {name: None for item in items for name in packages(item)})


def field_types(kind: type) -> dict[str, Any]:
    """Config class → its fields in order, with their resolved types."""
    return _field_types(kind)


@cache
def _field_types(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def find_class(path: str, *, where: str, trusted: tuple[str, ...] = HOUSE) -> type[Config]:
    """Import path `package.module.Class` → config class; ConfigError unless it is a trusted package's Config."""
    module_name, _, name = path.rpartition(".")
    if module_name.split(".")[0] not in trusted:
        fix = "give the file that defines it with --parts FILE.py"
        raise ConfigError(where, f"class {path!r} is outside {', '.join(trusted)}", "a config class", fix)
    try:
        kind = getattr(importlib.import_module(module_name), name, None)
    except ModuleNotFoundError:
        kind = None
    if not (isinstance(kind, type) and issubclass(kind, Config)):
        raise ConfigError(where, f"{path!r} is no config class", "the import path of one, such as omma.model.connectors.mlp.Mlp")
    return kind


def unknown_field(where: str, kind: type, name: str) -> ConfigError:
    """The error for a field that a class does not have, with the nearest name it has."""
    return ConfigError(where, f"{kind.__name__} has no field {name!r}", "", did_you_mean(name, field_types(kind)))


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Wrong name + right names → "did you mean 'x'?" or the list of what there is."""
    names = list(names)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"there is {', '.join(names) or 'nothing'}"


def conform(value: Any, kind: Any, where: str) -> Any:
    """Value + declared type → the value (list → tuple, int → float where declared so); ConfigError if it does not fit."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if origin is Literal:
        if value in arguments:
            return value
        raise ConfigError(where, repr(value), " or ".join(map(repr, arguments)), did_you_mean(str(value), map(str, arguments)))
    if origin in (Union, types.UnionType):
        return _conform_union(value, arguments, where)
    if origin is tuple and isinstance(value, (tuple, list)):
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) != len(value):
            raise ConfigError(where, f"{len(value)} values", f"{len(kinds)}")
        return tuple(conform(item, kinds[i], f"{where}.{i}") for i, item in enumerate(value))
    if origin in (dict, Mapping) and isinstance(value, Mapping):
        return {conform(k, arguments[0], where): conform(v, arguments[1], f"{where}.{k}") for k, v in value.items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    wanted = origin or kind
    if isinstance(value, wanted) and not (isinstance(value, bool) and wanted is int):
        return value
    raise ConfigError(where, f"{value!r} ({type(value).__name__})", type_name(kind))


def type_name(kind: Any) -> str:
    """Type → the word for it in an error message."""
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).replace("typing.", "")


def _conform_union(value: Any, kinds: tuple[Any, ...], where: str) -> Any:
    if type(value) in kinds:
        return value
    for kind in kinds:
        try:
            return conform(value, kind, where)
        except ConfigError:
            continue
    raise ConfigError(where, f"{value!r} ({type(value).__name__})", " or ".join(map(type_name, kinds)))


def _tiny(value: Any) -> Any:
    if isinstance(value, Config):
        return value.tiny()
    if isinstance(value, tuple):
        return tuple(_tiny(item) for item in value)
    return {key: _tiny(item) for key, item in value.items()} if isinstance(value, dict) else value


@dataclasses.dataclass(frozen=True)
class _Change:
    """Steps that are left of `path`, and the text of the new value."""

    steps: tuple[str, ...]
    text: str
    path: str


def _assign(node: Any, kind: Any, changes: list[_Change], trusted: tuple[str, ...]) -> Any:
    """Node + changes of it or of what is in it, in their order → new node."""
    for deep, group in itertools.groupby(changes, key=lambda change: bool(change.steps)):
        if deep:
            node = _inside(node, kind, list(group), trusted)
            continue
        for change in group:
            node = _parse(change.text, kind, node, change.path, trusted)
    return node


def _inside(node: Any, kind: Any, changes: list[_Change], trusted: tuple[str, ...]) -> Any:
    parts: dict[str, list[_Change]] = {}
    for change in changes:
        parts.setdefault(change.steps[0], []).append(dataclasses.replace(change, steps=change.steps[1:]))
    if isinstance(node, Config):
        types = field_types(type(node))
        for step, own in parts.items():
            if step not in types:
                raise unknown_field(own[0].path, type(node), step)
        return dataclasses.replace(node, **{s: _assign(getattr(node, s), types[s], own, trusted) for s, own in parts.items()})
    if isinstance(node, tuple):
        items, item_kind = list(node), get_args(kind)[0] if get_args(kind) else Any
        for step, own in parts.items():
            index = _index(node, step, own[0].path)
            items[index] = _assign(items[index], item_kind, own, trusted)
        return tuple(items)
    if isinstance(node, Mapping):
        item_kind = get_args(kind)[1] if get_args(kind) else Any
        for step, own in parts.items():
            if own[0].steps and step not in node:
                raise ConfigError(own[0].path, f"no entry {step!r}", "", did_you_mean(step, node))
        return {**node, **{step: _assign(node.get(step), item_kind, own, trusted) for step, own in parts.items()}}
    raise ConfigError(changes[0].path, f"{type(node).__name__} has no parts, so no {changes[0].steps[0]!r}")


def _index(items: tuple[Any, ...], step: str, path: str) -> int:
    names = [str(to_data(item).get("name", i)) if isinstance(item, Config) else str(i) for i, item in enumerate(items)]
    if step in names:
        return names.index(step)
    if step.isdigit() and int(step) < len(items):
        return int(step)
    raise ConfigError(path, f"no element {step!r}", "", did_you_mean(step, names))


def _parse(text: str, kind: Any, current: Any, path: str, trusted: tuple[str, ...]) -> Any:
    kinds = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    if str in kinds or PurePath in kinds:
        return None if text in ("null", "none") and type(None) in kinds else text
    if any(isinstance(k, type) and issubclass(k, Config) for k in kinds) and text[:1].isupper() and text.isidentifier():
        return conform(_named(text, kinds, current, path)(), kind, path)
    if float in kinds:
        try:
            return float(text)
        except ValueError:
            pass
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(path, repr(text), type_name(kind)) from None
    if isinstance(data, dict) and "." not in str(data.get("class", ".")):
        sibling = _named(data["class"], kinds, current, path)
        data["class"] = f"{sibling.__module__}.{sibling.__qualname__}"
    return conform(from_data(data, where=path, trusted=trusted), kind, path)


def _named(name: str, kinds: Iterable[Any], current: Any, path: str) -> type[Config]:
    """Class name → the config class of that name: the one that the field is for, else one beside the current value's."""
    own = (kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Config) and kind.__name__ == name)
    return next(own, None) or _sibling(name, current, path)


def _sibling(name: str, current: Any, path: str) -> type[Config]:
    """Class name → the config class of that name in the folder where the current value's class lives."""
    if not isinstance(current, Config):
        raise ConfigError(path, name, "the full import path of a config class, as {class: package.module.Name, ...}")
    package = importlib.import_module(type(current).__module__.rpartition(".")[0])
    found: dict[str, type[Config]] = {}
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if not module.ispkg:
            members = vars(importlib.import_module(module.name)).values()
            found |= {
                c.__name__: c for c in members if isinstance(c, type) and issubclass(c, Config) and c.__module__ == module.name
            }
    if name not in found:
        raise ConfigError(path, f"no {name!r} in {package.__name__}", "", did_you_mean(name, found))
    return found[name]


def _leaves(data: Any, path: str) -> dict[str, Any]:
    if isinstance(data, (dict, list)) and data:
        pairs = data.items() if isinstance(data, dict) else enumerate(data)
        return {k: v for key, item in pairs for k, v in _leaves(item, f"{path}.{key}" if path else str(key)).items()}
    return {path: data}
