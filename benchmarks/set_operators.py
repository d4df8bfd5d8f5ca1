"""Set operators over 10^5 and 10^6 samples: near hashes, signatures of captions, their pairs, k-means; seconds and peak memory.

    python benchmarks/set_operators.py [--sizes 100000 1000000] [--steps hashes captions ...]

Each step runs in a process of its own, on one thread; seconds are CPU time without the drawing of the data, memory is the peak of
the process, the data included. Hashes: each of 64 bits is set in a share of pictures that varies as measured on photographs
(deviation 0.12 around a half), and a tenth are copies with up to eight bits turned. Captions: sentences of eight to sixteen words
of 20,000 drawn by a power law; a tenth are earlier ones with a word changed. Vectors: 128 numbers around 2,000 centres.
"""

import argparse
import multiprocessing
import os
import platform
import resource
import time
from pathlib import Path

import numpy as np

from omma.core.files import write_text
from omma.curate.sets.hamming import crossing_pairs, near_pairs
from omma.curate.sets.kmeans import kmeans
from omma.curate.sets.minhash import band_keys, candidate_pairs, jaccards, plain, runs, signatures

RESULT = Path(__file__).parent / "results" / "set_operators.txt"
SPREAD, WINDOWS, PART, WIDTH = 0.12, 25, 2048, 5


def drawn_hashes(size, random, most=8):
    """Hashes, the last tenth of them copies."""
    shares = np.clip(random.normal(0.5, SPREAD, 64), 0.05, 0.95)
    hashes = np.zeros(size, np.uint64)
    for bit, share in enumerate(shares):
        hashes |= (random.random(size) < share).astype(np.uint64) << np.uint64(bit)
    hashes[-size // 10 :] = turned(hashes[: size // 10], random, most)
    return hashes


def turned(hashes, random, most):
    """The same with up to `most` bits turned."""
    for _ in range(most):
        hashes = hashes ^ (
            random.integers(0, 2, len(hashes), dtype=np.uint64) << random.integers(0, 64, len(hashes), dtype=np.uint64)
        )
    return hashes


def drawn_captions(size, random):
    """Sentences; of the last tenth each is an earlier one with another word."""
    words = np.array([f"w{number:x}" for number in random.integers(0, 16**5, 20_000)])
    chosen = np.minimum(20_000 ** random.random((size, 16)), 19_999).astype(int)
    lengths = random.integers(8, 17, size)
    copies = size // 10
    chosen[-copies:], lengths[-copies:] = chosen[:copies], lengths[:copies]
    chosen[-copies:, 3] = random.integers(0, 20_000, copies)
    return [" ".join(words[row[:length]]) for row, length in zip(chosen, lengths, strict=True)]


def hashes(size, random):
    """`perceptual_hash`: all pairs within 8 bits."""
    given = drawn_hashes(size, random)
    start = time.process_time()
    return sum(len(first) for first, _ in near_pairs(given, 8)), time.process_time() - start


def windows(size, random):
    """`crop_hash`: pictures against 25 windows of each, within 6 bits."""
    given = drawn_hashes(size, random)
    parts = np.concatenate([given, *(drawn_hashes(size, random) for _ in range(WINDOWS - 1))])
    start = time.process_time()
    return sum(len(first) for first, _ in crossing_pairs(given, parts, 6)), time.process_time() - start


def signed(texts):
    """Texts → keys of 32 bands of 4 minima."""
    keys = np.empty((len(texts), 32), np.uint64)
    for first in range(0, len(texts), PART):
        part = [plain(text) for text in texts[first : first + PART]]
        keys[first : first + PART] = band_keys(signatures(runs(part, WIDTH), 128, 0), 32)
    return keys


def captions(size, random):
    """`near_duplicate_text`: 128 minima of each text, 32 bands."""
    given = drawn_captions(size, random)
    start = time.process_time()
    return len(signed(given)), time.process_time() - start


def likeness(size, random):
    """`near_duplicate_text`: texts that share a band, and the exact similarity of each pair."""
    given = drawn_captions(size, random)
    keys = signed(given)
    start = time.process_time()
    near = jaccards(given, WIDTH, candidate_pairs(keys.T))
    return len(near), time.process_time() - start


def clusters(size, random):
    """`semantic_dedupe`: k-means, a cluster for a thousand vectors, 20 iterations at most."""
    centres = random.normal(size=(2000, 128)).astype(np.float32)
    given = centres[random.integers(0, 2000, size)]
    given += random.normal(0, 0.3, given.shape).astype(np.float32)
    start = time.process_time()
    return len(kmeans(given, size // 1000, 20, 0).centres), time.process_time() - start


STEPS = {step.__name__: step for step in (hashes, windows, captions, likeness, clusters)}


def measured(name, size, out):
    """One step in this process."""
    found, seconds = STEPS[name](size, np.random.default_rng(0))
    out.put((found, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20))


def main():
    """Print one table and save it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=[10**5, 10**6])
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    asked = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    machine = f"{os.cpu_count()}-core {platform.machine()} CPU, {platform.system()}, numpy {np.__version__}"
    lines = ["python benchmarks/set_operators.py", f"{machine}; one thread; load {os.getloadavg()[0]:.1f}\n"]
    lines.append(f"{'step':12}{'samples':>12}{'seconds':>10}{'peak GiB':>10}{'found':>14}")
    context = multiprocessing.get_context("spawn")
    for name in asked.steps:
        for size in asked.sizes:
            out = context.Queue()
            process = context.Process(target=measured, args=(name, size, out))
            process.start()
            found, seconds, peak = out.get()
            process.join()
            lines.append(f"{name:12}{size:>12,}{seconds:>10,.1f}{peak:>10.2f}{found:>14,}")
            print(lines[-1], flush=True)
    lines += ["", *(f"{name}: {STEPS[name].__doc__}" for name in asked.steps)]
    write_text(RESULT, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
