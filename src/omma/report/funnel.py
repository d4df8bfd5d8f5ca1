"""Funnel: the ledger's rows of curation → what each operator took out, why, with examples; and planted flaws found or missed."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from omma.report.facts import Facts
from omma.report.gallery import Gallery, Shown

GONE = ("drop", "error")
EXAMPLES, TEXT = 6, 160


@dataclass(frozen=True, slots=True)
class Example:
    """One sample that went: its picture if it can be shown, its name, text and the reason."""

    picture: Shown
    sample_id: str
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What one operator took out: how many, how many were left after it, the commonest reasons, examples."""

    operator: str
    count: int
    left: int
    reasons: tuple[tuple[str, int], ...]
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Funnel:
    """From all samples read to those kept for training and held out."""

    seen: int
    kept: int
    heldout: int
    taken: tuple[Taken, ...]
    by_source: tuple[tuple[str, int, int], ...]
    flaws: tuple[dict[str, Any], ...]

    @property
    def most(self) -> int:
        """The most that any operator took out."""
        return max((step.count for step in self.taken), default=1)


def funnel(facts: Facts, gallery: Gallery) -> Funnel | None:
    """Facts → funnel, or None before curation."""
    rows = [row for row in facts.ledger.to_pylist() if row["step"] == "curate"]
    if not rows:
        return None
    gone = [row for row in rows if row["verdict"] in GONE]
    kept, heldout = (sum(row["verdict"] == word for row in rows) for word in ("keep", "heldout"))
    seen = kept + heldout + len({row["sample_id"] for row in gone})
    sources = dict.fromkeys(row["source"] for row in rows)
    by_source = tuple((source, *_of(rows, source)) for source in sources)
    return Funnel(
        seen, kept, heldout, _taken(facts, gone, seen, gallery), by_source, tuple(facts.done.get("curate", {}).get("flaws", ()))
    )


def _taken(facts: Facts, gone: list[dict[str, Any]], seen: int, gallery: Gallery) -> tuple[Taken, ...]:
    found, left = [], seen
    for operator in dict.fromkeys(row["operator"] for row in gone):
        rows = [row for row in gone if row["operator"] == operator]
        left -= len(rows)
        reasons = Counter(_kind(plain(row["reason"])) for row in rows).most_common(4)
        shown = [item for item in facts.done.get("curate", {}).get("examples", ()) if item["operator"] == operator][:EXAMPLES]
        examples = tuple(Example(gallery.show(i["uri"]), i["sample_id"], i["text"][:TEXT], plain(i["reason"])) for i in shown)
        found.append(Taken(operator, len(rows), left, tuple(reasons), examples))
    return tuple(found)


def _of(rows: list[dict[str, Any]], source: str) -> tuple[int, int]:
    mine = [row for row in rows if row["source"] == source]
    return sum(row["verdict"] in ("keep", "heldout") for row in mine), sum(row["verdict"] in GONE for row in mine)


def plain(reason: str) -> str:
    """Reason → the same without the state's name before it (`error:decode: `)."""
    return re.sub(r"^error:\w+: ", "", reason)


def _kind(reason: str) -> str:
    """Reason → the same with # for its digits, so that equal kinds count together."""
    return "".join("#" if letter.isdigit() else letter for letter in reason)[:100]
