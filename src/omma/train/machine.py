"""Machine: (window, seconds, time split) → what a log line says of speed and memory."""

import resource
import sys
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import nn

from omma.train.flops import Work
from omma.train.window import Window

SECTIONS = ("data", "vision", "connector", "language", "loss", "backward", "optimizer", "communication")


class Machine:
    """What this device does with this module: rates, time split, memory, and MFU against its own best matrix product."""

    def __init__(self, module: nn.Module, device: torch.device, precision: str) -> None:
        self.work = Work(module)
        self.device, self.precision = device, precision

    def facts(self, window: Window, seconds: float, split: Mapping[str, float], ranks: int) -> dict[str, Any]:
        """Window over all ranks + this rank's clock → rates per second, share of time per section, MFU, memory in MiB."""
        seconds = max(seconds, 1e-9)
        rates = {f"{name}_per_s": round(window.counts[name] / seconds, 1) for name in ("tokens", "supervised", "pictures")}
        shares = {name: round(split.get(name, 0.0) / seconds, 4) for name in SECTIONS}
        best = best_flops(self.device, self.precision) * ranks
        return {
            "step_s": round(seconds / max(1, window.steps), 6),
            **rates,
            "split": shares | {"other": round(max(0.0, 1.0 - sum(shares.values())), 4)},
            "mfu": float(f"{self.work.flops(window.reading) / seconds / best:.4g}"),
            **memory(self.device),
        }


def memory(device: torch.device) -> dict[str, float]:
    """Device → peak resident memory of this process in MiB, and CUDA's own peak where there is one."""
    unit = 2**20 if sys.platform == "darwin" else 2**10  # macOS counts bytes, Linux KiB
    found = {"rss_peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)}
    if device.type == "cuda":
        found["cuda_peak_mib"] = round(torch.cuda.max_memory_allocated(device) / 2**20, 1)
    return found


@cache
def best_flops(device: torch.device, precision: str) -> float:
    """FLOP/s that a large square matrix product reaches here: the yardstick of MFU, measured once, on any device."""
    side = 8192 if device.type == "cuda" else 512
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    matrix = torch.ones(side, side, dtype=dtype, device=device)
    times: list[float] = []
    while len(times) < 2 or (len(times) < 6 and sum(times) < 0.1):
        _settle(device)
        begin = time.perf_counter()
        matrix @ matrix
        _settle(device)
        times.append(time.perf_counter() - begin)
    return 2.0 * side**3 / min(times)


def _settle(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
