"""Values of another kind in the published files: an error that says where, or questions; never a crash in between."""

import importlib
import json

import pytest

from omma.core.errors import OmmaError
from omma.evaluate.benchmarks.a_okvqa import AOkVqaChoices, AOkVqaQuestions
from omma.evaluate.benchmarks.chartqa import ChartQaQuestions
from omma.evaluate.benchmarks.docvqa import DocVqaQuestions, InfoVqaQuestions
from omma.evaluate.benchmarks.gqa import GqaQuestions
from omma.evaluate.benchmarks.hallusionbench import HallusionBenchQuestions
from omma.evaluate.benchmarks.mm_vet import MmVetQuestions
from omma.evaluate.benchmarks.ocrbench import OcrBenchQuestions
from omma.evaluate.benchmarks.ok_vqa import OkVqaQuestions
from omma.evaluate.benchmarks.textvqa import ReadTextVqaQuestions, TextVqaQuestions
from omma.evaluate.benchmarks.vizwiz import VizWizQuestions
from omma.evaluate.benchmarks.vqav2 import VqaV2Questions
from omma.evaluate.question import Supply

KINDS = (
    AOkVqaChoices,
    AOkVqaQuestions,
    ChartQaQuestions,
    DocVqaQuestions,
    GqaQuestions,
    HallusionBenchQuestions,
    InfoVqaQuestions,
    MmVetQuestions,
    OcrBenchQuestions,
    OkVqaQuestions,
    ReadTextVqaQuestions,
    TextVqaQuestions,
    VizWizQuestions,
    VqaV2Questions,
)
ODD = (None, 5, -1, 1e400, "x", "[", "[1, [2]]", "../../x", [], [[1]], [None], {}, {"answer": {}}, True)


def changed(data):
    """JSON → the same with one value of the first row, or of what holds the rows, replaced; each in turn."""
    if isinstance(data, dict) and all(isinstance(value, dict) for value in data.values()):
        holder = [next(iter(data.values()))]
    elif isinstance(data, dict):
        holder = [data, *(value[0] for value in data.values() if isinstance(value, list) and value)]
    else:
        holder = [data[0]]
    for row in holder:
        for name, value in list(row.items()):
            for odd in ODD:
                row[name] = odd
                yield data
            row[name] = value


@pytest.mark.parametrize("kind", KINDS)
def test_a_value_of_another_kind_is_told_or_read(kind, tmp_path):
    benchmark = kind()
    importlib.import_module(f"tests.evaluate.fixtures.{kind.__module__.rpartition('.')[2]}").draw(tmp_path, benchmark)
    for file in sorted(tmp_path.rglob("*.json")):
        whole = file.read_text(encoding="utf-8")
        for data in changed(json.loads(whole)):
            file.write_text(json.dumps(data), encoding="utf-8")
            try:
                questions = benchmark.questions(Supply(root=tmp_path))
            except OmmaError as error:
                assert error.where and error.got
            else:
                assert all(isinstance(question.sample.turns[-1].text, str) for question in questions)
        file.write_text(whole, encoding="utf-8")
