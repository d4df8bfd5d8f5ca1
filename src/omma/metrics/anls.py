"""ANLS: a reply + accepted answers → the best similarity by edit distance in [0, 1], 0 below one half (Biten et al. 2019, eq. 1).

The scripts disagree about similarity at exactly one half, and about which spaces count towards the length.
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from omma.core.config import config
from omma.metrics.metric import Facts
from omma.metrics.text import Words, accepted

FLOOR = 0.5  # similarity under which a reply is simply wrong


def anls(answer: str, golds: Sequence[str]) -> float:
    """Answer + accepted answers → similarity as the RRC server has it, exactly 0.5 included. No golds: 0.0.

    Distance is between lowered texts with single spaces, but length is that of the longer text as it came, so that white
    space in an answer raises its score: "no" + 98 spaces is 0.97 similar to "yes". Strip replies before.
    """
    said = _single_spaced(answer)
    distances = [_distance(said, _single_spaced(gold), max(len(answer.upper()), len(gold.upper()))) for gold in set(golds)]
    similar = 1 - min(distances, default=1.0)
    return 0.0 if similar < FLOOR else similar


def levenshtein(a: str, b: str) -> int:
    """Two texts → how many insertions, deletions and replacements of characters make one of the other.

    A column of the table is kept as two integers of bits, its rises and falls (Myers 1999; Hyyrö 2003), so that each
    character of the longer text costs a few operations.
    """
    short, long = sorted((a, b), key=len)
    if not short:
        return len(long)
    places: dict[str, int] = {}
    for place, character in enumerate(short):
        places[character] = places.get(character, 0) | 1 << place
    last, every = 1 << (len(short) - 1), (1 << len(short)) - 1
    rises, falls, distance = every, 0, len(short)
    for character in long:
        same = places.get(character, 0)
        level = (((same & rises) + rises) ^ rises) | same | falls
        up, down = falls | (every & ~(level | rises)), level & rises
        distance += bool(up & last) - bool(down & last)
        up, down = up << 1 | 1, down << 1
        rises, falls = (down | ~(level | up)) & every, up & level & every
    return distance


@config
class Anls(Words):
    """ANLS as the RRC server scores DocVQA and InfographicVQA (`anls`). `gold`: accepted answers; no facts are read."""

    label: ClassVar[str] = "ANLS"
    source: ClassVar[str] = "RRC evaluation script as in QwenLM/Qwen-VL eval_mm/infographicsvqa_eval.py"
    ties: ClassVar[str] = "a similarity of exactly 0.5 counts; the best of the accepted answers counts"

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Reply + accepted answers → similarity, 0 or at least 0.5."""
        return anls(said, accepted(gold))


@config
class VlmEvalKitAnls(Anls):
    """VLMEvalKit has the rule of the server; its older copies divided by the length after spaces are collapsed."""

    variant: ClassVar[str] = "vlmevalkit"
    source: ClassVar[str] = "open-compass/VLMEvalKit vlmeval/dataset/utils/vqa_eval.py anls_compute at e8e78f0"


@config
class LmmsEvalAnls(Anls):
    """lmms-eval has the rule of the server, after it has stripped the reply."""

    variant: ClassVar[str] = "lmms-eval"
    source: ClassVar[str] = "EvolvingLMMs-Lab/lmms-eval lmms_eval/api/metrics.py anls at 75571cf"

    def normalise(self, said: str, facts: Facts) -> str:
        """Reply → stripped."""
        return said.strip()


@config
class Shunk031Anls(Anls):
    """The package `anls`: length is that of the texts with single spaces, and a similarity of exactly 0.5 is 0."""

    variant: ClassVar[str] = "shunk031"
    source: ClassVar[str] = "shunk031/ANLS anls/metrics/score.py, anls/metrics/dist.py"
    ties: ClassVar[str] = "a similarity of exactly 0.5 is 0; the best of the accepted answers counts"

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Reply + accepted answers → similarity, 0 or more than 0.5."""
        said, golds = _single_spaced(said), {_single_spaced(text) for text in accepted(gold)}
        near = min((_distance(said, text, max(len(said.upper()), len(text.upper()))) for text in golds), default=1.0)
        return 1 - near if near < FLOOR else 0.0


@config
class Pix2StructAnls(Anls):
    """pix2struct: texts are lowered and nothing else, and a similarity of exactly 0.5 is 0."""

    variant: ClassVar[str] = "pix2struct"
    source: ClassVar[str] = "google-research/pix2struct pix2struct/metrics.py anls_metric at 945f27e"
    ties: ClassVar[str] = "a similarity of exactly 0.5 is 0; the best of the accepted answers counts"

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Reply + accepted answers → similarity, 0 or more than 0.5. Two empty texts, an error there, are equal."""
        said, golds = said.lower(), {text.lower() for text in accepted(gold)}
        near = min((_distance(said, text, max(len(said), len(text))) for text in golds), default=1.0)
        return 1 - near if near < FLOOR else 0.0


@config
class StVqaAnls(Anls):
    """mmf, for ST-VQA: texts are lowered and stripped, and a similarity of exactly 0.5 counts."""

    variant: ClassVar[str] = "mmf"
    source: ClassVar[str] = "facebookresearch/mmf mmf/utils/m4c_evaluators.py STVQAANLSEvaluator"

    def match(self, said: str, gold: Any, facts: Facts) -> float:
        """Reply + accepted answers → similarity, 0 or at least 0.5. Two empty texts, an error there, are equal."""
        said, golds = said.lower().strip(), {text.lower().strip() for text in accepted(gold)}
        near = min((_distance(said, text, max(len(said), len(text))) for text in golds), default=1.0)
        return 1 - near if 1 - near >= FLOOR else 0.0


def _single_spaced(text: str) -> str:
    return " ".join(text.lower().split())


def _distance(a: str, b: str, length: int) -> float:
    """Edit distance as a share of `length`; 1.0 where the texts' lengths alone put it above one half."""
    if length == 0 or a == b:
        return 0.0
    return 1.0 if 2 * abs(len(a) - len(b)) > length else levenshtein(a, b) / length
