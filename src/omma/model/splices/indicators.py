"""Indicators (Ovis, arXiv 2405.20797): as `InContext`, and some special tokens read rows of the visual table instead of their own.

hidden[t] = row_i where token t is ids[i]. In Ovis they are what stands around the whole picture and its tiles: start, grid,
column, row, end (AIDC-AI/Ovis `modeling_ovis.py`, `merge_multimodal`; transformers `Ovis2Model`).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.model.slots import Entry
from omma.model.splices.in_context import InContext, InContextModule
from omma.nn.init import EMBEDDING_STD
from omma.schema.batch import Batch

SMALL = 16  # ids behind a small tokenizer's own special tokens


@config
class Indicators(InContext):
    """`ids` are those of the special tokens that the view writes, in the order of the table's last rows."""

    ids: tuple[int, ...] = (151_666, 151_667, 151_668, 151_669, 151_670)

    def check(self) -> None:
        if not self.ids or len(set(self.ids)) < len(self.ids):
            raise ConfigError("Indicators.ids", str(self.ids), "at least one, each once")

    def tiny(self) -> "Indicators":
        """As many tokens of a small vocabulary, in which the view's are plain text."""
        return Indicators(ids=tuple(range(SMALL, SMALL + len(self.ids))))

    def build(self, *, dim: int, layout_tokens: int) -> "IndicatorsModule":
        return IndicatorsModule(self.ids, dim, layout_tokens)


class IndicatorsModule(InContextModule):
    """See `Indicators`."""

    def __init__(self, ids: tuple[int, ...], dim: int, layout_tokens: int) -> None:
        super().__init__(dim, layout_tokens)
        self.ids = ids
        self.indicators = nn.Parameter(torch.empty(len(ids), dim))

    def stds(self) -> dict[str, float]:
        """Indicators start like words."""
        return super().stds() | {"indicators": EMBEDDING_STD}

    def forward(self, hidden: Float[Tensor, "T D"], visual: Float[Tensor, "N D"], batch: Batch) -> Entry:
        is_id_TI = batch.tokens[:, None] == torch.tensor(self.ids, device=batch.tokens.device)
        rows_TD = is_id_TI.to(hidden.dtype) @ self.indicators.to(hidden.dtype)
        return super().forward(torch.where(is_id_TI.any(dim=1, keepdim=True), rows_TD, hidden), visual, batch)
