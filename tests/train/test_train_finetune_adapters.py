"""Adapters of released models: begun from others, refused beside other bases, over experts; in few bits from loading on."""

import shutil
import weakref
from dataclasses import replace
from functools import partial

import pytest
import torch
from finetune_checks import apart, last_checkpoint, losses_of, over_base, stop_at
from safetensors.torch import load_file, save_file
from tiny_families import FAMILIES
from tiny_given import ADAPTED, STEPS, Given
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from omma.cli.find import find_recipe
from omma.cli.main import answer
from omma.core.errors import CheckpointError, ConfigError
from omma.train.adapters.files import write_adapter
from omma.train.adapters.lora import Lora
from omma.train.adapters.released import released
from omma.train.adapters.stored import StoredLinear
from omma.train.flops import Reading, Work
from omma.train.memory import size_of
from omma.weights.family import Vocabulary, family_for
from omma.weights.native import read_tensors, stored_tensors
from omma.weights.start import start_model

torch.set_num_threads(1)
ENDS = ("model.safetensors", "adapter/adapter_model.safetensors", "adapter-released/adapter_model.safetensors")


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Qwen3-VL-MoE, the family with the most kinds of matrices."""
    with pytest.MonkeyPatch.context() as patch:
        yield Given(FAMILIES["qwen3_vl_moe"], tmp_path_factory.mktemp("moe"), patch)


@pytest.fixture(scope="module")
def recipe(given):
    return find_recipe("finetune_lora", changes=given.changes(*ADAPTED))


def fit(recipe, adapter, module=None):
    module = start_model(recipe.model, recipe.weights, 0) if module is None else module
    return adapter.fit(module, (), where="stages.sft", seed=5)


def test_training_goes_on_from_an_adapter_of_another_run(given, recipe, tmp_path):
    start = last_checkpoint(given.adapted)
    for folder in (start, start / "adapter"):
        fitted = fit(recipe, replace(recipe.stages[0].adapter, start=str(folder)))
        stored = read_tensors(start / "adapter/adapter_model.safetensors")
        own = {f"base_model.model.{name}": tensor for name, tensor in fitted.file().tensors.items()}
        assert own.keys() == stored.keys() and all(torch.equal(own[name], stored[name]) for name in own)
    run = given.train("finetune_lora", tmp_path, *ADAPTED, f"stages.sft.adapter.start={start}")
    assert losses_of(run)[0] < 0.9 * losses_of(given.adapted)[0]


def test_an_adapter_that_does_not_fit_is_refused_with_its_reason(given, recipe, tmp_path, capsys):
    start, adapter = last_checkpoint(given.adapted), recipe.stages[0].adapter
    shutil.copytree(given.released, tmp_path / "other")
    moved = {name: tensor * 1.1 for name, tensor in load_file(given.released / "model.safetensors").items()}
    save_file(moved, tmp_path / "other/model.safetensors")
    changes = given.changes(*ADAPTED, f"run.folder={tmp_path / 'run'}", f"stages.sft.adapter.start={start}")
    changes[0] = f"weights.model={tmp_path / 'other'}"
    assert answer(["train", "finetune_lora", *changes]) != 0
    assert "an adapter for other frozen weights" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(CheckpointError, match="an adapter of another model: .*not adapter-released/"):
        fit(recipe, replace(adapter, start=str(start / "adapter-released")))
    with pytest.raises(CheckpointError, match=r"got alpha=32.*expected alpha=8|alpha=32, scaling=rank"):
        fit(recipe, replace(adapter, start=str(start), alpha=8.0))
    with pytest.raises(ConfigError, match=r"stages\.sft\.adapter\.start.*no adapter_config\.json"):
        fit(recipe, replace(adapter, start=str(tmp_path)))


def test_a_stopped_run_on_few_bits_from_another_adapter_goes_on_to_the_same_bits(given, tmp_path, monkeypatch):
    few = [*ADAPTED[:1], "stages.sft.adapter.base=nf4", "stages.sft.adapter.dropout=0.1"]
    first = given.train("finetune_lora", tmp_path / "first", *few)
    few.append(f"stages.sft.adapter.start={last_checkpoint(first)}")
    straight = given.train("finetune_lora", tmp_path / "straight", *few)
    stop_at(5, monkeypatch)
    assert answer(["train", "finetune_lora", *given.changes(*few, f"run.folder={tmp_path / 'stopped'}")]) == 130
    monkeypatch.undo()
    assert losses_of(given.train("finetune_lora", tmp_path / "stopped", *few)) == losses_of(straight)
    for file in ENDS:
        ends = [read_tensors(tmp_path / run / f"checkpoints/sft-{STEPS:08d}" / file) for run in ("straight", "stopped")]
        assert ends[0].keys() == ends[1].keys() and all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


class Held(TorchDispatchMode):
    """Counts the bytes of all storages that operators make while this is open: `now`, and the most at a time, `peak`."""

    def __init__(self):
        super().__init__()
        self.now, self.peak, self.known = 0, 0, set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor) and not tensor.is_meta:
                self.add(tensor.untyped_storage())
        return out

    def add(self, storage):
        key, size = storage._cdata, storage.nbytes()
        if key not in self.known:
            self.known.add(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self.drop, key, size)

    def drop(self, key, size):
        self.known.discard(key)
        self.now -= size


@pytest.mark.parametrize("base", ["nf4", "bf16"])
def test_a_base_in_few_bits_is_never_there_in_full(recipe, base):
    adapter = Lora(patterns={"*": 4}, base=base)
    with Held() as whole:
        full = start_model(recipe.model, recipe.weights, 0)
    with Held() as few:
        module = start_model(recipe.model, recipe.weights, 0, hold=partial(adapter.hold, trains=(), where="stages.sft"))
    largest = max(p.nbytes for p in full.parameters())
    assert whole.peak >= size_of(full) and size_of(module) < 0.75 * size_of(full)
    assert few.peak <= size_of(module) + 3 * largest  # a tensor of the file, its slices, what is made of them
    late, early = fit(recipe, adapter, full), fit(recipe, adapter, module)
    assert early.base == late.base and early.file().tensors.keys() == late.file().tensors.keys()
    with late.plain() as a, early.plain() as b:
        ours, theirs = stored_tensors(a), stored_tensors(b)
        assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    early.settle()
    assert not any(isinstance(part, StoredLinear) for part in module.modules())


def test_work_is_the_same_however_the_base_is_held(recipe):
    read = Reading(
        patch_steps=64.0, visual=16.0, tokens=100.0, supervised=50.0, patch_pairs=64.0**2, token_pairs=1e4, near_patch_pairs=0,
        near_token_pairs=0,
    )  # fmt: skip
    modules = [start_model(recipe.model, recipe.weights, 0) for _ in range(2)]
    for module, base in zip(modules, ("kept", "nf4"), strict=True):
        fit(recipe, Lora(base=base), module)
    assert Work(modules[0]).flops(read) == Work(modules[1]).flops(read)


def test_training_in_bf16_over_bf16_weights_lowers_the_loss(given, tmp_path):
    run = given.train("finetune_lora", tmp_path, *ADAPTED[:1], "stages.sft.precision=bf16", "weights.precision=bf16")
    losses = losses_of(run)
    assert min(losses[-3:]) < 0.9 * losses[0]
    assert {tensor.dtype for tensor in read_tensors(last_checkpoint(run) / "model.safetensors").values()} == {torch.bfloat16}


def test_experts_are_adapted_and_routers_move_whole_in_peft_as_in_ours(given, recipe, tmp_path):
    checkpoint = last_checkpoint(given.adapted)
    adapter = Lora(patterns={"*.experts.*.gate": 2, "*.experts.[01].down": 3, "*.experts.*.up": 1, "*query": 4}, alpha=6.0)
    pair = given.pair(checkpoint, given.theirs)
    module = start_model(recipe.model, recipe.weights, 0)
    fitted = adapter.fit(module, ("language.*.router.weight",), where="stages.sft", seed=0)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in fitted.trained.values():
            parameter.add_(0.2 * torch.randn_like(parameter))
    family, config = family_for(recipe.model, "vlm", Vocabulary(recipe.model.text.vocab_size))
    shapes = {name: tuple(tensor.shape) for name, tensor in stored_tensors(pair.module).items()}
    write_adapter(tmp_path / "adapter", released(fitted.file(), family.names(recipe.model, config), shapes))
    asked = given.asked(given.adapted)
    before = apart(given, replace(pair, module=start_model(recipe.model, recipe.weights, 0)), asked)
    theirs = over_base(given, given.released, tmp_path / "adapter").eval()
    assert apart(given, replace(pair, module=module.eval(), theirs=theirs), asked) < 2e-5
    assert before < 1e-5 and apart(given, replace(pair, module=module), asked) > 0.05


def test_a_router_has_no_linear_map_to_adapt(recipe):
    with pytest.raises(ConfigError, match=r"'language\.\*\.router' matches no linear map"):
        fit(recipe, Lora(patterns={"language.*.router": 4}))
