"""TrainedBpe: corpus → byte-level BPE of its own. Deterministic; digits stay single; no text is out of vocabulary."""

from collections.abc import Iterable

from tokenizers import AddedToken, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as Backend

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.pack.tokenizers.tokenizer import Tokenizer
from omma.pack.words import Words

BYTES = 256


@config
class TrainedBpe(Tokenizer):
    """Special tokens first, then the 256 bytes, merges, and the markup's ordinary tokens last."""

    vocab_size: int = 2048
    min_frequency: int = 2

    def tiny(self) -> "TrainedBpe":
        return TrainedBpe(vocab_size=min(self.vocab_size, 512), min_frequency=self.min_frequency)

    def make(self, texts: Iterable[str], *, image: str, specials: tuple[str, ...], ordinary: tuple[str, ...]) -> Words:
        """Train on `texts` (any order gives the same merges)."""
        marks = list(dict.fromkeys((*specials, image)))
        least = len(marks) + BYTES + len(ordinary)
        if self.vocab_size < least:
            expected = f"at least {least}: {len(marks)} special tokens, {BYTES} bytes, {len(ordinary)} tokens of the markup"
            raise ConfigError("TrainedBpe.vocab_size", str(self.vocab_size), expected)
        backend = Backend(models.BPE())
        digits = pre_tokenizers.Digits(individual_digits=True)
        bytelevel = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
        backend.pre_tokenizer = pre_tokenizers.Sequence([digits, bytelevel])
        backend.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=self.vocab_size - len(ordinary),
            min_frequency=self.min_frequency,
            special_tokens=[AddedToken(mark, normalized=False, special=True) for mark in marks],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        backend.train_from_iterator(texts, trainer)
        backend.add_tokens([AddedToken(token, normalized=False, special=False) for token in ordinary])
        self.refuse_overflow(backend.get_vocab_size(with_added_tokens=True))
        return Words(backend, image=image, names={}, chat_template="")
