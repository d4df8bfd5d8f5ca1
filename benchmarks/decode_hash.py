"""Decoding and hashing speed: photographs-like JPEGs of about 61 KB, decoded whole and as drafts, with and without hashes.

    python benchmarks/decode_hash.py [PICTURES]

Pictures a second of CPU time of one process, medians of RUNS runs over drawn pictures of 470 × 470 px, bytes in memory. What
is claimed: draft and perceptual hash take less than a millisecond. Saves its table beside this file.
"""

import os
import platform
import statistics
import sys
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

from omma.core.files import write_text
from omma.curate.operators.crop_hash import CropHash
from omma.curate.operators.perceptual_hash import PerceptualHash, fingerprint
from omma.curate.picture import Picture

RUNS, SIDE, CLAIM = 5, 470, 1000


def drawn(seed):
    """Blobs of three sizes and grain, as JPEG of quality 85."""
    random = np.random.default_rng(seed)
    layers = [(6, 60), (24, 40), (118, 30)]
    blobs = [amount * enlarged(random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)) for cells, amount in layers]
    pixels = sum(blobs) / 128 + random.normal(0, 7.5, (SIDE, SIDE, 3))
    buffer = BytesIO()
    Image.fromarray(np.clip(pixels - pixels.mean() + 128, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def enlarged(cells):
    """Cells → the same over the whole picture."""
    return np.asarray(Image.fromarray(cells).resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.float64)


def grey_draft(data):
    """Pillow alone: a grey draft, without a look at orientation, alpha or limits."""
    image = Image.open(BytesIO(data))
    image.draft("L", (64, 64))
    return image.convert("L")


STEPS = {
    "decode whole, upright RGB": lambda data: Picture("a", data).pixels,
    "whole + hash": lambda data: fingerprint(Image.fromarray(Picture("a", data).pixels)),
    "draft, grey (Pillow alone)": grey_draft,
    "grey draft + hash": lambda data: fingerprint(grey_draft(data)),
    "draft, upright RGB": lambda data: Picture("a", data).draft,
    "draft + hash": lambda data: fingerprint(Image.fromarray(Picture("a", data).draft)),
    "perceptual_hash's look": lambda data: PerceptualHash().look(Picture("a", data)),
    "crop_hash's look (25 windows)": lambda data: CropHash().look(Picture("a", data)),
}


def rate(step, pictures):
    """Step over all pictures → pictures a second of CPU time."""
    begun = time.process_time()
    for data in pictures:
        step(data)
    return len(pictures) / (time.process_time() - begun)


def main():
    """Print one table and what it says of the claim, and save both."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    pictures = [drawn(seed) for seed in range(count)]
    load = os.getloadavg()[0]
    rates = {name: [] for name in STEPS}
    for _ in range(RUNS):  # rounds over all steps, so that a load that comes and goes meets each of them
        for name, step in STEPS.items():
            rates[name].append(rate(step, pictures))
    mean = statistics.mean(map(len, pictures)) / 1000
    machine = f"{os.cpu_count()}-core {platform.machine()} CPU, {platform.system()}, Pillow {PIL.__version__}"
    lines = [
        "python benchmarks/decode_hash.py",
        f"{machine}; one core used; load {load:.1f}",
        f"{count} JPEGs of {SIDE} × {SIDE} px, {mean:.0f} KB on average; medians of {RUNS} runs, CPU time\n",
        f"{'step':32}{'pictures/s':>12}{'slowest':>10}{'fastest':>10}",
    ]
    for name, found in rates.items():
        lines.append(f"{name:32}{statistics.median(found):>12,.0f}{min(found):>10,.0f}{max(found):>10,.0f}")
    lines.append("")
    for name in ("grey draft + hash", "draft + hash"):
        held = "holds" if statistics.median(rates[name]) >= CLAIM else "does NOT hold"
        lines.append(f"{name}: at least {CLAIM:,} pictures/s {held}")
    text = "\n".join(lines)
    print(text)
    write_text(Path(__file__).with_name("results") / "decode_hash.txt", text + "\n")


if __name__ == "__main__":
    main()
