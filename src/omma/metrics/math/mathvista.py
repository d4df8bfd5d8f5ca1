"""MathVista: what a reply was found to say → the choice, number or list that it means; equal to the answer as text or not.

Source: lupantech/MathVista, `evaluation/calculate_score.py` (53d5258). Its first stage, a language model that extracts
the answer from the reply, is recorded with the answers; `JudgeFreeMathVista` has a first stage of its own.
"""

import re
from collections.abc import Sequence
from typing import Any

from omma.core.config import config
from omma.metrics.anls import levenshtein
from omma.metrics.choice.choice import lettered
from omma.metrics.choice.mmmu_reading import contained
from omma.metrics.choice.vlmevalkit import infer
from omma.metrics.metric import Facts, Mark, Metric

IN_BRACKETS = re.compile(r"\(([a-zA-Z])\)")
TOLD = re.compile(
    r"(?:answer|option|choice|option letter|答案)(?:\s+(?:is|would be)|是|:)[\s:*]*\(?((?-i:[A-Z]))\b(?!')", re.IGNORECASE
)
CUES = re.compile(r"(?:answer|value|result|total)(?:\s+(?:is|was|would be|are|to be|of)\b|\s*[:=])|=", re.IGNORECASE)
NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})+(?!\d)|(?<!\d)\d++)(?:\.\d++)?|-?\.\d++")
LIST = re.compile(r"\[[^\[\]]*\]")
MULTIPLE = "multi_choice"


@config
class MathVista(Metric):
    """Accuracy, with recorded extractions. Facts: `extraction`, `question_type`, `answer_type`, `choices`, `precision`.

    A question with choices takes the choice that the letter names, else the one nearest to the extraction in edits, so
    that it is never unparsed: an empty extraction takes the shortest choice. Numbers that are none are unparsed. Where
    `extraction` is absent, a judge's verdict (`judge`) is taken for it, and without one the reply itself.
    """

    source = "lupantech/MathVista evaluation/calculate_score.py"
    ties = "of choices equally near in edits the first counts"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → recorded extraction, else a judge's, else itself."""
        return str(facts.get("extraction", facts.get("judge", raw)))

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Reply + answer as text → its mark; unparsed where nothing can be made of the extraction."""
        found = self.extract(raw, facts)
        said = None if found is None else meant(found, facts)
        return self.unread(gold, facts) if said is None else Mark(said, float(said == str(gold)), {"extraction": found})


@config
class VlmEvalKitMathVista(MathVista):
    """VLMEvalKit's second stage: choices by `infer`, numbers equal as they are, no nearest choice and no rounding.

    Facts as for `MathVista`. What is no number is compared as text with the answer, so it is parsed.
    """

    variant = "vlmevalkit"
    source = "open-compass/VLMEvalKit vlmeval/dataset/utils/mathvista.py (post_check)"
    ties = "two choices named: unparsed"

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Reply + answer as text → its mark."""
        found, right = self.extract(raw, facts) or "", str(gold)
        if facts["question_type"] == MULTIPLE:
            options = lettered(facts["choices"])
            said = infer(found, options)
            return Mark(said, float(options.get(said) == right)) if said else self.unread(gold, facts)
        number = {"integer": int, "float": float}.get(facts["answer_type"], str)
        try:
            return Mark(found, float(number(found) == number(right)))
        except (ValueError, OverflowError):
            return Mark(found, float(found == right))


@config
class JudgeFreeMathVista(MathVista):
    """MathVista without a language model: this house's own first stage, then the official second.

    Choices: the letter behind the last "answer is" and the like, else the letter or text that VLMEvalKit's `infer` finds,
    else the last letter in brackets, else the text named last. Numbers: the first behind the last "answer is", "=" and the
    like, else the last of all. Lists: the last in square brackets. Where none is found the reply is unparsed, and no
    nearest choice is taken. Comparable only with itself.
    """

    variant = "judge-free"
    source = "own first stage; lupantech/MathVista evaluation/calculate_score.py for the second"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → the letter, number or list that it states, or None."""
        if facts["question_type"] == MULTIPLE:
            return _letter(raw, facts["choices"])
        if facts["answer_type"] == "list":
            return next(reversed(LIST.findall(raw)), None)
        return last_number(raw) if facts["answer_type"] in ("integer", "float") else raw.strip() or None


def meant(extraction: str, facts: Facts) -> str | None:
    """Extraction → in the form of the question's answers: a choice's text, an integer, a rounded number, a list; or None."""
    if facts["question_type"] == MULTIPLE:
        return choice_meant(extraction, facts["choices"])
    try:
        if facts["answer_type"] == "integer":
            return str(int(float(extraction)))
        if facts["answer_type"] == "float":
            return str(round(float(extraction), int(facts["precision"])))
    except (ValueError, OverflowError):
        return None
    return extraction


def choice_meant(extraction: str, choices: Sequence[str]) -> str:
    """Extraction → the choice named by "(X)" or by a capital alone, else the one fewest edits away, of equals the first."""
    said = extraction.strip()
    bracketed = IN_BRACKETS.search(said)
    said = bracketed[1].upper() if bracketed else said
    named = lettered(choices).get(said)
    return min(map(str, choices), key=lambda choice: levenshtein(said, choice)) if named is None else named


def last_number(reply: str) -> str | None:
    """Reply → its last number behind a cue such as "the answer is" or "=", else its last number, without commas; or None."""
    for text in (_behind(reply), reply):
        found = NUMBER.findall(text)
        if found:
            return found[0 if text is not reply else -1].replace(",", "")
    return None


def _behind(reply: str) -> str:
    """Reply → what stands behind its last cue, on the same line; "" without a cue."""
    cues = list(CUES.finditer(reply))
    return reply[cues[-1].end() :].split("\n", 1)[0] if cues else ""


def _letter(reply: str, choices: Sequence[str]) -> str | None:
    options = lettered(choices)
    told = [letter.upper() for letter in TOLD.findall(reply) if letter.upper() in options]
    if told:
        return told[-1]
    said = infer(reply, options)
    if said in options:
        return said
    named = [letter.upper() for letter in IN_BRACKETS.findall(reply) if letter.upper() in options]
    return named[-1] if named else contained(reply, options)
