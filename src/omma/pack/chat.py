"""Chat: the text slot of a model as a recipe writes it. Samples → Codec, or a saved folder → Codec."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.pack.asking.asking import Asker
from omma.pack.codec import Codec
from omma.pack.markup.box_text import BoxText
from omma.pack.markup.markup import Markup
from omma.pack.templates.chat_marks import ChatMarks
from omma.pack.templates.template import Template
from omma.pack.tokenizers.tokenizer import Tokenizer
from omma.pack.words import Words
from omma.schema.sample import Sample
from omma.schema.talk import Text

CORPUS_TEXT = 20_000  # characters of one text that tokenizer training reads; a megabyte of anything teaches nothing more


@config
class Chat(Text):
    """`caption_prompts` are what is asked of a picture with captions; each sample keeps the one that its id chooses."""

    tokenizer: Tokenizer
    template: Template = ChatMarks()
    markup: Markup = BoxText()
    caption_prompts: tuple[str, ...] = ("",)

    def check(self) -> None:
        if not self.caption_prompts:
            raise ConfigError("Chat.caption_prompts", "none", 'at least one, which may be empty: ("",)')

    @property
    def vocab_size(self) -> int:
        """Rows of the embedding matrix."""
        return self.tokenizer.vocab_size

    def fit(self, samples: Iterable[Sample], folder: Path) -> Codec:
        """Train the tokenizer on the samples' words (or load a released one), save it into `folder`."""
        template = self.template
        words = self.tokenizer.make(corpus(samples), image=template.image, specials=template.specials, ordinary=self.markup.tokens)
        codec = self._codec(words, self.asker())
        codec.save(folder)
        return codec

    def load(self, folder: Path) -> Codec:
        """Read what `fit` saved; CheckpointError if it is not there, ConfigError if it belongs to another text slot."""
        return self._codec(Words.load(folder), self.saved_asker(folder))

    def asker(self) -> Asker:
        """What tells connectors of a question. This one tells nothing."""
        return Asker()

    def saved_asker(self, folder: Path) -> Asker:
        """The same, read from a folder that `fit` filled."""
        return Asker()

    def _codec(self, words: Words, asker: Asker) -> Codec:
        missing = [token for token in (self.template.image, *self.template.specials) if token not in words.specials]
        missing += [token for token in self.markup.tokens if words.plain.token_to_id(token) is None][:3]
        if missing:
            fix = "use the text slot that the tokenizer was made with, or fit it again"
            raise ConfigError("text", f"the tokenizer lacks {', '.join(missing)}", "", fix)
        return Codec(words, self.template, self.markup, self.caption_prompts, self.vocab_size, asker)


def corpus(samples: Iterable[Sample]) -> Iterator[str]:
    """Samples → every text that anybody says in them: turns, captions, answers."""
    for sample in samples:
        turns = (*sample.turns, *sample.chosen, *sample.rejected)
        texts = [part.text for turn in turns for part in turn.parts if part.kind == "text"]
        texts += [caption.text for caption in sample.captions]
        texts += sample.answer.texts if sample.answer else ()
        yield from (text[:CORPUS_TEXT] for text in texts if isinstance(text, str) and text)
