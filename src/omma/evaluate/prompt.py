"""Prompt: a question, its hint and its choices → the words that a model reads. The field's two suffixes stand here once."""

from collections.abc import Sequence
from string import ascii_uppercase

from omma.core.config import Config, config
from omma.core.errors import DataError

# LLaVA (haotian-liu/LLaVA, docs/Evaluation.md): the suffixes that most reported scores were made with.
SHORT = "\nAnswer the question using a single word or phrase."
LETTER = "\nAnswer with the option's letter from the given choices directly."


@config
class Prompt(Config):
    """`before` + hint + question + choices + `after`. Each of hint, question and choice is written where there is one.

    `choices` stands in front of the first choice and `between` between two of them.
    """

    before: str = ""
    hint: str = "{hint}\n"
    question: str = "{question}"
    choices: str = "\n"
    choice: str = "{letter}. {choice}"
    between: str = "\n"
    after: str = ""

    def words(self, question: str, choices: Sequence[str] = (), hint: str = "") -> str:
        """Question, choices and hint → the prompt. DataError for more choices than letters."""
        if len(choices) > len(ascii_uppercase):
            raise DataError("prompt", f"{len(choices)} choices", f"at most {len(ascii_uppercase)}, one a letter")
        lines = [
            self.choice.replace("{letter}", letter).replace("{choice}", choice)
            for letter, choice in zip(ascii_uppercase, choices, strict=False)
        ]
        shown = self.choices + self.between.join(lines) if lines else ""
        said = self.question.replace("{question}", question)
        return self.before + (self.hint.replace("{hint}", hint) if hint else "") + said + shown + self.after


@config
class Capitalised(Prompt):
    """A prompt whose question begins with a capital and has no other, as lmms-eval writes those of TextVQA and VizWiz."""

    def words(self, question: str, choices: Sequence[str] = (), hint: str = "") -> str:
        """Question, choices and hint → the prompt."""
        return super().words(question.capitalize(), choices, hint)
