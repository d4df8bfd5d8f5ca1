"""Life: one sample of a folder → everything that happened to it: where it was read, every score and verdict, what became of it."""

import math
import re
from dataclasses import dataclass
from typing import Literal

from omma.core.errors import DataError
from omma.report.browse.folder import HELDOUT
from omma.report.browse.index import PICTURES, Entry, Index, Judge
from omma.schema.sample import Sample

State = Literal["stayed", "dropped", "error", "no score", "not reached", "rewrote"]
CHILD = "~"  # between a sample's id and what an operator made of it
NEAR, GUESSES = 5, 3  # ids that are named where several fit, and where none does
TURN_OF = "now a turn of "


@dataclass(frozen=True, slots=True)
class Step:
    """What one operator said. `lower` and `higher` are the shares of all `judged` rows that scored less and more."""

    operator: str
    version: str
    state: State
    score: float | None = None
    threshold: float | None = None
    note: str = ""
    reason: str = ""
    judged: int = 0
    lower: float = 0.0
    higher: float = 0.0


@dataclass(frozen=True, slots=True)
class Later:
    """A row of the ledger of another step than curation's last word: a rewriting, a plan that left it out."""

    step: str
    operator: str
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class Life:
    """One row: `sample` is None where no manifest holds it. `read_by` says how its source was read.

    `parent` is the sample it was made of, `children` what was made of it; `joined_into` the conversation that it is a turn of,
    `turns` the samples that became turns of it.
    """

    entry: Entry
    sample: Sample | None
    read_by: str
    steps: tuple[Step, ...]
    rewritings: tuple[Later, ...]
    parent: str
    children: tuple[str, ...]
    joined_into: str
    turns: tuple[str, ...]
    later: tuple[Later, ...]


def find(index: Index, text: str) -> Entry:
    """An id, a picture's name, or a part of either that one row alone has → the row. DataError naming what is near, or fits."""
    exact = index.entries("id = ?", [text])
    if exact:
        return exact[0]
    named = ("uri = ?", "contains(id, ?) OR contains(uri, ?)", "contains(lower(id), lower(?)) OR contains(lower(uri), lower(?))")
    for where in named if text else ():
        if found := _only(index, text, where, [text] * where.count("?")):
            return found
    shown = f"(file, place) IN (SELECT (file, place) FROM {index.holding(text, PICTURES)})"  # as its second picture, or a later one
    if found := _only(index, text, shown, []) if text else None:
        return found
    raise DataError(text, "no such sample", "", _near(index, text))


def _only(index: Index, text: str, where: str, values: list[str]) -> Entry | None:
    """The one row of a condition, or nothing; DataError naming them where there are several."""
    found = index.entries(where, values, NEAR + 1)
    if len(found) < 2:
        return found[0] if found else None
    count = index.ask(f"SELECT count(*) FROM entry WHERE {where}", values)[0][0]
    listed = ", ".join(entry.id for entry in found[:NEAR]) + ", …" * (count > NEAR)
    raise DataError(text, f"{count:,} samples have this in their name: {listed}", "one", "give the whole id")


def life(index: Index, n: int) -> Life:
    """Number of a row → its life; DataError if there is no such row."""
    entry = index.entry(n)
    sample = index.samples([n]).get(n)
    rewrites = index.ledger("sample_id = ? AND verdict = 'rewrite'", [entry.id], "step, operator, verdict, reason")
    others = index.ledger(
        "sample_id = ? AND verdict <> 'rewrite' AND step <> 'curate'", [entry.id], "step, operator, verdict, reason"
    )
    joined = next((reason.removeprefix(TURN_OF) for _, _, _, reason in rewrites if reason.startswith(TURN_OF)), "")
    children = index.entries("starts_with(id, ?)", [entry.id + CHILD], 100)
    turns = index.ledger("verdict = 'rewrite' AND reason = ?", [TURN_OF + entry.id], "sample_id")
    return Life(
        entry=entry,
        sample=sample,
        read_by=(index.folder.sources or {}).get(HELDOUT * entry.id.startswith(HELDOUT) + entry.source, ""),
        steps=tuple(_steps(index, entry, {row[1]: row[3] for row in rewrites})),
        rewritings=tuple(Later(*row) for row in rewrites if not row[3].startswith(TURN_OF)),
        parent=re.sub(rf"{CHILD}[^{CHILD}/]*$", "", entry.id) if CHILD in entry.id else "",
        children=tuple(child.id for child in children),
        joined_into=joined,
        turns=tuple(name for (name,) in turns),
        later=tuple(Later(*row) for row in others),
    )


def _steps(index: Index, entry: Entry, rewrote: dict[str, str]) -> list[Step]:
    """What each operator said, in order; behind the one that took it out nobody was asked."""
    if not index.judges:
        return []
    known = {judge.name for judge in index.judges}
    steps = [Step(entry.operator, "", _gone(entry), reason=entry.reason)] if entry.operator and entry.operator not in known else []
    there, scores = not steps, index.scores(entry.n)
    for judge in index.judges:
        if not there:
            steps.append(Step(judge.name, judge.version, "not reached", threshold=judge.threshold))
            continue
        score, note = scores.get(judge.name, (None, ""))
        score = None if score is None or math.isnan(score) else score
        there = judge.name != entry.operator
        judged, lower, higher = _place(index, judge, score)
        steps.append(
            Step(
                judge.name,
                judge.version,
                _state(entry, judge, score, judge.name in rewrote),
                score,
                judge.threshold,
                note,
                entry.reason if not there else rewrote.get(judge.name, ""),
                judged,
                lower,
                higher,
            )
        )
    return steps


def _state(entry: Entry, judge: Judge, score: float | None, rewrote: bool) -> State:
    if judge.name == entry.operator:
        return _gone(entry)
    if rewrote:
        return "rewrote"
    return "no score" if score is None and judge.has_score else "stayed"


def _gone(entry: Entry) -> State:
    return "error" if entry.fate == "error" else "dropped"


def _place(index: Index, judge: Judge, score: float | None) -> tuple[int, float, float]:
    """Score → how many rows the operator judged, and the shares of them below and above."""
    if score is None:
        return 0, 0.0, 0.0
    s = judge.score
    judged, lower, higher = index.ask(
        f"SELECT count(*), count(*) FILTER ({s} < ?), count(*) FILTER ({s} > ?) FROM entry WHERE NOT isnan({s})",
        [score, score],
    )[0]
    return judged, lower / judged, higher / judged


def _near(index: Index, text: str) -> str:
    """What a person may have meant: ids and pictures that end most alike, by letters to change."""
    ends = ", ".join(f"levenshtein(right({name}, length($1)), $1)" for name in ("id", "uri"))
    rows = index.ask(
        f"SELECT id, least({ends}, levenshtein(id, $1)) AS changes FROM entry ORDER BY changes, n LIMIT {GUESSES}", [text]
    )
    close = [name for name, changes in rows if changes <= max(1, len(text) // 4)]
    return f"did you mean {' or '.join(repr(name) for name in close)}?" if close else "look for it with `omma data look RUN`"
