"""Replies: what a model said → words, pairs of question and answer, a rating. What cannot be read is a DataError, never a guess."""

import re
from dataclasses import dataclass

from omma.core.errors import DataError
from omma.generate.reply import Reply
from omma.metrics.structured import read_json

SHOWN = 60  # letters of a reply that an error shows
APOLOGIES = r"i(?:['’]m| am) (?:very |really |so )?sorry|(?:my )?apologies|sorry[,.]|i apologi[sz]e"
UNABLE = r"(?:unfortunately,? )?i(?: can(?:no|['’])t|['’]m (?:unable|not able)| am (?:unable|not able)| won['’]t| will not) "
MACHINE = r"as an? (?:ai|artificial|large language|language) "
CHINESE = "(?:很|非常)?抱歉|对不起|我无法|我不能|作为(?:一个|一名)?(?:人工智能|AI)"
REFUSAL = re.compile(rf"\W*(?:{APOLOGIES}|{UNABLE}|{MACHINE}|{CHINESE})", re.IGNORECASE)
RATING = re.compile(r"(?:(?:rating|score)\W{0,4})?([1-5])(?:\.0)?(?: ?/ ?5| out of 5)?", re.IGNORECASE)
MARKS = " \t\r\n*_`\"'“”.!"
YES, NO = 5.0, 0.0


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and its answer."""

    question: str
    answer: str


def given(reply: Reply) -> str:
    """Reply → its words without white space around them, which may be none. DataError if asking failed."""
    if reply.error or reply.finish == "error":
        raise DataError("reply", reply.error or "asking failed", "an answer")
    return reply.text.strip()


def said(reply: Reply) -> str:
    """Reply → its words without white space around them. DataError if asking failed or nothing was said."""
    text = given(reply)
    if not text:
        raise DataError("reply", "nothing was said", "an answer")
    return text


def whole(reply: Reply) -> str:
    """Reply → its words, if the model came to an end and did not refuse. DataError as `said`, for a cut one and a refusal."""
    text = said(reply)
    if reply.finish == "length":
        raise DataError("reply", f"cut off: …{text[-SHOWN:]!r}", "a whole answer", "raise sampling.max_tokens")
    if REFUSAL.match(text):
        raise DataError("reply", f"a refusal: {text[:SHOWN]!r}", "an answer")
    return text


def pairs(reply: Reply) -> tuple[Pair, ...]:
    """Reply that is JSON, [{"question": text, "answer": text}, …], bare or in a code fence → the pairs, questions without repeats.

    DataError as `whole`, and for anything else in it: one pair that cannot be read makes the whole reply unread.
    """
    text = whole(reply)
    value = read_json(text)
    found = [_pair(item) for item in value] if isinstance(value, list) else []
    good = [pair for pair in found if pair is not None]
    if not good or len(good) < len(found):
        raise DataError("reply", f"unread: {text[:SHOWN]!r}", 'JSON: [{"question": …, "answer": …}, …]')
    distinct: dict[str, Pair] = {}
    for pair in good:
        distinct.setdefault(" ".join(pair.question.casefold().split()), pair)
    return tuple(distinct.values())


def rating(reply: Reply) -> float:
    """Reply that is a number from 1 to 5, "4/5", "Score: 4", "yes" (5) or "no" (0) and nothing else → it. DataError otherwise."""
    text = said(reply).strip(MARKS)
    word = text.casefold()
    if word in ("yes", "no"):
        return YES if word == "yes" else NO
    found = RATING.fullmatch(text)
    if not found:
        raise DataError("reply", f"unread: {text[:SHOWN]!r}", "a number from 1 to 5, yes or no")
    return float(found[1])


def _pair(item: object) -> Pair | None:
    if not isinstance(item, dict):
        return None
    question, answer = item.get("question"), item.get("answer")
    good = isinstance(question, str) and isinstance(answer, str) and question.strip() and answer.strip()
    return Pair(str(question).strip(), str(answer).strip()) if good else None
