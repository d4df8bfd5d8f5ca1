"""Open questions about photos, scored against what several people answered: VQAv2, OK-VQA, A-OKVQA, VizWiz, GQA."""

from omma.evaluate.benchmarks.a_okvqa import AOkVqaChoices, AOkVqaQuestions
from omma.evaluate.benchmarks.gqa import GqaQuestions
from omma.evaluate.benchmarks.ok_vqa import UNANSWERABLE, OkVqaQuestions
from omma.evaluate.benchmarks.vizwiz import VizWizQuestions
from omma.evaluate.benchmarks.vqav2 import VqaV2Questions
from omma.evaluate.prompt import SHORT, Prompt
from omma.evaluate.suite import Suite


def vqav2() -> Suite:
    """VQAv2 val: open questions about COCO photos, soft accuracy over ten people's answers."""
    return Suite(id="vqav2", title="VQAv2 (val)", benchmarks=(VqaV2Questions(),))


def ok_vqa() -> Suite:
    """OK-VQA val: questions that need outside knowledge, asked as lmms-eval asks them."""
    return Suite(id="ok_vqa", title="OK-VQA (val)", benchmarks=(OkVqaQuestions(),))


def ok_vqa_llava() -> Suite:
    """OK-VQA val with LLaVA's suffix, which does not offer "Unanswerable"."""
    return Suite(
        id="ok_vqa_llava",
        title="OK-VQA (val, LLaVA's prompt)",
        benchmarks=(OkVqaQuestions(name="ok_vqa_llava", prompt=Prompt(after=SHORT)),),
    )


def a_okvqa() -> Suite:
    """A-OKVQA val, answered directly: the official count of people who said the same."""
    return Suite(id="a_okvqa", title="A-OKVQA (val, direct answers)", benchmarks=(AOkVqaQuestions(),))


def a_okvqa_choices() -> Suite:
    """A-OKVQA val, one of four choices by letter."""
    return Suite(id="a_okvqa_choices", title="A-OKVQA (val, choices)", benchmarks=(AOkVqaChoices(),))


def vizwiz() -> Suite:
    """VizWiz-VQA val: questions of blind people, asked as lmms-eval asks them."""
    return Suite(id="vizwiz", title="VizWiz-VQA (val)", benchmarks=(VizWizQuestions(),))


def vizwiz_llava() -> Suite:
    """VizWiz-VQA val with LLaVA's prompt, which leaves questions as they were asked."""
    prompt = Prompt(after=UNANSWERABLE + SHORT)
    asked = VizWizQuestions(name="vizwiz_llava", prompt=prompt)
    return Suite(id="vizwiz_llava", title="VizWiz-VQA (val, LLaVA's prompt)", benchmarks=(asked,))


def gqa() -> Suite:
    """GQA testdev, balanced: questions of several steps about scenes."""
    return Suite(id="gqa", title="GQA (testdev, balanced)", benchmarks=(GqaQuestions(),))
