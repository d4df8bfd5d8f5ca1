"""Funnel: ledger and facts of curation → by operator what came, what went and why, its scores, and pictures of both sides.

Of runs whose `done/curate.json` does not tell of operators or of the borderline, what the ledger knows alone is told.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from omma.report.browse.reasons import KIND
from omma.report.facts import Facts
from omma.report.gallery import Gallery, Shown
from omma.report.histogram import Histogram, histogram

EXAMPLES, REASONS, TEXT = 6, 4, 160
LAST = (
    "step = 'curate' AND verdict IN ('keep', 'heldout', 'drop', 'error')"  # the one row of each sample that says what became of it
)
GONE = "verdict IN ('drop', 'error')"


@dataclass(frozen=True, slots=True)
class Example:
    """One sample: its picture if it can be shown, its name, text, the reason, and its score (None: not told)."""

    picture: Shown
    sample_id: str
    text: str
    reason: str
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What one operator did: how many came to it, went (failed ones among them), and were left; the commonest reasons; its scores.

    `examples` are of what went, `near_out` and `near_in` what lies nearest to the threshold on either side.
    """

    operator: str
    version: str
    threshold: float | None
    came: int
    count: int
    errors: int
    left: int
    reasons: tuple[tuple[str, int], ...]
    scores: Histogram | None
    examples: tuple[Example, ...]
    near_out: tuple[Example, ...]
    near_in: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class Funnel:
    """From all samples read to those kept for training and held out. `rewritten` counts changes by operator."""

    seen: int
    kept: int
    heldout: int
    steps: tuple[Taken, ...]
    rewritten: tuple[tuple[str, int], ...]
    by_source: tuple[tuple[str, int, int], ...]
    flaws: tuple[dict[str, Any], ...]

    @property
    def taken(self) -> tuple[Taken, ...]:
        """Operators that took something out."""
        return tuple(step for step in self.steps if step.count)

    @property
    def idle(self) -> tuple[Taken, ...]:
        """Operators that took nothing out."""
        return tuple(step for step in self.steps if not step.count)

    @property
    def most(self) -> int:
        """The most that any operator took out."""
        return max((step.count for step in self.taken), default=1)


def funnel(facts: Facts, gallery: Gallery) -> Funnel | None:
    """Facts → funnel, or None before curation."""
    with duckdb.connect() as connection:
        connection.register("ledger", facts.ledger.append_column("place", pa.array(np.arange(len(facts.ledger)))))

        def ask(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query).fetchall()

        words = dict(ask(f"SELECT verdict, count(*) FROM ledger WHERE {LAST} GROUP BY 1"))
        if not words:
            return None
        gone = {
            operator: (count, errors)
            for operator, count, errors in ask(
                "SELECT operator, count(*), count(*) FILTER (verdict = 'error') FROM ledger "
                f"WHERE {LAST} AND {GONE} GROUP BY 1 ORDER BY min(place)"
            )
        }
        reasons = ask(
            f"SELECT operator, {KIND} AS kind, count(*) AS count FROM ledger WHERE {LAST} AND {GONE} GROUP BY 1, 2 "
            "ORDER BY count DESC, kind"
        )
        sources = ask(
            f"SELECT source, count(*) FILTER (NOT {GONE}), count(*) FILTER ({GONE}) FROM ledger WHERE {LAST} GROUP BY 1 "
            "ORDER BY min(place)"
        )
        changed = ask(
            "SELECT operator, count(*) FROM ledger WHERE step = 'curate' AND verdict = 'rewrite' GROUP BY 1 ORDER BY min(place)"
        )
    told = facts.done.get("curate", {})
    return Funnel(
        sum(words.values()),
        words.get("keep", 0),
        words.get("heldout", 0),
        tuple(_steps(told, gone, reasons, sum(words.values()), gallery)),
        tuple(changed),
        tuple(sources),
        tuple(told.get("flaws", ())),
    )


def _steps(
    told: dict[str, Any], gone: dict[str, tuple[int, int]], reasons: Sequence[tuple[str, str, int]], seen: int, gallery: Gallery
) -> Iterable[Taken]:
    """Operators in order: those that the ledger alone knows first (rows that could not be read), then as they judged."""
    known = {item["name"]: item for item in told.get("operators", ())}
    left = seen
    for name in (*(name for name in gone if name not in known), *known):
        count, errors = gone.get(name, (0, 0))
        came, left = left, left - count
        facts = known.get(name, {})
        lie, threshold = facts.get("scores", {}), facts.get("threshold")
        near = [item for item in told.get("borderline", ()) if item["operator"] == name]
        yield Taken(
            operator=name,
            version=str(facts.get("version", "")),
            threshold=threshold,
            came=came,
            count=count,
            errors=errors,
            left=left,
            reasons=tuple((kind, times) for operator, kind, times in reasons if operator == name)[:REASONS],
            scores=histogram(lie.get("edges", ()), lie.get("counts", ()), threshold),
            examples=_examples((item for item in told.get("examples", ()) if item["operator"] == name), gallery),
            near_out=_examples((item for item in near if not item["kept"]), gallery),
            near_in=_examples((item for item in near if item["kept"]), gallery),
        )


def _examples(items: Iterable[dict[str, Any]], gallery: Gallery) -> tuple[Example, ...]:
    return tuple(
        Example(gallery.show(item["uri"]), item["sample_id"], item["text"][:TEXT], plain(item["reason"]), item.get("score"))
        for item in list(items)[:EXAMPLES]
    )


def plain(reason: str) -> str:
    """Reason → the same without the state's name before it (`error:decode: `)."""
    return re.sub(r"^error:\w+: ", "", reason)
