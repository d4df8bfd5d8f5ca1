"""Device: what a recipe says of it, `auto`, `cpu` or `cuda` → where tensors go."""

import torch

from omma.core.errors import ConfigError


def pick_device(device: str, where: str = "run.device") -> str:
    """`auto`, `cpu` or `cuda` → `cpu` or `cuda`. ConfigError if CUDA is asked for and absent."""
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(where, "cuda, but this machine has none that torch sees", "cpu or auto")
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
