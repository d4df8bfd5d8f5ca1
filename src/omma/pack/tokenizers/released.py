"""Released: a Hugging Face tokenizer folder → Words, with its chat template. Read from disk only; no code of it is run."""

from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.pack.tokenizers.tokenizer import Tokenizer
from omma.pack.tokenizers.trained_bpe import TrainedBpe
from omma.pack.words import Words


@config
class Released(Tokenizer):
    """`path` holds tokenizer.json and tokenizer_config.json. `vocab_size` may exceed the tokenizer (padded embeddings)."""

    path: str

    def tiny(self) -> Tokenizer:  # type: ignore[override]
        """A small trained tokenizer, so that the recipe runs where the folder is not."""
        return TrainedBpe(vocab_size=512)

    def make(self, texts: Iterable[str], *, image: str, specials: tuple[str, ...], ordinary: tuple[str, ...]) -> Words:
        """Load; tokens that template and markup need and the folder lacks are added at the end. `texts` are not read."""
        from transformers import AutoTokenizer  # noqa: PLC0415  (it imports torch and takes seconds; recipes only name it)

        if not (Path(self.path) / "tokenizer_config.json").is_file():
            expected = "a Hugging Face tokenizer (tokenizer.json, tokenizer_config.json)"
            raise ConfigError(
                "Released.path", f"no tokenizer in {self.path!r}", expected, "give the folder of a downloaded checkpoint"
            )
        try:
            loaded = AutoTokenizer.from_pretrained(self.path, local_files_only=True, trust_remote_code=False, use_fast=True)
        except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
            raise ConfigError("Released.path", f"{self.path!r} does not load: {_line(error)}", "a fast tokenizer") from None
        if not loaded.is_fast:
            raise ConfigError("Released.path", f"{self.path!r} has no fast tokenizer", "a folder with tokenizer.json")
        backend = loaded.backend_tokenizer
        marks = [mark for mark in dict.fromkeys((*specials, image)) if mark]
        backend.add_special_tokens([AddedToken(mark, normalized=False, special=True) for mark in marks])
        backend.add_tokens([AddedToken(token, normalized=False, special=False) for token in ordinary])
        self.refuse_overflow(backend.get_vocab_size(with_added_tokens=True))
        names = {name: str(token) for name, token in loaded.special_tokens_map.items() if isinstance(token, str)}
        template = loaded.chat_template if isinstance(loaded.chat_template, str) else ""
        return Words(backend, image=image, names=names, chat_template=template)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
