"""MM-Vet: a free reply → a score in [0, 1], recorded from a judge, or by what the reply contains; overall and by capability."""

import math
from collections.abc import Sequence
from typing import Any

from omma.core.config import config
from omma.metrics.choice.choice import shares
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, mean
from omma.metrics.text import normalise


def recorded_score(judge: Any) -> float | None:
    """What a judge answered, or what it answered in several runs → the (mean) score in [0, 1], or None if any is none.

    A score is the first word of an answer, as the official script reads it.
    """
    answers = judge if isinstance(judge, list | tuple) else [judge]
    scores = [_score(str(answer)) for answer in answers]
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known and len(known) == len(scores) else None


def contained_score(reply: str, gold: str) -> float:
    """Reply + gold with <AND> and <OR> → the greatest share of any alternative's parts that the reply contains.

    Texts are compared in the normal form of `text.normalise`, as words are written: "-1" is contained in "x = -1".
    """
    said = normalise(reply)
    alternatives = [[normalise(part) for part in one.split("<AND>")] for one in gold.split("<OR>")]
    shares = [[bool(part) and part in said for part in parts] for parts in alternatives]
    return max(sum(found) / len(found) for found in shares)


@config
class MmVet(Metric):
    """Mean of a judge's recorded scores, then by capability; the official total is 100 times the first.

    Facts: `judge`, its answer or a list of several runs ("0.8"); `capability`, names such as "rec", "ocr", "math". A reply
    counts for each of its capabilities. Without a recorded score in [0, 1] it is unparsed and scores 0.
    """

    label = "score"
    source = "yuweihao/MM-Vet mm-vet_evaluator.py; EvolvingLMMs-Lab/lmms-eval lmms_eval/tasks/mmvet/utils.py"

    def extract(self, raw: str, facts: Facts) -> Any:
        """Recorded verdict → score, or None."""
        return recorded_score(facts.get("judge", ""))

    def match(self, said: Any, gold: Any, facts: Facts) -> float | Mark:
        """Score → itself."""
        return float(said)

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        """Marked replies → overall, each capability, and each set of capabilities that questions ask for together.

        The last are called "score/exactly/ocr+rec". DataError if there are no replies.
        """
        names = sorted({str(name) for one in marked for name in one.facts.get("capability", ())})
        having = {name: [one for one in marked if name in one.facts.get("capability", ())] for name in names}
        each = [mean(f"{self.label}/{name}", having[name]) for name in names]
        together = shares(f"{self.label}/exactly", marked, lambda one: "+".join(sorted(one.facts.get("capability", ()))) or None)
        return mean(self.label, marked), *each, *together


@config
class JudgeFreeMmVet(MmVet):
    """MM-Vet without a judge: the share of the gold's parts that the reply contains. Comparable only with itself.

    Facts: `capability`. `gold` is text with <AND> and <OR>. Of answers in sentences it finds next to none, so that it says
    little about the capability "gen".
    """

    variant = "judge-free"
    source = "own rule"
    ties = "of alternatives the best counts"

    def extract(self, raw: str, facts: Facts) -> Any:
        """Reply → itself, or None if it is blank."""
        return raw if raw.strip() else None

    def match(self, said: Any, gold: Any, facts: Facts) -> Mark:
        """Reply + gold → its mark."""
        return Mark(normalise(said), contained_score(said, str(gold)))


def _score(answer: str) -> float | None:
    try:
        value = float(answer.partition(" ")[0])
    except ValueError:
        return None
    return value if not math.isnan(value) and 0 <= value <= 1 else None
