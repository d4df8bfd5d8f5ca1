"""Equality: a reply with a mathematical answer → its final answer, right if it says the same value as the gold.

`math_equal` is this house's own and executes nothing. `MathVerify` asks the library math-verify (extra `math`) first.
"""

import math
import re
from typing import Any

from omma.core.config import config
from omma.metrics.math.expression import Value, value_of
from omma.metrics.math.verify import verified
from omma.metrics.metric import Facts, Mark, Metric

CLOSE = 1e-6  # relative
LONGEST = 1000
CUE = re.compile(r"(?:answer(?:\s+(?:is|would be|should be)\b|\s*:)|####)[\s:*]*", re.IGNORECASE)
NUMBER = re.compile(r"-?(?:(?<!\d)\d++(?:,\d{3})*+(?:\.\d++)?|\.\d++)(?:\s?(?:\\?%|/\s?\d++))?")
BOX = "\\boxed{"
WRAPPERS = ("$$", "$", "\\(", "\\)", "\\[", "\\]", "**")
WORDS = re.compile(r"\\(?:text|mathrm|mathbf|textbf|mbox)\s*\{([^{}]*)\}")
THOUSANDS = re.compile(r"(?<=\d),(?:\\!)?(?=\d{3}(?!\d))")
MIXED = re.compile(r"(-?\d+)\s*(?:\s(\d+)\s*/\s*(\d+)|\\[dt]?frac\{(\d+)\}\{(\d+)\})")
PERCENT = re.compile(r"\s*(?:\\?%|percent)\Z")
SCIENCE = re.compile(r"(?<=\d)e(?=[-+]?\d)")
UNIT_WORDS = """mm cm dm m km in inch inches ft foot feet yd mi mile miles mg g kg t lb lbs oz ml l s sec second seconds min minute
minutes h hr hour hours day days week weeks month months year years n j w v a k pa hz deg degree degrees rad dollar
dollars cent cents unit units people items times square cubic per mol mph"""
DEGREE = re.compile(r"°|\^?\\circ|\^\{\\circ\}|degrees?")
UNIT = re.compile(
    rf"(?<=[\d)}}\]%])\s*((?:°|\^?\\circ|\^\{{\\circ\}}|\b(?:{'|'.join(UNIT_WORDS.split())})\b|[\s./²³]|\^\{{?[23]\}}?)+)\Z"
)


def final(reply: str) -> str | None:
    """Reply → its final answer: the last \\boxed{…}, else what follows the last "answer is", else its last number; or None."""
    start = reply.rfind(BOX)
    if start >= 0:
        return _braced(reply[start + len(BOX) :]).strip() or None
    cues = list(CUE.finditer(reply))
    if cues:
        told = reply[cues[-1].end() :].strip().split("\n", 1)[0].split(". ", 1)[0].rstrip(".")
        if told:
            return told
    numbers = NUMBER.findall(reply)
    return numbers[-1] if numbers and value_of(reply.strip()) is None else reply.strip() or None


def math_equal(said: str, gold: str) -> bool:
    """Two answers → whether they are the same text, the same value or the same list of values.

    Values are equal within 1e-6 of the greater. "1,000", "2 1/2", "x = 5", "$\\frac{5}{2}$" and "5 cm" are values. A
    percentage equals the share and the bare number ("50%", "0.5" and "50"). Units count only where both answers have one.
    Texts of over 1,000 characters are compared as texts only.
    """
    if max(len(said), len(gold)) > LONGEST:
        return said == gold
    a, b = _normal(said), _normal(gold)
    if not a or not b:
        return False
    return a == b or _same_values(a, b) or _same_lists(a, b)


@config
class MathAnswer(Metric):
    """Accuracy by `math_equal`. No facts. `gold` is the answer as text, or several accepted ones."""

    variant = "own"
    source = "own rule"
    ties = "of several boxes, phrases or numbers the last counts; of several accepted answers any"

    def extract(self, raw: str, facts: Facts) -> str | None:
        """Reply → final answer, or None."""
        return final(raw)

    def match(self, said: str, gold: Any, facts: Facts) -> Mark:
        """Final answer + accepted answers → its mark; `judge` in the details says what decided."""
        return Mark(said, float(any(math_equal(said, one) for one in _texts(gold))), {"judge": "own"})


@config
class MathVerify(MathAnswer):
    """Accuracy by math-verify, which runs in a process of its own and is stopped after `seconds`.

    Where it is not installed, takes longer or fails, `math_equal` decides; `details["judge"]` says which one did, so that
    scores of machines with and without it can be told apart. It is handed the final answer, not the whole reply.
    """

    variant = "math-verify"
    source = "huggingface/Math-Verify src/math_verify/{parser,grader}.py (0.9)"
    seconds: float = 10.0

    def match(self, said: str, gold: Any, facts: Facts) -> Mark:
        """Final answer + accepted answers → its mark."""
        verdicts = [verified(said, one, self.seconds) for one in _texts(gold)]
        if None in verdicts:
            return MathAnswer.match(self, said, gold, facts)
        return Mark(said, float(any(verdicts)), {"judge": "math-verify"})


def _texts(gold: Any) -> list[str]:
    return [str(one) for one in gold] if isinstance(gold, list | tuple) else [str(gold)]


def _braced(text: str) -> str:
    """Text behind an opening brace → what stands before its closing one, or all of it without one."""
    depth = 1
    for match in re.finditer(r"[{}]", text):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return text[: match.start()]
    return text


def _normal(text: str) -> str:
    """Answer → without wrappers, words' commands, commas in numbers, a name before "=", and a last period; lowered."""
    for wrapper in WRAPPERS:
        text = text.replace(wrapper, " ")
    text = THOUSANDS.sub("", WORDS.sub(r" \1", text).replace("\\left", "").replace("\\right", "").replace("\\!", ""))
    name, equals, value = text.partition("=")
    text = value if equals and "=" not in value and len(name.strip()) <= 12 else text
    return " ".join(text.lower().split()).removesuffix(".")


def _same_values(a: str, b: str) -> bool:
    (left, left_unit, left_percent), (right, right_unit, right_percent) = _quantity(a), _quantity(b)
    if left is None or right is None or (left_unit and right_unit and left_unit != right_unit):
        return False
    if left_percent == right_percent:
        return _near(left, right)
    share, bare = (left, right) if left_percent else (right, left)
    return _near(share, bare) or _near(share / 100, bare)


def _quantity(text: str) -> tuple[Value | None, str, bool]:
    """Normal form → its value, unit and whether it is in percent."""
    text = text.lstrip("$€£¥ ")
    percent = PERCENT.search(text)
    text = PERCENT.sub("", text)
    unit = UNIT.search(text)
    text = text[: unit.start()] if unit else text
    mixed = MIXED.fullmatch(text.strip())
    if mixed:
        whole, above, below = mixed[1], mixed[2] or mixed[4], mixed[3] or mixed[5]
        text = f"{whole}{'-' if whole.startswith('-') else '+'}{above}/{below}"
    return value_of(SCIENCE.sub("*10^", text)), _unit(unit[1]) if unit else "", percent is not None


def _unit(text: str) -> str:
    """Unit as written → its name: degrees in one spelling, singular, without spaces."""
    name = "".join(DEGREE.sub("deg", text).split()).strip(".")
    return name.removesuffix("s") if len(name) > 2 else name


def _near(a: Value, b: Value) -> bool:
    try:
        return a == b or math.isclose(float(a), float(b), rel_tol=CLOSE)
    except OverflowError:
        return False


def _same_lists(a: str, b: str) -> bool:
    """Normal forms → whether both are lists in the same brackets (or none) with as many equal parts in the same order."""
    left, right = _parts(a), _parts(b)
    if len(left) < 2 or len(left) != len(right) or _brackets(a) != _brackets(b):
        return False
    return all(one == other or _same_values(one, other) for one, other in zip(left, right, strict=True))


def _brackets(text: str) -> str:
    return text[0] + text[-1] if text[0] in "([" and text[-1] in ")]" else ""


def _parts(text: str) -> list[str]:
    inside = text[1:-1] if _brackets(text) else text
    return [part.strip() for part in inside.split(",")]
