"""Lineage: a sample that an operator made of another → its id, and in `meta` whose child it is and by what."""

from dataclasses import replace
from random import Random
from typing import Any

from omma.core.seeds import derive
from omma.curate.operator import Operator, child
from omma.curate.rewriting.placing import unnumbered
from omma.schema.sample import Sample


def born(sample: Sample, operator: Operator, number: int, **changes: Any) -> Sample:
    """The `number`-th child of a sample: a copy with changed fields, named by `child`; `meta` has `origin` and `parent`.

    Where its regions are not the sample's, what `meta` says of them by their numbers is left out.
    """
    meta = changes.pop("meta", sample.meta)
    if "regions" in changes:
        meta = unnumbered(meta)
    meta = meta | {"origin": signed(operator), "parent": sample.id}
    return replace(sample, id=child(sample, operator, number), meta=meta, **changes)


def signed(operator: Operator) -> str:
    """Operator → how it signs what it made: name and version."""
    return f"{operator.name}-{operator.version}"


def drawing(seed: int, operator: Operator, sample: Sample) -> Random:
    """Seed, operator and sample → random numbers that depend on nothing else."""
    return Random(derive(seed, operator.name, sample.id))
