"""Pairs: captions that differ in what matters, scored by a space or by how likely a model finds them.

Suites that end in `_likelihood` are for models that write: the words that ask are lmms-eval's for captions, and a score
is the log-likelihood of the caption per token. No authors ask such models so; these numbers compare with each other.
"""

from omma.evaluate.asking.asking import Asking
from omma.evaluate.asking.compared import Compared
from omma.evaluate.asking.ranked import Ranked
from omma.evaluate.benchmarks.aro import AroOrders, AroPairs
from omma.evaluate.benchmarks.captions import SENTENCE
from omma.evaluate.benchmarks.sugarcrepe import SugarCrepeAskedQuestions, SugarCrepeQuestions
from omma.evaluate.benchmarks.sugarcrepe_plus import SugarCrepePlusQuestions
from omma.evaluate.benchmarks.winoground import WinogroundQuestions
from omma.evaluate.suite import Suite
from omma.metrics.pairs.aro import AroAttribution
from omma.metrics.pairs.sugarcrepe import SugarCrepePlusPictures


def aro() -> Suite:
    """ARO for models with an embedding space: VG-Relation, VG-Attribution, COCO-Order, Flickr30k-Order."""
    return Suite(id="aro", title="ARO", benchmarks=_aro(Compared(), "", ""))


def aro_likelihood() -> Suite:
    """ARO for models that write: which caption is likelier?"""
    return Suite(id="aro_likelihood", title="ARO (likelihood)", benchmarks=_aro(Ranked(), SENTENCE, "_likelihood"))


def winoground() -> Suite:
    """Winoground for models with an embedding space: group, text and image score."""
    return Suite(id="winoground", title="Winoground", benchmarks=(WinogroundQuestions(),))


def winoground_likelihood() -> Suite:
    """Winoground for models that write: which caption is likelier?"""
    one = WinogroundQuestions(name="winoground_likelihood", words=SENTENCE, asking=Ranked())
    return Suite(id="winoground_likelihood", title="Winoground (likelihood)", benchmarks=(one,))


def sugarcrepe() -> Suite:
    """SugarCrepe for models with an embedding space: seven splits of hard negatives."""
    return Suite(id="sugarcrepe", title="SugarCrepe", benchmarks=(SugarCrepeQuestions(),))


def sugarcrepe_likelihood() -> Suite:
    """SugarCrepe for models that write: which caption is likelier?"""
    one = SugarCrepeQuestions(name="sugarcrepe_likelihood", words=SENTENCE, asking=Ranked())
    return Suite(id="sugarcrepe_likelihood", title="SugarCrepe (likelihood)", benchmarks=(one,))


def sugarcrepe_asked() -> Suite:
    """SugarCrepe for models that write: (1) or (2), asked in both orders, as the authors asked GPT-4V."""
    return Suite(id="sugarcrepe_asked", title="SugarCrepe (asked)", benchmarks=(SugarCrepeAskedQuestions(),))


def sugarcrepe_pp() -> Suite:
    """SugarCrepe++ for models with an embedding space: image-to-text and text-only."""
    return Suite(id="sugarcrepe_pp", title="SugarCrepe++", benchmarks=(SugarCrepePlusQuestions(),))


def sugarcrepe_pp_likelihood() -> Suite:
    """SugarCrepe++ for models that write: image-to-text alone."""
    metrics = (SugarCrepePlusPictures(),)
    one = SugarCrepePlusQuestions(name="sugarcrepe_pp_likelihood", words=SENTENCE, asking=Ranked(), metrics=metrics)
    return Suite(id="sugarcrepe_pp_likelihood", title="SugarCrepe++ (likelihood)", benchmarks=(one,))


def _aro(asking: Asking, words: str, ending: str) -> tuple[AroPairs | AroOrders, ...]:
    attribution = (AroAttribution(),)
    name, kind = "visual_genome_attribution.json", f"vg_attribution{ending}"
    return (
        AroPairs(name=f"vg_relation{ending}", path="visual_genome_relation.json", words=words, asking=asking),
        AroPairs(name=kind, path=name, words=words, asking=asking, metrics=attribution),
        AroOrders(name=f"coco_order{ending}", path="coco_order.parquet", words=words, asking=asking),
        AroOrders(name=f"flickr30k_order{ending}", path="flickr30k_order.parquet", words=words, asking=asking),
    )
