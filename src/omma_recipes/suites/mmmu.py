"""MMMU and MMMU-Pro."""

from omma.evaluate.benchmarks.mmmu import MmmuQuestions
from omma.evaluate.benchmarks.mmmu_pro import MmmuProQuestions, reasoned
from omma.evaluate.prompt import LETTER, SHORT, Prompt
from omma.evaluate.suite import Suite

STANDARD, FOUR, VISION = "mmmu_pro/standard (10 options)", "mmmu_pro/standard (4 options)", "mmmu_pro/vision"


def mmmu() -> Suite:
    """MMMU val in the official words; overall, six domains, thirty subjects."""
    return Suite(id="mmmu", title="MMMU (val)", benchmarks=(MmmuQuestions(name="mmmu"),))


def mmmu_llava() -> Suite:
    """MMMU val in LLaVA's words, as lmms-eval asks it ("A. text")."""
    words = MmmuQuestions(name="mmmu_llava", lettered=Prompt(after="\n" + LETTER), open=Prompt(after="\n" + SHORT))
    return Suite(id="mmmu_llava", title="MMMU (val, LLaVA's prompt)", benchmarks=(words,))


def mmmu_pro() -> Suite:
    """MMMU-Pro, answered directly: ten options, and the question in the picture; its score is the mean of the two."""
    sets = (
        MmmuProQuestions(name="mmmu_pro_standard", path=STANDARD),
        MmmuProQuestions(name="mmmu_pro_vision", path=VISION),
    )
    return Suite(id="mmmu_pro", title="MMMU-Pro (direct)", benchmarks=sets)


def mmmu_pro_cot() -> Suite:
    """MMMU-Pro, answered step by step: ten options, and the question in the picture."""
    sets = (reasoned("mmmu_pro_standard_cot", STANDARD), reasoned("mmmu_pro_vision_cot", VISION))
    return Suite(id="mmmu_pro_cot", title="MMMU-Pro (step by step)", benchmarks=sets)


def mmmu_pro_4() -> Suite:
    """MMMU-Pro with four options, answered directly and step by step."""
    sets = (MmmuProQuestions(name="mmmu_pro_standard_4", path=FOUR), reasoned("mmmu_pro_standard_4_cot", FOUR))
    return Suite(id="mmmu_pro_4", title="MMMU-Pro (4 options)", benchmarks=sets)
