"""Caption: what all rulers of captions share: words of a caption, references, n-grams."""

from collections import Counter
from collections.abc import Sequence

from omma.core.config import config
from omma.core.errors import DataError
from omma.metrics.captions.ptb import words
from omma.metrics.metric import Facts, Metric

Words = tuple[str, ...]
LONGEST = 4  # words of the longest n-gram that any of them counts


@config
class CaptionMetric(Metric):
    """Reads a caption as its words and compares it with references: `gold` is a list of captions, or one.

    No facts are read. A caption without words is unparsed and scores as an empty caption does officially.
    """

    def words(self, caption: str) -> str:
        """Caption → words with single spaces between. Officially those of the PTB tokenizer, without marks."""
        return words(caption)

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → its words, or None if there are none."""
        return self.words(raw) or None

    def references(self, gold: str | Sequence[str]) -> tuple[str, ...]:
        """Gold as stored → the words of each reference. DataError if there is none."""
        texts = (gold,) if isinstance(gold, str) else tuple(gold)
        if not texts:
            raise DataError(self.label, "a picture without references", "one reference or more", "leave the picture out")
        return tuple(self.words(text) for text in texts)


def count_ngrams(words: str) -> Counter[Words]:
    """Words → how often each n-gram of one to four of them occurs."""
    said = words.split()
    return Counter(tuple(said[at : at + n]) for n in range(1, LONGEST + 1) for at in range(len(said) - n + 1))
