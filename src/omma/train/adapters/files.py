"""Files: an adapter ↔ a folder in PEFT's own format: adapter_config.json and adapter_model.safetensors."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from omma.core.errors import CheckpointError

TENSORS, PREFIX, BASE = "adapter_model.safetensors", "base_model.model.", "base"


@dataclass(frozen=True, slots=True)
class AdapterFile:
    """One adapter. `ranks` by name of linear map; `small` holds `NAME.lora_A.weight` (R, E) and `NAME.lora_B.weight` (D, R).

    `whole` are tensors that moved without an adapter. `base` is a checksum of what stood still, `path` where others find it.
    """

    ranks: Mapping[str, int]
    alpha: float
    dropout: float
    by_root: bool
    small: Mapping[str, Tensor]
    whole: Mapping[str, Tensor]
    base: str
    path: str = ""

    def scale(self, rank: int) -> float:
        """What B A is multiplied by at this rank."""
        return self.alpha / (rank**0.5 if self.by_root else rank)


def write_adapter(folder: Path, adapter: AdapterFile) -> None:
    """Adapter → `folder`, readable by `peft.PeftModel.from_pretrained` on a model whose modules have these names."""
    from peft import LoraConfig  # noqa: PLC0415  (seconds that only stages with adapters pay)

    folder.mkdir(parents=True, exist_ok=True)
    most = max(adapter.ranks.values())
    LoraConfig(
        r=most,
        lora_alpha=adapter.alpha,  # type: ignore[arg-type]
        lora_dropout=adapter.dropout,
        use_rslora=adapter.by_root,
        target_modules=sorted(adapter.ranks),
        rank_pattern={name: rank for name, rank in adapter.ranks.items() if rank != most},
        modules_to_save=sorted({name.rpartition(".")[0] for name in adapter.whole}) or None,
        base_model_name_or_path=adapter.path or None,
        inference_mode=True,
    ).save_pretrained(str(folder))
    tensors = {PREFIX + name: value.contiguous() for name, value in (*adapter.small.items(), *adapter.whole.items())}
    save_file(tensors, folder / TENSORS, metadata={"format": "pt", BASE: adapter.base})


def read_adapter(folder: Path, wanted: AdapterFile) -> dict[str, Tensor]:
    """Folder → what moved, by our names. CheckpointError unless it fits `wanted` and the frozen weights beside it."""
    file = folder / TENSORS
    if not file.is_file():
        raise CheckpointError(str(file), "no such file", "the adapter that this stage trains", "delete the checkpoint")
    try:
        with safe_open(file, framework="pt") as opened:
            base = (opened.metadata() or {}).get(BASE, "")
            given = {name.removeprefix(PREFIX): opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (no mapping)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(str(file), f"cut off or no safetensors file ({error})", "", "take an older checkpoint") from None
    own = {**wanted.small, **wanted.whole}
    differing = sorted(own.keys() ^ given.keys()) or [name for name in own if own[name].shape != given[name].shape]
    if differing:
        got = f"an adapter of another model: {differing[0]} and {len(differing) - 1} more differ"
        raise CheckpointError(str(file), got, f"the {len(own)} tensors that this stage trains")
    if base != wanted.base:
        fix = "give the weights that it was trained beside, or train a new adapter in another run folder"
        raise CheckpointError(str(file), f"an adapter for other frozen weights ({base or 'unknown'})", wanted.base, fix)
    return given
