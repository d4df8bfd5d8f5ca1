"""Reasons: the index → why rows went, counted by operator and kind of reason."""

from dataclasses import dataclass

from omma.report.browse.index import Index

MOST = 12  # kinds of an operator


@dataclass(frozen=True, slots=True)
class Reason:
    """One kind of reason: digits and names are blanked, so that equal kinds count together; `example` is the first in full."""

    operator: str
    kind: str
    count: int
    errors: int
    example: str


# Digits become #; file names and ids (words with a slash or a dot inside), which differ in every row, become dots.
NAMES, NUMBERS = r"\S*[/\\]\S*|\S+\.\w{2,5}\b", "[0-9]+([.,][0-9]+)*"
PLAIN = r"regexp_replace(reason, '^error:\w+: ', '')"
KIND = f"regexp_replace(regexp_replace({PLAIN}, '{NAMES}', '…', 'g'), '{NUMBERS}', '#', 'g')"


def reasons(index: Index) -> tuple[Reason, ...]:
    """Index → reasons, in the order of operators, the commonest first."""
    rows = index.ask(
        f"SELECT operator, {KIND} AS kind, count(*) AS count, count(*) FILTER (fate = 'error'), arg_min(reason, n) FROM entry "
        "WHERE operator <> '' GROUP BY 1, 2 QUALIFY row_number() OVER (PARTITION BY operator ORDER BY count DESC, kind) <= ? "
        "ORDER BY operator, count DESC, kind",
        [MOST],
    )
    order = {judge.name: judge.number for judge in index.judges}
    return tuple(sorted((Reason(*row) for row in rows), key=lambda one: order.get(one.operator, -1)))
