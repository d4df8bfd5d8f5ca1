"""Does curation make better models, does order matter, and what is more data worth? Drawn scenes with planted flaws, small models.

Three studies at equal compute, each as a person would type it:
    quick     a filtered set against the same set raw (only broken files are left out)
    order     sets of low, middle and high quality: mixed, low to high, high to low
    scaling   both at five sizes

Captions that score are clean, drawn apart, with digits by other hands. One thread.

    python benchmarks/rank_data.py FOLDER [quick] [order] [scaling]
"""

import os
import platform
import re
import sys
from dataclasses import replace
from pathlib import Path

import torch

from omma.cli.main import answer
from omma.curate.operators.decode import Decode
from omma.pack.plan import Budget
from omma.recipe import Claims, Recipe
from omma.train.stage import Steps
from omma_recipes.runs.quickstart import quickstart

RESULT = Path(__file__).parent / "results" / "rank_data.txt"
STEPS, BUDGET = 400, Budget(tokens=512, patches=432, bins_per_step=1)
STUDIES = {
    "quick": ("rank-data {here}:fixed filtered={here}:filtered raw={here}:raw --seeds 4", "ranking"),
    "order": ("rank-data {here}:fixed low={here}:low middle={here}:middle high={here}:high --mode order --seeds 3", "ranking"),
    "scaling": ("scaling {here}:dirty --sizes 20,60,180,540,1620 --with decode --seeds 2", "curves"),
}


def scenes(pictures: int, flaws: float, seed: int, heldout: int = 1) -> Recipe:
    """A small model and the quickstart's operators on the captions of a world of so many pictures."""
    base = quickstart()
    sizes = {"width": 64, "heads": 4, "mlp_width": 192}
    encoder = replace(base.model.encoder, **sizes)
    language = replace(base.model.language, **sizes, depth=2, kv_heads=4, head_dim=16)
    world = replace(base.data.world[0], num_pictures=pictures, num_heldout=heldout, flaws=flaws, seed=seed)
    captions = [{"captions": readers["captions"]} for readers in (base.data.sources, base.data.heldout)]
    data = replace(base.data, world=(world,), sources=captions[0], heldout=captions[1], max_errors=0.9)
    stage = replace(base.stages[1], mixture={}, budget=BUDGET, length=Steps(count=STEPS))
    return replace(
        base,
        id="scenes",
        model=replace(base.model, encoder=encoder, language=language),
        data=data,
        stages=(stage,),
        suite=(replace(base.suite[1], limit=300, shown=0),),
        run=replace(base.run, threads=1, curate_workers=1, log_every=100),
        claims=Claims(),
    )


def unfiltered(recipe: Recipe) -> Recipe:
    """The same without any operator but the one that leaves out files that are no pictures."""
    return replace(recipe, data=replace(recipe.data, operators=(Decode(),)))


def fixed() -> Recipe:
    """Model, steps and clean questions."""
    return scenes(60, 0.0, seed=10, heldout=300)


def filtered() -> Recipe:
    """2,400 pictures, and for every eight of them one of each flaw; curated by all operators."""
    return scenes(2400, 0.125, seed=11)


def raw() -> Recipe:
    """The same, not curated."""
    return unfiltered(filtered())


def low() -> Recipe:
    """Three flaws of ten, not curated."""
    return unfiltered(scenes(1200, 0.3, seed=12))


def middle() -> Recipe:
    """One flaw of ten, not curated."""
    return unfiltered(scenes(1200, 0.1, seed=13))


def high() -> Recipe:
    """Few flaws, curated."""
    return scenes(1200, 0.02, seed=14)


def dirty() -> Recipe:
    """What `filtered` trains on, with clean questions."""
    return scenes(2400, 0.125, seed=11, heldout=300)


def main() -> None:
    """Run the studies that are named (or all), print their tables, and keep them beside this file."""
    folder, names = Path(sys.argv[1]), sys.argv[2:] or list(STUDIES)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    parts = read_parts()
    for name in names:
        words, file = STUDIES[name]
        typed = [*words.format(here=__file__).split(), f"run.folder={folder / name}"]
        if answer(typed):
            sys.exit(1)
        shown = " ".join(typed).replace(f"{Path(__file__).parent}/", "benchmarks/").replace(str(folder / name), f"runs/{name}")
        parts[name] = f"omma {shown}\n" + (folder / name / f"{file}.txt").read_text(encoding="utf-8")
    machine = f"{platform.machine()} CPU, {platform.system()}, torch {torch.__version__}, one thread, beside other work"
    head = f"python benchmarks/rank_data.py FOLDER\n{machine}; {STEPS} steps\n"
    RESULT.write_text(head + "".join(f"\n== {name}\n{parts[name]}" for name in STUDIES if name in parts), encoding="utf-8")


def read_parts() -> dict[str, str]:
    """What was measured before, by study, so that one can be run alone."""
    if not RESULT.exists():
        return {}
    found = re.split(r"\n== (\w+)\n", RESULT.read_text(encoding="utf-8"))[1:]
    return dict(zip(found[::2], found[1::2], strict=True))


if __name__ == "__main__":
    main()
