"""Whole: no adapter; the tensors that a stage's `trains` name move themselves."""

from torch import nn

from omma.core.config import config
from omma.train.adapters.adapter import Adapter, Fitted
from omma.train.audit import freeze_all_but


@config
class Whole(Adapter):
    """See above."""

    def fit(self, module: nn.Module, trains: tuple[str, ...], *, where: str, seed: int) -> Fitted:
        return Fitted(module, freeze_all_but(module, trains, where=f"{where}.trains"))
