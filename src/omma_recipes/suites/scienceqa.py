"""ScienceQA, whole and its part with pictures."""

from omma.evaluate.benchmarks.scienceqa import ScienceQaQuestions
from omma.evaluate.suite import Suite


def scienceqa() -> Suite:
    """ScienceQA test by LLaVA's prompt and rule; "accuracy/image" is what is called SQA-IMG."""
    return Suite(id="scienceqa", title="ScienceQA (test)", benchmarks=(ScienceQaQuestions(name="scienceqa", path="scienceqa"),))


def scienceqa_img() -> Suite:
    """The 2,017 questions of ScienceQA test with a picture, from the tables that hold these alone."""
    questions = ScienceQaQuestions(name="scienceqa_img", path="scienceqa_img", tables=("ScienceQA_TEST.tsv",))
    return Suite(id="scienceqa_img", title="ScienceQA (test, with pictures)", benchmarks=(questions,))
