"""What a row and a picture cost in curation: processor time of each operator, bytes on disk, growth of memory.

    python benchmarks/curate_costs.py REAL [--pictures 500] [--rows 9000] [--folder SCRATCH]

REAL holds `coco-ccby-dev`. Pictures are those of `curate_chain`, 480 px wide and 61 KB; many rows are captions of 300 of them,
each with a number, so that their pictures cost little. Every figure is of `curate` in one fresh process without workers:
processor seconds of a run with the operator less those of a run without it, twice, the lesser. Steps are shares of a profiled
run. Saves its table beside this file.
"""

import argparse
import cProfile
import json
import multiprocessing
import os
import platform
import pstats
import resource
import shutil
import tarfile
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from curate_chain import draw
from planting import photographs

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
from omma.curate.operators.caption import Caption
from omma.curate.operators.concept_limit import ConceptLimit
from omma.curate.operators.crop_hash import CropHash
from omma.curate.operators.decode import Decode
from omma.curate.operators.exact_hash import ExactHash
from omma.curate.operators.language import Language
from omma.curate.operators.letter_repetition import LetterRepetition
from omma.curate.operators.near_duplicate_text import NearDuplicateText
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.personal_data import PersonalData
from omma.curate.operators.semantic_dedupe import SemanticDedupe
from omma.curate.operators.size import Size
from omma.curate.operators.special_share import SpecialShare
from omma.curate.operators.text_density import TextDensity
from omma.curate.operators.word_repetition import WordRepetition
from omma.curate.readers.captions_jsonl import CaptionsJsonl
from omma.curate.sets.concepts import Concepts
from omma.media.tar_index import index_tar

RESULT = Path(__file__).parent / "results" / "curate_costs.txt"
FEW = 300  # pictures of the many rows
GROWING = (20_000, 80_000)  # rows, for the growth of memory: many shards of 4,096
KINDS = {
    "data/looks/pictures": "looks",
    "data/looks/scores": "kept scores of texts",
    "data/looks/sets": "kept scores of sets",
    "ledger": "ledger",
}
STEPS = {
    "read_all": "rows read and written as shards",
    "see_all": "pictures: names, bytes, hashes, headers",
    "attach_all": "facts joined to rows",
    "_judge": "six rules of text",
    "close": "manifests, scores and ledger, one process",
}
RULES = (Caption(), LetterRepetition(), WordRepetition(), SpecialShare(), AltJunk(), PersonalData())
OF_PICTURES: dict[str, tuple[Operator, ...]] = {
    "decode": (Decode(),),
    "decode, size, aspect": (Decode(), Size(), Aspect()),
    "perceptual_hash": (PerceptualHash(),),
    "decode, perceptual_hash": (Decode(), PerceptualHash()),
    "crop_hash": (CropHash(),),
    "semantic_dedupe (description)": (SemanticDedupe(),),
    "agreement": (Agreement(),),
    "blur": (Blur(),),
    "blank": (Blank(),),
    "text_density": (TextDensity(),),
}
OF_ROWS: dict[str, tuple[Operator, ...]] = {
    "six rules of text": RULES,
    "language": (Language(),),
    "exact_hash": (ExactHash(),),
    "near_duplicate_text": (NearDuplicateText(),),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: processor seconds, peak memory in MiB, bytes left by file."""

    seconds: float
    peak_mib: float
    left: dict[str, int]


def cost(root: Path, operators: Sequence[Operator], scratch: Path) -> Cost:
    """Corpus + operators → the run with less processor time of two, each in a fresh process."""
    context = multiprocessing.get_context("spawn")
    found = []
    for _ in range(2):
        with tempfile.TemporaryDirectory(dir=scratch) as folder, context.Pool(1) as pool:
            found.append(pool.apply(work, (root, tuple(operators), Path(folder))))
    return min(found, key=lambda one: one.seconds)


def work(root: Path, operators: tuple[Operator, ...], folder: Path) -> Cost:
    """Curate here."""
    begun = time.process_time()
    data = Data(root=str(root), sources={"web": CaptionsJsonl()}, operators=operators, max_errors=0.9)
    curate(data, RunFolder(folder), seed=0, workers=0)
    spent = time.process_time() - begun
    left: dict[str, int] = {}
    for file in folder.rglob("*.parquet"):
        if file.is_file():
            name = file.relative_to(folder).as_posix()
            kind = next((told for start, told in KINDS.items() if name.startswith(start)), name)
            left[kind] = left.get(kind, 0) + file.stat().st_size
    return Cost(spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, left)


def steps(root: Path, folder: Path) -> list[str]:
    """Corpus → lines of the share of processor time of each step of a run with the rules of text."""
    profile = cProfile.Profile(time.process_time)
    profile.runcall(work, root, RULES, folder)
    stats = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    found = {name: times[3] for (file, _, name), times in stats.items() if name in STEPS and "machine" in file}
    whole = max(times[3] for times in stats.values())
    return [f"{told:48}{found.get(name, 0) / whole:>8.0%}" for name, told in STEPS.items()]


def tar_rate(root: Path, folder: Path) -> float:
    """Corpus → members of a tar of its pictures indexed a second of processor time."""
    with tarfile.open(folder / "pictures.tar", "w") as tar:
        for file in sorted((root / "images").iterdir()):
            tar.add(file, file.name)
    begun = time.process_time()
    return len(index_tar(folder / "pictures.tar").spans) / (time.process_time() - begun)


def many(root: Path, corpus: Path, captions: list[str], count: int) -> None:
    """Corpus of pictures → a corpus of many rows about `FEW` of them."""
    (root / "images").mkdir(parents=True)
    random = np.random.default_rng(0)
    names = sorted(file.name for file in (corpus / "images").iterdir())[:FEW]
    for name in names:
        shutil.copyfile(corpus / "images" / name, root / "images" / name)
    words = [captions[int(i)] for i in random.integers(len(captions), size=count)]
    lines = (json.dumps({"image": f"images/{names[i % len(names)]}", "caption": f"{word} {i}"}) for i, word in enumerate(words))
    (root / "captions.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def table(root: Path, units: int, unit: str, chains: dict[str, tuple[Operator, ...]], scratch: Path) -> list[str]:
    """Lines of marginal costs for each of so many units."""
    bare = cost(root, (), scratch)
    lines = [f"{'':32}{f'ms a {unit}':>16}{f'{unit}s a second':>20}"]
    lines.append(f"{'read, hash, header, write':32}{1000 * bare.seconds / units:>16.3f}{units / bare.seconds:>20,.0f}")
    for name, operators in chains.items():
        more = max(cost(root, operators, scratch).seconds - bare.seconds, 1e-9)
        lines.append(f"{'+ ' + name:32}{1000 * more / units:>16.3f}{units / more:>20,.0f}")
    return lines


def main() -> None:
    """Print the tables and keep them beside this file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("real", type=Path)
    for name, value in (("pictures", 500), ("rows", 9000), ("folder", tempfile.gettempdir())):
        parser.add_argument(f"--{name}", type=type(value), default=value)
    asked = parser.parse_args()
    found = photographs(asked.real / "coco-ccby-dev")
    captions = [caption for photograph in found for caption in photograph.captions]
    with tempfile.TemporaryDirectory(dir=asked.folder) as place:
        scratch = Path(place)
        mean = draw(scratch / "pictures", found, asked.pictures)
        for count in (asked.rows, *GROWING):
            many(scratch / f"rows{count}", scratch / "pictures", captions, count)
        rows = scratch / f"rows{asked.rows}"
        of_pictures = table(scratch / "pictures", asked.pictures, "picture", OF_PICTURES, scratch)
        names = {word.strip(".,").casefold() for caption in captions for word in caption.split() if len(word) > 3}
        concepts = {f"concept_limit ({len(names):,} names)": (ConceptLimit(concepts=Concepts(names={name: () for name in names})),)}
        of_rows = table(rows, asked.rows, "row", OF_ROWS | concepts, scratch)
        fewer, more = (cost(scratch / f"rows{count}", (), scratch).peak_mib for count in GROWING)
        whole = cost(scratch / "pictures", (*RULES, Decode(), PerceptualHash(), CropHash()), scratch)
        (scratch / "profiled").mkdir()
        shares, tar = steps(rows, scratch / "profiled"), tar_rate(scratch / "pictures", scratch)
    growth = (more - fewer) * 2**20 / (GROWING[1] - GROWING[0])
    text = "\n".join(
        [
            "python benchmarks/curate_costs.py REAL",
            f"{os.cpu_count()}-core {platform.machine()} CPU, {platform.system()}; one process; processor time\n",
            f"{asked.pictures:,} rows, each with its own JPEG 480 px wide, {mean / 1000:.0f} KB on average",
            *of_pictures,
            f"\n{asked.rows:,} rows about {FEW} pictures",
            *of_rows,
            "\nsteps of a run with six rules of text, share of its processor time",
            *shares,
            f"\nindex of a tar: {tar:,.0f} members a second",
            "\nbytes on disk of a row with its own picture: six rules of text, decode, both hashes",
            *(f"{name:32}{size / asked.pictures:>16.0f}" for name, size in sorted(whole.left.items())),
            f"\npeak memory: {fewer:,.0f} MiB with {GROWING[0]:,} rows,"
            f" {more:,.0f} MiB with {GROWING[1]:,}: {growth:,.0f} bytes a row",
        ]
    )
    print(text)
    write_text(RESULT, text + "\n")


if __name__ == "__main__":
    main()
