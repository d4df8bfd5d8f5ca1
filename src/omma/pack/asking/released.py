"""ReleasedWords: the second tokenizer of a released folder, as BERT's that InstructBLIP's Q-Former reads with."""

from pathlib import Path

from tokenizers import Tokenizer as Backend

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.pack.asking.asking import Asker, Asking
from omma.pack.asking.letters import Letters


@config
class ReleasedWords(Asking):
    """`path` holds the tokenizer.json (InstructBLIP: the folder's `qformer_tokenizer`)."""

    path: str

    def tiny(self) -> Asking:  # type: ignore[override]
        """Letters, so that the recipe runs where the folder is not."""
        return Letters()

    def make(self) -> Asker:
        """Load. ConfigError if there is no tokenizer."""
        file = Path(self.path) / "tokenizer.json"
        if not file.is_file():
            fix = "give the folder of a downloaded checkpoint"
            raise ConfigError("ReleasedWords.path", f"no tokenizer in {self.path!r}", "a tokenizer.json", fix)
        return self.cut(Backend.from_file(str(file)))
