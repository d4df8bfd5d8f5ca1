"""curate: raw folder → train and held-out manifests, scores, and a ledger row for every sample.

draw (worlds) → read → see what rows show → split → operators in order → write. Rows lie in shards on disk, and every
step's shards under a key of all that they depend on (`machine/`): after a kill the same call continues and writes the same
bytes as if nothing had happened, and memory holds a few bytes a row.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from omma.core.config import show
from omma.core.errors import DataError
from omma.core.files import inside, write_text
from omma.core.progress import say
from omma.core.runs import ANNEX, RunFolder
from omma.curate.data import Data
from omma.curate.joining import join_turns
from omma.curate.machine.alone import alone
from omma.curate.machine.closing import close, write_ledger
from omma.curate.machine.course import take_course
from omma.curate.machine.engine import Engine, Pool
from omma.curate.machine.site import Site
from omma.curate.machine.summary import Tally, summarise
from omma.schema.manifest import read_manifest
from omma.schema.sample import Sample

POOL = Pool()


def curate(data: Data, run: RunFolder, *, seed: int, workers: int, engine: Engine = POOL) -> None:
    """Data config → `data/*.parquet`, the ledger's `curate` rows and `done/curate.json` in the run folder.

    `workers` below 2 works in this process; any number and any engine give the same bytes. `seed` chooses the report's
    examples and the order of joined turns.
    DataError if there is nothing to read, or if more rows fail than `data.max_errors` allows (the ledger then names them);
    CheckpointError if another process curates into the folder.
    """
    run = RunFolder(run.path.absolute())
    with alone(run / "work"):
        _curate(data, run, seed, workers, engine)


def conversations(data: Data, train: Sequence[Sample], seed: int) -> list[Sample]:
    """Curated training samples → what is trained on: single questions joined as `data.turns` says."""
    return join_turns(train, data.turns, seed).samples


def raw_folder(data: Data, run: RunFolder) -> Path:
    """The data root; drawn worlds are drawn into the run's `raw/` unless they stand there already."""
    if not data.world:
        return Path(data.root)
    root = run / "raw"
    root.mkdir(parents=True, exist_ok=True)
    for world in data.world:
        folder = inside(root, world.folder)
        mark = folder / "world.yaml"  # written last: without it, drawing was interrupted
        if mark.is_file() and mark.read_text(encoding="utf-8") == show(world):
            continue
        shutil.rmtree(folder, ignore_errors=True)
        world.draw(root)
        write_text(mark, show(world))
    return root


def _curate(data: Data, run: RunFolder, seed: int, workers: int, engine: Engine) -> None:
    looks = Path(data.looks) if data.looks else run / "data/looks"
    root = raw_folder(data, run)
    with engine.crew(workers) as crew, engine.crew(engine.models) as askers:
        site = Site(root, run / "work", looks, run / ANNEX, engine, workers, crew, askers)
        history = take_course(data, site, lambda stopped: write_ledger(stopped, data.operators, run))
    tally = Tally()
    for part in close(history, data.operators, run):
        tally.add(part)
    if not tally.kept:
        fix = "see the ledger, or loosen the operators' thresholds"
        raise DataError("curate", f"none of {history.seen:,} samples is left to train on", "at least one", fix)
    joined = _join(data, run, seed)
    run.finish("curate", **summarise(tally, history, data.operators, run, site.root, seed))
    shutil.rmtree(site.work)
    told = f" in {tally.kept - joined:,} conversations" if joined else ""
    say(f"curated {history.seen:,} samples: {tally.kept:,} to train on{told}, {tally.heldout:,} held out")


def _join(data: Data, run: RunFolder, seed: int) -> int:
    """The ledger's rows of samples that become turns of others, and how many they are. The manifest keeps them single."""
    with run.ledger.step("join") as book:
        if data.turns <= 1:
            return 0
        joined = join_turns(read_manifest(run / "data/train.parquet"), data.turns, seed)
        book.extend(joined.entries)
    return len(joined.entries)
