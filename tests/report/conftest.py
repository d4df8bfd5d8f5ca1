"""A run folder filled by hand, as the rooms would fill it, so that the report can be tested without training."""

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from omma.core.files import write_text
from omma.core.ledger import Entry
from omma.core.runs import RunFolder
from omma.media.draw import to_png
from omma.schema.verdict import Record, Verdict

STAGES = ("align", "instruct")
SOURCES = ("captions", "questions")
TASKS = ("read", "count", "colour", "yesno", "point")
COLOURS = ((214, 61, 57), (58, 112, 200), (44, 158, 96), (230, 160, 40))


def scene(number: int, side: int = 96) -> np.ndarray:
    """A square of some colour on a light ground."""
    image = np.full((side, side, 3), 240, np.uint8)
    x, y = 8 + 7 * number % 50, 10 + 11 * number % 50
    image[y : y + 28, x : x + 28] = COLOURS[number % 4]
    return image


def box_of(number: int) -> list[float]:
    x, y = 8 + 7 * number % 50, 10 + 11 * number % 50
    return [x, y, x + 28, y + 28]


@pytest.fixture
def hand() -> SimpleNamespace:
    """The functions of this file, for tests that fill a folder step by step."""
    return SimpleNamespace(begun_run=begun_run, add_curation=add_curation, add_training=add_training, add_scores=add_scores)


@pytest.fixture
def whole_run(tmp_path: Path) -> RunFolder:
    """Everything that a finished run leaves."""
    run = begun_run(tmp_path / "runs" / "hand")
    add_curation(run)
    add_training(run)
    add_scores(run)
    return run


def begun_run(folder: Path) -> RunFolder:
    run = RunFolder(folder)
    stages = [{"class": "omma.train.stage.Stage", "name": name} for name in STAGES]
    tree = {"class": "omma.recipe.Recipe", "id": "hand", "title": "Scenes <made by hand>", "data": {"root": ""}, "stages": stages}
    write_text(run / "config.yaml", yaml.safe_dump(tree, sort_keys=False))
    run.log.write(event="command", command="omma run hand run.seed=1", pid=1)
    run.log.write(event="machine", facts={"omma": "0.1.0", "processor": "an abacus", "cores": "2"})
    return run


def add_curation(run: RunFolder) -> None:
    (run / "raw").mkdir(parents=True)
    for number in range(24):
        (run / f"raw/{number}.png").write_bytes(to_png(scene(number)))
    (run / "raw/cut.png").write_bytes(to_png(scene(1))[:60])
    examples = [
        {
            "operator": "exact_hash",
            "sample_id": f"dup{n}",
            "uri": f"{n}.png",
            "text": "a red square",
            "reason": f"same bytes as {n + 1}.png",
        }
        for n in range(4)
    ]
    examples.append(
        {"operator": "decode", "sample_id": "cut", "uri": "cut.png", "text": "a blue square", "reason": "PNG ends after 60 bytes"}
    )
    with run.ledger.step("curate") as book:
        book.extend(Entry(f"s{n}", SOURCES[n % 2], "end", "1", "keep") for n in range(90))
        book.extend(Entry(f"h{n}", SOURCES[n % 2], "end", "1", "heldout") for n in range(10))
        book.extend(Entry(f"dup{n}", "captions", "exact_hash", "1", "drop", f"same bytes as {n + 1}.png") for n in range(9))
        book.add(Entry("cut", "captions", "decode", "1", "error", "PNG ends after 60 bytes"))
    flaws = [
        {"name": "exact duplicate", "planted": 9, "found": 9, "recall": 1.0, "precision": 1.0},
        {"name": "swapped caption", "planted": 4, "found": 3, "recall": 0.75, "precision": None},
    ]
    run.finish("curate", examples=examples, flaws=flaws)
    run.log.write(event="part", part="curate", seconds=12.5, rss_peak_mib=410.0)


def add_training(run: RunFolder, stages: tuple[str, ...] = STAGES) -> None:
    split = {"data": 0.03, "vision": 0.2, "connector": 0.01, "language": 0.25, "backward": 0.45, "optimizer": 0.05, "other": 0.01}
    for start, stage in enumerate(stages):
        for step in range(20, 201, 20):
            loss = 4.0 * np.exp(-(start * 200 + step) / 120) + 0.1
            time = {
                "step_s": 0.08,
                "tokens_per_s": 21000.0,
                "supervised_per_s": 5200.0,
                "pictures_per_s": 600.0,
                "mfu": 0.31,
                "split": split,
            }
            by_source = {"captions": loss * 1.1, "questions": loss * 0.8}
            run.log.write(
                event="step",
                stage=stage,
                step=step,
                loss=loss,
                loss_by_source=by_source,
                lr={"matrices": 0.01, "rest": 0.002},
                time=time,
            )
        run.log.write(event="validation", stage=stage, step=200, loss=loss, token_loss=loss * 1.05)
        run.log.write(event="part", part=f"train {stage}", seconds=40.0 + start, rss_peak_mib=900.0)


def add_scores(run: RunFolder) -> None:
    for moment, level in (("before", 0.05), ("after-align", 0.3), ("after-instruct", 0.93), ("blind", 0.35)):
        verdicts = [verdict(task, level, 0.3) for task in ("all", *TASKS)]
        write_text(run / f"eval/{moment}/verdicts.json", json.dumps([asdict(v) for v in verdicts]))
        lines = [json.dumps(asdict(record(n))) for n in range(20)] + [json.dumps(asdict(caption(n))) for n in range(3)]
        write_text(run / f"eval/{moment}/scenes.jsonl", "\n".join(lines) + "\n")


def verdict(subset: str, value: float, trivial: float) -> Verdict:
    return Verdict("scenes", "accuracy", subset, value, 200, 1, max(0.0, value - 0.04), min(1.0, value + 0.04), trivial)


def record(n: int) -> Record:
    task, good = TASKS[n % 5], n % 4 != 0
    if task == "point":
        found = box_of(n) if good else [1, 1, 20, 20]
        details = {"box": found}
        shown = {"picture": f"{n}.png", "details": details}
        return Record(f"q{n}", task, "point to the red square", box_of(n), str(found), "", float(good), **shown)
    answer = "red" if good else "<b>blue</b>"
    return Record(f"q{n}", task, f"what is it, number {n}?", ["red"], answer, answer, float(good), n != 8, f"{n}.png")


def caption(n: int) -> Record:
    return Record(
        f"c{n}", "caption", "describe the picture", ["a square, people say"], "a square on a light ground", picture=f"{n}.png"
    )
