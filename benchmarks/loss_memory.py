"""Chunked next-token loss against full logits at a 150k vocabulary: peak memory and time of forward and backward.

Each side runs in a process of its own on the same states, head and labels; peak is its resident memory above what it
held just before the loss. `python benchmarks/loss_memory.py` prints a table and saves it beside this file.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import torch
from torch.nn.functional import cross_entropy

from omma.objective.next_token import NextToken
from omma.schema.batch import IGNORE, Batch, Pictures, Stream
from omma.schema.output import Output

VOCABULARY, WIDTH, TOKENS, SUPERVISED = 151_936, 128, 2_048, 0.5
RUNS = 3
MACHINE = "2-core x86-64 CPU, Linux"


def make() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hidden states, head and labels, half of them supervised."""
    torch.manual_seed(0)
    hidden = torch.randn(TOKENS, WIDTH).requires_grad_()
    head = (0.02 * torch.randn(VOCABULARY, WIDTH)).requires_grad_()
    labels = torch.randint(VOCABULARY, (TOKENS,))
    labels[torch.rand(TOKENS) > SUPERVISED] = IGNORE
    return hidden, head, labels


def chunked(hidden: torch.Tensor, head: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Our objective on one packed document."""
    none, origin = torch.zeros(0, dtype=torch.long), torch.arange(TOKENS)
    pictures = Pictures(torch.zeros(1, 3, dtype=torch.uint8), torch.ones(1, 3, dtype=torch.long))
    border = torch.tensor([0, TOKENS])
    batch = Batch(origin, origin[:, None], border, labels, pictures, none, none, ("a",), ("a",))
    stream = Stream(hidden, origin[:, None], border, torch.zeros_like(origin), origin)
    loss = NextToken()(Output(stream, head, hidden[:0]), batch)
    return loss.total / loss.weight


def full(hidden: torch.Tensor, head: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """All logits, then cross entropy over them, as a causal language model class does it."""
    return cross_entropy((hidden @ head.T).float(), labels, ignore_index=IGNORE)


def full_supervised(hidden: torch.Tensor, head: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Logits of supervised positions only, all at once."""
    index = labels != IGNORE
    return cross_entropy(hidden[index] @ head.T, labels[index])


SIDES = {"chunked": chunked, "full": full, "full_supervised": full_supervised}


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_side(name: str) -> None:
    """In a child process: run one side once and print what it took."""
    torch.set_num_threads(2)
    inputs = make()
    torch.mm(torch.ones(64, 64), torch.ones(64, 64))  # the library's own buffers are nobody's fault
    before, begin = peak(), time.perf_counter()
    loss = SIDES[name](*inputs)
    loss.backward()
    seconds, after = time.perf_counter() - begin, peak()
    checks = [float(loss.detach()), float(inputs[0].grad.norm()), float(inputs[1].grad.norm())]
    print(json.dumps({"mib": after - before, "seconds": seconds, "checks": checks}))


def measure(name: str) -> dict:
    output = subprocess.run([sys.executable, __file__, name], check=True, capture_output=True, text=True).stdout
    return json.loads(output)


def main() -> None:
    found: dict[str, list[dict]] = {name: [] for name in SIDES}
    for _ in range(RUNS):  # interleaved, so that a busy moment hits all sides
        for name in SIDES:
            found[name].append(measure(name))
    for side in found.values():
        for ours, theirs in zip(side[0]["checks"], found["full"][0]["checks"], strict=True):
            assert abs(ours / theirs - 1) < 1e-4, (side[0]["checks"], found["full"][0]["checks"])
    head_mib = VOCABULARY * WIDTH * 4 / 2**20
    lines = [
        "python benchmarks/loss_memory.py",
        f"next-token loss, forward and backward, fp32: {TOKENS:,} tokens, {SUPERVISED:.0%} supervised",
        f"vocabulary {VOCABULARY:,}, width {WIDTH}",
        f"median of {RUNS} runs, each in its own process; {MACHINE}; the head's own gradient is {head_mib:.0f} MiB on every side",
        "",
        f"{'side':18}{'peak MiB':>10}{'seconds':>10}{'memory ratio':>14}{'time ratio':>12}",
    ]
    ours = {key: median(run[key] for run in found["chunked"]) for key in ("mib", "seconds")}
    for name, runs in found.items():
        mib, seconds = (median(run[key] for run in runs) for key in ("mib", "seconds"))
        lines.append(f"{name:18}{mib:10.0f}{seconds:10.2f}{mib / ours['mib']:14.1f}{seconds / ours['seconds']:12.2f}")
    text = "\n".join(lines)
    print(text)
    (Path(__file__).parent / "results/loss_memory.txt").write_text(text + "\n")


if __name__ == "__main__":
    one_side(sys.argv[1]) if len(sys.argv) > 1 else main()
