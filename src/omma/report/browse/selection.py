"""Selection: what a person filters and sorts by → one page of rows. One query over the index, whatever the number of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from omma.core.config import did_you_mean
from omma.core.errors import DataError
from omma.report.browse.index import ENTRY, FATES, WORDS, Entry, Index
from omma.report.browse.reasons import KIND

MOST = 240  # rows of a page
Order = Literal["up", "down", "near"]
SIZES = ("width", "height")


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters, each empty where it does not filter. `bounds` are (operator, least, most), both included, either None.
    `reason` is a kind of reason as `reasons` tells them.

    `sort` is an operator, `width`, `height`, or empty for the order of reading; `near` puts those nearest to the threshold first.
    """

    source: str = ""
    task: str = ""
    fate: str = ""
    operator: str = ""
    reason: str = ""
    text: str = ""
    bounds: tuple[tuple[str, float | None, float | None], ...] = ()
    sort: str = ""
    order: Order = "up"
    page: int = 0
    size: int = 60


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of all that were selected; `score` of each is the one that they are sorted by."""

    total: int
    rows: tuple[tuple[Entry, float | None], ...]


def parse(query: Mapping[str, Sequence[str]]) -> Selection:
    """Fields of an address → selection. DataError for one that is unknown or no number.

    `score` may stand several times: `name:least:most`, either number empty.
    """
    if unknown := set(query) - {"score", *Selection.__slots__}:
        raise DataError(sorted(unknown)[0], "an unknown filter", "", did_you_mean(sorted(unknown)[0], Selection.__slots__))
    first = {name: values[0] for name, values in query.items() if values}
    order = first.get("order", "up")
    if order not in get_args(Order):
        raise DataError("order", repr(order), "", did_you_mean(order, get_args(Order)))
    fate = first.get("fate", "")
    if fate and fate not in FATES:
        raise DataError("fate", repr(fate), "", did_you_mean(fate, FATES))
    words = {name: first.get(name, "") for name in ("source", "task", "operator", "reason", "text", "sort")}
    page, size = (_whole(first.get(name, default), name) for name, default in (("page", "0"), ("size", "60")))
    bounds = tuple(_bound(text) for text in query.get("score", ()))
    return Selection(**words, fate=fate, bounds=bounds, order=order, page=page, size=max(1, min(size, MOST)))  # type: ignore[arg-type]


def select(index: Index, selection: Selection) -> Page:
    """Selection → its page. DataError for an operator without scores."""
    where, values = _condition(index, selection)
    score = _sorted_by(index, selection.sort)
    threshold = index.judge(selection.sort).threshold if score and selection.sort not in SIZES else None
    if selection.order == "near" and threshold is None:
        raise DataError("order", "'near'", "a sort by an operator with a threshold")
    key = f"abs({score} - {threshold!r})" if selection.order == "near" else score
    down = "DESC" if selection.order == "down" else "ASC"
    order = f"{key} {down} NULLS LAST, n" if score else f"n {down}"
    total = int(index.ask(f"SELECT count(*) FROM entry WHERE {where}", values)[0][0])
    rows = index.ask(
        f"SELECT {ENTRY}, {score or 'NULL'} FROM entry WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?",
        [*values, selection.size, selection.page * selection.size],
    )
    return Page(total, tuple((Entry(*row[:-1]), row[-1]) for row in rows))


def _sorted_by(index: Index, name: str) -> str:
    return name if name in ("", *SIZES) else index.judge(name).score


def _condition(index: Index, selection: Selection) -> tuple[str, list[Any]]:
    """Selection → condition and its values. NaN and null are within no bounds."""
    parts, values = ["true"], []
    for name in ("source", "task", "fate", "operator"):
        if wanted := getattr(selection, name):
            parts.append(f"{name} = ?")
            values.append(wanted)
    if selection.reason:
        parts.append(f"{KIND} = ?")
        values.append(selection.reason)
    for name, least, most in selection.bounds:
        column = _sorted_by(index, name)
        parts.append(f"{column} IS NOT NULL AND NOT isnan({column}::DOUBLE)")
        for sign, bound in ((">=", least), ("<=", most)):
            if bound is not None:
                parts.append(f"{column} {sign} ?")
                values.append(bound)
    if selection.text:
        said = index.holding(selection.text, WORDS)
        parts.append(f"((file, place) IN (SELECT (file, place) FROM {said}) OR contains(lower(id), lower(?)))")
        values.append(selection.text)
    return " AND ".join(parts), values


def _bound(text: str) -> tuple[str, float | None, float | None]:
    name, least, most = (*text.rsplit(":", 2), "", "")[:3]
    if text.count(":") < 2:
        raise DataError("score", repr(text), "name:least:most")
    return name, _number(least), _number(most)


def _number(text: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise DataError("score", repr(text), "a number") from None


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise DataError(name, repr(text), "a whole number")
    return int(text)
