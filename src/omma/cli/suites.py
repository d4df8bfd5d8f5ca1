"""Suites: what a person typed for SUITE → benchmarks: names from the catalogue, joined by commas, or a file of one's own."""

import importlib
from dataclasses import dataclass, replace
from pathlib import Path

from omma.cli.catalogue import Listed, catalogue
from omma.core.config import did_you_mean, override
from omma.core.errors import ConfigError
from omma.core.progress import say
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.benchmarks.own_rows import OwnRows
from omma.evaluate.rulers import find_metric
from omma.evaluate.suite import Distilled, Suite


@dataclass(frozen=True, slots=True)
class Chosen:
    """Benchmarks to ask, and what stands behind the model's name where their scores lie: `-five_minutes`, or nothing."""

    benchmarks: tuple[Benchmark, ...]
    ending: str = ""


def find_suite(text: str, root: Path, changes: tuple[str, ...] = (), limit: int = 0) -> Chosen:
    """`pope`, or `pope,mme` → their benchmarks; changes act on `benchmarks.0` and so on. ConfigError for an unknown name.

    Of a distilled suite only what is below `root`; it says what is not. Such a suite is asked by itself.
    """
    suites = [_suite(name.strip()) for name in text.split(",") if name.strip()]
    if not suites:
        raise ConfigError("suite", "no name", "one or more, joined by commas", "`omma eval --list` lists them")
    distilled = [suite.id for suite in suites if isinstance(suite, Distilled)]
    if distilled and len(suites) > 1:
        raise ConfigError("suite", f"{text}: {distilled[0]} among others", "it alone: its scores are of a few questions each")
    together = Suite(id=text, title=text, benchmarks=tuple(one for suite in suites for one in suite.benchmarks))
    changed = override(suites[0] if distilled else together, changes)
    assert isinstance(changed, Suite)
    whole = replace(changed, benchmarks=tuple(replace(one, limit=limit) if limit else one for one in changed.benchmarks))
    return Chosen(_told(whole, root), f"-{whole.id}") if isinstance(whole, Distilled) else Chosen(whole.benchmarks)


def own_suite(file: Path, metric: str, limit: int) -> Chosen:
    """File with rows of one's own + name of a metric → one benchmark named after the file."""
    name = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in file.stem.lower()).strip("_") or "own"
    return Chosen((OwnRows(name=name, path=file.name, metrics=(find_metric(metric),), limit=limit),))


def all_suites() -> dict[str, Listed]:
    """Name → suite of the catalogue."""
    return catalogue("Suite")


def _told(suite: Distilled, root: Path) -> tuple[Benchmark, ...]:
    """The parts that are there, after saying which they are and why the others are not scored."""
    there, absent = suite.found(root)
    say(f"{suite.id}: {len(there)} of {len(suite.benchmarks)} parts found: {', '.join(one.name for one in there)}")
    for name, why in absent.items():
        say(f"not scored: {name} ({why})")
    return there


def _suite(name: str) -> Suite:
    suites = all_suites()
    if name not in suites:
        raise ConfigError("suite", f"no suite {name!r}", "", f"{did_you_mean(name, suites)} (`omma eval --list` lists all)")
    suite = getattr(importlib.import_module(suites[name].module), name)()
    assert isinstance(suite, Suite), f"{name} returns a {type(suite).__name__}"
    return suite
