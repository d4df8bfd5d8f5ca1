"""MMMU: a reply to a question with options, or to an open one → right or not; overall, six domains and thirty subjects."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from omma.core.config import config
from omma.metrics.choice.choice import lettered, ratio, shares
from omma.metrics.choice.mmmu_reading import bracketed, contained, last, letter_of, open_readings, open_right, stripped
from omma.metrics.choice.vlmevalkit import infer
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, mean, number

DOMAINS = {
    "Art and Design": ("Art", "Art_Theory", "Design", "Music"),
    "Business": ("Accounting", "Economics", "Finance", "Manage", "Marketing"),
    "Science": ("Biology", "Chemistry", "Geography", "Math", "Physics"),
    "Health and Medicine": (
        "Basic_Medical_Science",
        "Clinical_Medicine",
        "Diagnostics_and_Laboratory_Medicine",
        "Pharmacy",
        "Public_Health",
    ),
    "Humanities and Social Science": ("History", "Literature", "Sociology", "Psychology"),
    "Tech and Engineering": (
        "Agriculture",
        "Architecture_and_Engineering",
        "Computer_Science",
        "Electronics",
        "Energy_and_Power",
        "Materials",
        "Mechanical_Engineering",
    ),
}
DOMAIN_OF = {subject: domain for domain, subjects in DOMAINS.items() for subject in subjects}
SEED = 42


def golds_of(gold: Any) -> tuple[str, ...]:
    """Gold as stored, one text or several → texts."""
    return tuple(map(str, gold)) if isinstance(gold, list | tuple) else (str(gold),)


@config
class Mmmu(Metric):
    """Accuracy over all questions (the subjects weigh by their size), then by domain and by subject.

    Facts: `choices` (texts in order; empty or absent: an open question), `subject` (as in the ids: "Art_Theory").
    `gold` is a letter, or the accepted texts of an open question. Where the script draws an option at random because it
    found none, the reply is unparsed and wrong; `MmmuSeeded` gives the published figure.
    """

    source = "MMMU-Benchmark/MMMU mmmu/utils/eval_utils.py, mmmu/main_parse_and_eval.py"
    ties = "of several options that a reply names, the one named last counts"

    def extract(self, raw: str, facts: Facts) -> Any:
        """Reply → the letter, or None; for an open question the tuple of readings."""
        choices = facts.get("choices") or ()
        return letter_of(raw, lettered(choices)) if choices else open_readings(raw) if raw.strip() else None

    def match(self, said: Any, gold: Any, facts: Facts) -> float:
        """Letter + gold letter → equal or not; readings + accepted texts → any right or not."""
        golds = golds_of(gold)
        return float(open_right(said, golds) if isinstance(said, tuple) else said in golds)

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked replies → overall first, then the domains, then the subjects. DataError if there are none."""
        overall = mean(self.label, marked)
        domains = shares(self.label, marked, lambda one: DOMAIN_OF.get(one.facts["subject"]))
        return (overall, *domains, *shares(self.label, marked, lambda one: one.facts["subject"]))


@config
class MmmuSeeded(Mmmu):
    """The official figure with its guesses: options drawn by the script's generator, seeded with 42 at import.

    The draws are replayed at the end, subjects in alphabetical order and questions by their number, which is the order of
    the script; so they are the same whatever order the marks come in. `unparsed` still counts the guessed ones. No
    interval: a draw belongs to its place in the run.
    """

    variant = "official, seeded guesses"

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked replies of a whole run → one number, with NaN for its interval. DataError if there are none."""
        generator = random.Random(SEED)
        scores = []
        for one in sorted(marked, key=_place):
            choices = () if one.mark.parsed else one.facts.get("choices") or ()
            guess = generator.choice(list(lettered(choices))) if choices else None
            scores.append((one.mark.score if guess is None else float(guess in golds_of(one.gold)), 1.0))
        found = number(self.label, marked, scores, ratio)
        return (replace(found, low=float("nan"), high=float("nan")),)


@config
class LmmsEvalMmmu(Mmmu):
    """lmms-eval's reading of options: "(A)", else "A " even at the end of a word, else "A.", else an option's text.

    Open questions are read by the official rule: lmms-eval keeps one reading out of an unordered set, so that its score
    of an open answer changes from process to process and cannot be matched.
    """

    variant = "lmms-eval"
    source = "EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/_task_utils/mmmu_mcq_utils.py"

    def extract(self, raw: str, facts: Facts) -> Any:
        """Reply → the letter, or None; for an open question the tuple of readings."""
        choices = facts.get("choices") or ()
        return loose_letter(raw, choices) if choices else super().extract(raw, facts)


@config
class VlmEvalKitMmmu(Mmmu):
    """VLMEvalKit's, without its judge: `infer` for options; an open question has two, the gold text and "Other Answers"."""

    variant = "vlmevalkit"
    source = "open-compass/VLMEvalKit vlmeval/dataset/utils/multiple_choice.py (MMMU_preproc, mcq_vanilla_eval)"
    ties = "two options named: unparsed"

    def judge(self, raw: str, gold: Any, facts: Facts) -> Mark:
        """Reply + gold → its mark; the gold text is among what an open reply may say."""
        choices = facts.get("choices") or (str(gold), "Other Answers")
        right = golds_of(gold) if facts.get("choices") else ("A",)
        said = infer(raw, lettered(choices))
        return Mark(said, float(said in right)) if said else self.unread(gold, facts)


def loose_letter(reply: str, choices: Sequence[Any]) -> str | None:
    """Reply + texts of options → the letter: "(A)", else "A ", else "A.", else an option's text. Of several, the last.

    "A " counts wherever it stands, but of several letters only those between two spaces have a place; without any such
    the first letter wins. The same holds for several "A.".
    """
    text, options = stripped(reply), lettered(choices)
    if found := bracketed(text, options):
        return found
    for form in ("{} ", "{}."):
        named = {letter: options[letter] for letter in options if form.format(letter) in text}
        if named:
            return last(text, named, " {} ".format) or next(iter(named))
    return contained(text, options)


def _place(one: Marked) -> tuple[str, int, str]:
    """Where the script meets a question: subject, then the number at the end of its id."""
    digits = one.id.rpartition("_")[2]
    return str(one.facts["subject"]), int(digits) if digits.isdecimal() and len(digits) < 10 else -1, one.id
