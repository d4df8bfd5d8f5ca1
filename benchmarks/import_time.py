"""How long does opening a released checkpoint take, against reading its bytes, and how much memory? And importing it?

Writes a random LLaVA checkpoint of about the asked size, in shards, with a trained tokenizer. Then, each in processes of its own:

    read      the bytes of its weights, file by file, all kept
    open      as a module of omma: config, tokenizer, names, every tensor in its place
    copy      its files by `cp`
    import    as a checkpoint folder of omma, which like `cp` leaves it to the system when the bytes reach the disk
    synced    the same, and then brought to the disk

A round runs each of them once, with the files in the page cache and nothing waiting to be written. Seconds are medians of
rounds, ratios medians of the rounds' own ratios, so that a load that comes and goes meets both sides. Memory is the peak of
the process beyond what it held before (VmHWM of /proc/self/status, set back at the beginning: Linux only).

    python benchmarks/import_time.py --size 2.0
    python benchmarks/import_time.py --size 0.05 --rounds 3 --results small.txt
"""

import argparse
import json
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from omma.core.files import write_text
from omma.media.views.fixed import Fixed
from omma.model.connectors.mlp import Mlp
from omma.model.slots import built_on_meta
from omma.model.vlm import Vlm
from omma.pack.chat import Chat
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.weights.family import Vocabulary, family_for
from omma.weights.imported import import_checkpoint
from omma.weights.native import stored_tensors
from omma.weights.shards import open_shards, write_shards
from omma.weights.source import open_source
from omma.weights.start import Weights, start_model
from omma.weights.wording import write_wording
from omma_recipes.parts.language import QWEN2_7B
from omma_recipes.parts.vision import CLIP_L_336

TIMES, MEMORY = 1.2, 1.1  # what is claimed: of the time of reading, of the size of the checkpoint
SHARD = 5 * 10**8  # bytes
RESULTS = Path(__file__).with_name("results") / "import_time.txt"


def main() -> None:
    """Print one table and what it says of the claims, and save both; exit code 1 if a claim does not hold."""
    arguments = parse()
    if arguments.task:
        print(json.dumps(timed(TASKS[arguments.task], Path(arguments.folder))))
        return
    with tempfile.TemporaryDirectory(dir=arguments.place) as place:
        folder = Path(place) / "released"
        size = make(folder, arguments.size * 1e9)
        load = os.getloadavg()[0]
        rounds = [{task: measure(task, folder) for task in TASKS} for _ in range(arguments.rounds + 1)]
    found = medians(rounds[1:])  # the first brought the files into the page cache
    lines, held = judged(found, size)
    text = "\n".join([*header(arguments, size, load), *table(found, size), "", *lines])
    print(text)
    write_text(Path(arguments.results), text + "\n")
    sys.exit(0 if held else 1)


def medians(rounds: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Rounds → per task its seconds, its peak, and its time in that of reading and of copying in the same round."""
    for one in rounds:
        for task in one:
            one[task] |= {base: one[task]["seconds"] / one[base]["seconds"] for base in ("read", "copy")}
    return {task: {key: statistics.median(one[task][key] for one in rounds) for key in rounds[0][task]} for task in TASKS}


def header(arguments: argparse.Namespace, size: int, load: float) -> list[str]:
    """What was run, and on what."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = f"{os.cpu_count()}-core {platform.machine()} CPU, {platform.system()}, torch {torch.__version__}"
    threads = f"{torch.get_num_threads()} thread(s), {len(os.sched_getaffinity(0))} core(s) allowed"
    return [
        f"python benchmarks/import_time.py --size {arguments.size} --rounds {arguments.rounds}",
        f"{machine}, {threads}, {memory:.0f} GiB of memory; files in the page cache",
        f"{size / 1e9:.3f} GB in bf16, medians of {arguments.rounds} rounds; load of the machine before {load:.2f}",
        "",
    ]


def table(found: dict[str, dict[str, float]], size: int) -> list[str]:
    """One line per task."""
    lines = [f"{'task':<8}{'seconds':>10}{'of reading':>12}{'of copying':>12}{'peak memory of size':>21}"]
    for task, one in found.items():
        ratios = [f"{one[base]:>12.2f}" for base in ("read", "copy")]
        memory = "-" if math.isnan(one["peak"]) else f"{one['peak'] / size:.2f}"
        lines.append(f"{task:<8}{one['seconds']:>10.3f}{''.join(ratios)}{memory:>21}")
    return lines


def judged(found: dict[str, dict[str, float]], size: int) -> tuple[list[str], bool]:
    """What the figures say of each claim, and whether all hold."""
    claims = [
        (f"open takes ≤ {TIMES} × reading", found["open"]["read"] <= TIMES),
        (f"open holds ≤ {MEMORY} × the size in memory", found["open"]["peak"] <= MEMORY * size),
        (f"import takes ≤ {TIMES} × reading", found["import"]["read"] <= TIMES),
        (f"import holds ≤ {MEMORY} × the size in memory", found["import"]["peak"] <= MEMORY * size),
    ]
    lines = [f"{claim}: {'holds' if held else 'does NOT hold'}" for claim, held in claims]
    if found["import"]["read"] > TIMES:
        lines.append(f"cp alone, which reads and writes the same bytes, takes {found['copy']['read']:.2f} × reading.")
    return lines, all(held for _, held in claims)


def read(folder: Path) -> object:
    """The bytes of all files of weights, kept."""
    return [file.read_bytes() for file in sorted(folder.glob("*.safetensors"))]


def opened(folder: Path) -> object:
    """A module in the stored precision."""
    model = open_source(folder).model
    return start_model(model, Weights(model=str(folder), precision="stored"), seed=0)


def copied(folder: Path) -> object:
    """The files of weights beside the released folder."""
    target = folder.with_name("imported")
    target.mkdir()
    subprocess.run(["cp", *sorted(folder.glob("*.safetensors")), target], check=True)
    return target


def imported(folder: Path) -> object:
    """A checkpoint folder beside the released one."""
    return import_checkpoint(open_source(folder), folder.with_name("imported"))


def synced(folder: Path) -> object:
    """The same, every file of it on the disk."""
    imported(folder)
    for file in sorted(folder.with_name("imported").rglob("*.*")):
        with file.open("rb") as handle:
            os.fsync(handle.fileno())
    return None


TASKS: dict[str, Callable[[Path], object]] = {
    "read": read, "open": opened, "copy": copied, "import": imported, "synced": synced,
}  # fmt: skip


def timed(task: Callable[[Path], object], folder: Path) -> dict[str, float]:
    """Seconds of a task and the memory it took beyond what the process held, in bytes. Libraries are loaded before."""
    open_source(folder)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is set back to what is held now
    before, begun = peak(), time.perf_counter()
    kept = task(folder)
    seconds = time.perf_counter() - begun
    most = peak()
    del kept
    return {"seconds": seconds, "peak": math.nan if task is copied else most - before}  # cp holds what it holds elsewhere


def peak() -> float:
    """The most memory that this process has held since it was set back, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def measure(task: str, folder: Path) -> dict[str, float]:
    """One round of a task in a fresh process."""
    shutil.rmtree(folder.with_name("imported"), ignore_errors=True)
    os.sync()
    command = [sys.executable, __file__, "--task", task, "--folder", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def make(folder: Path, size: float) -> int:
    """Write a random released LLaVA of about `size` bytes in bf16 → its real size."""
    small = size < 1e9
    tower = replace(CLIP_L_336, depth=4, width=256, heads=4, mlp_width=1024) if small else CLIP_L_336
    narrow = replace(QWEN2_7B, width=256, heads=4, kv_heads=2, head_dim=64, mlp_width=1024)
    language = narrow if small else replace(QWEN2_7B, width=1536, heads=12, kv_heads=2, mlp_width=8960)
    text = Chat(tokenizer=TrainedBpe(vocab_size=4096 if small else 32_000))
    model = Vlm(view=Fixed(size=336), encoder=tower, connector=Mlp(), language=replace(language, depth=1), text=text)
    one, two = (num_bytes(replace(model, language=replace(language, depth=depth))) for depth in (1, 2))
    model = replace(model, language=replace(language, depth=max(1, round((size - one) / (two - one)) + 1)))
    codec = text.fit((), folder / "words")
    family, config = family_for(model, "vlm", Vocabulary(text.vocab_size, codec.image_id))
    theirs = family.names(model, config).to_theirs(stored_tensors(built_on_meta(model.build)))
    tensors = {name: tensor.to(torch.bfloat16) for name, tensor in theirs.items()}
    write_shards(folder, tensors, lambda name: torch.randn(tensors[name].shape).bfloat16(), shard_bytes=SHARD)
    write_wording(folder, codec)
    write_text(folder / "config.json", json.dumps(config))
    return open_shards(folder).num_bytes


def num_bytes(model: Vlm) -> int:
    """Bytes of a model's tensors in bf16."""
    return sum(2 * tensor.numel() for tensor in stored_tensors(built_on_meta(model.build)).values())


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=float, default=2.0, help="GB of the checkpoint")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--place", help="where to write it (default: the system's folder for temporary files)")
    parser.add_argument("--results", default=str(RESULTS), help="the text file that the table is saved to")
    parser.add_argument("--task", choices=sorted(TASKS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
