"""Steps of a run: the model before its first step stands on the run's device, whatever its weights come from."""

import importlib.util

import pytest
import torch

from omma.cli.job import Job
from omma.cli.part_clock import PartClock
from omma.cli.steps import fresh_model
from omma.core.config import override, show
from omma.core.runs import RunFolder
from omma.nn.init import init
from omma.train.parallel import World
from omma.weights.native import save_model


@pytest.fixture
def mine(desk):
    """The recipe of the folder."""
    spec = importlib.util.spec_from_file_location("lab_of_steps", desk / "lab.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.mine()


def begun(recipe, desk, device):
    run = RunFolder(desk / "run")
    return fresh_model(Job(recipe, run, World(0, 1, torch.device(device)), PartClock(run)))


@pytest.mark.parametrize("adapter", ["whole", "lora"])
@pytest.mark.parametrize("start", ["random", "folder"])
def test_a_fresh_model_is_made_on_the_device_of_the_run(start, adapter, mine, desk):
    if start == "folder":
        (desk / "saved").mkdir()
        save_model(desk / "saved", init(mine.model.build(), 1))
        (desk / "saved/config.yaml").write_text(show(mine))
        mine = override(mine, [f"weights.model={desk / 'saved'}"])
    if adapter == "lora":
        lora = "{class: omma.train.adapters.lora.Lora, patterns: {'language.*': 2}, base: bf16}"
        mine = override(mine, ["stages.align.trains=[]", f"stages.align.adapter={lora}"])
    for device in ("cpu", "meta"):
        module = begun(mine, desk, device)
        tensors = [*module.parameters(), *module.buffers()]
        assert tensors and {tensor.device.type for tensor in tensors} == {device}
