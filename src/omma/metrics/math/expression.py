"""Expression: arithmetic as people and LaTeX write it → its value. Nothing is executed; what is no arithmetic has no value.

Read are numbers, + - * / ^ with × · ÷ √ π − and their LaTeX commands, roots, fractions, brackets of any kind, factorials,
percent signs, ratios ("2:3" is 2/3) and products without a sign ("2\\pi", "3\\sqrt{2}"). Letters are unknowns: an
expression with one has no value.
"""

import math
import re
from fractions import Fraction
from typing import Any

LONGEST = 400  # characters; longer texts are no answers
DEEPEST = 24  # brackets within brackets
LARGEST = 4096  # bits of an exact number
TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d*)?|\.\d+)|\\?(frac|sqrt|pi|times|cdot|div)|([-+*/:^!%()\[\]{}]))")
PLAIN = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "π": "\\pi ", "√": "\\sqrt ", "²": "^2", "³": "^3"})
SKIPPED = re.compile(r"\\(?:left|right|displaystyle|[,;:! ])|\$")
COMMANDS = {"times": "*", "cdot": "*", "div": "/", ":": "/"}
CLOSING = {"(": ")", "[": "]", "{": "}"}
STARTS = frozenset(["frac", "sqrt", "pi", "(", "[", "{"])

Value = Fraction | float


def value_of(text: str) -> Value | None:
    """Text → exact value where the arithmetic is exact, else a float; None if it is no arithmetic or not finite.

    "1/3" is Fraction(1, 3), "\\frac{1}{2}\\pi" 1.5707…, "50\\%" Fraction(1, 2); "x", "1/0", "" and "5 cm" are None.
    """
    if len(text) > LONGEST:
        return None
    try:
        parser = _Parser(_tokens(text))
        value = parser.sum(0)
        parser.end()
        return value if isinstance(value, Fraction) or math.isfinite(value) else None
    except (NoArithmetic, ZeroDivisionError, OverflowError, ValueError):
        return None


def close(a: Value, b: Value, places: int) -> bool:
    """Two values → whether they round to the same decimal places, halves to even, in floating point as scripts have it."""
    try:
        return round(float(a), places) == round(float(b), places)
    except OverflowError:
        return a == b


class NoArithmetic(Exception):
    """The text stops being arithmetic here."""


def _tokens(text: str) -> list[str]:
    text = SKIPPED.sub("", text.translate(PLAIN)).replace("dfrac", "frac").replace("tfrac", "frac").replace("\\%", "%").strip()
    found, place = [], 0
    while place < len(text):
        match = TOKEN.match(text, place)
        if match is None:
            raise NoArithmetic
        token = match[1] or match[2] or match[3]
        found.append(COMMANDS.get(token, token))
        place = match.end()
    return found


class _Parser:
    """Recursive descent over tokens: sum → product → signed → power → atom."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.place = tokens, 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.peek()
        if token not in wanted or not token:
            return ""
        self.place += 1
        return token

    def end(self) -> None:
        if self.peek():
            raise NoArithmetic

    def sum(self, depth: int) -> Value:
        value = self.product(depth)
        while sign := self.take("+", "-"):
            other = self.product(depth)
            value = _kept(value + other if sign == "+" else value - other)
        return value

    def product(self, depth: int) -> Value:
        value = self.signed(depth)
        while True:
            if sign := self.take("*", "/"):
                other = self.signed(depth)
                value = _kept(value * other if sign == "*" else _quotient(value, other))
            elif self.peek() in STARTS or self.peek()[:1].isdigit():
                value = _kept(value * self.power(depth))
            else:
                return value

    def signed(self, depth: int) -> Value:
        minus = False
        while sign := self.take("+", "-"):
            minus ^= sign == "-"
        value = self.power(depth)
        return -value if minus else value

    def power(self, depth: int) -> Value:
        value = self.atom(depth)
        while sign := self.take("!", "%"):
            value = _factorial(value) if sign == "!" else value / 100
        if self.take("^"):
            if depth >= DEEPEST:
                raise NoArithmetic
            minus = bool(self.take("-"))
            exponent = self.power(depth + 1)
            value = _power(value, -exponent if minus else exponent)
        return value

    def atom(self, depth: int) -> Value:
        if depth >= DEEPEST:
            raise NoArithmetic
        token = self.peek()
        if token[:1].isdigit() or token[:1] == ".":
            self.place += 1
            return Fraction(token.removesuffix("."))
        if self.take("pi"):
            return math.pi
        if self.take("frac"):
            above = self.argument(depth + 1)
            return _quotient(above, self.argument(depth + 1))
        if self.take("sqrt"):
            degree = self.bracketed(depth + 1) if self.peek() == "[" else Fraction(2)
            return _root(self.argument(depth + 1), degree)
        return self.bracketed(depth + 1)

    def argument(self, depth: int) -> Value:
        """What a command takes: a bracketed expression, or one digit of the number that follows, as LaTeX has it."""
        token = self.peek()
        if not token.isdecimal():
            return self.atom(depth)
        self.tokens[self.place] = token[1:]
        if not token[1:]:
            self.place += 1
        return Fraction(token[0])

    def bracketed(self, depth: int) -> Value:
        opening = self.take("(", "[", "{")
        if not opening:
            raise NoArithmetic
        value = self.sum(depth)
        if not self.take(CLOSING[opening]):
            raise NoArithmetic
        return value


def _kept(value: Value) -> Value:
    """A value → itself, as a float once it is too long to be exact about."""
    if isinstance(value, Fraction) and max(value.numerator.bit_length(), value.denominator.bit_length()) > LARGEST:
        return float(value)
    return value


def _quotient(a: Value, b: Value) -> Value:
    return _kept(a / b)


def _factorial(value: Value) -> Value:
    if isinstance(value, float) or value.denominator != 1 or not 0 <= value <= 170:
        raise NoArithmetic
    return Fraction(math.factorial(value.numerator))


def _power(base: Value, exponent: Value) -> Value:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        size = max(base.numerator.bit_length(), base.denominator.bit_length()) * abs(exponent.numerator)
        if size <= LARGEST:
            return Fraction(base**exponent.numerator)
    found: Any = float(base) ** float(exponent)
    if isinstance(found, complex):
        raise NoArithmetic
    return float(found)


def _root(value: Value, degree: Value) -> Value:
    if value < 0 or degree == 0:
        raise NoArithmetic
    if degree == 2 and isinstance(value, Fraction):
        above, below = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if above * above == value.numerator and below * below == value.denominator:
            return Fraction(above, below)
        return math.sqrt(value)
    return float(float(value) ** (1 / float(degree)))
