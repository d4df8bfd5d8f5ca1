"""Counted: records → a funnel of rows: how many were asked, and how many were lost, unparsed, wrong and right."""

from dataclasses import dataclass

from omma.evaluate.published import ERROR, MISSING, UNREADABLE
from omma.report.facts import Facts
from omma.schema.verdict import Record

UNPARSED = "unparsed"
LOST = {MISSING: "no answer", UNREADABLE: "picture unreadable", ERROR: "asking failed"}
STATES = ("right", "partly right", "wrong", "scored together", UNPARSED, *LOST.values())


@dataclass(frozen=True, slots=True)
class Counted:
    """Rows of one benchmark and model by what became of them, in the order of `STATES`; every row is in exactly one.

    `published` is how many questions there are, if other than were asked.
    """

    benchmark: str
    model: str
    total: int
    published: int
    counts: tuple[int, ...]

    @property
    def parts(self) -> tuple[tuple[str, int, float], ...]:
        """(state, rows, per cent of all) of the states that occur."""
        return tuple((state, count, 100 * count / self.total) for state, count in zip(STATES, self.counts, strict=True) if count)

    @property
    def lost(self) -> tuple[tuple[str, int], ...]:
        """(state, rows) of what was no readable answer."""
        return tuple((state, count) for state, count, _ in self.parts if state in (UNPARSED, *LOST.values()))


def counted(facts: Facts) -> tuple[Counted, ...]:
    """Facts → one funnel per benchmark and moment that is shown."""
    names = dict.fromkeys(name for moment in facts.shown for name in facts.benchmarks(moment))
    places = [(name, moment) for name in names for moment in facts.shown if name in facts.benchmarks(moment)]
    found = [_counted(facts, moment, name) for name, moment in places]
    return tuple(one for one in found if one.total)


def _counted(facts: Facts, moment: str, name: str) -> Counted:
    records, benchmark = facts.records(moment, name), facts.benchmark(moment, name)
    graded = facts.is_graded(moment, name)
    states = [_state(record, graded) for record in records]
    size = benchmark.size if benchmark is not None else 0
    published = size if size != len(records) else 0
    return Counted(name, moment, len(records), published, tuple(states.count(state) for state in STATES))


def _state(record: Record, graded: bool) -> str:
    lost = LOST.get(str(record.details.get("finish", "")))
    if lost:
        return lost
    if not record.parsed:
        return UNPARSED
    if record.correct is None or not graded:
        return "scored together"
    return "right" if record.correct >= 1 else "wrong" if record.correct <= 0 else "partly right"
