"""Lora: frozen matrices W act as W + (alpha / rank) · B A (arXiv 2106.09685), by PEFT's layers. A starts uniform, B zero.

Chosen are linear maps by globs over their names; vocabulary heads and patch embeddings are never among them. What a
stage's `trains` name moves whole beside them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.core.seeds import derive
from omma.nn.patches import PatchEmbedding
from omma.train.adapters.adapter import Adapter, Fitted
from omma.train.adapters.files import CONFIG, FOLDER, AdapterFile, check_fits, read_adapter, write_adapter
from omma.train.adapters.stored import StoredLinear
from omma.train.audit import checksum
from omma.train.patterns import resolve

ADAPTER = "default"
TINY_RANK = 4


@config
class Lora(Adapter):
    """`patterns` give each linear map whose name a glob matches its rank, the first match counts.

    What B A adds is scaled by alpha / rank, or alpha / √rank (`scaling="sqrt"`, arXiv 2312.03732). `dropout` falls on the
    input of A. `base` is how the frozen matrices beside adapters are held: as they came, or in fewer bits from the moment
    they are read. `start` is a checkpoint (or its `adapter/`) whose factors are gone on with, beside the same base; empty:
    fresh ones.
    """

    patterns: dict[str, int] = {"language.*": 16}
    alpha: float = 32.0
    dropout: float = 0.0
    scaling: Literal["rank", "sqrt"] = "rank"
    base: Literal["kept", "bf16", "nf4"] = "kept"
    start: str = ""

    def check(self) -> None:
        if not self.patterns:
            raise ConfigError("Lora.patterns", "none", 'a rank for at least one glob over names: {"language.*": 16}')
        for pattern, rank in self.patterns.items():
            if rank < 1:
                raise ConfigError(f"Lora.patterns.{pattern}", str(rank), "a rank of at least 1")
        if not 0 <= self.dropout < 1:
            raise ConfigError("Lora.dropout", str(self.dropout), "0 ≤ share < 1")
        if self.alpha <= 0:
            raise ConfigError("Lora.alpha", str(self.alpha), "more than 0")

    @property
    def needs_trains(self) -> bool:
        return False

    def tiny(self) -> "Lora":
        """Ranks of at most 4, from fresh factors."""
        return replace(self, patterns={pattern: min(rank, TINY_RANK) for pattern, rank in self.patterns.items()}, start="")

    def ranks(self, module: nn.Module, *, where: str) -> dict[str, int]:
        """Module → rank by name of linear map. ConfigError for a glob that matches none, with the nearest names."""
        names = adaptable(module)
        resolve(self.patterns, names, where=where, what="linear map")
        matches = {name: [rank for glob, rank in self.patterns.items() if fnmatchcase(name, glob)] for name in names}
        return {name: ranks[0] for name, ranks in matches.items() if ranks}

    def hold(self, module: nn.Module, trains: tuple[str, ...], *, where: str) -> Mapping[str, Callable[[nn.Linear], nn.Module]]:
        if self.base == "kept":
            return {}
        ranks = self.ranks(module, where=f"{where}.adapter.patterns")
        _whole(module, trains, ranks, where=f"{where}.trains")
        return dict.fromkeys(ranks, partial(StoredLinear, store=self.base))

    def fit(self, module: nn.Module, trains: tuple[str, ...], *, where: str, seed: int) -> "FittedLora":
        ranks = self.ranks(module, where=f"{where}.adapter.patterns")
        whole = _whole(module, trains, ranks, where=f"{where}.trains")
        stored = _inject(module, self, ranks)
        for name in ranks:
            layer: Any = module.get_submodule(name)
            if name in stored:
                layer.base_layer = stored[name]
            elif self.base != "kept":
                layer.base_layer = StoredLinear(layer.base_layer, self.base)
            _start(layer, derive(seed, "lora", name))
        fitted = FittedLora(module, self, ranks, whole)
        if self.start and not next(module.parameters()).is_meta:
            fitted.go_on(Path(self.start), where=f"{where}.adapter.start")
        return fitted


class FittedLora(Fitted):
    """A module with adapters in it."""

    def __init__(self, module: nn.Module, cfg: Lora, ranks: Mapping[str, int], whole: dict[str, nn.Parameter]) -> None:
        self.cfg, self.ranks, self.whole = cfg, dict(ranks), whole
        self.layers: dict[str, Any] = {name: module.get_submodule(name) for name in ranks}
        small = {f"{name}.lora_{side}.weight": _factor(layer, side) for name, layer in self.layers.items() for side in "AB"}
        super().__init__(module, whole | small)
        for parameter in module.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None
        for parameter in self.trained.values():
            parameter.requires_grad_(True)
        still = {name: p for name, p in module.named_parameters() if not p.requires_grad} | dict(module.named_buffers())
        self.base = checksum(still)

    @contextmanager
    def plain(self) -> Iterator[nn.Module]:
        """Merged copies stand in for the adapted maps, on CPU where there is one: the frozen matrices keep their bits."""
        try:
            for name, layer in self.layers.items():
                self.module.set_submodule(name, _stand_in(_merged(layer), layer.base_layer.bias))
            yield self.module
        finally:
            for name, layer in self.layers.items():
                self.module.set_submodule(name, layer)

    def file(self) -> AdapterFile:
        """What moves, as PEFT would store it under our own names."""
        moved = {name: parameter.detach() for name, parameter in self.trained.items()}
        small = {name: tensor for name, tensor in moved.items() if name not in self.whole}
        whole = {name: tensor for name, tensor in moved.items() if name in self.whole}
        cfg = self.cfg
        return AdapterFile(self.ranks, cfg.alpha, cfg.dropout, cfg.scaling == "sqrt", small, whole, self.base)

    def save(self, folder: Path) -> None:
        write_adapter(folder / FOLDER, self.file())

    def go_on(self, folder: Path, *, where: str) -> None:
        """Take the factors of an adapter that was trained elsewhere. ConfigError, CheckpointError unless it fits this base."""
        folder = folder / FOLDER if (folder / FOLDER).is_dir() else folder
        if not (folder / CONFIG).is_file():
            raise ConfigError(where, f"no {CONFIG} in {folder}", f"a checkpoint folder with {FOLDER}/ in it, or that folder")
        self._take(folder)

    def restore(self, folder: Path) -> None:
        self._take(folder / FOLDER)

    def _take(self, folder: Path) -> None:
        given = read_adapter(folder)
        check_fits(given, self.file(), str(folder))
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(given.tensors[name])

    def settle(self) -> None:
        for name, layer in self.layers.items():
            base, weight = layer.base_layer, _merged(layer)
            if isinstance(base, StoredLinear):
                base = base.plain(weight)
            else:
                base.weight.data = weight
            self.module.set_submodule(name, base)
        del self.module.peft_config


def adaptable(module: nn.Module) -> dict[str, nn.Module]:
    """Module → its linear maps by name, without the vocabulary head and patch embeddings (convolutions elsewhere)."""
    head = module.get_submodule("language").head
    patches = {id(part.project) for part in module.modules() if isinstance(part, PatchEmbedding)}
    plain = {name: part for name, part in module.named_modules() if isinstance(part, nn.Linear | StoredLinear)}
    heads = {name for name, part in plain.items() if isinstance(part, nn.Linear) and part.weight is head}
    return {name: part for name, part in plain.items() if name not in heads and id(part) not in patches}


def _whole(module: nn.Module, trains: tuple[str, ...], ranks: Mapping[str, int], *, where: str) -> dict[str, nn.Parameter]:
    """What moves whole beside the adapters; ConfigError for a matrix that is to do both."""
    parameters = dict(module.named_parameters())
    names = resolve(trains, parameters, where=where)
    both = [name for name in names if name.rpartition(".")[0] in ranks]
    if both:
        got = f"{both[0]} and {len(both) - 1} more are adapted and named here"
        raise ConfigError(where, got, "what moves whole beside the adapters", 'none of them: (), or other parts: ("connector.*",)')
    return {name: parameters[name] for name in names}


def _inject(module: nn.Module, cfg: Lora, ranks: Mapping[str, int]) -> dict[str, StoredLinear]:
    """Put PEFT's layers in; → the maps that were in fewer bits already, in whose place each layer has a hollow one."""
    from peft import LoraConfig, inject_adapter_in_model  # noqa: PLC0415  (seconds that only stages with adapters pay)

    spread = dict.fromkeys(ranks.values())
    peft = LoraConfig(
        r=next(iter(spread)),
        lora_alpha=cfg.alpha,  # type: ignore[arg-type]
        lora_dropout=cfg.dropout,
        use_rslora=cfg.scaling == "sqrt",
        target_modules=list(ranks),
        rank_pattern=dict(ranks) if len(spread) > 1 else {},
    )
    stored = {name: part for name in ranks if isinstance(part := module.get_submodule(name), StoredLinear)}
    for name, part in stored.items():
        module.set_submodule(name, part.plain(torch.empty(part.out_features, part.in_features, device="meta")))
    inject_adapter_in_model(peft, module, adapter_name=ADAPTER, low_cpu_mem_usage=True)
    return stored


def _start(layer: Any, seed: int) -> None:
    """Fresh fp32 factors where the frozen matrix lies: A uniform within ±1/√fan-in, as Linear starts, and B zero."""
    base = layer.base_layer
    device = base.values.device if isinstance(base, StoredLinear) else base.weight.device
    for side in "AB":
        linear = getattr(layer, f"lora_{side}")[ADAPTER]
        values = torch.zeros(linear.weight.shape, device=device)
        if side == "A" and device.type != "meta":
            generator = torch.Generator().manual_seed(seed)
            values.copy_(torch.rand(values.shape, generator=generator).mul_(2).sub_(1).mul_(layer.in_features**-0.5))
        linear.weight = nn.Parameter(values)


def _factor(layer: Any, side: str) -> nn.Parameter:
    return getattr(layer, f"lora_{side}")[ADAPTER].weight


@torch.no_grad()
def _merged(layer: Any) -> Tensor:
    """Frozen matrix + what the adapter adds, in the precision that the matrix came in."""
    base = layer.base_layer
    dtype = base.dtype if isinstance(base, StoredLinear) else base.weight.dtype
    dense = base.dense(torch.float32) if isinstance(base, StoredLinear) else base.weight.detach().float()
    return (dense + layer.get_delta_weight(ADAPTER).float()).to(dtype)


def _stand_in(weight: Tensor, bias: nn.Parameter | None) -> nn.Module:
    """A module with just these tensors; merged copies of a large model on an accelerator wait in main memory."""
    held: Any = nn.Module()
    held.weight = nn.Parameter(weight.cpu() if weight.is_cuda else weight, requires_grad=False)
    held.bias = bias
    return held  # type: ignore[no-any-return]
