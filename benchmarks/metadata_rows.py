"""Ten million rows of metadata: scores joined by key, three thresholds, concepts counted and balanced; seconds and peak memory.

    python benchmarks/metadata_rows.py [--rows 10000000] [--threads 1] [--memory 2GiB] [--folder SCRATCH]

Rows (key, width, height, concepts) and scores (key, clip, for 99% of them in another order) are drawn as Parquet first, in
a process of its own, untimed. Concepts are drawn from 10,000 by a power law, one to four a row. The queries are those of
`omma.curate.sets.metadata_sql`; what stays is written as Parquet. Seconds are wall time, memory the peak of the process.
"""

import argparse
import multiprocessing
import os
import platform
import resource
import tempfile
import time
from pathlib import Path

import duckdb

from omma.curate.sets.metadata_sql import balanced, counted, filtered, joined, tail_limit

RESULT = Path(__file__).parent / "results" / "metadata_rows.txt"
TAIL = 0.1  # share of all mentions that rare concepts make up
SECONDS, GIB = 60, 4


def connect(folder, threads, memory):
    """A base of its own with bounds; what exceeds them goes into the folder."""
    settings = {
        "threads": threads,
        "memory_limit": memory,
        "temp_directory": str(folder / "spill"),
        "preserve_insertion_order": False,
    }
    base = duckdb.connect(config=settings)
    base.execute("SET enable_progress_bar = false")
    return base


def draw(folder, rows, threads, memory):
    """Folder → rows.parquet and scores.parquet."""
    uniform = "((hash(i, {0}) >> 11)::DOUBLE / 9007199254740992)"
    concept = "(10000 ** " + uniform.format("{0}") + ")::INT"
    concepts = ", ".join(concept.format(10 + n) for n in range(4))
    with connect(folder, threads, memory) as base:
        base.execute(f"""COPY (SELECT md5(i::VARCHAR) AS key,
            (64 + 1936 * {uniform.format(1)})::INT AS width, (64 + 1936 * {uniform.format(2)})::INT AS height,
            list_distinct([{concepts}][: 1 + (hash(i, 3) % 4)::INT]) AS concepts
            FROM range({rows}) t(i)) TO '{folder}/rows.parquet'""")
        base.execute(f"""COPY (SELECT md5(i::VARCHAR) AS key, (0.5 * {uniform.format(4)})::FLOAT AS clip
            FROM (SELECT (j * 7919) % {rows} AS i FROM range({rows}) t(j)) WHERE hash(i, 5) % 100 > 0)
            TO '{folder}/scores.parquet'""")


def work(folder, threads, memory):
    """Parquet files → kept.parquet; lines of what each step took and left."""
    lines = []
    rows, scores = f"'{folder}/rows.parquet'", f"'{folder}/scores.parquet'"
    with connect(folder, threads, memory) as base:

        def step(name, query, count):
            start = time.perf_counter()
            base.execute(query)
            left = base.execute(count).fetchall()[0][0]
            lines.append((name, time.perf_counter() - start, left))

        sides = "least(width, height) AS side, greatest(width, height) / side AS aspect"
        with_aspect = f"(SELECT *, {sides} FROM ({joined(rows, scores, 'key')}))"
        kept = filtered(with_aspect, {"side": 200, "clip": 0.2}, {"aspect": 3.0})
        step("join scores, three thresholds", f"CREATE TABLE kept AS {kept}", "SELECT count(*) FROM kept")
        step(
            "mentions of concepts",
            "CREATE VIEW mentions AS SELECT key, unnest(concepts) AS concept FROM kept",
            "SELECT sum(len(concepts)) FROM kept",
        )
        step("count concepts", f"CREATE TABLE counts AS {counted('mentions')}", "SELECT count(*) FROM counts")
        limit = tail_limit(base.execute("SELECT count FROM counts").fetchnumpy()["count"], TAIL)
        stays = balanced("mentions", "counts", limit)
        step(
            f"balance at t = {limit:,} (p = {TAIL})",
            f"COPY (SELECT * FROM kept SEMI JOIN ({stays}) USING (key)) TO '{folder}/kept.parquet'",
            f"SELECT count(*) FROM '{folder}/kept.parquet'",
        )
    return lines


def main() -> None:
    """Print the table and keep it beside this file."""
    parser = argparse.ArgumentParser()
    for name, value in (("rows", 10_000_000), ("threads", 1), ("memory", "2GiB"), ("folder", tempfile.gettempdir())):
        parser.add_argument(f"--{name}", type=type(value), default=value)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as scratch:
        folder = Path(scratch)
        drawing = multiprocessing.get_context("spawn").Process(target=draw, args=(folder, asked.rows, asked.threads, asked.memory))
        drawing.start()
        drawing.join()
        size = sum(file.stat().st_size for file in folder.glob("*.parquet")) / 2**30
        start = time.perf_counter()
        lines = work(folder, asked.threads, asked.memory)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    table = [f"{name:<34} {spent:8.1f} s {left:>14,}" for name, spent, left in lines]
    machine = f"{os.cpu_count()}-core {platform.machine()} CPU, {platform.system()}, DuckDB {duckdb.__version__}"
    text = "\n".join(
        [
            f"python benchmarks/metadata_rows.py --rows {asked.rows} --threads {asked.threads} --memory {asked.memory}",
            f"{machine}, {asked.threads} thread(s),"
            f" load of the machine {os.getloadavg()[0]:.1f}; {asked.rows:,} rows, {size:.2f} GiB of Parquet",
            "",
            f"{'step':<34} {'took':>10} {'left':>14}",
            *table,
            f"{'all':<34} {seconds:8.1f} s, at most {peak:.2f} GiB of memory",
            "",
            f"at most {SECONDS} s: {'holds' if seconds <= SECONDS else 'does not hold'}",
            f"at most {GIB} GiB: {'holds' if peak <= GIB else 'does not hold'}",
        ]
    )
    print(text)
    RESULT.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
