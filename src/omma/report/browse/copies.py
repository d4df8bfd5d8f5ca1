"""Copies: notes of set operators → groups of rows that were taken out as copies of one and the same, with that one beside them."""

from dataclasses import dataclass

from omma.report.browse.index import ENTRY, Entry, Index, Judge

SHOWN = 24  # members of a group; the number of all is told


@dataclass(frozen=True, slots=True)
class Group:
    """A row that stayed (None where its name belongs to no row) and some of those that were taken out as copies of it."""

    name: str
    original: Entry | None
    count: int
    members: tuple[tuple[Entry, float | None], ...]


@dataclass(frozen=True, slots=True)
class Groups:
    """Some groups of all that one operator found, largest first; `copies` counts all rows in them."""

    total: int
    copies: int
    groups: tuple[Group, ...]


def copying(index: Index) -> tuple[Judge, ...]:
    """Operators whose notes name other rows or their pictures."""
    return tuple(judge for judge in index.judges if judge.has_note and judge.has_score and _names_rows(index, judge))


def copies(index: Index, name: str, page: int, size: int) -> Groups:
    """Operator → a page of its groups. DataError if it gave no scores."""
    judge = index.judge(name)
    if not judge.has_note:
        return Groups(0, 0, ())
    mine = f"operator = ? AND {judge.note} <> ''"
    total, rows = index.ask(f"SELECT count(DISTINCT {judge.note}), count(*) FROM entry WHERE {mine}", [name])[0]
    heads = index.ask(
        f"SELECT {judge.note} AS note, count(*) AS copies, min(n) AS first FROM entry WHERE {mine} GROUP BY 1 ORDER BY 2 DESC, 3 "
        "LIMIT ? OFFSET ?",
        [name, size, page * size],
    )
    return Groups(int(total), int(rows), tuple(_group(index, judge, note, count) for note, count, _ in heads))


def _group(index: Index, judge: Judge, note: str, count: int) -> Group:
    found = index.ask(
        f"SELECT {ENTRY}, {judge.score} FROM entry WHERE operator = ? AND {judge.note} = ? ORDER BY n LIMIT ?",
        [judge.name, note, SHOWN],
    )
    members = tuple((Entry(*row[:-1]), row[-1]) for row in found)
    originals = index.entries("id = ?", [note]) or index.entries("uri = ? AND operator <> ?", [note, judge.name])
    return Group(note, originals[0] if originals else None, count, members)


def _names_rows(index: Index, judge: Judge) -> bool:
    noted = index.ask(f"SELECT DISTINCT {judge.note} FROM entry WHERE operator = ? AND {judge.note} <> '' LIMIT 20", [judge.name])
    names = [name for (name,) in noted]
    marks = ", ".join("?" * len(names))
    return bool(names) and bool(index.entries(f"id IN ({marks}) OR uri IN ({marks})", [*names, *names]))
