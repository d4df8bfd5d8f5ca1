"""Head: a few linear layers in a safetensors file → one number of a unit vector: how pretty, how likely marked, how unsafe.

Layouts of released heads over CLIP's picture vectors, whose names of tensors are read as they are:
    weight, bias                                LAION-AI/aesthetic-predictor (sa_0_4_vit_*_linear), one layer
    layers.0, .2, .4, .6, .7                    christophschuhmann/improved-aesthetic-predictor, linearMSE: dropout between
    layers.0, .3, .6, .9, .11                   the same, reluMSE: a ReLU (and dropout) between
    layers.0, .3, .6, .9, .12, .15, .16         LAION-AI/CLIP-based-NSFW-Detector, h14_nsfw: ReLUs, none before the last
They are published as pickles, which nothing here opens: `safetensors.torch.save_file(torch.load(path), "head.safetensors")` once.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float64
from safetensors import SafetensorError
from safetensors.numpy import load_file

from omma.core.config import Config, config
from omma.core.errors import CheckpointError, ConfigError
from omma.core.files import file_hash

NAME = re.compile(r"(?:(?:.*\.)?(\d+)\.)?(weight|bias)")
Layer = tuple[int, Float64[np.ndarray, "out in"], Float64[np.ndarray, "out"]]


@config
class Head(Config):
    """`between` stands behind a layer if the number of the next one skips a place; `output` behind the last."""

    path: str = ""
    between: Literal["nothing", "relu"] = "nothing"
    output: Literal["as it is", "sigmoid"] = "as it is"

    @property
    def mark(self) -> str:
        """Hash of the file; "missing" without one."""
        file = Path(self.path)
        return file_hash(file)[:16] if self.path and file.is_file() else "missing"

    def score(self, vector: Float64[np.ndarray, "d"]) -> float:
        """Unit vector → number. CheckpointError for a file that is no head, or one of vectors of another length."""
        layers = self._layers()
        values = vector
        for place, (number, weight, bias) in enumerate(layers):
            if len(values) != weight.shape[1]:
                got = f"layer {number} reads {weight.shape[1]} numbers, and the vector has {len(values)}"
                raise CheckpointError(self.path, got, "a head that was trained over this model")
            values = weight @ values + bias
            skips = place + 1 < len(layers) and layers[place + 1][0] > number + 1
            if self.between == "relu" and skips:
                values = np.maximum(values, 0.0)
        if len(values) != 1:
            raise CheckpointError(self.path, f"{len(values)} outputs", "one number")
        value = float(values[0])
        return 1.0 / (1.0 + np.exp(-np.clip(value, -700, 700))) if self.output == "sigmoid" else value

    def _layers(self) -> tuple[Layer, ...]:
        file = Path(self.path)
        if not self.path or not file.is_file():
            got = f"no file {self.path}" if self.path else "''"
            raise ConfigError("head.path", got, "a safetensors file of a head")
        return _read(file, file.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(file: Path, changed: int) -> tuple[Layer, ...]:
    """File → its layers by number, once for each state of the file."""
    try:
        tensors = load_file(file)
    except (SafetensorError, TypeError) as error:
        raise CheckpointError(str(file), f"cannot be read: {error}", "a safetensors file of a head") from None
    found: dict[int, dict[str, np.ndarray]] = {}
    for name, tensor in tensors.items():
        match = NAME.fullmatch(name)
        if not match:
            raise CheckpointError(str(file), f"a tensor {name!r}", "weights and biases of linear layers by number")
        found.setdefault(int(match[1] or 0), {})[match[2]] = tensor.astype(np.float64)
    return tuple(_layer(file, number, found[number]) for number in sorted(found))


def _layer(file: Path, number: int, tensors: Mapping[str, np.ndarray]) -> Layer:
    weight = tensors.get("weight", np.zeros(0))
    bias = tensors.get("bias", np.zeros(len(weight)))
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        got = f"layer {number} of shapes {weight.shape} and {bias.shape}"
        raise CheckpointError(str(file), got, "a matrix (out, in) and a bias (out)")
    return number, weight, bias
