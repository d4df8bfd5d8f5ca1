"""MMEB: cosines of a query with its candidates, the right one first → Precision@1, averaged over data sets and meta-tasks.

TIGER-AI-Lab/VLM2Vec, `evaluation/eval_clip.py` at 358bb43 and `experiments/report_score.py` at 6ac33bb (arXiv 2410.05160,
table 1: four meta-tasks; 20 data sets in and 16 out of the distribution of its training).
"""

from collections.abc import Sequence

import numpy as np

from omma.core.config import config
from omma.metrics.metric import Facts, Marked, Metric, Number, mean, number
from omma.metrics.structured import as_numbers, parse

INSIDE = {
    "classification": ("ImageNet-1K", "N24News", "HatefulMemes", "VOC2007", "SUN397"),
    "VQA": ("OK-VQA", "A-OKVQA", "DocVQA", "InfographicsVQA", "ChartQA", "Visual7W"),
    "retrieval": ("VisDial", "CIRR", "VisualNews_t2i", "VisualNews_i2t", "MSCOCO_t2i", "MSCOCO_i2t", "NIGHTS", "WebQA"),
    "grounding": ("MSCOCO",),
}
OUTSIDE = {
    "classification": ("Place365", "ImageNet-A", "ImageNet-R", "ObjectNet", "Country211"),
    "VQA": ("ScienceQA", "VizWiz", "GQA", "TextVQA"),
    "retrieval": ("OVEN", "FashionIQ", "EDIS", "Wiki-SS-NQ"),
    "grounding": ("Visual7W-Pointing", "RefCOCO", "RefCOCO-Matching"),
}
DATASETS = tuple(name for meta in INSIDE for name in (*INSIDE[meta], *OUTSIDE[meta]))
GROUPS = {meta: (*INSIDE[meta], *OUTSIDE[meta]) for meta in INSIDE} | {
    "in-distribution": tuple(name for names in INSIDE.values() for name in names),
    "out-of-distribution": tuple(name for names in OUTSIDE.values() for name in names),
}


@config
class Mmeb(Metric):
    """Precision@1: the mean over data sets, then of each meta-task's, in and out of distribution, then each data set.

    A reply is JSON: the similarity of the query with every candidate, of which the first is right. Gold is not read.
    Fact: "dataset". What is not there is left out: the mean is over the data sets that were asked.
    """

    label = "precision@1"
    source = "TIGER-AI-Lab/VLM2Vec evaluation/eval_clip.py"
    ties = "right: the right candidate stands first and argmax takes the first"

    def extract(self, raw: str, facts: Facts) -> list[float] | None:
        return as_numbers(parse(raw))

    def match(self, said: list[float], gold: object, facts: Facts) -> float:
        return float(said[0] == np.max(said))

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        if not marked:
            return (mean(self.label, marked),)
        there = {str(one.facts["dataset"]) for one in marked}
        sets = (*(name for name in DATASETS if name in there), *sorted(there - set(DATASETS)))
        groups = {"": sets} | {group: tuple(name for name in names if name in there) for group, names in GROUPS.items()}
        found = [self._mean(group, names, marked) for group, names in groups.items() if names]
        each = [mean(f"{self.label} {name}", [one for one in marked if one.facts["dataset"] == name]) for name in sets]
        return *found, *each

    def _mean(self, group: str, names: Sequence[str], marked: Sequence[Marked]) -> Number:
        """The mean over some data sets of their means."""
        inside = [one for one in marked if one.facts["dataset"] in names]
        terms = [[float(one.facts["dataset"] == name) * part for name in names for part in (one.mark.score, 1.0)] for one in inside]
        label = f"{self.label} {group}".strip()
        return number(label, inside, terms, lambda sums: (sums[..., 0::2] / sums[..., 1::2]).mean(axis=-1))


@config
class StrictMmeb(Mmeb):
    """The same where the right candidate must beat every other, so that a constant similarity earns nothing."""

    variant = "strict"
    ties = "wrong"

    def match(self, said: list[float], gold: object, facts: Facts) -> float:
        return float(np.all(said[0] > np.asarray(said[1:])))
