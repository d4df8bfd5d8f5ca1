"""Judge words: a record → what a judge is told of it. They stand in the suite, so that scores say how they were judged."""

import re

from omma.core.config import Config, config
from omma.core.errors import ConfigError
from omma.schema.verdict import Record

PLACES = re.compile(r"\{(question|gold|reply)\}")
GRADE = """\
Grade an answer to a question about a picture that you cannot see. You know the right answer.

Question: {question}
Right answer: {gold}
Answer to grade: {reply}

How right is it? Write one number from 0.0 (wrong) to 1.0 (right) and nothing else."""


@config
class JudgeWords(Config):
    """`text` with {question}, {gold} and {reply}; what a metric reads of the verdict decides what it must ask for.

    The default asks for a share, as MM-Vet's metric reads it (its words are our own).
    """

    text: str = GRADE
    max_tokens: int = 32

    def check(self) -> None:
        if "{reply}" not in self.text:
            raise ConfigError("JudgeWords.text", "no {reply}", "text with {reply}, and {question} and {gold} where they matter")
        if self.max_tokens < 1:
            raise ConfigError("JudgeWords.max_tokens", str(self.max_tokens), "at least 1")

    def words(self, record: Record) -> str:
        """Record → the text. Several right answers are joined by " or "; braces in what a model said stay as they are."""
        gold = " or ".join(map(str, record.gold)) if isinstance(record.gold, list | tuple) else str(record.gold)
        said = {"question": record.prompt, "gold": gold, "reply": record.raw}
        return PLACES.sub(lambda found: said[found[1]], self.text)
