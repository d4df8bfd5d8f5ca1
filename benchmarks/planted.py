"""Planted flaws: what every operator finds of known faults among real photographs, and what it takes by mistake.

    python benchmarks/planted.py REAL [--seeds 3] [--workers 2] [--folder SCRATCH]

REAL holds `coco-ccby-dev` and `coco-small`, folders of photographs with a `captions.jsonl`. Each seed makes a corpus by
`planting.plant`; every operator runs alone behind `decode` through `curate`, so that none is helped by another, then all
together. Found: planted samples that went; of a copy and its original one is to go. Took: all samples that went; others
of them have another flaw of the same part (a placeholder is blurred, too), sound ones have none there: a wrong caption is no
fault of a picture, nor the other way round. Precision: the share of what it took that is not sound. Saves its table beside
this file.
"""

import argparse
import math
import os
import platform
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import PIL
import pyarrow.parquet as pq
from planting import COPIED, WORDS, Row, corrupt, photographs, plant

from omma.core.files import write_text
from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.operator import Operator
from omma.curate.operators.agreement import Agreement
from omma.curate.operators.alt_junk import AltJunk
from omma.curate.operators.aspect import Aspect
from omma.curate.operators.blank import Blank
from omma.curate.operators.blur import Blur
from omma.curate.operators.capitals import Capitals
from omma.curate.operators.caption import Caption
from omma.curate.operators.contamination import Contamination
from omma.curate.operators.crop_hash import CropHash
from omma.curate.operators.decode import Decode
from omma.curate.operators.entropy import Entropy
from omma.curate.operators.flagged_words import FlaggedWords
from omma.curate.operators.language import Language
from omma.curate.operators.letter_repetition import LetterRepetition
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.personal_data import PersonalData
from omma.curate.operators.picture_decontamination import PictureDecontamination
from omma.curate.operators.semantic_dedupe import SemanticDedupe
from omma.curate.operators.size import Size
from omma.curate.operators.special_share import SpecialShare
from omma.curate.operators.symbol_share import SymbolShare
from omma.curate.operators.text_density import TextDensity
from omma.curate.operators.word_repetition import WordRepetition
from omma.curate.readers.captions_jsonl import CaptionsJsonl

RESULT = Path(__file__).parent / "results" / "planted.txt"


@dataclass(slots=True)
class Tally:
    """What an operator did over all corpora: planted and found by flaw (and by kind of copy), took by what is wrong there."""

    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    took: Counter[str] = field(default_factory=Counter)
    scores: dict[str, list[float]] = field(default_factory=lambda: {"sound": [], "swapped": []})

    @property
    def precision(self) -> float:
        """Share of what went that is not sound; NaN where nothing went."""
        return 1 - self.took["sound"] / self.took.total() if self.took else math.nan


def trials(root: Path) -> list[tuple[Operator, tuple[str, ...]]]:
    """Operators with the flaws that each is for. Thresholds are the defaults, where a flaw has no bound of its own."""
    return [
        (Decode(), ("truncated",)),
        (PerceptualHash(), ("re-encoded",)),
        (CropHash(), tuple(COPIED)),
        (SemanticDedupe(), tuple(COPIED)),
        (PictureDecontamination(benchmarks=(str(root / "benchmark"),)), ("benchmark picture",)),
        (Agreement(), ("swapped caption",)),
        (Size(), ("tiny",)),
        (Aspect(), ("banner",)),
        (Blank(), ("placeholder",)),
        (Entropy(), ("placeholder",)),
        (Blur(), ("blurred",)),
        (TextDensity(max_share=0.3), ("page of text",)),
        (Caption(), ("no words",)),
        (AltJunk(), ("file name",)),
        (WordRepetition(), ("keywords",)),
        (LetterRepetition(), ("keywords",)),
        (SpecialShare(), ("marks",)),
        (SymbolShare(), ("hashtags",)),
        (Capitals(), ("capitals",)),
        (Language(), ("other language",)),
        (PersonalData(), ("e-mail address",)),
        (FlaggedWords(path=str(root / "flagged.txt")), ("flagged word",)),
        (Contamination(path=str(root / "benchmark.txt")), ("benchmark text",)),
    ]


def curated(root: Path, run: RunFolder, operators: Sequence[Operator], workers: int = 0) -> dict[str, str]:
    """Corpus + operators → uri of each row that went → the operator which took it. Every row has its line in the ledger."""
    data = Data(
        root=str(root),
        sources={"web": CaptionsJsonl()},
        operators=tuple(operators),
        max_errors=0.5,
        looks=str(run.path.parent / f"looks-{root.name}"),
    )
    curate(data, run, seed=0, workers=workers)
    entries = list(run.ledger.entries("curate"))
    lines = (root / "captions.jsonl").read_text(encoding="utf-8").splitlines()
    assert len({entry.sample_id for entry in entries}) == len(lines), f"{len(lines)} rows, {len(entries)} lines of ledger"
    uris = {entry.sample_id: entry.sample_id.removeprefix("web/").rpartition(":")[0] for entry in entries}
    return {uris[entry.sample_id]: entry.operator for entry in entries if entry.verdict in ("drop", "error")}


def count(tally: Tally, rows: list[Row], taken: set[str], flaws: Sequence[str]) -> None:
    """Add what was found in one corpus. A pair of copies counts as found where at least one of the two went."""
    paired = {row.original for row in rows if row.original and row.flaw in flaws}
    in_words = set(flaws) <= set(WORDS)
    for row in rows:
        if row.uri in taken:
            other = row.flaw and (row.flaw in WORDS) == in_words
            tally.took["right" if row.flaw in flaws or row.uri in paired else "other" if other else "sound"] += 1
        gone = row.uri in taken or row.original in taken
        for name in {row.flaw, f"{row.flaw}: {row.kind}" if row.kind else ""} - {""}:
            tally.planted[name] += 1
            tally.found[name] += gone


def fits(tally: Tally, rows: list[Row], run: RunFolder) -> None:
    """Add the scores of `agreement`, which say how far swapped captions lie below sound ones even where it abstains."""
    table = pq.read_table(run / "data/scores.parquet", columns=["id", "agreement"]).to_pylist()
    scores = {row["id"].removeprefix("web/").rpartition(":")[0]: row["agreement"] for row in table}
    for row in rows:
        if scores.get(row.uri) is not None and row.flaw in ("", "swapped caption"):
            tally.scores["swapped" if row.flaw else "sound"].append(scores[row.uri])


def below(swapped: Sequence[float], sound: Sequence[float]) -> float:
    """How often a swapped caption's score lies below a sound one's (area under the curve)."""
    ranks = np.sort(sound)
    return float(((np.searchsorted(ranks, swapped, "left") + np.searchsorted(ranks, swapped, "right")) / 2 / len(ranks)).mean())


def measure(real: Path, folder: Path, seeds: int, workers: int) -> tuple[dict[str, Tally], Tally, list[str]]:
    """Real photographs → tallies of every operator alone and of all together, and lines about the corpora."""
    found = photographs(real / "coco-ccby-dev") + photographs(real / "coco-small")
    alone: dict[str, Tally] = {}
    together, lines = Tally(), []
    for seed in range(seeds):
        root = folder / f"corpus{seed}"
        rows = plant(root, found, seed)
        parts = trials(root)
        for operator, flaws in parts:
            tally = alone.setdefault(operator.name, Tally())
            run = RunFolder(folder / f"run{seed}-{operator.name}")
            operators = [operator] if operator.name == "decode" else [Decode(), operator]
            gone = curated(root, run, operators, workers)
            count(tally, rows, {uri for uri, taker in gone.items() if taker == operator.name}, flaws)
            if operator.name == "agreement":
                fits(tally, rows, run)
        gone = curated(root, RunFolder(folder / f"run{seed}-all"), [operator for operator, _ in parts], workers)
        count(together, rows, set(gone), [row.flaw for row in rows if row.flaw])
        kinds = Counter(row.flaw for row in rows)
        lines.append(f"seed {seed}: {len(rows):,} rows of {len(found):,} photographs, {len(rows) - kinds['']:,} planted")
    return alone, together, lines


def one_in_500(real: Path, folder: Path, workers: int) -> list[str]:
    """500 rows, one of them cut off, then one a web page: what the ledger says."""
    found = (photographs(real / "coco-ccby-dev") + photographs(real / "coco-small"))[:500]
    page = b"<!DOCTYPE html><title>404 Not Found</title>"
    lines = []
    for name, spoil in (("cut off after 60%", lambda data: data[: len(data) * 6 // 10]), ("a web page", lambda _: page)):
        root = folder / name.replace(" ", "-")
        corrupt(root, found, 250, spoil)
        run = RunFolder(folder / f"run-{root.name}")
        curated(root, run, [Decode(), Size(), PerceptualHash(), Caption()], workers)
        rows = list(run.ledger.entries("curate"))
        words = Counter(row.verdict for row in rows)
        reason = next(row.reason for row in rows if row.verdict == "error")
        lines.append(f"{name}: {len(rows)} rows in the ledger, {words['keep']} kept, {words['error']} error ({reason})")
    return lines


def table(alone: dict[str, Tally], root: Path) -> list[str]:
    """Tallies → lines: every operator alone."""
    head = f"{'planted':>9}{'found':>7}{'recall':>9}{'took':>7}{'other':>7}{'sound':>7}{'precision':>11}"
    lines = [f"{'operator':24}{'for':20}{head}"]
    for operator, flaws in trials(root):
        tally = alone[operator.name]
        for flaw in flaws:
            planted, found = tally.planted[flaw], tally.found[flaw]
            took = f"{tally.took.total():>7}{tally.took['other']:>7}{tally.took['sound']:>7}"
            tail = f"{took}{tally.precision:>11.1%}".replace("nan%", "-") if flaw == flaws[0] else ""
            lines.append(f"{operator.name:24}{flaw:20}{planted:>9}{found:>7}{found / planted:>9.1%}{tail}")
    return lines


def kinds_table(alone: dict[str, Tally]) -> list[str]:
    """Tallies → lines: kinds of copies by operator."""
    names = ("perceptual_hash", "crop_hash", "semantic_dedupe")
    lines = [f"{'kind of copy':40}{'planted':>8}" + "".join(f"{name:>17}" for name in names)]
    for flaw, kinds in COPIED.items():
        for kind in kinds:
            key = f"{flaw}: {kind}"
            shares = "".join(f"{alone[name].found[key] / alone[name].planted[key]:>17.1%}" for name in names)
            lines.append(f"{key:40}{alone[names[0]].planted[key]:>8}{shares}")
    return lines


def claims(alone: dict[str, Tally], corrupted: list[str]) -> list[str]:
    """What must hold, and whether it does."""
    hashed, cropped = alone["perceptual_hash"], alone["crop_hash"]
    both = [cropped.found[flaw] / cropped.planted[flaw] for flaw in ("re-encoded", "cropped")]
    held = {
        "perceptual_hash finds 100% of re-encoded copies": hashed.found["re-encoded"] == hashed.planted["re-encoded"],
        "crop_hash finds at least 95% of crops and of re-encoded copies": min(both) >= 0.95,
        "both at a precision of at least 99%": min(hashed.precision, cropped.precision) >= 0.99,
        "one corrupt picture in 500 costs its row a picture, and no row": all(
            "500 rows" in line and "499 kept, 1 error" in line for line in corrupted
        ),
    }
    return [f"{claim}: {'holds' if holds else 'does NOT hold'}" for claim, holds in held.items()]


def report(alone: dict[str, Tally], together: Tally, corrupted: list[str], root: Path) -> list[str]:
    """All tables and claims as lines."""
    flawed = {flaw: planted for flaw, planted in together.planted.items() if ":" not in flaw}
    left = {flaw: planted - together.found[flaw] for flaw, planted in flawed.items() if together.found[flaw] < planted}
    scores = alone["agreement"].scores
    swaps, area = alone["agreement"].planted["swapped caption"], below(scores["swapped"], scores["sound"])
    return [
        "\neach operator alone, behind decode",
        *table(alone, root),
        f"\nagreement took {alone['agreement'].found['swapped caption']} of {swaps} swapped captions (none: it abstained);",
        f"their score lies below that of a sound one in {area:.1%} of pairs (50%: it tells nothing)\n",
        *kinds_table(alone),
        f"\nall operators, one after the other: {together.took.total():,} samples went, {together.took['sound']:,} of them sound;",
        f"of {sum(flawed.values()):,} planted flaws stay: " + (", ".join(f"{n} {flaw}" for flaw, n in left.items()) or "none"),
        "\none corrupt picture among 500",
        *corrupted,
        "",
        *claims(alone, corrupted),
    ]


def main() -> None:
    """Print the tables and keep them beside this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("real", type=Path)
    for name, value in (("seeds", 3), ("workers", 2), ("folder", tempfile.gettempdir())):
        parser.add_argument(f"--{name}", type=type(value), default=value)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as scratch:
        folder = Path(scratch)
        alone, together, corpora = measure(asked.real, folder, asked.seeds, asked.workers)
        corrupted = one_in_500(asked.real, folder, asked.workers)
        lines = report(alone, together, corrupted, folder / "corpus0")
    machine = f"{os.cpu_count()}-core {platform.machine()} CPU, {platform.system()}, Pillow {PIL.__version__}"
    text = "\n".join([f"python benchmarks/planted.py REAL --seeds {asked.seeds}", machine, *corpora, *lines])
    print(text)
    write_text(RESULT, text + "\n")


if __name__ == "__main__":
    main()
