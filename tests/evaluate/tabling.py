"""Tables that fixtures of benchmarks are written as: TSV with base64 cells, CSV, JSON lines, Parquet of the hub."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq


def delimited(path, rows, delimiter="\t"):
    """Rows as dicts → a TSV or CSV whose header is the keys of all rows in order of first sight."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter=delimiter)
        table.writerow(head)
        table.writerows([row.get(name, "") for name in head] for row in rows)


def lines(path, rows):
    """Rows → one JSON object a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def parquet(path, rows):
    """Rows → Parquet; PNG bytes become the structs of bytes and path in which the hub keeps pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = dict.fromkeys(name for row in rows for name in row)
    pq.write_table(pa.table({name: [_cell(row.get(name)) for row in rows] for name in names}), path)


def _cell(value):
    if isinstance(value, bytes):
        return {"bytes": value, "path": None}
    return [_cell(one) for one in value] if isinstance(value, list) else value
