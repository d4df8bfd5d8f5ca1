"""Files: an adapter ↔ a folder in PEFT's own format: adapter_config.json and adapter_model.safetensors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from omma.core.errors import CheckpointError

FOLDER = "adapter"  # in a checkpoint, under our own names
CONFIG, TENSORS, PREFIX, BASE = "adapter_config.json", "adapter_model.safetensors", "base_model.model.", "base"


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """One adapter. `ranks` by name of linear map; `small` holds `NAME.lora_A.weight` (R, E) and `NAME.lora_B.weight` (D, R).

    `whole` are tensors that moved without an adapter. `base` is a checksum of what stood still, `path` where others find it.
    `stacks` give the tensors (experts, out, in) that others adapt as a whole, in the order of their module, one rank.
    """

    ranks: Mapping[str, int]
    alpha: float
    dropout: float
    by_root: bool
    small: Mapping[str, Tensor]
    whole: Mapping[str, Tensor]
    base: str
    path: str = ""
    stacks: Mapping[str, int] = field(default_factory=dict)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Everything that moved."""
        return {**self.small, **self.whole}

    def scale(self, rank: int) -> float:
        """What B A is multiplied by at this rank."""
        return self.alpha / (rank**0.5 if self.by_root else rank)


def write_adapter(folder: Path, adapter: AdapterFile) -> None:
    """Adapter → `folder`, readable by `peft.PeftModel.from_pretrained` on a model whose modules have these names."""
    from peft import LoraConfig  # noqa: PLC0415  (seconds that only stages with adapters pay)

    folder.mkdir(parents=True, exist_ok=True)
    most = max((adapter.stacks or adapter.ranks).values())
    LoraConfig(
        r=most,
        lora_alpha=adapter.alpha,  # type: ignore[arg-type]
        lora_dropout=0.0 if adapter.stacks else adapter.dropout,  # PEFT has none for stacks
        use_rslora=adapter.by_root,
        target_modules=sorted(adapter.ranks),
        target_parameters=sorted(adapter.stacks) or None,
        rank_pattern={name: rank for name, rank in adapter.ranks.items() if rank != most},
        modules_to_save=sorted({name.rpartition(".")[0] for name in adapter.whole}) or None,
        base_model_name_or_path=adapter.path or None,
        inference_mode=True,
    ).save_pretrained(str(folder))
    tensors = {PREFIX + name: value.contiguous() for name, value in adapter.tensors.items()}
    save_file(tensors, folder / TENSORS, metadata={"format": "pt", BASE: adapter.base})


def read_adapter(folder: Path) -> AdapterFile:
    """Inverse of `write_adapter`. CheckpointError for a folder that is missing, damaged, or not written by omma."""
    file, said = folder / TENSORS, folder / CONFIG
    if not (file.is_file() and said.is_file()):
        raise CheckpointError(str(folder), f"no {CONFIG} with {TENSORS}", "an adapter", "delete the checkpoint")
    try:
        cfg = json.loads(said.read_text(encoding="utf-8"))
        with safe_open(file, framework="pt") as opened:
            base = (opened.metadata() or {}).get(BASE, "")
            given = {name.removeprefix(PREFIX): opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (no mapping)
        ranks = {name: int(cfg["rank_pattern"].get(name, cfg["r"])) for name in cfg["target_modules"]}
        settings = float(cfg["lora_alpha"]), float(cfg["lora_dropout"]), bool(cfg["use_rslora"])
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        fix = "take an older checkpoint"
        raise CheckpointError(str(folder), f"damaged, or no adapter of omma's ({error})", "", fix) from None
    small = {name: tensor for name, tensor in given.items() if name.rsplit(".", 2)[1] in ("lora_A", "lora_B")}
    whole = {name: tensor for name, tensor in given.items() if name not in small}
    return AdapterFile(ranks, *settings, small, whole, base, cfg.get("base_model_name_or_path") or "")


def check_fits(given: AdapterFile, wanted: AdapterFile, where: str) -> None:
    """CheckpointError unless an adapter has the tensors that a stage trains, beside the same frozen weights."""
    theirs, own = given.tensors, wanted.tensors
    differing = sorted(own.keys() ^ theirs.keys()) or [name for name in own if own[name].shape != theirs[name].shape]
    if differing:
        got = f"an adapter of another model: {differing[0]} and {len(differing) - 1} more differ"
        fix = "give the adapter/ of a checkpoint of omma's (not adapter-released/), and its patterns and ranks"
        raise CheckpointError(where, got, f"the {len(own)} tensors that this stage trains", fix)
    if (given.alpha, given.by_root) != (wanted.alpha, wanted.by_root):
        got, expected = (f"alpha={x.alpha:g}, scaling={'sqrt' if x.by_root else 'rank'}" for x in (given, wanted))
        raise CheckpointError(where, got, expected, "its factors mean something else at another scale: give the one it has")
    if given.base != wanted.base:
        fix = "give the weights that it was trained beside, or train a new adapter in another run folder"
        raise CheckpointError(where, f"an adapter for other frozen weights ({given.base or 'unknown'})", wanted.base, fix)
