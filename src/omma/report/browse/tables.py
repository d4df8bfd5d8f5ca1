"""Tables: Parquet files of a folder → the SQL of the index: manifests, last verdicts, and the rows made of both and the scores."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

NO_MANIFEST = (
    "SELECT 0 AS file, '' AS part, 0::BIGINT AS place, '' AS id, '' AS source, '' AS task, '' AS uri, 0 AS width, 0 AS height "
    "LIMIT 0"
)
NO_LEDGER = "SELECT '' AS id, '' AS source, '' AS operator, '' AS verdict, '' AS reason LIMIT 0"


def manifest_rows(manifests: Sequence[tuple[str, Path]]) -> str:
    """(part, file) → what the index needs of each row, and its place: the number of the file and of the row in it."""
    rows = " UNION ALL BY NAME ".join(
        f"SELECT {number} AS file, '{part}' AS part, file_row_number AS place, id, source, task, uri, width, height "
        f"FROM {parquet([path])}"
        for number, (part, path) in enumerate(manifests)
    )
    return rows or NO_MANIFEST


def verdict_rows(ledger: Sequence[Path]) -> str:
    """Ledger → curation's last word on each sample, one row each; of one that others stand for, that it was rewritten."""
    if not ledger:
        return NO_LEDGER
    return (
        f"SELECT DISTINCT ON (sample_id) sample_id AS id, source, operator, verdict, reason FROM {parquet(ledger)} "
        "WHERE step = 'curate' AND verdict IN ('keep', 'heldout', 'drop', 'error', 'rewrite') ORDER BY verdict = 'rewrite'"
    )


def curated_rows(scores: Path, columns: Sequence[tuple[str, str]]) -> str:
    """Scores, as (new name, column), beside the tables `manifest` and `verdict`.

    A row that nobody took out and that stands in no manifest was rewritten into others.
    """
    fate = (
        "CASE WHEN v.verdict = 'error' THEN 'error' WHEN v.verdict = 'drop' OR coalesce(s.gone, '') <> '' OR m.part = 'gone' "
        "THEN 'dropped' WHEN m.part IS NULL THEN 'rewritten' WHEN coalesce(s.heldout, m.part = 'heldout') THEN 'heldout' "
        "ELSE 'train' END"
    )
    operator = "coalesce(nullif(s.gone, ''), CASE WHEN v.verdict IN ('drop', 'error') THEN v.operator END, '')"
    listed = "".join(f", s.{quoted(column)} AS {name}" for name, column in columns)
    return (
        "SELECT row_number() OVER (ORDER BY s.file_row_number NULLS LAST, m.file, m.place, v.id) - 1 AS n, "
        "coalesce(s.id, m.id, v.id) AS id, coalesce(m.source, v.source, '') AS source, coalesce(m.task, '') AS task, "
        "coalesce(m.uri, '') AS uri, coalesce(m.width, 0) AS width, coalesce(m.height, 0) AS height, m.file, m.place, "
        f"coalesce(s.heldout, m.part = 'heldout', false) AS heldout, {operator} AS operator, coalesce(v.reason, '') AS reason, "
        f"{fate} AS fate{listed} FROM manifest m FULL JOIN {parquet([scores])} s ON m.id = s.id "
        "FULL JOIN verdict v ON v.id = coalesce(s.id, m.id) ORDER BY n"
    )


def raw_rows(failed: Path | None) -> str:
    """The table `manifest` alone, and behind it rows that are no samples."""
    broken = (
        f" UNION ALL SELECT id, source, '', '', 0, 0, NULL, NULL, false, 'read', reason, 'error' FROM {parquet([failed])}"
        if failed
        else ""
    )
    return (
        "SELECT row_number() OVER (ORDER BY file NULLS LAST, place, id) - 1 AS n, * FROM ("
        "SELECT id, source, task, coalesce(uri, '') AS uri, coalesce(width, 0) AS width, coalesce(height, 0) AS height, "
        f"file, place, false AS heldout, '' AS operator, '' AS reason, 'raw' AS fate FROM manifest{broken}) ORDER BY n"
    )


def parquet(files: Iterable[Path]) -> str:
    """Files → the table function over them, each name taken literally; `file_row_number` counts the rows of each."""
    names = ", ".join("'" + re.sub(r"([*?\[])", r"[\1]", str(file)).replace("'", "''") + "'" for file in files)
    return f"read_parquet([{names}], file_row_number = true, hive_partitioning = false)"


def quoted(name: str) -> str:
    """Name of a column → the same for SQL."""
    return '"' + name.replace('"', '""') + '"'
