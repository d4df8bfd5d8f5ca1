"""personal_data: a text with e-mail addresses, phone numbers, IP addresses or card numbers → dropped. Score: how many stand in it.

`mask` writes `<email>`, `<phone>`, `<ip>`, `<card>` in their place, for a rewrite instead of a drop. Card numbers pass Luhn's
check (ISO/IEC 7812-1). Four numbers with dots are an IP address even where someone meant a version. National ids are not
looked for: their forms differ by country and look like any number.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.operator import Drops, TextOperator, words_of
from omma.schema.sample import Sample

# Every pattern begins where a token begins and has bounded parts: a megabyte of one letter takes no longer than one of prose.
EMAIL = re.compile(
    r"(?<![\w.%+-])[\w%+-][\w.%+-]{0,63}@(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.){1,8}[a-zA-Z]{2,24}(?![\w-])"
)
IP = re.compile(r"(?<![\w.:])(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7})(?![\w:]|\.\w)")
CARD = re.compile(r"(?<![\w.-])[3-6][0-9](?:[ -]?[0-9]){11,17}(?![\w-])")
PHONE = re.compile(
    r"(?<![\w.+/-])(?:"
    r"(?:\+|00)[1-9][0-9]{0,2}(?:[ .-]?(?:\(0?[0-9]{1,4}\)|[0-9]{1,5})){2,6}"  # international
    r"|(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}"  # North American plan
    r"|\(?0[1-9][0-9]{0,4}\)?[ /-]{1,3}[0-9]{2,5}(?:[ -][0-9]{2,5}){0,4}"  # with a trunk zero
    r")(?![\w-]|\.[0-9])"
)


@dataclass(frozen=True, slots=True)
class Found:
    """One piece of personal data: its kind and where it stands in the text."""

    kind: str
    start: int
    end: int


@config
class PersonalData(TextOperator):
    """Captions and replies together."""

    version: ClassVar[str] = "1"
    drops: ClassVar[Drops] = ">"
    max_found: int = 0

    def check(self) -> None:
        if self.max_found < 0:
            raise ConfigError("PersonalData.max_found", str(self.max_found), "0 or more")

    @property
    def threshold(self) -> float:
        """Most that may stand in a text that stays."""
        return float(self.max_found)

    def score(self, sample: Sample) -> float:
        """Number found."""
        return float(len(find(words_of(sample))))

    def decide(self, score: float) -> str:
        """More than `max_found`."""
        return "" if score <= self.max_found else f"{score:.0f} addresses or numbers of persons"


def find(text: str) -> tuple[Found, ...]:
    """Text → what stands in it, in order, none within another."""
    found: list[Found] = []
    taken = bytearray(len(text))
    for item in _candidates(text):
        if not any(taken[item.start : item.end]):
            taken[item.start : item.end] = b"\1" * (item.end - item.start)
            found.append(item)
    return tuple(sorted(found, key=lambda item: item.start))


def mask(text: str) -> str:
    """Text → the same with a mark such as `<email>` for everything found."""
    parts, end = [], 0
    for item in find(text):
        parts += [text[end : item.start], f"<{item.kind}>"]
        end = item.end
    return "".join((*parts, text[end:]))


def luhn(digits: str) -> bool:
    """Digits → whether the last one checks the others: from the right every second counts twice, the sum ends in 0."""
    values = [int(digit) for digit in reversed(digits)]
    return sum(values[0::2] + [sum(divmod(2 * value, 10)) for value in values[1::2]]) % 10 == 0


def _candidates(text: str) -> Iterator[Found]:
    """The surest kinds first, so that a card is no phone."""
    yield from (Found("email", *match.span()) for match in EMAIL.finditer(text))
    yield from (Found("ip", *match.span()) for match in IP.finditer(text) if _address(match[0]))
    yield from (Found("card", *match.span()) for match in CARD.finditer(text) if luhn(_digits(match[0])))
    yield from (Found("phone", *match.span()) for match in PHONE.finditer(text) if 7 <= len(_digits(match[0])) <= 15)


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _address(text: str) -> bool:
    try:
        return int(ipaddress.ip_address(text)) > 1  # `::` and `::1` are marks of code
    except ValueError:
        return False
