"""Lined splice (DeepSeek-VL2, arXiv 2412.10302): as `InContext`, each learned layout embedding a tensor of its own.

`rows.0.row` is the newline behind each row of tokens, `rows.1.row` what separates the whole picture from its tiles:
`image_newline` and `view_seperator` of deepseek-ai/DeepSeek-VL2 `modeling_deepseek_vl_v2.py`.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from omma.core.config import config
from omma.model.splices.in_context import InContext, InContextModule
from omma.nn.init import EMBEDDING_STD, SelfScaled


@config
class Lined(InContext):
    """As many rows as the view asks for."""

    def build(self, *, dim: int, layout_tokens: int) -> "LinedModule":
        return LinedModule(dim, layout_tokens)


class LayoutRow(SelfScaled):
    """One layout embedding (D,)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.row = nn.Parameter(torch.empty(dim))

    def stds(self) -> dict[str, float]:
        """It starts like a word."""
        return {"row": EMBEDDING_STD}


class LinedModule(InContextModule):
    """See `Lined`."""

    def __init__(self, dim: int, layout_tokens: int) -> None:
        super().__init__(dim, 0)
        self.layout_tokens = layout_tokens
        self.rows = nn.ModuleList(LayoutRow(dim) for _ in range(layout_tokens))

    def layout_rows(self) -> Float[Tensor, "L D"]:
        """All rows, one under the other."""
        return torch.stack([own.get_parameter("row") for own in self.rows])
