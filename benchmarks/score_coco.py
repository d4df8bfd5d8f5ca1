"""COCO AP over a synthetic set of realistic size, boxes and masks: ours against pycocotools' evaluate and accumulate.

    python benchmarks/score_coco.py

Both sides get annotations and results as loaded from JSON, score them in the same process in turns, and must agree to
1e-12. Ours reads them into columns within its time; pycocotools' indexing (`createIndex`, `loadRes`) is left out of its.
Needs the extra `coco`. Results are saved in benchmarks/results/score_coco.txt.
"""

import contextlib
import copy
import io
import statistics
import time
from pathlib import Path

import numpy as np
from pycocotools import mask as pycocomask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from omma.metrics.detection.coco import coco_numbers

RUNS = 3
CASES = (("bbox", 2000, 15_000, 60_000), ("segm", 300, 2_200, 9_000))
CATEGORIES, HEIGHT, WIDTH = 80, 480, 640
RESULTS = Path(__file__).parent / "results/score_coco.txt"


def blob(generator, box):
    """A closed outline of 24 corners in a box."""
    x, y, wide, high = box
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = generator.uniform(0.6, 1.0, 24)
    corners = np.stack([x + wide / 2 * (1 + radius * np.cos(angle)), y + high / 2 * (1 + radius * np.sin(angle))], 1)
    return corners.round(2).ravel().tolist()


def runs(polygon):
    """Polygon → compressed runs, as a results file has them."""
    mask = pycocomask.merge(pycocomask.frPyObjects([polygon], HEIGHT, WIDTH))
    return {"size": mask["size"], "counts": mask["counts"].decode()}


def world(kind, pictures, objects, detections):
    """Objects of few categories a picture, log-normal sizes, 1% crowds; three in four detections near an object."""
    generator = np.random.default_rng(0)
    local = generator.integers(0, CATEGORIES, (pictures, 4))
    notes, results = [], []
    for number in range(objects):
        picture = int(generator.integers(pictures))
        sides = np.exp(generator.normal(4.2, 0.9, 2)).clip(6, [WIDTH - 8, HEIGHT - 8])
        box = [*(generator.random(2) * ([WIDTH, HEIGHT] - sides)), *sides]
        note = {"id": number + 1, "image_id": picture + 1, "bbox": [round(float(side), 2) for side in box]}
        note |= {"category_id": int(generator.choice(local[picture])) + 1, "iscrowd": int(generator.random() < 0.01)}
        note |= {"area": float(sides.prod()) * 0.7, "segmentation": [blob(generator, box)]}
        notes.append(note)
    for _ in range(detections):
        near = notes[int(generator.integers(objects))]
        other = generator.random() < 0.25
        shift = generator.normal(0, 0.4 if other else 0.08, 4) * np.array(near["bbox"])[[2, 3, 2, 3]]
        box = (np.array(near["bbox"]) + shift).clip([0, 0, 4, 4], [WIDTH - 5, HEIGHT - 5, WIDTH, HEIGHT])
        category = int(generator.integers(CATEGORIES)) + 1 if other else near["category_id"]
        result = {"image_id": near["image_id"], "category_id": category, "score": round(float(generator.random()), 3)}
        rounded = {"bbox": [round(float(side), 2) for side in box]}
        results.append(result | (rounded if kind == "bbox" else {"segmentation": runs(blob(generator, box))}))
    images = [{"id": number + 1, "height": HEIGHT, "width": WIDTH} for number in range(pictures)]
    categories = [{"id": number + 1, "name": str(number)} for number in range(CATEGORIES)]
    return {"images": images, "annotations": notes, "categories": categories, "info": {}}, results


def theirs(dataset, results, kind):
    """pycocotools → seconds of evaluate and accumulate, and its numbers."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(dataset)
        truth.createIndex()
        job = COCOeval(truth, truth.loadRes(copy.deepcopy(results)), kind)
        start = time.process_time()
        job.evaluate()
        job.accumulate()
        seconds = time.process_time() - start
        job.summarize()
    return seconds, job.stats


def ours(dataset, results, kind):
    """omma → seconds from JSON values to numbers, and the numbers."""
    start = time.process_time()
    numbers = coco_numbers(dataset, results, kind)
    return time.process_time() - start, np.nan_to_num(list(numbers.values.values()), nan=-1.0)


def main():
    lines = [
        "python benchmarks/score_coco.py",
        "2-core x86-64 CPU, Linux; one thread; Python and numpy only against pycocotools 2.0.11 (C and Python)",
        f"CPU seconds, medians of {RUNS} runs in turns, and of their ratios; the twelve numbers agree to 1e-12",
        "",
        f"{'kind':6}{'pictures':>9}{'objects':>9}{'detections':>12}{'pycocotools s':>15}{'omma s':>9}{'omma / pycocotools':>20}",
    ]
    for kind, pictures, objects, detections in CASES:
        dataset, results = world(kind, pictures, objects, detections)
        times = []
        for _ in range(RUNS):
            (slow, expected), (quick, got) = theirs(dataset, results, kind), ours(dataset, results, kind)
            assert np.abs(expected - got).max() < 1e-12, (expected, got)
            times.append((slow, quick, quick / slow))
        slow, quick, ratio = (statistics.median(column) for column in zip(*times, strict=True))
        lines.append(f"{kind:6}{pictures:>9,}{objects:>9,}{detections:>12,}{slow:>15.2f}{quick:>9.2f}{ratio:>20.3f}")
    print("\n".join(lines))
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
