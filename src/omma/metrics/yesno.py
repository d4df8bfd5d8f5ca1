"""Yes or no: a reply → what it says, by the rules of the benchmarks that ask so; outcomes → accuracy, precision, recall, F1.

A rule gives True for yes, False for no and None where it reads neither.
"""

from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from omma.core.errors import DataError
from omma.metrics.text import accepted
from omma.metrics.vqa import VLMEVALKIT, without_marks

OUTCOMES = ("tp", "fp", "tn", "fn")  # yes is positive
Sums: TypeAlias = Float[np.ndarray, "..."]  # columns are outcomes, in that order
TRUTHS = {"yes": True, "1": True, "true": True, "no": False, "0": False, "false": False}


def pope_says(text: str) -> bool | None:
    """Reply → False if "No", "no" or "not" is a word of its first sentence, True if "yes" is in any case, else None.

    A sentence ends at the first period, commas go, words lie between spaces (AoiDragon/POPE, `evaluate.py`). The script
    takes what is None here for a yes.
    """
    words = text.partition(".")[0].replace(",", "").split(" ")
    if "No" in words or "not" in words or "no" in words:
        return False
    return True if any(word.strip().lower() == "yes" for word in words) else None


def start_says(text: str) -> bool | None:
    """Reply → True if "yes" stands within its first four characters, in any case, else False if "no" does, else None.

    The rule of MME's `calculation.py`; so "Note that …" and "know" say no.
    """
    start = text[:8].lower()[:4]
    return True if "yes" in start else False if "no" in start else None


def words_say(text: str) -> bool | None:
    """Reply → True if "yes" is among its words and "no" is not, False if it is the other way round, else None.

    Words as VLMEvalKit cuts them (`YOrN_Extraction` in `vlmeval/dataset/utils/yorn.py` at e8e78f0).
    """
    words = without_marks(text.lower(), VLMEVALKIT).split()
    yes, no = "yes" in words, "no" in words
    return yes if yes != no else None


def truth(gold: Any, where: str) -> bool:
    """What is right as stored ("yes", "No.", 1, …, or a list of one) → whether it is yes. DataError for anything else."""
    texts = accepted(gold)
    found = TRUTHS.get(texts[0].strip().rstrip(".").lower()) if len(texts) == 1 else None
    if found is None:
        raise DataError(where, f"right answer {gold!r}", "yes or no", "score these questions by another metric")
    return found


def outcome(yes: bool, right: bool) -> str:
    """What was said and what is right → its name among `OUTCOMES`."""
    return ("tp" if right else "fp") if yes else ("fn" if right else "tn")


def ratio(top: Sums, bottom: Sums) -> Sums:
    """Sums → their quotient, 0 where there is nothing to divide by."""
    return np.divide(top, bottom, out=np.zeros_like(np.asarray(bottom, float)), where=np.asarray(bottom) > 0)


def precision(sums: Sums) -> Sums:
    """Sums of outcomes (…, 4) → share of yeses that are right; 0 if nobody said yes."""
    return ratio(sums[..., 0], sums[..., 0] + sums[..., 1])


def recall(sums: Sums) -> Sums:
    """Sums of outcomes (…, 4) → share of right yeses that were said; 0 if there are none."""
    return ratio(sums[..., 0], sums[..., 0] + sums[..., 3])


def f1(sums: Sums) -> Sums:
    """Sums of outcomes (…, 4) → harmonic mean of precision and recall; 0 if both are."""
    p, r = precision(sums), recall(sums)
    return ratio(2 * p * r, p + r)
