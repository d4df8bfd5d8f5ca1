"""What a row costs in curation, the whole job: rows a second, processor time, memory; for two sizes, with one and two workers.

    python benchmarks/curate_rows.py [--rows 100000 1000000] [--workers 1 2] [--folder SCRATCH]

Rows are conversations of two turns, 6 and 12 drawn words, in one JSON Lines file, through two text operators, exact duplicates
and a quantile. Each job runs in a fresh process that has imported everything. Rows a second are of wall time and tell little
on a machine that has other work, processor time (the job's and its workers') more. Memory is the peak of the job's
process and of the largest worker; a row's bytes are how much further the peak goes with more rows. Prints a line of JSON a
job and saves its table beside this file.
"""

import argparse
import json
import multiprocessing
import os
import platform
import random
import resource
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from omma.core.files import write_text
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.operators.caption import Caption
from omma.curate.operators.exact_hash import ExactHash
from omma.curate.operators.quantile import Quantile
from omma.curate.operators.word_repetition import WordRepetition
from omma.curate.readers.messages_jsonl import MessagesJsonl

RESULT = Path(__file__).parent / "results" / "curate_rows.txt"
WORDS = [f"w{i}" for i in range(5000)]
OPERATORS = (Caption(), WordRepetition(), ExactHash(), Quantile(column="word_repetition", keep_share=0.9))


@dataclass(frozen=True, slots=True)
class Job:
    """What one job took: seconds of wall and processor time; MiB before it, at its peak, and of the largest worker."""

    rows: int
    workers: int
    wall: float
    cpu: float
    before: float
    peak: float
    worker: float
    load: float


def draw(file, rows):
    """Conversations, the same every time."""
    pick = random.Random(0)
    with file.open("w", encoding="utf-8") as out:
        for _ in range(rows):
            said = (("user", 6), ("assistant", 12))
            row = {"messages": [{"role": role, "content": " ".join(pick.choices(WORDS, k=count))} for role, count in said]}
            out.write(json.dumps(row) + "\n")


def spent():
    """Processor seconds of this process and of those that it has ended."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in both)


def mebibytes(who=resource.RUSAGE_SELF):
    """The most that this process held, or the largest of those that it has ended."""
    return resource.getrusage(who).ru_maxrss / 1024


def work(folder, rows, workers, answers):
    """One job in this process."""
    before, cpu, wall = mebibytes(), spent(), time.perf_counter()
    data = Data(root=str(folder / "raw"), sources={"m": MessagesJsonl(path="rows.jsonl")}, operators=OPERATORS)
    curate(data, RunFolder(folder / "run"), seed=0, workers=workers)
    took, used = time.perf_counter() - wall, spent() - cpu
    answers.put(Job(rows, workers, took, used, before, mebibytes(), mebibytes(resource.RUSAGE_CHILDREN), os.getloadavg()[0]))


def measure(folder, rows, workers):
    """One job in a fresh process → what it took."""
    fresh = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        raw = Path(scratch, "raw")
        raw.mkdir()
        draw(raw / "rows.jsonl", rows)
        answers = fresh.SimpleQueue()
        process = fresh.Process(target=work, args=(Path(scratch), rows, workers, answers))
        process.start()
        process.join()
        return answers.get()


def table(jobs):
    """Jobs → lines."""
    lines = ["      rows  workers    rows/s  cpu µs/row  before MiB  peak MiB  worker MiB  load"]
    for job in jobs:
        pace, cost = job.rows / job.wall, job.cpu / job.rows * 1e6
        worker = f"{job.worker:.0f}" if job.workers > 1 else "-"
        line = f"{job.rows:>10,} {job.workers:>8} {pace:>9,.0f} {cost:>11.0f} {job.before:>11.0f} {job.peak:>9.0f} {worker:>11}"
        lines.append(f"{line} {job.load:>5.1f}")
    for workers in sorted({job.workers for job in jobs}):
        for less, more in pairwise(job for job in jobs if job.workers == workers):
            grown = (more.peak - less.peak) * 2**20 / (more.rows - less.rows)
            lines.append(f"{workers} worker(s), from {less.rows:,} to {more.rows:,} rows: {grown:.0f} bytes of memory a row")
    return lines


def main() -> None:
    """Print a line of JSON a job, and keep the table beside this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--folder", default=tempfile.gettempdir())
    asked = parser.parse_args()
    jobs = []
    for rows in asked.rows:
        for workers in asked.workers:
            jobs.append(measure(asked.folder, rows, workers))
            print(json.dumps(asdict(jobs[-1])), flush=True)
            machine = (
                f"{os.cpu_count()}-core {platform.machine()} CPU, {platform.system()}; the load at its end stands beside each job"
            )
            write_text(RESULT, "\n".join(["python benchmarks/curate_rows.py", machine, "", *table(jobs)]) + "\n")


if __name__ == "__main__":
    main()
