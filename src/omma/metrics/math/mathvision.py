"""MATH-Vision: a worked solution → its final answer, right if it is the gold letter, the gold text or the same number.

Source: mathllm/MATH-V at a1f5cc3, `evaluation/{evaluate,utils}.py`. There answers are turned into programs and executed;
here `expression.value_of` reads them.
"""

import re
from typing import Any

from omma.core.config import config
from omma.metrics.choice.choice import lettered
from omma.metrics.choice.vlmevalkit import infer
from omma.metrics.math.expression import Value, close, value_of
from omma.metrics.metric import Facts, Mark, Metric

OPTIONS = "ABCDE"
FLAGS = ("the final answer is", "the answer is", "the correct answer is", "the answer should be")
BOX = "oxed{"
UNITS = ("\\text", "\\mbox", "\\left", "\\right", "^{\\circ}", "^\\circ", "{m}^3", "m^3", "{units}", "units", "{km}", "km")
FRACTION = re.compile(r"(-?[1-9]\d*|0)/(-?[1-9]\d*|0)")
BARE_ROOT = re.compile(r"\\sqrt(?!\{|\\sqrt)(.)")
KEPT = ("a", "-a")  # parts of a pair that stay as they are
PLACES = 2
TINY = 1e-6
UNREAD = re.compile(r"\\[!%]|(?<!\\)(?:frac|sqrt|pi)|\\frac(?!\{)")


def final_answer(solution: str) -> str:
    """Solution → its final answer in the script's normal form, in lower case; "" if nothing is left of it."""
    text = _told(solution.strip())
    if BOX not in text:
        text = _behind_flags(text)
    elif text.count(BOX) > 1:
        text = "\\boxed{" + text.rpartition(BOX)[2]
    text = plain_math(text)
    for letter in OPTIONS.lower():
        text = text.replace(f"({letter})", letter)
    for letter in OPTIONS.lower():
        text = text.replace(f"{{{letter}}}", letter)
    return text.rstrip(".").lstrip(":").strip()


def plain_math(text: str) -> str:
    """Text → what its box holds, else all of it, behind "=" or "≈" and without spaces, units and sizes of brackets."""
    text = text.lower().replace("{}", "")
    start, end = text.find(BOX), text.rfind("}")
    if 0 <= start < end - len(BOX) + 1:
        text = text[start + len(BOX) : end]
    closing, opening = text.find("}"), text.find("{")
    if closing >= 0 and (opening < 0 or closing < opening):
        text = text[:closing]
    text = text.rpartition("=")[2].rpartition("\\approx")[2]
    text = text.replace(" ", "").replace("\\,", "").replace("∞", "\\infty").replace("+\\infty", "\\infty")
    text = text.replace("\\\\", "\\").replace("\n", "").replace("bmatrix", "pmatrix")
    for unit in UNITS:
        text = text.replace(unit, "")
    return _stripped(text)


def same_answer(said: str, gold: str) -> bool:
    """Two answers → whether they are the same text, the same pair, or numbers equal to two places; empty ones never are."""
    said, gold = said.lower(), gold.lower()
    if not said.replace(" ", "") or not gold.replace(" ", ""):
        return False
    if said.strip() == gold.strip():
        return True
    said, gold = _pair(said), _pair(gold)
    if said == gold:
        return True
    a, b = latex_value(said), latex_value(gold)
    return a is not None and b is not None and close(a, b, PLACES)


def latex_value(text: str) -> Value | None:
    """Text → the value that the script's reader of LaTeX gives it, or None.

    It reads commands with their backslash and braces only, no other signs than ASCII ones, and stops at a closing brace
    too many and at a period that ends no number: "\\frac{1}{2}}.so" is 1/2, "2√3", "sqrt(3)" and "\\frac12" are nothing.
    """
    if not text.isascii() or UNREAD.search(text):
        return None
    depth = 0
    for place, sign in enumerate(text):
        depth += (sign == "{") - (sign == "}")
        if depth < 0 or (sign == "." and not text[place + 1 : place + 2].isdigit()):
            return value_of(text[:place])
    return value_of(text)


def near_answer(said: str, gold: str) -> bool:
    """Two answers → whether they are the same text or numbers less than 1e-6 apart, which is VLMEvalKit's rule."""
    said, gold = said.lower().strip(), gold.lower().strip()
    if said == gold:
        return True
    a, b = value_of(said), value_of(gold)
    return a is not None and b is not None and abs(float(a) - float(b)) < TINY


@config
class MathVision(Metric):
    """Accuracy. Facts: `choices` (texts in order; empty: an open question). `gold` is the letter, or the answer as text.

    A question with options is right by its letter or by the option's text. A reply of which nothing is left is unparsed.
    On the makers' 16 files of answers (48,640) every verdict is the stored one but one (Gemini-Pro 538, stored 537), where
    their code with latex2sympy2 1.9.1 gives 538 too.
    """

    source = "mathllm/MATH-V evaluation/{evaluate,utils}.py (a1f5cc3)"
    ties = "of several boxes or phrases the last counts"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Solution → final answer, or None."""
        return final_answer(raw) or None

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Final answer + gold letter or text → 1.0 if it equals that, or the text of that option."""
        right = str(gold)
        text = lettered(facts.get("choices") or ()).get(right, "")
        return float(same_answer(said, right) or same_answer(said, text))


@config
class VlmEvalKitMathVision(MathVision):
    """VLMEvalKit's, without its judge: `infer` for options, and the whole reply against the gold within 1e-6."""

    variant = "vlmevalkit"
    source = "open-compass/VLMEvalKit vlmeval/dataset/utils/mathv.py"
    ties = "two options named: unparsed"

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Reply + gold → its mark. A reply to an open question that is not right goes to a judge there: unparsed here."""
        choices = facts.get("choices") or ()
        if choices:
            said = infer(raw, lettered(choices))
            return Mark(said, float(said == gold)) if said else self.unread(gold, facts)
        return Mark(raw, 1.0) if near_answer(raw, str(gold)) else self.unread(gold, facts)


def _told(text: str) -> str:
    """Solution → the letter it ends or begins with, or the number behind its last "is ", or itself."""
    for letter in OPTIONS:
        ends = (f" {letter}.", f" ({letter}).")
        if text.endswith(ends) or text.startswith((f"{letter}\n", f"({letter})\n", f"({letter}) {letter}\n")):
            text = letter
    tail = text.rpartition("is ")[2].rstrip(".")
    return tail if _is_float(tail) else text


def _behind_flags(text: str) -> str:
    for flag in FLAGS:
        for cue in (flag, flag.replace("the", "The")):
            found = cue in text
            text = text.rpartition(cue)[2].strip()
            if found:
                text = text.split("\n", 1)[0].split(". ", 1)[0]
    return text


def _stripped(text: str) -> str:
    """The script's last cleaning: sizes of fractions, dollars, percents; roots and fractions get their braces."""
    text = text.replace("\\!", "").replace("\\\\", "\\").replace("tfrac", "frac").replace("dfrac", "frac")
    for word in (*UNITS[2:6], "\\$", "$", "\\%"):
        text = text.replace(word, "")
    text = text.replace("{.", "{0.")
    if text.startswith("."):
        text = "0" + text
    if "sqrt" in text:
        text = _braced_fractions(BARE_ROOT.sub(r"\\sqrt{\1}", text))
    if text == "0.5":
        return "\\frac{1}{2}"
    ratio = FRACTION.fullmatch(text)
    return f"\\frac{{{ratio[1]}}}{{{ratio[2]}}}" if ratio else text


def _braced_fractions(text: str) -> str:
    """ "\\frac12" → "\\frac{1}{2}", one character each; unchanged if any fraction lacks its parts."""
    first, *parts = text.split("\\frac")
    if any(len(part) < 2 and not part.startswith("{") for part in parts):
        return text
    return first + "".join("\\frac" + (part if part.startswith("{") else _braced(part)) for part in parts)


def _braced(part: str) -> str:
    above, below, rest = part[0], part[1], part[2:]
    return f"{{{above}}}{below}{rest}" if below == "{" else f"{{{above}}}{{{below}}}{rest}"


def _pair(text: str) -> str:
    """ "(2*3,4)" → "(6,4)" with every part rounded to two places; anything else, and pairs with unknowns, as it is."""
    parts = text[1:-1].split(",")
    if text[:1] + text[-1:] not in ("()", "[]") or len(parts) < 2:
        return text
    values = [_part(part) for part in parts]
    return text if None in values else text[0] + ",".join(map(str, values)) + text[-1]


def _part(text: str) -> str | None:
    if "infty" in text or text in KEPT:
        return text
    value = latex_value(text)
    return None if value is None else str(round(float(value), PLACES))


def _is_float(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
