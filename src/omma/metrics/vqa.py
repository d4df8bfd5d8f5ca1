"""VQA accuracy: an answer + what several people answered → soft accuracy in [0, 1], with the official normal form.

The rules and their oddities are those of the VQA v2 evaluation (GT-Vision-Lab/VQA, `vqaEval.py` at a013f00): answers
are normalised only if the people disagree, and comparison is case-sensitive if they agree.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from omma.core.config import config
from omma.metrics.metric import Facts, Mark
from omma.metrics.text import Words, accepted

MARKS = ';/[]"{}()=+\\_-><@`,?!'
NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
DIGITS = {word: str(number) for number, word in enumerate(NUMBER_WORDS)} | {"none": "0"}
ARTICLES = ("a", "an", "the")
MARK = re.compile(f"[{re.escape(MARKS)}]")
PERIODS_REMOVED = 32  # officially a flag passed as the count


@dataclass(frozen=True, slots=True)
class Form:
    """Where copies of the official normal form differ: which commas join digits, and which periods go."""

    comma: re.Pattern[str]
    period: re.Pattern[str]


OFFICIAL = Form(re.compile(r"\d,\d"), re.compile(r"\.(?!\d)"))  # the look-behind for a digit is mistyped and never refuses
MMF = Form(re.compile(r"\d,+\d"), OFFICIAL.period)
VLMEVALKIT = Form(OFFICIAL.comma, re.compile(r"(?<!\d)\.(?!\d)"))

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
    return soft_accuracy(*_official(answer, golds))


def soft_accuracy(said: str, golds: Sequence[str]) -> float:
    """Answer and people's answers, all as they are compared → mean over each of min(1, agreeing others / 3). No golds: 0.0."""
    total = sum(gold == said for gold in golds)
    if not total:
        return 0.0
    with_it, without_it = min(1.0, (total - 1) / 3), min(1.0, total / 3)
    return sum([with_it if gold == said else without_it for gold in golds]) / len(golds)


def vqa_normalise(text: str, form: Form = OFFICIAL) -> str:
    """Answer → normal form: marks, lower case, number words, articles, contractions."""
    return plain_words(without_marks(plain(text), form))


def normal_forms(said: str, golds: Sequence[str], normalise: Callable[[str], str]) -> tuple[str, list[str]]:
    """Answer + people's answers + a normal form → both in it; what several people said is brought there once."""
    forms = {text: normalise(text) for text in set(golds)}
    return normalise(said), [forms[text] for text in golds]


def plain(text: str) -> str:
    """Answer → newlines and tabs as spaces, none around it."""
    return text.replace("\n", " ").replace("\t", " ").strip()


def without_marks(text: str, form: Form = OFFICIAL) -> str:
    """Answer → each mark gone if it stands next to a space anywhere, or a comma joins digits; else a space instead."""
    left = text
    if found := set(MARK.findall(text)):
        joined = form.comma.search(text) is not None
        for mark in found:
            gone = joined or f"{mark} " in text or f" {mark}" in text
            left = left.replace(mark, "" if gone else " ")
    return form.period.sub("", left, count=PERIODS_REMOVED) if "." in left else left


def plain_words(text: str) -> str:
    """Answer → lowered, number words as digits, without articles, with lost apostrophes."""
    words = [DIGITS.get(word, word) for word in text.lower().split()]
    return " ".join([CONTRACTIONS.get(word, word) for word in words if word not in ARTICLES])


@config
class Vqa(Words):
    """VQA v2. `gold`: what people answered, officially ten; no facts are read.

    Both sides are normalised only where the people's answers differ; else they are compared with case and marks.
    """

    label: ClassVar[str] = "VQA accuracy"
    source: ClassVar[str] = "GT-Vision-Lab/VQA PythonEvaluationTools/vqaEvaluation/vqaEval.py at a013f00"

    def match(self, said: str, gold: Any, facts: Facts) -> Mark:
        """Reply + people's answers → soft accuracy, and what was compared."""
        said, golds = self.compared(said, self.people(gold))
        return Mark(said, soft_accuracy(said, golds))

    def people(self, gold: Any) -> Sequence[str]:
        """What is right as stored → people's answers, each as often as it counts."""
        return accepted(gold)

    def compared(self, said: str, golds: Sequence[str]) -> tuple[str, Sequence[str]]:
        """Reply + people's answers → both as they are compared."""
        return _official(said, golds)


@config
class OkVqa(Vqa):
    """OK-VQA: the rule of VQA v2 on the ten answers of a question. Where only five people's are stored, each counts twice.

    So an answer that one of five gave scores 0.6, and one that two gave is right.
    """

    def people(self, gold: Any) -> Sequence[str]:
        """What is right as stored, five or ten answers → ten."""
        golds = accepted(gold)
        return golds * 2 if len(golds) == 5 else golds


@config
class LmmsEvalVqa(Vqa):
    """VQA v2 in lmms-eval: both sides are always normalised, also where all people agree; its comma rule is that of mmf."""

    variant: ClassVar[str] = "lmms-eval"
    source: ClassVar[str] = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/vqav2/utils.py at 75571cf"

    def compared(self, said: str, golds: Sequence[str]) -> tuple[str, Sequence[str]]:
        """Reply + people's answers → normal forms."""
        return normal_forms(said, golds, partial(vqa_normalise, form=MMF))


@config
class VlmEvalKitVqa(Vqa):
    """VQA v2, OK-VQA and TextVQA in VLMEvalKit: both sides are always normalised, and a period behind a digit stays ("3.")."""

    variant: ClassVar[str] = "vlmevalkit"
    source: ClassVar[str] = "open-compass/VLMEvalKit vlmeval/dataset/utils/vqa_eval.py, vlmeval/smp/misc.py at e8e78f0"

    def compared(self, said: str, golds: Sequence[str]) -> tuple[str, Sequence[str]]:
        """Reply + people's answers → normal forms."""
        return normal_forms(said, golds, partial(vqa_normalise, form=VLMEVALKIT))


def _official(answer: str, golds: Sequence[str]) -> tuple[str, Sequence[str]]:
    said, texts = plain(answer), [plain(gold) for gold in golds]
    return (said, texts) if len(set(texts)) < 2 else normal_forms(said, texts, vqa_normalise)
