"""Tokenizer: what a recipe says of its vocabulary. Texts → Words."""

from collections.abc import Iterable

from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.pack.words import Words


@config
class Tokenizer(Config):
    """One subclass per way to get a tokenizer. `vocab_size` is the number of rows of the embedding matrix."""

    vocab_size: int

    def make(self, texts: Iterable[str], *, image: str, specials: tuple[str, ...], ordinary: tuple[str, ...]) -> Words:
        """Corpus + tokens that template and markup need → Words. `specials` (with `image`) never come from text, `ordinary` may."""
        raise NotImplementedError(f"{type(self).__name__} has no make")

    def refuse_overflow(self, size: int) -> None:
        """ConfigError if the tokenizer knows more ids than the embedding matrix has rows."""
        if size > self.vocab_size:
            where = f"{type(self).__name__}.vocab_size"
            raise ConfigError(where, str(self.vocab_size), f"at least the {size} tokens of the tokenizer", f"set it to {size}")
