"""Split: a sample → held out or not, by the content of its pictures: the same in every run, on every machine, for every seed."""

from omma.core.seeds import derive
from omma.curate.looking import Facts
from omma.schema.sample import Sample


def held_out(sample: Sample, facts: dict[str, Facts], share: float) -> bool:
    """Whether any of a sample's pictures falls into the held-out share; text alone goes by its id.

    Questions about one picture, and equal files under two names, always fall on the same side.
    """
    marks = [facts[item.uri].sha256 if item.uri in facts else item.uri for item in sample.media] or [sample.id]
    return any(derive(0, "holdout", mark) < share * 2**63 for mark in marks)
