"""Visual embedding table (Ovis, arXiv 2405.20797): squares of patches → probabilities over visual words → their mean embedding.

p = choose(LayerNorm(W square)) (N, words), token = p E with E (words, D); zeros beyond odd edges. `softmax` mixes words,
`straight_through` takes the likeliest and lets gradients pass as if it were softmax, `gumbel` draws one word with Gumbel
noise, in training and in use (transformers `models/ovis2`, `Ovis2VisionModel`). The released table ends with rows for
indicators, which stand between tiles: here they are layout embeddings of the splice, and `words` does not count them.
"""

from dataclasses import replace
from typing import Literal, Self

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gumbel_softmax, one_hot

from omma.core.config import config
from omma.model.slots import ConnectorModule
from omma.model.squares import PaddedSquares, padded_squares
from omma.schema.batch import Stream

Choice = Literal["softmax", "straight_through", "gumbel"]


@config
class VisualEmbedding(PaddedSquares):
    """`factor` patches per side become one token; `words` rows in the table (Ovis2: 65,536 less 5 indicators)."""

    words: int = 65_531
    choice: Choice = "softmax"
    norm_eps: float = 1e-5

    def tiny(self) -> Self:
        """37 visual words."""
        return replace(self, words=37)

    def build(self, *, in_dim: int, out_dim: int) -> "VisualEmbeddingModule":
        return VisualEmbeddingModule(self, in_dim, out_dim)


class VisualEmbeddingModule(ConnectorModule):
    """See `VisualEmbedding`."""

    def __init__(self, cfg: VisualEmbedding, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.cfg = cfg
        self.head = nn.Linear(in_dim * cfg.factor**2, cfg.words, bias=False)
        self.norm = nn.LayerNorm(cfg.words, cfg.norm_eps)
        self.table = nn.Embedding(cfg.words, out_dim)

    def forward(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N D"]:
        return self.words(features, grids) @ self.table.weight

    def words(self, features: Stream, grids: Int[Tensor, "I 3"]) -> Float[Tensor, "N W"]:
        """How much of each visual word every token is; rows sum to one."""
        scores = self.norm(self.head(padded_squares(features.hidden, grids, self.cfg.factor).flatten(1)))
        if self.cfg.choice == "gumbel":
            return gumbel_softmax(scores, hard=True)
        soft = scores.softmax(dim=-1)
        if self.cfg.choice == "softmax":
            return soft
        likeliest = one_hot(soft.argmax(dim=-1), scores.shape[1]).to(soft.dtype)
        return likeliest - soft.detach() + soft
