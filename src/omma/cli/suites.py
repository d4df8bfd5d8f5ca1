"""Suites: what a person typed for SUITE → benchmarks: names from the catalogue, joined by commas, or a file of one's own."""

import importlib
from dataclasses import replace
from pathlib import Path

from omma.cli.catalogue import Listed, catalogue
from omma.core.config import did_you_mean, override
from omma.core.errors import ConfigError
from omma.evaluate.benchmark import Benchmark
from omma.evaluate.benchmarks.own_rows import OwnRows
from omma.evaluate.rulers import find_metric
from omma.evaluate.suite import Suite


def find_suite(text: str, changes: tuple[str, ...] = (), limit: int = 0) -> tuple[Benchmark, ...]:
    """`pope`, or `pope,mme` → their benchmarks; changes act on `benchmarks.0` and so on. ConfigError for an unknown name."""
    suites = [_suite(name.strip()) for name in text.split(",") if name.strip()]
    if not suites:
        raise ConfigError("suite", "no name", "one or more, joined by commas", "`omma eval --list` lists them")
    joined = Suite(id=text, title=text, benchmarks=tuple(one for suite in suites for one in suite.benchmarks))
    changed = override(joined, changes)
    assert isinstance(changed, Suite)
    return tuple(replace(one, limit=limit) if limit else one for one in changed.benchmarks)


def own_suite(file: Path, metric: str, limit: int) -> tuple[Benchmark, ...]:
    """File with rows of one's own + name of a metric → one benchmark named after the file."""
    name = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in file.stem.lower()).strip("_") or "own"
    return (OwnRows(name=name, path=file.name, metrics=(find_metric(metric),), limit=limit),)


def all_suites() -> dict[str, Listed]:
    """Name → suite of the catalogue."""
    return catalogue("Suite")


def _suite(name: str) -> Suite:
    suites = all_suites()
    if name not in suites:
        raise ConfigError("suite", f"no suite {name!r}", "", f"{did_you_mean(name, suites)} (`omma eval --list` lists all)")
    suite = getattr(importlib.import_module(suites[name].module), name)()
    assert isinstance(suite, Suite), f"{name} returns a {type(suite).__name__}"
    return suite
