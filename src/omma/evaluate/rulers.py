"""Rulers: the name of a metric → the metric; every subclass of `Metric` below `omma.metrics` that is whole has one."""

import importlib
import pkgutil
import re
from dataclasses import MISSING, fields
from functools import cache

import omma.metrics
from omma.core.config import did_you_mean
from omma.core.errors import ConfigError
from omma.metrics.metric import Metric


def find_metric(name: str) -> Metric:
    """`anls`, `vqa`, `token_f1`, … → that metric. ConfigError naming the nearest."""
    known = metrics()
    if name not in known:
        raise ConfigError("metric", f"no metric {name!r}", "", did_you_mean(name, known))
    needed = [field.name for field in fields(known[name]) if field.default is MISSING and field.default_factory is MISSING]
    if needed:
        raise ConfigError("metric", f"{name}: needs {', '.join(needed)}", "", "take a suite that says them")
    return known[name]()


@cache
def metrics() -> dict[str, type[Metric]]:
    """Name (the class in lower case with underscores) → class."""
    found: dict[str, type[Metric]] = {}
    for module in pkgutil.walk_packages(omma.metrics.__path__, "omma.metrics."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, type) and issubclass(value, Metric) and value.__module__ == module.name and _whole(value):
                found[_spelled(value.__name__)] = value
    return dict(sorted(found.items()))


def _whole(kind: type[Metric]) -> bool:
    """Whether a class reads, compares and says whose rule that is: what several rulers share lacks one of the three."""
    if not kind.source and kind.variant != "omma":
        return False
    reads = kind.judge is not Metric.judge and kind.extract is Metric.extract
    return reads or kind.match is not Metric.match


def _spelled(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
