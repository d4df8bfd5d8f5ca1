"""The basic chain of curation beside Data-Juicer's: the same files, the same operators, two workers each, in turn.

    python benchmarks/curate_chain.py REAL [--juicer PYTHON] [--pictures 3000] [--rounds 3] [--folder SCRATCH]

REAL holds `coco-ccby-dev`: windows of its photographs, mirrored or not, are saved as JPEGs of about 60 KB; of every forty one is
the copy of another, two are strips and one has a caption of keywords. PYTHON is an interpreter with py-data-juicer (1.6.1 was
used) and what its operators import; it is kept from installing anything at run time. Without it omma is measured alone.

Each side is a fresh process with its start, its reading and its writing. Memory is the largest sum of proportional set sizes
(PSS: shared pages are counted once) over the process and its children, sampled ten times a second. Rates are compared in each
round and the median of these ratios stated. Data-Juicer runs as it does by default and with its filters fused, so that they load
a picture once. Last, 500 rows with one corrupt picture on both sides, `coco-small` among them: rows that are kept. Saves its
table beside this file.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from io import BytesIO
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import yaml
from PIL import Image
from planting import Photograph, corrupt, photographs

from omma.core.files import write_text
from omma.core.runs import RunFolder

RESULT = Path(__file__).parent / "results" / "curate_chain.txt"
FASTER, LEANER = 2.0, 0.5
WORKERS = 2
OURS, THEIRS = {"omma": "Pool", "omma, threads": "Threads"}, ("Data-Juicer", "Data-Juicer, fused")
OMMA = """
import sys
from pathlib import Path

from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.machine.engine import Pool
from omma.curate.machine.threads import Threads
from omma.curate.operators.aspect import Aspect
from omma.curate.operators.caption import Caption
from omma.curate.operators.decode import Decode
from omma.curate.operators.file_size import FileSize
from omma.curate.operators.letter_repetition import LetterRepetition
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.size import Size
from omma.curate.operators.special_share import SpecialShare
from omma.curate.operators.word_repetition import WordRepetition
from omma.curate.readers.captions_jsonl import CaptionsJsonl

if __name__ == "__main__":
    operators = (
        Caption(min_words=3, max_words=200), LetterRepetition(max_share=0.5), WordRepetition(run=10, max_share=0.5),
        SpecialShare(), Decode(), FileSize(min_bytes=100), Size(min_side=64), Aspect(max_ratio=3), PerceptualHash(),
    )
    data = Data(root=sys.argv[1], sources={"web": CaptionsJsonl()}, operators=operators)
    curate(data, RunFolder(Path(sys.argv[2])), seed=0, workers=int(sys.argv[3]), engine=globals()[sys.argv[4]]())
"""
JUICER = "from tools.process_data import main; main()"  # what the command dj-process stands for
CHAIN = [
    {"words_num_filter": {"min_num": 3, "max_num": 200}},
    {"character_repetition_filter": {"rep_len": 10, "max_ratio": 0.5}},
    {"word_repetition_filter": {"rep_len": 10, "max_ratio": 0.5}},
    {"special_characters_filter": {"max_ratio": 0.25}},
    {"image_size_filter": {"min_size": "100", "max_size": "50MB"}},
    {"image_shape_filter": {"min_width": 64, "min_height": 64}},
    {"image_aspect_ratio_filter": {"min_ratio": 1 / 3, "max_ratio": 3.0}},
    {"image_deduplicator": {"method": "phash"}},
]
PAIRS = """caption: Caption 3 to 200 words | words_num_filter
runs of 10 letters: LetterRepetition | character_repetition_filter
runs of 10 words: WordRepetition | word_repetition_filter
marks: SpecialShare | special_characters_filter
integrity: Decode, to the end of each file | by loading (cut-off files are let pass: LOAD_TRUNCATED_IMAGES)
bytes: FileSize | image_size_filter
sides: Size 64 px | image_shape_filter
aspect: Aspect 3 | image_aspect_ratio_filter
copies: PerceptualHash, all pairs within 8 bits, colours compared | image_deduplicator, equal phash"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run of one side. `kept`: names of pictures of the rows that stay. `said`: the last line that it printed, if it failed."""

    seconds: float
    peak_mib: float
    kept: frozenset[str]
    said: str = ""


def draw(root: Path, found: list[Photograph], count: int) -> float:
    """Photographs → root/images and captions.jsonl; mean bytes of a picture. Of every 40 one is a copy and three have a flaw."""
    (root / "images").mkdir(parents=True)
    random = np.random.default_rng(0)
    lines, total, before = [], 0, b""
    for i in range(count):
        photograph = found[i % len(found)]
        caption = photograph.captions[i // len(found) % len(photograph.captions)]
        data = before if i % 40 == 7 else _window(photograph.file, random, {11: 0.2, 19: 0.02}.get(i % 40, 1.0))
        caption = "cheap shoes " * 40 if i % 40 == 31 else caption
        (root / f"images/{i:06d}.jpg").write_bytes(data)
        lines.append(json.dumps({"image": f"images/{i:06d}.jpg", "caption": caption}))
        total, before = total + len(data), data
    (root / "captions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return total / count


def _window(file: Path, random: np.random.Generator, flat: float) -> bytes:
    """A window of 55 to 90% of the sides (its height further cut to `flat`), mirrored half of the time, 480 px wide."""
    image = Image.open(file).convert("RGB")
    width, height = (round(side * share) for side, share in zip(image.size, random.uniform(0.55, 0.9, 2), strict=True))
    height = max(8, round(height * flat))
    left, top = int(random.integers(0, image.width - width + 1)), int(random.integers(0, image.height - height + 1))
    image = image.crop((left, top, left + width, top + height)).resize((480, max(8, round(480 * height / width))))
    image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if random.random() < 0.5 else image
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def run_omma(engine: str, root: Path, run: Path) -> Outcome:
    """Corpus → what omma kept of it with an engine. The script is a file: worker processes import it."""
    run.mkdir(parents=True)
    script = run / "chain.py"
    script.write_text(OMMA, encoding="utf-8")
    seconds, peak, said = watched([sys.executable, str(script), str(root), str(run / "out"), str(WORKERS), engine], run)
    kept = run / "out/data/train.parquet"
    uris = pq.read_table(kept, columns=["uri"])["uri"].to_pylist() if kept.exists() else []
    return Outcome(seconds, peak, frozenset(Path(uri).name for uri in uris), said)


def run_juicer(python: str, fused: bool, root: Path, run: Path) -> Outcome:
    """Corpus → what Data-Juicer kept of it; `fused` is its own option `op_fusion`."""
    run.mkdir(parents=True)
    rows = (json.loads(line) for line in (root / "captions.jsonl").read_text(encoding="utf-8").splitlines())
    lines = [json.dumps({"text": row["caption"], "images": [str(root / row["image"])]}) for row in rows]
    (run / "rows.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    recipe = {"project_name": "chain", "dataset_path": str(run / "rows.jsonl"), "export_path": str(run / "out/kept.jsonl")}
    recipe |= {"np": WORKERS, "op_fusion": fused, "fusion_strategy": "greedy", "work_dir": str(run / "work"), "process": CHAIN}
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    seconds, peak, said = watched([python, "-c", JUICER, "--config", str(run / "recipe.yaml")], run)
    kept = run / "out/kept.jsonl"
    found = (json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()) if kept.exists() else ()
    return Outcome(seconds, peak, frozenset(Path(row["images"][0]).name for row in found), said)


def watched(command: list[str], run: Path) -> tuple[float, float, str]:
    """Command → seconds, peak of its tree's PSS in MiB, its last line if it failed. It may install nothing and fetch nothing."""
    offline = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    caches = {"HF_HOME": str(run / "hf"), "HF_DATASETS_CACHE": str(run / "hf/datasets"), "DATA_JUICER_CACHE_HOME": str(run / "dj")}
    with (run / "said.txt").open("wb") as said:
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=run, stdout=said, stderr=said, env=os.environ | offline | caches)
        peak = 0.0
        while process.poll() is None:
            peak = max(peak, sum(map(_pss, _tree(process.pid))) / 1024)
            time.sleep(0.1)
        seconds = time.perf_counter() - begun
    last = (run / "said.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    return seconds, peak, "".join(last) if process.returncode else ""


def _tree(pid: int) -> list[int]:
    """A process and all below it."""
    try:
        children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        return []  # it has ended
    return [pid, *(below for child in children for below in _tree(child))]


def _pss(pid: int) -> int:
    """KiB of one process; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def rounds(root: Path, scratch: Path, juicer: str, count: int) -> dict[str, list[Outcome]]:
    """Corpus → outcomes by side; each round begins with another side."""
    sides = [*OURS, *(THEIRS if juicer else ())]
    found: dict[str, list[Outcome]] = {side: [] for side in sides}
    for number in range(count):
        for place in range(len(sides)):
            side = sides[(number + place) % len(sides)]
            run = scratch / f"{side.replace(', ', '-')}-{root.name}-{number}"
            fused = side.endswith("fused")
            found[side].append(run_omma(OURS[side], root, run) if side in OURS else run_juicer(juicer, fused, root, run))
    return found


def corrupted(found: list[Photograph], scratch: Path, juicer: str) -> list[str]:
    """500 rows of which one has a corrupt picture → lines of rows kept on both sides."""
    lines = []
    page = b"<!DOCTYPE html><title>404 Not Found</title>"
    for name, spoil in (("cut off", lambda data: data[: len(data) * 6 // 10]), ("a web page", lambda _: page)):
        root = scratch / name.replace(" ", "-")
        corrupt(root, found[:500], 250, spoil)
        for side, (one,) in rounds(root, scratch, juicer, 1).items():
            its = "its row among them" if "00250.jpg" in one.kept else "its row not among them"
            lines.append(f"{name:12}{side:20}{len(one.kept):>6} kept, {its} {one.said[:60]}".rstrip())
        ledger = RunFolder(scratch / f"omma-{root.name}-0/out").ledger
        row = next(row for row in ledger.entries("curate") if row.verdict == "error")
        lines.append(f"{'':12}omma's ledger: {row.sample_id}: {row.reason}")
    return lines


def table(found: dict[str, list[Outcome]], alone: dict[str, list[Outcome]], pictures: int) -> list[str]:
    """Outcomes → lines: medians of each side, and ratios of one round each."""
    lines = [f"{'':20}{'seconds':>10}{'of these start':>16}{'pictures/s':>12}{'peak MiB':>10}{'kept':>8}"]
    for side, runs in found.items():
        seconds, peak = (statistics.median(getattr(run, name) for run in runs) for name in ("seconds", "peak_mib"))
        start = statistics.median(run.seconds for run in alone[side])
        rate = pictures / seconds
        lines.append(f"{side:20}{seconds:>10.1f}{start:>16.1f}{rate:>12,.0f}{peak:>10,.0f}{len(runs[-1].kept):>8,}")
        lines += [f"{side} failed: {run.said}" for run in runs if run.said]
    if not set(THEIRS) & set(found):
        return [*lines, "no interpreter with Data-Juicer was given: nothing is compared"]
    for own, side in product(OURS, THEIRS):
        pairs = list(zip(found[own], found[side], strict=True))
        faster = statistics.median(theirs.seconds / ours.seconds for ours, theirs in pairs)
        leaner = statistics.median(ours.peak_mib / theirs.peak_mib for ours, theirs in pairs)
        speed, memory = ("holds" if held else "does NOT hold" for held in (faster >= FASTER, leaner <= LEANER))
        lines += [
            f"\n{own} beside {side}: {faster:.1f} times its pictures a second: at least {FASTER:g} {speed};",
            f"{leaner:.2f} times its peak memory: at most {LEANER:g} {memory}",
        ]
    return lines


def main() -> None:
    """Print the tables and keep them beside this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("real", type=Path)
    for name, value in (("juicer", ""), ("pictures", 3000), ("rounds", 3), ("folder", tempfile.gettempdir())):
        parser.add_argument(f"--{name}", type=type(value), default=value)
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    found = photographs(asked.real / "coco-ccby-dev")
    with tempfile.TemporaryDirectory(dir=asked.folder) as place:
        scratch = Path(place)
        mean = draw(scratch / "corpus", found, asked.pictures)
        draw(scratch / "one", found, 1)
        alone = rounds(scratch / "one", scratch, asked.juicer, 1)
        measured = rounds(scratch / "corpus", scratch, asked.juicer, asked.rounds)
        kept = corrupted(found + photographs(asked.real / "coco-small"), scratch, asked.juicer)
    text = "\n".join(
        [
            f"python benchmarks/curate_chain.py REAL --juicer PYTHON --pictures {asked.pictures} --rounds {asked.rounds}",
            f"{os.cpu_count()}-core {platform.machine()} CPU, {platform.system()}; {WORKERS} workers; load {load:.1f}",
            f"{asked.pictures:,} JPEGs 480 px wide, {mean / 1000:.0f} KB on average; medians of {asked.rounds} rounds\n",
            "omma | Data-Juicer",
            PAIRS,
            "",
            *table(measured, alone, asked.pictures),
            "\nrows kept of 500, one of whose pictures is corrupt",
            *kept,
        ]
    )
    print(text)
    write_text(RESULT, text + "\n")


if __name__ == "__main__":
    main()
