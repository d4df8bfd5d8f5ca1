"""Scoring speed: 100,000 replies, ten people's answers each, by the rulers of short answers; intervals included.

    python benchmarks/score_vqa.py [QUESTIONS]

Times are CPU seconds of one process, medians of RUNS runs: `judge` is every reply → mark, `aggregate` all marks → numbers
with intervals of 1,000 resamples. Nothing is kept from one reply to the next. Saves its table beside this file.
"""

import statistics
import sys
import time
from pathlib import Path

import numpy as np

from omma.metrics.anls import Anls
from omma.metrics.evalai import TextVqa
from omma.metrics.metric import Marked
from omma.metrics.ocrbench import OcrBench
from omma.metrics.relaxed import RelaxedAccuracy
from omma.metrics.text import TokenF1
from omma.metrics.vqa import LmmsEvalVqa, VlmEvalKitVqa, Vqa

RUNS, PEOPLE, LIMIT = 3, 10, 5.0
RULERS = (Vqa(), LmmsEvalVqa(), VlmEvalKitVqa(), TextVqa(), Anls(), RelaxedAccuracy(), OcrBench(), TokenF1())
SHORT = ["yes", "no", "2", "white", "red", "two", "The left.", "t-shirt", "1,000", "can't tell", "wii remote", "3.5%", "New York"]
MAXIMUM = 3000  # distinct answers, drawn by rank as in Zipf's law


def answers(random):
    """Distinct answers of one to four words; some with marks, digits, articles."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(random.choice(list(letters), random.integers(3, 9))) for _ in range(MAXIMUM)]
    made = [" ".join(random.choice(words, random.choice([1, 2, 3, 4], p=[0.6, 0.25, 0.1, 0.05]))) for _ in range(MAXIMUM)]
    return np.array(SHORT + made)


def questions(count):
    """Replies and people's answers: 70% of people agree with the first; a fifth of the replies are sentences."""
    random = np.random.default_rng(0)
    known = answers(random)
    ranks = 1 / np.arange(1, len(known) + 1)
    drawn = random.choice(known, (count, PEOPLE + 1), p=ranks / ranks.sum())
    people = np.where(random.random((count, PEOPLE)) < 0.7, drawn[:, :1], drawn[:, 1:])
    said = np.where(random.random(count) < 0.6, drawn[:, 0], drawn[:, -1])
    replies = [f"The answer is {text}." if chatty else text for text, chatty in zip(said, random.random(count) < 0.2, strict=True)]
    return [str(text) for text in replies], people.tolist()


def scored(metric, replies, people):
    """Metric + questions → seconds of judging, seconds of aggregating, numbers."""
    start = time.process_time()
    marked = [
        Marked(str(i), golds, {}, metric.judge(raw, golds, {})) for i, (raw, golds) in enumerate(zip(replies, people, strict=True))
    ]
    judged = time.process_time()
    numbers = metric.aggregate(marked)
    return judged - start, time.process_time() - judged, numbers


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    replies, people = questions(count)
    lines = [
        "python benchmarks/score_vqa.py",
        "2-core x86-64 CPU, Linux; one core used; Python and numpy only",
        f"{count:,} replies, {PEOPLE} answers each, medians of {RUNS} runs; the whole must take less than {LIMIT:.0f} s\n",
        f"{'ruler':20}{'judge s':>10}{'aggregate s':>13}{'whole s':>10}{'replies/s':>12}{'value':>9}  95% interval",
    ]
    for metric in RULERS:
        runs = [scored(metric, replies, people) for _ in range(RUNS)]
        judge, aggregate = (statistics.median(run[part] for run in runs) for part in (0, 1))
        first, whole = runs[0][2][-1], judge + aggregate
        interval = f"{first.low:.4f} to {first.high:.4f}"
        speed = f"{judge:>10.2f}{aggregate:>13.2f}{whole:>10.2f}{count / whole:>12,.0f}"
        lines.append(f"{type(metric).__name__:20}{speed}{first.value:>9.4f}  {interval}")
    text = "\n".join(lines)
    print(text)
    (Path(__file__).parent / "results/score_vqa.txt").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
