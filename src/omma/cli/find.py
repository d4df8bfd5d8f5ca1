"""Find: what a person typed for RECIPE → the Recipe (or Part, or Curation) it means, with changes applied."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

from omma.answerers.saved import find_saved
from omma.cli.catalogue import catalogue, recipes_in
from omma.core.config import HOUSE, did_you_mean, load, override
from omma.core.errors import ConfigError, OmmaError
from omma.core.files import read_text
from omma.recipe import Contrast, Curation, Part, Recipe
from omma.weights.imported import Imported
from omma.weights.start import Weights, adopt

Tree = Recipe | Part | Curation | Contrast
KINDS = ("Recipe", "Part", "Curation", "Contrast")  # what a catalogue's function may return
WEIGHTS = "weights."  # changes of a recipe that say where weights come from act first
SLOTS = ("model", "encoder", "language")
FROM = {  # said of the model, for short
    "model.from_": "weights.model",
    "model.encoder.from_": "weights.encoder",
    "model.vision.from_": "weights.encoder",
    "model.language.from_": "weights.language",
}


def find_recipe(text: str, *, changes: Iterable[str] = (), parts: Iterable[Path] = ()) -> Recipe:
    """Name, YAML file, `file.py:function` or run folder → recipe. ConfigError saying what there is instead."""
    tree = find_tree(text, changes=changes, parts=parts)
    if isinstance(tree, Curation):
        raise no_model(text)
    if isinstance(tree, Contrast):
        fix = f"train it: omma train {text}; what it takes: omma doctor {text} --shapes"
        raise ConfigError(text, "a Contrast, two towers that write nothing", "a Recipe", fix)
    if not isinstance(tree, Recipe):
        fix = f"see `omma doctor {text} --shapes`; a recipe takes its weights by weights.encoder=FOLDER or weights.language=FOLDER"
        raise ConfigError(text, f"a {type(tree).__name__}, one part of a model", "a Recipe", fix)
    return tree


def no_model(text: str) -> ConfigError:
    """The error for a Curation where a model is asked for."""
    return ConfigError(text, "a Curation, data without a model", "a Recipe", f"make its data: omma curate {text} data.root=FOLDER")


def find_curation(text: str, *, changes: Iterable[str] = (), parts: Iterable[Path] = ()) -> Recipe | Curation | Contrast:
    """The same for curation, to which a recipe's data says all."""
    tree = find_tree(text, changes=changes, parts=parts)
    return tree if isinstance(tree, Curation | Contrast) else find_recipe(text, changes=changes, parts=parts)


def find_trained(text: str, *, changes: Iterable[str] = (), parts: Iterable[Path] = ()) -> Recipe | Contrast:
    """The same for training, which two towers have, too."""
    tree = find_tree(text, changes=changes, parts=parts)
    return tree if isinstance(tree, Contrast) else find_recipe(text, changes=changes, parts=parts)


def find_tree(text: str, *, changes: Iterable[str] = (), parts: Iterable[Path] = ()) -> Tree:
    """The same for verbs to which a part or a curation says as much as a recipe."""
    trusted = own_parts(parts)
    file, _, function = text.partition(":")
    if file.endswith(".py"):
        recipe, trusted = _from_file(Path(file), function), (*trusted, Path(file).stem)
    elif (Path(text) / "config.yaml").is_file():
        recipe = _from_yaml(Path(text) / "config.yaml", trusted)
    elif text.endswith((".yaml", ".yml")):
        recipe = _from_yaml(Path(text), trusted)
    else:
        recipe = _from_catalogue(text)
    changes = [_spelled_out(change) for change in changes]
    folders = [change for change in changes if change.startswith(WEIGHTS)]
    if folders:
        given = override(recipe, folders, trusted=trusted)
        assert isinstance(given, Recipe), "nothing else has weights to change"
        recipe = _with_weights(given, folders, trusted)
    return _checked(override(recipe, [change for change in changes if change not in folders], trusted=trusted), text)


def own_parts(paths: Iterable[Path]) -> tuple[str, ...]:
    """Files with parts of one's own → the packages whose classes a YAML file may name: the house's and these."""
    return (*HOUSE, *(load_file(path).__name__ for path in paths))


def load_file(path: Path) -> ModuleType:
    """Python file → imported module named by its stem; its folder joins the import path, so that it may import neighbours."""
    if not path.is_file():
        raise ConfigError(str(path), "no such file", "a Python file")
    known = sys.modules.get(path.stem)
    if known is not None:
        if Path(getattr(known, "__file__", None) or "").resolve() == path.resolve():
            return known
        raise ConfigError(str(path), f"a module named {path.stem!r} is loaded already", "", "rename the file")
    sys.path.insert(0, str(path.resolve().parent))
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever the file raises is the person's to see, in one line
        del sys.modules[path.stem]
        raise ConfigError(
            str(path), f"{type(error).__name__}: {error}", "a file that imports", "run it with python to see where"
        ) from error
    return module


def _spelled_out(change: str) -> str:
    """`model.from_=FOLDER` and its like → the same as a change of `weights`."""
    path, equals, value = change.partition("=")
    return FROM.get(path, path) + equals + value


def _with_weights(recipe: Recipe, changes: list[str], trusted: tuple[str, ...]) -> Recipe:
    """Folders typed as `weights.SLOT=FOLDER` write what they say into the model; of a run folder it is the newest checkpoint."""
    typed = [change.partition("=")[0].removeprefix(WEIGHTS) for change in changes]
    slots = [name for name in SLOTS if name in typed and getattr(recipe.weights, name)]
    if not slots:
        return recipe
    found: dict[str, Any] = {name: _checkpoint(Path(getattr(recipe.weights, name)), trusted) for name in slots}
    recipe = replace(recipe, weights=replace(recipe.weights, **found))
    return replace(recipe, model=adopt(recipe.model, Weights(**found), trusted))


def _checkpoint(folder: Path, trusted: tuple[str, ...]) -> str:
    """A run folder → its newest checkpoint; any other folder as it is."""
    return str(find_saved(folder, trusted).folder if (folder / "checkpoints").is_dir() else folder)


def _from_catalogue(name: str) -> Tree:
    names = {key: item for kind in KINDS for key, item in catalogue(kind).items()}
    if name not in names:
        raise ConfigError("recipe", f"no recipe {name!r}", "", f"{did_you_mean(name, names)} (`omma recipes` lists all)")
    return _call(importlib.import_module(names[name].module), name)


def _from_file(path: Path, function: str) -> Tree:
    module = load_file(path)
    names = [item.name for kind in KINDS for item in recipes_in(path, path.stem, kind)]
    if not function and len(names) == 1:
        function = names[0]
    if function not in names:
        got = f"no recipe {function!r}" if function else f"{len(names)} recipes"
        raise ConfigError(str(path), got, "a function without arguments annotated `-> Recipe`", did_you_mean(function, names))
    return _call(module, function)


def _from_yaml(path: Path, trusted: tuple[str, ...]) -> Tree:
    if not path.is_file():
        raise ConfigError(str(path), "no such file", "a recipe as `omma show RECIPE` prints it")
    return _checked(load(read_text(path), where=str(path), trusted=trusted), str(path))


def _call(module: ModuleType, name: str) -> Tree:
    where = f"{module.__file__}:{name}"
    try:
        return _checked(getattr(module, name)(), where)
    except OmmaError:
        raise
    except Exception as error:  # whatever the function raises is the person's to see, in one line
        got = f"{type(error).__name__}: {str(error).replace('.__init__()', '')}"
        raise ConfigError(where, got, "a function that returns a Recipe", f"see line {_line(error, module)}") from error


def _line(error: Exception, module: ModuleType) -> int:
    """The last line of the module's own file on the way to the error."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == module.__file__]
    return frames[-1].lineno or 0 if frames else 0


def _checked(value: object, where: str) -> Tree:
    if not isinstance(value, Tree):
        folder = Path(where).parent
        start = f"start from it: RECIPE weights.model={folder}, or score it: omma eval {folder} --on RUN"
        fix = start if isinstance(value, Imported) else ""
        raise ConfigError(where, f"a {type(value).__name__}", "a Recipe", fix)
    return value
