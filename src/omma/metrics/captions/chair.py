"""CHAIR: captions + which objects their pictures hold → share of objects and of captions that are hallucinated.

Rohrbach et al. 2018; LisaAnne/Hallucination, `utils/chair.py` at 585f2d9. Its table of words for the 80 kinds of COCO,
`data/synonyms.txt` (one line per kind: the name, then other words for it, with commas), comes from the user. The original
splits words with nltk and brings them to the singular with `pattern.en`; here they are those of the PTB tokenizer, and a word
is one of the table if it, or it without an English plural ending, stands there. So this is a variant of ours: it needs no
other library, and its figures can differ from the original's by words that the two bring to another singular.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.metrics.captions.ptb import words
from omma.metrics.metric import Facts, Mark, Marked, Metric, Number, number

PAIRS = (
    "motor bike", "motor cycle", "air plane", "traffic light", "street light", "traffic signal", "stop light",
    "fire hydrant", "stop sign", "parking meter", "suit case", "sports ball", "baseball bat", "baseball glove",
    "tennis racket", "wine glass", "hot dog", "cell phone", "mobile phone", "teddy bear", "hair drier", "potted plant",
    "laptop computer", "stove top oven", "home plate",
)  # fmt: skip
ANIMALS = ["bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "animal", "cub"]
ONE_THING = (
    {pair: pair for pair in PAIRS}
    | {f"{young} {animal}": animal for young in ("baby", "adult") for animal in ANIMALS}
    | {f"passenger {vehicle}": vehicle for vehicle in ("jet", "train")}
    | {"bow tie": "tie", "toilet seat": "toilet"}
)
IRREGULAR = {
    "men": "man", "women": "woman", "people": "person", "children": "child", "mice": "mouse", "geese": "goose", "oxen": "ox",
    "policemen": "policeman", "firemen": "fireman", "knives": "knife", "calves": "calf", "wolves": "wolf",
}  # fmt: skip
ENDINGS = (("ies", "y"), ("ies", "ie"), ("ves", "f"), ("ves", "fe"), ("es", ""), ("s", ""))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The `kind` of each word or pair of words, and every single word in them (`parts`)."""

    kind: Mapping[str, str]
    parts: frozenset[str]


def vocabulary(lines: Iterable[str]) -> Vocabulary:
    """Lines "name, word, word" → vocabulary; empty lines hold nothing."""
    rows = [[word.strip() for word in line.split(",")] for line in lines if line.strip()]
    kind = {word: row[0] for row in rows for word in row}
    return Vocabulary(kind, frozenset(part for known in (*kind, *ONE_THING) for part in known.split()))


@lru_cache(maxsize=8)
def read_vocabulary(path: str) -> Vocabulary:
    """File of synonyms → vocabulary. ConfigError if there is no such file or nothing in it."""
    expected = "one kind of object per line: its name, then other words for it, with commas"
    if not Path(path).is_file():
        raise ConfigError("synonyms", f"{path!r} is no file", expected, "give data/synonyms.txt of LisaAnne/Hallucination")
    found = vocabulary(Path(path).read_text(encoding="utf-8").splitlines())
    if not found.kind:
        raise ConfigError("synonyms", f"nothing in {path}", expected)
    return found


@lru_cache(maxsize=8)
def told_vocabulary(text: str) -> Vocabulary:
    """Text of such a file → vocabulary."""
    return vocabulary(text.splitlines())


def objects(caption: str, known: Vocabulary) -> list[str]:
    """Caption → the kinds of objects it speaks of, in order, repeated where it repeats them."""
    found = _joined([_singular(word, known.parts) for word in words(caption).split()])
    if "toilet" in found:
        found = [word for word in found if word != "seat"]
    return [known.kind[word] for word in found if word in known.kind]


def _joined(said: Sequence[str]) -> list[str]:
    """Words → the same where two that name one thing are one."""
    found: list[str] = []
    at = 0
    while at < len(said):
        pair = " ".join(said[at : at + 2])
        found.append(ONE_THING.get(pair, said[at]))
        at += 2 if pair in ONE_THING else 1
    return found


def _singular(word: str, parts: frozenset[str]) -> str:
    return next((form for form in _forms(word) if form in parts), word)


def _forms(word: str) -> Iterator[str]:
    yield word
    if word in IRREGULAR:
        yield IRREGULAR[word]
    for ending, singular in ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            yield word.removesuffix(ending) + singular


@config
class Chair(Metric):
    """CHAIRi, the share of named objects that the picture does not hold, then CHAIRs, the share of captions that name one.

    Gold: the kinds of objects in the picture, from its masks and from its reference captions (`objects`). No facts are
    read. A mark's score is 1.0 for a caption without a hallucinated object; a caption without words is unparsed, names
    nothing and counts as a caption. Where nothing is named at all, nothing is hallucinated.
    """

    label = "CHAIRi"
    variant = "omma"
    source = "LisaAnne/Hallucination utils/chair.py"

    synonyms: str

    def extract(self, raw: str, facts: Facts) -> list[str] | None:
        return objects(raw, read_vocabulary(self.synonyms)) if words(raw) else None

    def match(self, said: list[str], gold: Sequence[str], facts: Facts) -> Mark:
        wrong = sum(kind not in gold for kind in said)
        return Mark(said, float(not wrong), {"named": len(said), "wrong": wrong})

    def unread(self, gold: Sequence[str], facts: Facts) -> Mark:
        return Mark(None, 0.0, {"named": 0, "wrong": 0})

    def aggregate(self, marked: Sequence[Marked]) -> tuple[Number, ...]:
        terms = [
            (wrong, one.mark.details["named"], float(wrong > 0), 1.0) for one in marked for wrong in [one.mark.details["wrong"]]
        ]
        rates = {
            self.label: lambda sums: sums[..., 0] / np.maximum(sums[..., 1], 1.0),
            "CHAIRs": lambda sums: sums[..., 2] / sums[..., 3],
        }
        return tuple(number(label, marked, terms, rate, higher_is_better=False) for label, rate in rates.items())


@config
class ChairOfRows(Chair):
    """The same where the table comes with the questions, so that records are scored without its file. Fact: "synonyms"."""

    synonyms: str = ""

    def extract(self, raw: str, facts: Facts) -> list[str] | None:
        return objects(raw, told_vocabulary(facts["synonyms"])) if words(raw) else None
