"""Data sets: what a person typed (YAML, recipe, run folder, folder of pictures) → curated rows, made once for all trials."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from omma.cli.find import find_recipe, own_parts
from omma.cli.job import Job, typed
from omma.cli.part_clock import PartClock
from omma.cli.steps import curate_step, data_root
from omma.core.config import fingerprint, load
from omma.core.errors import ConfigError
from omma.core.files import read_text
from omma.core.runs import ANNEX, RunFolder
from omma.curate.data import Data
from omma.curate.job import conversations
from omma.curate.look import look
from omma.curate.operators.aspect import Aspect
from omma.curate.operators.decode import Decode
from omma.curate.operators.exact_hash import ExactHash
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.size import Size
from omma.media.store import annexed
from omma.media.window import MARK
from omma.recipe import Recipe
from omma.schema.manifest import read_manifest
from omma.schema.sample import Media, Sample
from omma.train.parallel import World

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
CLEANED = (Decode(), Size(min_side=16), Aspect(max_ratio=5.0), ExactHash(), PerceptualHash())  # as `omma new` writes them


@dataclass(frozen=True, slots=True)
class Named:
    """A data set by name: its config, and the run folder where it is curated already (None: it is not)."""

    name: str
    data: Data
    place: Path | None = None


@dataclass(frozen=True)
class Curated:
    """A curated data set. `rows` are what is trained on, conversations joined; `asked` what was held out."""

    name: str
    data: Data
    run: RunFolder
    root: Path
    seed: int

    @cached_property
    def rows(self) -> list[Sample]:
        """Training rows in their order."""
        return conversations(self.data, read_manifest(self.run / "data/train.parquet"), self.seed)

    @cached_property
    def singles(self) -> list[Sample]:
        """The same before questions were joined: what trivial guesses are learnt from."""
        return read_manifest(self.run / "data/train.parquet")

    @cached_property
    def asked(self) -> list[Sample]:
        """Held-out samples."""
        return read_manifest(self.run / "data/heldout.parquet")

    def seen_from(self, common: Path, sample: Sample) -> Sample:
        """A sample with its pictures as they are named below `common`, a folder above this set's root."""
        return replace(sample, media=tuple(self._moved(item, common) for item in sample.media))

    def _moved(self, item: Media, common: Path) -> Media:
        whole, mark, box = item.uri.rpartition(MARK)
        name = whole if mark else item.uri
        place, name = (self.run / ANNEX, annexed(name)) if "://" in name else (self.root, name)
        prefix = place.resolve().relative_to(common).as_posix()
        return replace(item, uri=("" if prefix == "." else f"{prefix}/") + name + (mark + box if mark else ""))


def find_data(text: str, parts: Sequence[Path] = ()) -> Named:
    """`NAME=DATA` or DATA → data set. DATA: a YAML file (a recipe or its data), a recipe, a run or a folder of pictures.

    ConfigError or DataError saying what there is instead.
    """
    name, named, rest = text.partition("=")
    text = rest if named else text
    path = Path(text)
    name = name if named else re.sub(r"[^A-Za-z0-9_.-]+", "-", path.stem if path.suffix else path.name).strip("-.")
    if not NAME.fullmatch(name):
        raise ConfigError(text, f"the name {name!r}", "letters, digits, _, - and .", f"name it as NAME={text}")
    if text.endswith((".yaml", ".yml")) and path.is_file():
        tree = load(read_text(path), where=text, trusted=own_parts(parts))
        if isinstance(tree, Data):
            return Named(name, tree)
        if not isinstance(tree, Recipe):
            raise ConfigError(text, f"a {type(tree).__name__}", "a recipe, or the data of one (class: omma.curate.data.Data)")
        return Named(name, tree.data)
    if path.is_dir() and not (path / "config.yaml").is_file():
        return Named(name, Data(root=text, sources=look(path).sources, operators=CLEANED))
    recipe = find_recipe(text, parts=parts)
    curated = RunFolder(path).done("curate") is not None if path.is_dir() else False
    return Named(name, recipe.data, path if curated else None)


def distinct(sets: Sequence[Named]) -> dict[str, Named]:
    """Data sets → by name. ConfigError if two have the same."""
    names = [one.name for one in sets]
    twice = next((name for name in names if names.count(name) > 1), "")
    if twice:
        raise ConfigError("data sets", f"two are called {twice!r}", "a name each", "give names: clean=FOLDER raw=OTHER")
    return {one.name: one for one in sets}


def curated(found: Named, recipe: Recipe, folder: Path, world: World) -> Curated:
    """A data set → the same curated, in `folder` unless it is so already. Raises what curation raises."""
    if found.place is not None:
        config = replace(recipe, data=found.data, stages=(), suite=())
        run = RunFolder(found.place)
        return Curated(found.name, found.data, run, data_root(Job(config, run, world, PartClock(run))), recipe.run.seed)
    run = RunFolder(folder)
    config = replace(
        recipe, id=found.name, title=found.name, data=found.data, stages=(), suite=(), run=replace(recipe.run, folder=str(folder))
    )
    work = Job(config, run, world, PartClock(run))
    if world.leads and run.done("curate") is None:
        run.begin(config, command=typed())
    world.wait()
    curate_step(work)
    return Curated(found.name, found.data, run, data_root(work), recipe.run.seed)


def curated_once(sets: Sequence[Named], recipe: Recipe, folder: Path, world: World) -> dict[str, Curated]:
    """Data sets → curated by name; equal ones share one folder below `folder`."""
    done: dict[str, Curated] = {}
    found: dict[str, Curated] = {}
    for one in sets:
        key = fingerprint(one.data) if one.place is None else str(one.place.resolve())
        if key not in done:
            done[key] = curated(one, recipe, folder / one.name, world)
        found[one.name] = replace(done[key], name=one.name)
    return found
