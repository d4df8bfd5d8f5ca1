"""Curates a dirty root: `faulty_job.py FOLDER RUN WORKERS watch|plain`. Watched, it says what it opens elsewhere."""

import os
import sys
import sysconfig
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from omma.core.runs import RunFolder
from omma.curate.data import Data
from omma.curate.job import curate
from omma.curate.machine.engine import Pool
from omma.curate.operators.alt_junk import AltJunk
from omma.curate.operators.blank import Blank
from omma.curate.operators.blur import Blur
from omma.curate.operators.caption import Caption
from omma.curate.operators.decode import Decode
from omma.curate.operators.entropy import Entropy
from omma.curate.operators.exact_hash import ExactHash
from omma.curate.operators.language import Language
from omma.curate.operators.near_duplicate_text import NearDuplicateText
from omma.curate.operators.perceptual_hash import PerceptualHash
from omma.curate.operators.size import Size
from omma.curate.rewriters.mask_personal_data import MaskPersonalData
from tests.curate.dirty_root import readers

OPERATORS = (
    Decode(),
    Size(min_side=8),
    Blank(),
    Blur(min_variance=0.0),
    Entropy(min_bits=0.0),
    Caption(),
    AltJunk(),
    Language(),
    MaskPersonalData(),
    NearDuplicateText(min_similarity=0.99),
    ExactHash(),
    PerceptualHash(),
)
READS = ("open", "os.listdir", "os.scandir")
CHANGES = (
    "os.mkdir",
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
    "os.utime",
    "shutil.rmtree",
)
NEVER = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "socket.getaddrinfo")


def data_of(root: Path, *operators: object) -> Data:
    """The recipe: every reader, many operators, any number of errors."""
    return Data(root=str(root), sources=readers(), operators=operators or OPERATORS, holdout=0.2, max_errors=1e6)


def work(folder: Path, run: Path, workers: int, pool: Pool) -> None:
    """Curates `folder/root` into `run`."""
    curate(data_of(folder / "root"), RunFolder(run), seed=0, workers=workers, engine=pool)


def watch(folder: Path, run: Path) -> None:
    """From now on names what is opened beyond the root, the run and Python's own files, or changed beyond the run."""
    own = [*(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib")), sys.prefix, sys.base_prefix]
    own += [str(Path(__file__).parents[2] / "src"), "/proc", "/sys", "/dev/null", "/etc/localtime", "/usr/share/zoneinfo"]
    read = tuple(os.path.realpath(place) for place in (folder / "root", run, *own))
    write = (os.path.realpath(run), "/dev/null")

    def told(event: str, given: tuple[object, ...]) -> None:
        if event in NEVER:
            print("FAULT", event, given, flush=True)
        if event not in READS + CHANGES or not given or not isinstance(given[0], str | bytes | os.PathLike):
            return
        if not os.path.isabs(os.fsdecode(given[0])):
            return  # below a folder that is being removed as a whole, of which another event tells
        path = os.path.realpath(os.fsdecode(given[0]))
        changes = event in CHANGES or (event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR))
        if not path.startswith(write if changes else read):
            print("FAULT", event, path, flush=True)

    sys.addaudithook(told)


if __name__ == "__main__":
    place, target = Path(sys.argv[1]), Path(sys.argv[2])
    if sys.argv[4] == "watch":
        watch(place, target)
    work(place, target, int(sys.argv[3]), Pool(rows=7, pictures=5))
    status = Path("/proc/self/status").read_text()  # ru_maxrss would tell of the process that began this one
    print("PEAK", next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")))
