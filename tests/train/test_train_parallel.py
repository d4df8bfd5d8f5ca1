"""Ranks: two gloo processes take the same steps as one, also when one of them has no pictures."""

import json
import socket

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import launch, rank_life

from omma.core.errors import ConfigError
from omma.core.runs import RunFolder
from omma.nn.device import pick_device
from omma.train.gradients import Gradients
from omma.train.parallel import World, world

torch.set_num_threads(1)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run_ranks(folder, ranks, share):
    folder.mkdir()
    port = free_port()
    processes = [launch(rank_life, folder, share, rank, ranks, port, folder / "errors.txt") for rank in range(ranks)]
    for process in processes:
        process.join(timeout=90)
        assert process.exitcode == 0, (folder / "errors.txt").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("share", ["mixed", "apart"])
def test_two_ranks_equal_one(tmp_path, share):
    run_ranks(tmp_path / "one", 1, share)
    run_ranks(tmp_path / "two", 2, share)
    one, two = (load_file(tmp_path / name / "checkpoints/tiny-00000003/model.safetensors") for name in ("one", "two"))
    for name, value in one.items():
        torch.testing.assert_close(two[name], value, rtol=1e-4, atol=1e-5)
    logs = [[line for line in RunFolder(tmp_path / name).log.read() if line["event"] == "step"] for name in ("one", "two")]
    for a, b in zip(*logs, strict=True):
        assert abs(a["loss"] - b["loss"]) < 1e-6 and abs(a["grad_norm_max"] - b["grad_norm_max"]) < 1e-5
        assert all(a[name] == b[name] for name in ("tokens", "supervised", "step", "lr"))
    gradients = [json.loads((tmp_path / name / "gradients.json").read_text()) for name in ("one", "two")]
    assert max(abs(x - y) for x, y in zip(*gradients, strict=True)) < 1e-6


def test_a_single_process_is_a_world_of_one():
    with world("cpu") as alone:
        assert (alone.rank, alone.size, alone.leads) == (0, 1, True)
        assert alone.gather("x") == ["x"] and float(alone.sum_(torch.tensor(2.0))) == 2.0


def test_half_a_torchrun_environment_is_told(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match=r"WORLD_SIZE=2 without RANK, LOCAL_RANK.*start with torchrun"), world("cpu"):
        pass


@pytest.mark.skipif(torch.cuda.is_available(), reason="only where CUDA is absent")
def test_absent_cuda_is_told():
    assert pick_device("auto") == "cpu"
    with pytest.raises(ConfigError, match=r"run.device: cuda, but this machine has none"):
        pick_device("cuda")


def test_flat_gradients_clip_as_a_whole():
    a, b = (torch.nn.Parameter(torch.zeros(n)) for n in (2, 3))
    gradients = Gradients([a, b])
    (a.sum() * 3 + (b * torch.tensor([0.0, 4.0, 0.0])).sum()).backward()
    norm = float(gradients.norm())
    assert norm == pytest.approx((9 + 9 + 16) ** 0.5)
    gradients.clip(norm, 0.0)
    assert a.grad.tolist() == [3, 3]
    gradients.clip(norm, norm / 2)
    assert a.grad.tolist() == [1.5, 1.5] and b.grad.tolist() == pytest.approx([0, 2, 0])
    gradients.reduce(World(0, 1, torch.device("cpu")))
    gradients.zero()
    assert a.grad.tolist() == [0, 0]
