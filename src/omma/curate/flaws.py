"""Flaws: a raw folder whose faults are known (`flaws.csv`) + what curation took out → recall and precision for each fault."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from omma.curate.formats.rows import csv_rows
from omma.curate.reader import Broken
from omma.schema.sample import Sample

FILE = "flaws.csv"  # columns: picture (uri below the data root), part (picture | caption: what is wrong), flaw (its name)


def known_flaws(root: Path) -> dict[tuple[str, str], str]:
    """Data root → (uri, part) → flaw, from every flaws.csv at the root or one folder below; empty for data of unknown faults."""
    flaws: dict[tuple[str, str], str] = {}
    for file in sorted((*root.glob(FILE), *root.glob(f"*/{FILE}"))):
        for row in csv_rows(file):
            if not isinstance(row, Broken) and {"picture", "part", "flaw"} <= row.fields.keys():
                flaws[row.fields["picture"], row.fields["part"]] = row.fields["flaw"]
    return flaws


def flaw_of(sample: Sample, flaws: dict[tuple[str, str], str]) -> str:
    """Sample → its flaw, or nothing. A flawed caption is no fault of questions about the same picture."""
    for item in sample.media:
        for part in ("picture", "caption") if sample.captions or not sample.turns else ("picture",):
            if (item.uri, part) in flaws:
                return flaws[item.uri, part]
    return ""


def found_flaws(
    judged: Iterable[tuple[Sample, str]], flaws: dict[tuple[str, str], str]
) -> list[dict[str, str | int | float | None]]:
    """Samples, each with the operator that took it out (or ""), + `known_flaws` → per flaw how many were planted and found.

    Recall: of the samples with this flaw, the share that went. Precision: of all that went by the operator which took
    most of them, the share that had any flaw; None if nothing went.
    """
    named: dict[str, str] = {}
    gone: dict[str, str] = {}
    for sample, operator in judged:
        if flaw := flaw_of(sample, flaws):
            named[sample.id] = flaw
        if operator:
            gone[sample.id] = operator
    table: list[dict[str, str | int | float | None]] = []
    for flaw in sorted(set(named.values())):
        planted = [key for key, name in named.items() if name == flaw]
        found = [key for key in planted if key in gone]
        takers = Counter(gone[key] for key in found).most_common(1)
        taken = [key for key, operator in gone.items() if takers and operator == takers[0][0]]
        precision = sum(key in named for key in taken) / len(taken) if taken else None
        table.append(
            {
                "name": flaw,
                "planted": len(planted),
                "found": len(found),
                "recall": len(found) / len(planted),
                "precision": precision,
            }
        )
    return table
