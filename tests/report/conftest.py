"""A run folder filled by hand, as the rooms would fill it, so that the report can be tested without training."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from omma.core.files import write_text
from omma.core.ledger import Entry
from omma.core.runs import RunFolder
from omma.media.draw import to_png
from omma.schema.manifest import write_manifest
from omma.schema.sample import Answer, Caption, Media, Part, Region, Sample, Turn
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


OPERATORS = (("size", 16.0), ("perceptual_hash", 4.0), ("masking", None), ("clip", 0.3))
DROPS = {"size": "<", "perceptual_hash": "<=", "masking": None, "clip": "<"}
SCRIPT = "<script>alert('a caption')</script> & \"quotes\""


@pytest.fixture
def curated_run(tmp_path: Path) -> RunFolder:
    """A run as `curation` fills it, of the test's own."""
    return fill_curation(tmp_path)


@pytest.fixture(scope="session")
def curation() -> Callable[[Path], RunFolder]:
    """Folder → a run filled in it."""
    return fill_curation


def fill_curation(folder: Path) -> RunFolder:
    """A curated run of 40 rows, every fate among them, as curation writes it; its pictures lie in `pictures` beside it.

    0-3 too small, 4-9 copies of 10, 11 and 12, 20 broken, 30 rewritten into a child, 32 joined into 31, 14 and 15 below the
    score of `clip`, 35-39 held out (39 below that score, too). 13 names a picture outside of the root.
    """
    root, run = folder / "pictures", RunFolder(folder / "runs/curated")
    root.mkdir()
    (folder / "secret.png").write_bytes(to_png(scene(5)))
    for number in range(40):
        (root / f"{number}.png").write_bytes(to_png(scene(number)))
    (root / "20.png").write_bytes(b"\x89PNG nothing more")
    write_curation(run, root, [curated_row(number) for number in range(40)])
    return run


def curated_row(n: int) -> dict[str, Any]:
    """What became of row n: who took it out, and all that was said of it."""
    gone = {**dict.fromkeys(range(4), "size"), **dict.fromkeys(range(4, 10), "perceptual_hash"), 20: "read"}
    gone |= {14: "clip", 15: "clip"}
    row: dict[str, Any] = {"n": n, "gone": gone.get(n, ""), "heldout": n >= 35, "note": "", "reason": ""}
    row["size"] = None if n == 20 else 8.0 + n if n < 4 else 96.0
    row["note"] = "10.png" if n in (4, 5, 6) else "11.png" if n in (7, 8) else "12.png" if n == 9 else ""
    row["perceptual_hash"] = float(n - 4) / 2 if row["note"] else None
    row["clip"] = None if row["gone"] in ("size", "perceptual_hash", "read") else 0.1 if n in (14, 15, 39) else 0.5 + n / 100
    reasons = {"size": f"shorter side {8 + n} px, below 16", "perceptual_hash": f"looks like {row['note']}"}
    reasons |= {"clip": "cosine 0.1, below 0.3", "read": "error:read: PNG ends after 16 bytes"}
    row["reason"] = reasons.get(row["gone"], "")
    return row


def curated_sample(n: int) -> Sample:
    """A captioned picture, or a question about one."""
    media = (Media("../secret.png" if n == 13 else f"{n}.png", sha256=f"{n:064x}", width=96, height=96),)
    if n == 34:
        media += (Media("albums/Second 34.png", sha256="e" * 64, width=96, height=96),)
    if n in (31, 32):
        asked = Turn("user", (Part("image", index=0), Part("text", f"what is number {n}?")))
        told = Turn("assistant", (Part("text", "A Square "), Part("region", index=0)))
        regions = (Region(0, (0.25, 0.25, 0.5, 0.5), frame="unit", label="square"),)
        return Sample(f"web/{n}.png:0", "web", "point", media, (asked, told), regions=regions, answer=Answer(("a square",)))
    text = SCRIPT if n == 12 else f"picture number {n} of Forty"
    meta = {"url": f"https://a.org/{n}", "odd": float("inf")} if n == 16 else {}
    return Sample(f"web/{n}.png:0", "web", "caption", media, captions=(Caption(text, "alt"),), meta=meta)


def write_curation(run: RunFolder, root: Path, rows: list[dict[str, Any]]) -> None:
    source = {"class": "omma.curate.readers.captions_jsonl.CaptionsJsonl", "path": "captions.jsonl"}
    tree = {
        "class": "omma.recipe.Recipe",
        "id": "curated",
        "title": "Forty",
        "data": {"root": str(root), "sources": {"web": source}},
    }
    write_text(run / "config.yaml", yaml.safe_dump(tree | {"stages": []}, sort_keys=False))
    samples = {row["n"]: curated_sample(row["n"]) for row in rows}
    samples[30] = replace(samples[30], id="web/30.png:0~masking:0")
    sides = {row["n"]: "gone" if row["gone"] else "heldout" if row["heldout"] else "train" for row in rows}
    for part in ("train", "heldout", "gone"):
        write_manifest(run / f"data/{part}.parquet", [samples[n] for n, side in sides.items() if side == part])
    columns = {name: [row[name] for row in rows] for name in ("heldout", "gone", "size", "perceptual_hash", "clip")}
    ids = [samples[row["n"]].id for row in rows]
    notes = {"perceptual_hash:note": [row["note"] for row in rows]}
    (run / "data").mkdir(exist_ok=True)
    pq.write_table(pa.table({"id": ids, "sha256": ["0"] * len(rows)} | columns | notes), run / "data/scores.parquet")
    with run.ledger.step("curate") as book:
        book.add(Entry("web/30.png:0", "web", "masking", "1", "rewrite", "an address masked"))
        for row, name in zip(rows, ids, strict=True):
            word = ("error" if row["gone"] == "read" else "drop") if row["gone"] else "heldout" if row["heldout"] else "keep"
            book.add(Entry(name, "web", row["gone"] or "curate", "1", word, row["reason"], row.get(row["gone"])))
    with run.ledger.step("join") as book:
        book.add(Entry("web/32.png:0", "web", "joining", "1", "rewrite", "now a turn of web/31.png:0"))
    with run.ledger.step("plan") as book:
        book.add(Entry("web/33.png:0", "web", "fit", "1", "leftover", "longer than a bin"))
    run.finish("curate", seen=len(rows), **curation_facts(rows))


def curation_facts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """`operators`, `examples` and `borderline` as `done/curate.json` holds them."""
    left, operators = sum(row["gone"] != "read" for row in rows), []
    for name, threshold in OPERATORS:
        dropped = sum(row["gone"] == name for row in rows)
        scores = np.array([row[name] for row in rows if row.get(name) is not None])
        counts, edges = np.histogram(scores, 20) if len(scores) else (np.zeros(0), np.zeros(0))
        lie = {"edges": edges.tolist(), "counts": counts.tolist()}
        facts = {"name": name, "version": "1", "threshold": threshold, "in": left, "out": left - dropped}
        facts |= {"drops": DROPS[name], "scope": "all" if name == "size" else "train"}
        operators.append(facts | {"dropped": dropped, "errors": 0, "scores": lie})
        left -= dropped
    told = {
        row["n"]: {
            "sample_id": f"web/{row['n']}.png:0",
            "uri": f"{row['n']}.png",
            "text": f"<i>{row['n']}</i>",
            "reason": row["reason"],
        }
        for row in rows
    }
    examples = [{"operator": row["gone"]} | told[row["n"]] for row in rows if row["gone"]]
    near = [(14, False), (15, False), (16, True), (39, True)]
    borderline = [{"operator": "clip"} | told[n] | {"score": rows[n]["clip"], "kept": kept} for n, kept in near]
    return {"operators": operators, "examples": examples, "borderline": borderline, "flaws": []}
