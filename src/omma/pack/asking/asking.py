"""Asking: the words of a turn that shows a picture → ids for a connector that reads them (InstructBLIP's Q-Former)."""

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer as Backend

from omma.core.config import Config, config
from omma.core.errors import CheckpointError, ConfigError
from omma.core.files import write_text

FILE = "asked.json"
NOTHING = np.zeros(0, np.int64)


class Asker:
    """A tokenizer beside the model's own. Without one nothing is asked of a picture. Picklable."""

    def __init__(self, source: str = "") -> None:
        self.source = source
        self.backend = Backend.from_str(source) if source else None

    def __reduce__(self) -> tuple[type["Asker"], tuple[str]]:
        return Asker, (self.source,)

    def ids(self, text: str) -> np.ndarray:
        """Words of a turn → ids (W,) int64, with the tokens that the tokenizer puts around and no more than it allows."""
        return NOTHING if self.backend is None else np.array(self.backend.encode(text).ids, np.int64)

    def save(self, folder: Path) -> None:
        """Write the tokenizer, if there is one."""
        if self.source:
            write_text(folder / FILE, self.source)


@config
class Asking(Config):
    """One subclass per kind of tokenizer. `max_words` ids at most are told, those of the end left out."""

    max_words: int = 128

    def check(self) -> None:
        if self.max_words < 3:
            raise ConfigError(f"{type(self).__name__}.max_words", str(self.max_words), "at least 3")

    def make(self) -> Asker:
        """The asker, from wherever its tokenizer is."""
        raise NotImplementedError(f"{type(self).__name__} has no make")

    def load(self, folder: Path) -> Asker:
        """Inverse of `Asker.save`. CheckpointError if nothing was saved there."""
        try:
            return Asker((folder / FILE).read_text(encoding="utf-8"))
        except OSError as error:
            raise CheckpointError(str(folder / FILE), f"unreadable: {error.strerror}", "a tokenizer that omma wrote") from None

    def cut(self, backend: Backend) -> Asker:
        """Tokenizer → asker of at most `max_words` ids, without padding."""
        backend.no_padding()
        backend.enable_truncation(self.max_words)
        return Asker(backend.to_str())
