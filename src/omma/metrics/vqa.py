"""VQA accuracy: an answer + what several people answered → soft accuracy in [0, 1], with the official normal form.

The rules and their oddities are those of the VQA v2 evaluation (GT-Vision-Lab/VQA, `vqaEval.py` at a013f00): answers
are normalised only if the people disagree, and comparison is case-sensitive if they agree.
"""

import re
from collections.abc import Sequence

MARKS = ';/[]"{}()=+\\_-><@`,?!'
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
DIGITS = {word: str(number) for number, word in enumerate(NUMBER_WORDS)} | {"none": "0"}
ARTICLES = ("a", "an", "the")
DIGIT_COMMA = re.compile(r"\d,\d")
PERIOD = re.compile(r"\.(?!\d)")  # the official look-behind is mistyped and never refuses
PERIODS_REMOVED = 32  # officially a flag passed as the count

# Words that lost one or more apostrophes → the form with all of them. Each word here stands for the spellings that lack
# some apostrophe and that the official table lists; a capital I never matches there, because words are lowered first.
LOST_ALL = """ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd he's how'd how'll how's
isn't it'd it'll ma'am mightn't might've mustn't must've needn't not've o'clock oughtn't shan't should've shouldn't
somebody'll somebody's someone'd someone'll someone's something'd something'll that's there'd there're there's they'd
they'll they're they've 'twas wasn't we've weren't what'll what're what's what've when's where'd where's where've who'd
who'll who's who've why'll why're why's won't would've wouldn't y'all you'd you'll you're you've"""
LOST_ONE = """couldn't've hadn't've he'd've it'd've mightn't've she'd've shouldn't've somebody'd've someone'd've something'd've
there'd've they'd've we'd've who'd've wouldn't've you'd've y'all'll"""
LOST_OTHERWISE = {
    "'ow'sat": "'ow's'at",
    "'ows'at": "'ow's'at",
    "ow's'at": "'ow's'at",
    "somebody'd": "somebodyd",
    "y'all'dve": "y'all'd've",
    "y'alld've": "y'all'd've",
    "yall'd've": "y'all'd've",
}


def _contractions() -> dict[str, str]:
    table = {word.replace("'", ""): word for word in LOST_ALL.split()} | LOST_OTHERWISE
    for word in LOST_ONE.split():
        first, second = (match.start() for match in re.finditer("'", word))
        table[word[:first] + word[first + 1 :]] = table[word[:second] + word[second + 1 :]] = word
    return table


CONTRACTIONS = _contractions()


def vqa_accuracy(answer: str, golds: Sequence[str]) -> float:
    """Answer + people's answers (officially ten) → mean over each of them of min(1, agreeing others / 3), in [0, 1].

    No golds: 0.0. One to three golds can never reach 1.0; that is the official rule, not an error.
    """
    if not golds:
        return 0.0
    said, gold_texts = _plain(answer), [_plain(gold) for gold in golds]
    if len(set(gold_texts)) > 1:
        said, gold_texts = vqa_normalise(said), [vqa_normalise(gold) for gold in gold_texts]
    agree = [gold == said for gold in gold_texts]
    total = sum(agree)
    return sum(min(1.0, (total - one) / 3) for one in agree) / len(agree)


def vqa_normalise(text: str) -> str:
    """Answer → official normal form: marks, lower case, number words, articles, contractions."""
    return _words(_punctuation(_plain(text)))


def _plain(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


def _punctuation(text: str) -> str:
    plain = text
    joined = DIGIT_COMMA.search(text) is not None
    for mark in MARKS:
        gone = joined or f"{mark} " in text or f" {mark}" in text
        plain = plain.replace(mark, "" if gone else " ")
    return PERIOD.sub("", plain, count=PERIODS_REMOVED)


def _words(text: str) -> str:
    words = [DIGITS.get(word, word) for word in text.lower().split()]
    return " ".join(CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES)
