"""Words: what language models have around their blocks: embedding, final norm and vocabulary head, which may be the embedding."""

from dataclasses import replace

from jaxtyping import Float, Int
from torch import Tensor, nn

from omma.model.slots import Attend, LanguageModule
from omma.nn.block import Stack, Turn
from omma.schema.batch import Stream
from omma.schema.output import Between


class WordsModule(LanguageModule):
    """Blocks and a final norm of `width` between `vocab_size` embeddings and a head, which is the embedding itself if `tied`."""

    def __init__(self, blocks: Stack, norm: nn.Module, *, width: int, vocab_size: int, tied: bool) -> None:
        super().__init__()
        self.num_layers, self.tied = len(blocks), tied
        self.embedding = nn.Embedding(vocab_size, width)
        self.blocks, self.norm = blocks, norm
        if not tied:
            self.unembedding = nn.Linear(width, vocab_size, bias=False)

    @property
    def head(self) -> Float[Tensor, "V D"]:
        """The vocabulary matrix; when tied, the embedding itself."""
        return self.embedding.weight if self.tied else self.unembedding.weight

    def embed(self, tokens: Int[Tensor, "T"]) -> Float[Tensor, "T D"]:
        """Token ids → embeddings, without positions."""
        return self.embedding(tokens)

    def through(self, stream: Stream, turn: Turn, attend: Attend, between: Between | None) -> Stream:
        """Stream with positions in it or in `turn` → behind all blocks and the final norm. The blocks carry its states alone."""
        acting = None if between is None else lambda layer, hidden: between(layer, replace(stream, hidden=hidden)).hidden
        return replace(stream, hidden=self.norm(self.blocks(stream.hidden, turn, attend, acting)))
