"""Optimizers: parity with torch's, groups and decay, state by name, messages for bad settings."""

import math

import pytest
import torch
from torch import nn

from omma.core.errors import CheckpointError, ConfigError
from omma.train.optimizers.adamw import AdamW
from omma.train.optimizers.muon import Muon, orthogonalise

torch.set_num_threads(1)


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 6)
        self.blocks = nn.ModuleList(nn.Linear(6, 6) for _ in range(3))
        self.wide, self.tall = nn.Linear(6, 17), nn.Linear(17, 6)
        self.norm = nn.LayerNorm(6)

    def forward(self, ids):
        x = self.embedding(ids)
        for block in self.blocks:
            x = x + block(x).tanh()
        return self.norm(self.tall(self.wide(x).relu()))


def toy(seed=0):
    torch.manual_seed(seed)
    return Toy()


def fill_gradients(module, seed):
    torch.manual_seed(seed)
    for parameter in module.parameters():
        parameter.grad = torch.randn_like(parameter)


MATRICES = ("blocks.*", "wide.*", "tall.*")


def test_adamw_equals_torch():
    ours, theirs = toy(), toy()
    updater = AdamW(lr=1e-2, weight_decay=0.1).build(dict(ours.named_parameters()))
    decayed = [p for p in theirs.parameters() if p.ndim > 1]
    plain = [p for p in theirs.parameters() if p.ndim < 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    for step in range(4):
        fill_gradients(ours, step)
        fill_gradients(theirs, step)
        updater.step(1.0)
        reference.step()
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)


def test_no_weight_decay_below_two_dimensions():
    module = toy()
    updater = AdamW(lr=1e-2, weight_decay=0.1).build(dict(module.named_parameters()))
    decay = {name: group["weight_decay"] for group in updater.groups for name in group["names"]}
    assert decay["norm.weight"] == decay["wide.bias"] == 0.0 and decay["wide.weight"] == decay["embedding.weight"] == 0.1


def test_rates_follow_groups_and_schedule():
    optimizer = AdamW(lr=1e-2, groups={"blocks.0.*": 0.0, "blocks.*": 0.1})
    module = toy()
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    updater = optimizer.build(dict(module.named_parameters()))
    fill_gradients(module, 0)
    updater.step(0.5)
    assert updater.rates == {"adamw": 5e-3, "adamw:blocks.0.*": 0.0, "adamw:blocks.*": 5e-4}
    moved = {name: float((p.detach() - before[name]).abs().max()) for name, p in module.named_parameters()}
    assert moved["blocks.0.weight"] == 0 and 4e-4 < moved["blocks.1.weight"] < 6e-4 and 4e-3 < moved["wide.weight"] < 6e-3


def test_muon_follows_torch_muon():
    """Theirs iterates in bf16, ours in fp32 on CPU: the same path within bf16's rounding."""
    ours, theirs = toy(), toy()
    updater = Muon(lr=0.02, weight_decay=0.1, matrices=MATRICES).build(dict(ours.named_parameters()))
    matrices = [p for name, p in theirs.named_parameters() if p.ndim == 2 and not name.startswith("embedding")]
    reference = torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=0.1)
    for step in range(3):
        fill_gradients(ours, step)
        fill_gradients(theirs, step)
        start = [p.detach().clone() for p in matrices]
        updater.step(1.0)
        reference.step()
    for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        if b in set(matrices):
            apart = (a - b).norm() / (b - start[[m is b for m in matrices].index(True)]).norm()
            assert apart < 0.15, name  # over three steps, relative to one step; measured worst 0.05


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 5, 12), (2, 12, 5)])
def test_orthogonalised_singular_values_are_near_one(shape):
    torch.manual_seed(1)
    matrices = torch.randn(shape) * 100
    result = orthogonalise(matrices)
    values = torch.linalg.svdvals(result)
    well = torch.linalg.svdvals(matrices) > 0.02 * matrices.norm(dim=(1, 2))[:, None]  # hopelessly small ones need more iterations
    assert values[well].min() > 0.4 and values.max() < 1.3
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    inner = torch.diagonal(u.mT @ result @ vh.mT, dim1=1, dim2=2)
    torch.testing.assert_close(inner, values.gather(1, inner.argsort(1, descending=True).argsort(1)), rtol=1e-3, atol=1e-3)


def test_one_batch_of_matrices_equals_one_by_one():
    torch.manual_seed(2)
    matrices = torch.randn(4, 6, 9)
    torch.testing.assert_close(orthogonalise(matrices), torch.cat([orthogonalise(m[None]) for m in matrices]), rtol=1e-4, atol=1e-5)


def test_muon_step_length_by_hand():
    """A first step of a matrix of rank r has norm lr · √r within the iteration's band, times √(rows/columns) if it is wide."""
    module = toy()
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    updater = Muon(lr=0.1, matrices=MATRICES).build(dict(module.named_parameters()))
    fill_gradients(module, 5)
    updater.step(1.0)
    length = {name: float((p.detach() - before[name]).norm()) for name, p in module.named_parameters()}
    assert 0.7 < length["tall.weight"] / (0.1 * math.sqrt(6)) < 1.2
    assert 0.7 < length["wide.weight"] / (0.1 * math.sqrt(6) * math.sqrt(17 / 6)) < 1.2


def test_muon_leaves_embeddings_norms_and_biases_to_adamw():
    module = toy()
    updater = Muon(matrices=("*",)).build({n: p for n, p in module.named_parameters() if not n.startswith("embedding")})
    kinds = {name: group["label"] for group in updater.groups for name in group["names"]}
    assert {kinds["blocks.0.weight"], kinds["tall.weight"]} == {"muon"} and {kinds["norm.weight"], kinds["wide.bias"]} == {"adamw"}
    kinds = {
        name: group["label"]
        for group in Muon(matrices=MATRICES).build(dict(module.named_parameters())).groups
        for name in group["names"]
    }
    assert kinds["embedding.weight"] == "adamw"


@pytest.mark.parametrize("optimizer", [AdamW(lr=1e-2), Muon(matrices=MATRICES)], ids=["adamw", "muon"])
def test_state_continues_bit_by_bit(optimizer):
    one, two = toy(), toy()
    first = optimizer.build(dict(one.named_parameters()))
    for step in range(3):
        fill_gradients(one, step)
        first.step(1.0)
    two.load_state_dict(one.state_dict())
    second = optimizer.build(dict(two.named_parameters()))
    second.load(first.state(), where="here")
    for step in range(3, 6):
        for module, updater in ((one, first), (two, second)):
            fill_gradients(module, step)
            updater.step(0.7)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert first.state().keys() == second.state().keys()
    assert all(torch.equal(value, second.state()[key]) for key, value in first.state().items())


def test_state_of_other_parameters_is_refused():
    module = toy()
    updater = AdamW().build(dict(module.named_parameters()))
    with pytest.raises(CheckpointError, match=r"other parameters: elsewhere.weight too many, .* more missing"):
        updater.load({"elsewhere.weight|exp_avg": torch.zeros(1)}, where="x.safetensors")


def test_bad_settings_are_told():
    with pytest.raises(ConfigError, match=r"AdamW.lr: -1"):
        AdamW(lr=-1.0)
    with pytest.raises(ConfigError, match=r"AdamW.betas: .*expected two numbers"):
        AdamW(betas=(0.9, 1.0))
    with pytest.raises(ConfigError, match=r"Muon.momentum: 1.0"):
        Muon(momentum=1.0)
    with pytest.raises(ConfigError, match=r"AdamW.groups.a: -1.0; expected a factor"):
        AdamW(groups={"a": -1.0})
    parameters = dict(toy().named_parameters())
    with pytest.raises(ConfigError, match=r"AdamW.groups: pattern 'block.\*' matches no parameter.*did you mean 'blocks.\*'"):
        AdamW(groups={"block.*": 0.1}).build(parameters)
    with pytest.raises(ConfigError, match=r"Muon.matrices: 'decoder.\*' match no trained matrix.*use AdamW"):
        Muon(matrices=("decoder.*",)).build(parameters)
