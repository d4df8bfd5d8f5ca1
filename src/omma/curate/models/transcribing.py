"""Transcribing: the part of an operator that lets a model write down the words in a sample's pictures: questions and reading."""

from collections.abc import Sequence

from omma.core.config import config
from omma.core.errors import DataError
from omma.curate.models.asking import AskingOperator, Questions, check_prompt, question
from omma.curate.models.replies import SHOWN, whole
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling
from omma.media.store import Store
from omma.metrics.structured import read_json
from omma.schema.sample import Sample

PROMPT = """\
Write down all text that can be read in this picture, letter by letter, as a JSON list of strings, one for each line of text:
["first line", "second line"]
If there is no text in it, reply [] and nothing else. Describe nothing."""


@config
class Transcribing(AskingOperator):
    """Each picture is shown alone. A reply that is no JSON list of texts, bare or in a code fence, is an error of the sample."""

    sampling: Sampling = Sampling(max_tokens=1024)
    prompt: str = PROMPT

    def check(self) -> None:
        check_prompt(f"{type(self).__name__}.prompt", self.prompt)

    def questions(self, sample: Sample, store: Store) -> Questions:
        """One for each picture; films are not asked about."""
        pictures = [item for item in sample.media if item.kind == "image"]
        return tuple(question(sample, self, number, self.prompt, (item,)) for number, item in enumerate(pictures))


def lines(replies: Sequence[Reply]) -> list[str]:
    """Replies → the lines that they transcribe. DataError as `replies.whole`, and for one that is no list of texts."""
    found: list[str] = []
    for reply in replies:
        text = whole(reply)
        value = read_json(text)
        if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
            raise DataError("reply", f"unread: {text[:SHOWN]!r}", 'JSON: ["a line", …], or []')
        found += value
    return found
