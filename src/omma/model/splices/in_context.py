"""In-context splice (LLaVA, arXiv 2304.08485): visual tokens take the place of their slots in the token stream.

hidden (T, D), visual (N', D), batch → Entry of hidden (T, D) with hidden[slots] = visual[gather]; a negative gather picks a
learned layout embedding (−1 newline, −2 separator).
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from omma.core.config import config
from omma.core.errors import ShapeError
from omma.model.slots import Entry, Splice, SpliceModule
from omma.nn.init import EMBEDDING_STD, SelfScaled
from omma.schema.batch import Batch


@config
class InContext(Splice):
    """Visual tokens are words among words."""

    def build(self, *, dim: int, layout_tokens: int) -> "InContextModule":
        return InContextModule(dim, layout_tokens)


class InContextModule(SpliceModule, SelfScaled):
    """See `InContext`. Every parameter and every visual token gets a gradient, zero where no slot asks for it."""

    def __init__(self, dim: int, layout_tokens: int) -> None:
        super().__init__()
        self.layout_tokens = layout_tokens
        if layout_tokens:
            self.layout = nn.Parameter(torch.empty(layout_tokens, dim))

    def stds(self) -> dict[str, float]:
        """Layout embeddings start like words."""
        return {"layout": EMBEDDING_STD}

    def forward(self, hidden: Float[Tensor, "T D"], visual: Float[Tensor, "N D"], batch: Batch) -> Entry:
        """Raises ShapeError when slots, gather and visual tokens do not fit each other."""
        self._fit(len(visual), batch)
        rows = torch.cat((visual, self.layout_rows().to(visual.dtype))) if self.layout_tokens else visual
        index = torch.where(batch.gather >= 0, batch.gather, len(visual) - 1 - batch.gather)
        return Entry(hidden.index_copy(0, batch.slots, rows[index].to(hidden.dtype)))

    def layout_rows(self) -> Float[Tensor, "L D"]:
        """The learned layout embeddings."""
        return self.layout

    def _fit(self, num_visual: int, batch: Batch) -> None:
        if len(batch.slots) != len(batch.gather):
            raise ShapeError("model.splice", f"{len(batch.slots)} slots for {len(batch.gather)} visual tokens", "as many")
        if not len(batch.gather):
            return
        lowest, highest = (int(x) for x in torch.aminmax(batch.gather))
        if highest >= num_visual:
            fix = "view, connector and rows were planned with different sizes"
            raise ShapeError("model.splice", f"a slot asks for visual token {highest}", f"fewer than {num_visual}", fix)
        if lowest < -self.layout_tokens:
            fix = "the rows were planned with another view"
            got = f"a slot asks for layout embedding {lowest}"
            raise ShapeError("model.splice", got, f"at least −{self.layout_tokens}, the view's layout_tokens", fix)
