"""PTB tokens: captions → the words that caption scores compare, as Stanford's tokenizer 3.4.1 and coco-caption make them.

tylin/coco-caption, `pycocoevalcap/tokenizer/ptbtokenizer.py` at 3a9afb2: PTBTokenizer with `-preserveLines -lowerCase`,
then marks are dropped. Its list of marks has "-LRB-" in capitals and the tokens are in small letters by then, so round
and curly brackets stay as the words "-lrb-", "-rrb-", "-lcb-", "-rcb-".
"""

from collections.abc import Iterator
from functools import cache, lru_cache

from omma.metrics.captions.longest import Longest
from omma.metrics.captions.ptb_rules import NAMES, RULES, Rule

DROPPED = frozenset(
    ["\n", "''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";"]
)
KEPT, SHORT = 16_384, 1_000  # captions, not longer than this, whose words are remembered: references come again for every metric
NEWLINES = str.maketrans(dict.fromkeys("\r\n\u000b\u000c\u0085\u2028\u2029", " "))


def words(caption: str) -> str:
    """Caption → its words with single spaces between, in small letters, marks dropped. Line breaks count as spaces.

    A caption is read by itself. Officially all captions are the lines of one file, and the next line's first word can
    decide whether a single initial at the end ("vitamin A.") keeps its full stop; no caption's words depend on another here.
    """
    return _kept(caption) if len(caption) <= SHORT else _read(caption)


def tokens(text: str) -> Iterator[str]:
    """Text → its tokens in order, marks and cases kept; a line break is the token "\\n".

    Signs outside the basic plane (emoji) are no tokens, as in the original, which reads UTF-16. A token may hold
    no-break spaces where the original keeps a fraction or a telephone number together. Letters that Unicode took up
    after 6.1 are letters here and nothing there.
    """
    machine = _machine()
    pairs = _to_pairs(text)
    vain: set[tuple[int, int]] = set()
    at = 0
    while at < len(pairs):
        found = machine.match(pairs, at, vain)
        assert found, "every character is matched by one of the last rules"
        rule = RULES[found[1]]
        matched = pairs[at : found[0]]
        token, used = rule.action(matched[: _length(rule, matched)] if rule.before else matched)
        at += used
        if token is not None:
            yield _from_pairs(token)


@lru_cache(maxsize=KEPT)
def _kept(caption: str) -> str:
    return _read(caption)


def _read(caption: str) -> str:
    found = (token.lower() for token in tokens(caption.translate(NEWLINES) + "\n"))
    return " ".join(token for token in found if token not in DROPPED)


@cache
def _machine() -> Longest:
    return Longest([f"({rule.pattern})({rule.before})" if rule.before else rule.pattern for rule in RULES], NAMES)


@cache
def _parts(rule: Rule) -> tuple[Longest, Longest]:
    return Longest([rule.pattern], NAMES), Longest([rule.before], NAMES)


def _length(rule: Rule, matched: str) -> int:
    """Rule + what it and what must follow it match together → the longest length of the first part."""
    first, then = _parts(rule)
    return next(length for length in first.ends(matched) if len(matched) - length in then.ends(matched[length:]))


def _to_pairs(text: str) -> str:
    if text.isascii() or max(text) <= "\uffff":
        return text
    units = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(units[at] | units[at + 1] << 8) for at in range(0, len(units), 2))


def _from_pairs(token: str) -> str:
    if token.isascii():
        return token
    return token.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
