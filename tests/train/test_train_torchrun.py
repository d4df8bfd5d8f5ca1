"""`torchrun -m omma.cli.main train RECIPE`: two gloo processes take the same steps as one, from raw data to the last checkpoint."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file
from test_train_finetune import ADAPTED, changes
from tiny_released import save_released, save_samples

from omma.core.runs import RunFolder

SHORT = [
    "stages.sft.length.count=3", "stages.sft.micro_batches=2", "stages.sft.budget.bins_per_step=4", "data.holdout=0.3",
    "stages.sft.adapter.dropout=0.0",  # what it drops depends on the rank
]  # fmt: skip


def run(given, folder, processes):
    """The command as a person types it; gloo where there is no CUDA."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"] if processes > 1 else []
    command = [sys.executable, *launcher, "-m", "omma.cli.main", "train", "finetune_lora", *changes(given, *ADAPTED, *SHORT)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [*command, f"run.folder={folder}"], env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return RunFolder(Path(folder))


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path):
    save_released(tmp_path / "llava")
    save_samples(tmp_path / "data", count=6)
    one, two = (run(tmp_path, tmp_path / f"run{processes}", processes) for processes in (1, 2))
    for event, fields in (("step", ("tokens", "supervised", "pictures", "patches", "lr")), ("validation", ("supervised",))):
        alone, together = ([line for line in folder.log.read() if line["event"] == event] for folder in (one, two))
        assert [line["step"] for line in alone] == [line["step"] for line in together] and alone
        for a, b in zip(alone, together, strict=True):
            assert abs(a["loss"] - b["loss"]) <= 1e-5 * a["loss"], event
            assert all(a[name] == b[name] for name in fields)
    for file in ("model.safetensors", "adapter-released/adapter_model.safetensors"):
        a, b = (load_file(folder / "checkpoints/sft-00000003" / file) for folder in (one, two))
        assert a.keys() == b.keys()
        assert max(float((a[name] - b[name]).abs().max()) for name in a) <= 2e-4  # AdamW makes steps of rounding
