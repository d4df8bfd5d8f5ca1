"""ARO: scores of a picture's captions → whether the true one wins (Yuksekgonul et al. 2023).

mertyg/vision-language-models-are-bows, `dataset_zoo/aro_datasets.py` at 09e1fcf. There the true caption stands second in
VG-Relation and VG-Attribution and first in COCO-Order and Flickr30k-Order, and `argmax` takes the first of equals: so a
model that scores all captions alike has 0% in the first two and 100% in the others.
"""

from collections.abc import Sequence

from omma.core.config import config
from omma.metrics.metric import Facts, Marked, Number, grouped, mean, number
from omma.metrics.pairs.scores import ScoredCaptions

FEWEST_OF_AN_ATTRIBUTE = 25


def wins(scores: Sequence[float], right: int) -> bool:
    """Scores + place of the true caption → whether it is the first of the highest."""
    return scores.index(max(scores)) == right


def wins_alone(scores: Sequence[float], right: int) -> bool:
    """Scores + place of the true caption → whether it beats every other."""
    return all(scores[right] > score for at, score in enumerate(scores) if at != right)


@config
class AroRelation(ScoredCaptions):
    """VG-Relation. A reply: the scores of [false caption, true caption]. Fact: "relation". Gold is not read.

    Two numbers: over all samples, and the mean over relations, as far as samples name theirs.
    """

    source = "mertyg/vision-language-models-are-bows dataset_zoo/aro_datasets.py"
    ties = "wrong: the true caption stands second and argmax takes the first"

    group = "relation"
    fewest = 1

    def match(self, said: list[float], gold: object, facts: Facts) -> float:
        return float(wins(said, 1))

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        whole = mean(self.label, marked)
        groups = [rows for (name,), rows in grouped(marked, self.group).items() if name and len(rows) >= self.fewest]
        if not groups:
            return (whole,)
        means = [(sum(row.mark.score for row in rows) / len(rows), 1.0) for rows in groups]
        kept = [row for rows in groups for row in rows]
        return whole, number(f"{self.label} (mean of {self.group}s)", kept, means, lambda sums: sums[..., 0] / sums[..., 1])


@config
class AroAttribution(AroRelation):
    """VG-Attribution: as VG-Relation, with the fact "attribute" (both words, as "open_white").

    Attributes with fewer than 25 samples are left out of the mean over attributes.
    """

    group = "attribute"
    fewest = FEWEST_OF_AN_ATTRIBUTE


@config
class AroOrder(ScoredCaptions):
    """COCO-Order and Flickr30k-Order: Precision@1. A reply: the scores of the true caption and its four shuffles."""

    label = "precision@1"
    source = "mertyg/vision-language-models-are-bows dataset_zoo/aro_datasets.py"
    ties = "right: the true caption stands first and argmax takes the first"

    num_captions = 5

    def match(self, said: list[float], gold: object, facts: Facts) -> float:
        return float(wins(said, 0))


@config
class StrictAroOrder(AroOrder):
    """The same where the true caption must beat every shuffle, so that a constant score earns nothing."""

    variant = "strict"
    ties = "wrong"

    def match(self, said: list[float], gold: object, facts: Facts) -> float:
        return float(wins_alone(said, 0))
