"""SugarCrepe: a picture, its caption and a hard negative → accuracy per split (Hsieh et al. 2023; ++: Dumpala et al. 2024).

RAIVNLab/sugar-crepe, `main_eval.py` and `gpt-4v-results/readme.md`; Sri-Harsha/scpp, `VLMs/test_Variants_CLIP.py` at a70a831.
"""

from collections.abc import Sequence
from typing import ClassVar

from omma.core.config import config
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, grouped, mean, number
from omma.metrics.pairs.scores import ScoredCaptions
from omma.metrics.structured import as_numbers, parse

GPT_4V_PROMPT = "Which caption best describes the image?\n(1) {first}\n (2) {second}\nOutput (1) or (2)."


@config
class SugarCrepe(ScoredCaptions):
    """Mean over splits first, then one number per split. A reply: the scores of [caption, negative]. Fact: "split"."""

    source = "RAIVNLab/sugar-crepe main_eval.py"
    ties = "wrong"

    def match(self, said: list[float], gold: object, facts: Facts) -> float:
        return float(said[0] > said[1])

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        if not marked:
            return (mean(self.label, marked),)
        splits = {str(split): rows for (split,), rows in sorted(grouped(marked, "split").items())}
        names = list(splits)
        terms = []
        for one in marked:
            at = names.index(str(one.facts["split"]))
            terms.append([float(column == at) * part for column in range(len(names)) for part in (one.mark.score, 1.0)])
        whole = number(self.label, marked, terms, lambda sums: (sums[..., 0::2] / sums[..., 1::2]).mean(axis=-1))
        return whole, *(mean(f"{self.label} {name}", rows) for name, rows in splits.items())


@config
class SugarCrepeAsked(Metric):
    """A model that answers in words, asked once with the caption first and once with the negative first.

    The mean of the orders, then each. A reply says exactly one of "(1)" and "(2)", or is unparsed; all replies of
    GPT-4V that the authors publish are read as they read them. Fact: "first", "positive" or "negative". Gold is not read.
    """

    source = "RAIVNLab/sugar-crepe gpt-4v-results/readme.md"
    ties = "none are possible: a reply that names both is unparsed"

    def extract(self, raw: str, facts: Facts) -> str | None:
        said = [place for place in ("(1)", "(2)") if place in raw]
        return said[0] if len(said) == 1 else None

    def match(self, said: str, gold: object, facts: Facts) -> float:
        return float(said == ("(1)" if facts["first"] == "positive" else "(2)"))

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        parts = grouped(marked, "first")
        orders = [order for order in ("positive", "negative") if (order,) in parts]
        terms = [
            [float(one.facts["first"] == order) * part for order in orders for part in (one.mark.score, 1.0)] for one in marked
        ]
        whole = number(self.label, marked, terms, lambda sums: (sums[..., 0::2] / sums[..., 1::2]).mean(axis=-1))
        return whole, *(mean(f"{self.label} {order} first", parts[order,]) for order in orders)


@config
class SugarCrepePlus(Metric):
    """SugarCrepe++: image-to-text first, then each positive caption against the negative, then text-only.

    A reply is JSON: six similarities [picture·P1, picture·P2, picture·N, P1·P2, P1·N, P2·N]. Gold is not read.
    """

    label = "image-to-text"
    source = "Sri-Harsha/scpp VLMs/test_Variants_CLIP.py"
    ties = "wrong"

    beyond: ClassVar[tuple[str, ...]] = ("text-only",)

    def extract(self, raw: str, facts: Facts) -> list[float] | None:
        said = as_numbers(parse(raw))
        return said if said and len(said) == 6 else None

    def match(self, said: list[float], gold: object, facts: Facts) -> Mark:
        one, two, negative, both, one_negative, two_negative = said
        rates = (float(one > negative), float(two > negative), float(both > one_negative and both > two_negative))
        return Mark(said, rates[0] * rates[1], {"rates": rates})

    def unread(self, gold: object, facts: Facts) -> Mark:
        return Mark(None, 0.0, {"rates": (0.0, 0.0, 0.0)})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        terms = [(one.mark.score, *one.mark.details["rates"], 1.0) for one in marked]
        labels = (self.label, "first caption", "second caption", *self.beyond)
        return tuple(
            number(label, marked, terms, lambda sums, at=at: sums[..., at] / sums[..., 4]) for at, label in enumerate(labels)
        )


@config
class SugarCrepePlusPictures(SugarCrepePlus):
    """The same without text-only, for models that score a caption of a picture and place no text in a space.

    A reply is JSON: three scores [picture·P1, picture·P2, picture·N]. Gold is not read.
    """

    beyond = ()

    def extract(self, raw: str, facts: Facts) -> list[float] | None:
        said = as_numbers(parse(raw))
        return [*said, 0.0, 0.0, 0.0] if said and len(said) == 3 else None
