"""Planning speed and fill: a million samples of log-normal lengths, three sources, two budgets; ours against a naive first-fit.

    python benchmarks/plan.py [SAMPLES]

Times are CPU seconds of one process, medians of RUNS runs. The naive packer is what a loader without a plan does: a
buffer of open bins, each sample into the first that holds it, in arrival order.
"""

import statistics
import sys
import time
from functools import partial

import numpy as np

from omma.pack.lengths import Lengths
from omma.pack.plan import Budget, build_plan

RUNS, OPEN_BINS = 5, 16
MIXTURE = {"captions": 1.0, "chats": 2.0, "documents": 0.5}


CASES = (  # log of the median of tokens, budget
    (6.2, Budget(tokens=8192, patches=32_768)),
    (6.2, Budget(tokens=8192, patches=16_384)),
    (7.6, Budget(tokens=8192, patches=32_768)),
)


def lengths(count, middle):
    """Log-normal tokens around exp(middle) and patches around 1,000; a fifth without pictures."""
    generator = np.random.default_rng(0)
    tokens = np.clip(generator.lognormal(middle, 0.9, count), 16, 8192).astype(int)
    patches = np.clip(generator.lognormal(6.9, 0.6, count), 64, 16_384).astype(int)
    sources = generator.choice(list(MIXTURE), count)
    return tokens, np.where(generator.random(count) < 0.2, 0, patches), sources.tolist()


def first_fit(tokens, patches, budget):
    """Fill of bins packed in arrival order: each sample into the first of the open bins that holds it."""
    bins, closed = [[0, 0] for _ in range(OPEN_BINS)], []
    for size, pixels in zip(tokens.tolist(), patches.tolist(), strict=True):
        for bin_ in bins:
            if bin_[0] + size <= budget.tokens and bin_[1] + pixels <= budget.patches:
                break
        else:
            bin_ = max(bins)
            bins.remove(bin_)
            closed.append(bin_)
            bin_ = [0, 0]
            bins.append(bin_)
        bin_[0] += size
        bin_[1] += pixels
    return float((np.array(closed) / (budget.tokens, budget.patches)).max(axis=1).mean())


def timed(job):
    """Job → its result and the CPU seconds it took."""
    start = time.process_time()
    result = job()
    return result, time.process_time() - start


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    ids = [str(i) for i in range(count)]
    print("python benchmarks/plan.py")
    print("2-core x86-64 CPU, Linux; one core used; Python and numpy only")
    print(f"{count:,} samples, mixture {MIXTURE}, one epoch, medians of {RUNS} runs; budgets in tokens, patches of a bin\n")
    print(f"{'median tokens':15}{'budget':16}{'packer':11}{'samples/s':>12}{'fill':>9}{'bins':>9}{'left over':>11}")
    for middle, budget in CASES:
        tokens, patches, sources = lengths(count, middle)
        ours, naive = [], []
        for _ in range(RUNS):
            sizes = Lengths.of(tokens, patches)
            planned, seconds = timed(partial(build_plan, sizes, ids, sources, MIXTURE, budget, seed=0, epochs=1.0))
            ours.append(count / seconds)
            fill, seconds = timed(partial(first_fit, tokens, patches, budget))
            naive.append(count / seconds)
        name, facts = f"{budget.tokens:,}, {budget.patches:,}", planned.plan.facts
        speed, slow = statistics.median(ours), statistics.median(naive)
        bins, left = planned.plan.num_bins, facts.leftover
        print(f"{int(np.exp(middle)):<15,}{name:16}{'plan':11}{speed:>12,.0f}{facts.fill:>9.4f}{bins:>9,}{left:>11,}")
        print(f"{'':31}{'first-fit':11}{slow:>12,.0f}{fill:>9.4f}")
        print(f"{'':31}{'ratio':11}{speed / slow:>12.2f}{facts.fill / fill:>9.3f}")


if __name__ == "__main__":
    main()
