"""The same questions as JSON beside pictures, as Parquet files of the hub and as a TSV of VLMEvalKit: one reading of all.

Each case draws the released layout, writes the same rows in another one, and compares what is asked, what is right, and
the facts that both layouts tell.
"""

import importlib
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omma.core.errors import DataError
from omma.evaluate.benchmarks.a_okvqa import AOkVqaChoices, AOkVqaQuestions
from omma.evaluate.benchmarks.docvqa import DocVqaQuestions
from omma.evaluate.benchmarks.gqa import GqaQuestions
from omma.evaluate.benchmarks.hallusionbench import HallusionBenchQuestions
from omma.evaluate.benchmarks.mme import MmeQuestions
from omma.evaluate.benchmarks.ocrbench import OcrBenchQuestions
from omma.evaluate.benchmarks.ok_vqa import OkVqaQuestions
from omma.evaluate.benchmarks.textvqa import ReadTextVqaQuestions, TextVqaQuestions
from omma.evaluate.benchmarks.vizwiz import VizWizQuestions
from omma.evaluate.benchmarks.vqav2 import VqaV2Questions
from omma.evaluate.question import Supply
from omma.media.store import Store
from tests.evaluate.drawing import coded
from tests.evaluate.fixtures import a_okvqa, gqa, hallusionbench, mme, textvqa, vizwiz, vqav2
from tests.evaluate.republishing import CASES, PICTURE, docvqa_hub, parquet, tsv

SNAPSHOTS = (Path(__file__).parents[2] / "../shared/golden/lmms-eval-prompt-snapshots").resolve()
UNTOLD = {
    "answer_type",
    "question_type",
    "answerable",
    "category",
    "structural",
    "semantic",
    "form",
    "group",
    "dataset_name",
    "visual_input",
}


@pytest.mark.parametrize("name", CASES)
def test_every_layout_asks_the_same_questions(name, tmp_path):
    benchmark, republish = CASES[name]
    fixture = importlib.import_module(f"tests.evaluate.fixtures.{type(benchmark).__module__.rpartition('.')[2]}")
    fixture.draw(tmp_path / "released", benchmark)
    republish(tmp_path / "again" / benchmark.path)
    ways = [sorted(questions(benchmark, tmp_path / place), key=said) for place in ("released", "again")]
    assert [said(one) for one in ways[0]] == [said(one) for one in ways[1]]
    assert [len(one.sample.media) for one in ways[0]] == [len(one.sample.media) for one in ways[1]]
    assert [one.choices for one in ways[0]] == [one.choices for one in ways[1]]
    for first, second in zip(*ways, strict=True):
        assert set(first.facts) ^ set(second.facts) <= UNTOLD
        both = set(first.facts) & set(second.facts)
        assert {fact: first.facts[fact] for fact in both if first.facts[fact] and second.facts[fact]} == {
            fact: second.facts[fact] for fact in both if first.facts[fact] and second.facts[fact]
        }
    for place, asked in zip(("released", "again"), ways, strict=True):
        store = Store(tmp_path / place)
        assert all(store.read(media.uri) for question in asked for media in question.sample.media)


def questions(benchmark, root):
    return benchmark.questions(Supply(root=root))


def said(question):
    """What is asked and what is right, in an order that does not depend on the layout."""
    words = "".join(part.text for part in question.sample.turns[-1].parts)
    return words, str(question.gold), str(question.facts.get("figure_id", ""))


def test_pictures_of_coco_are_read_from_their_zip_in_a_folder_above(tmp_path):
    benchmark = replace(VqaV2Questions(), path="sets/vqav2")
    vqav2.draw(tmp_path, benchmark)
    with zipfile.ZipFile(tmp_path / "val2014.zip", "w") as archive:
        for file in sorted((tmp_path / "val2014").iterdir()):
            archive.write(file, f"val2014/{file.name}")
            file.unlink()
    (tmp_path / "val2014").rmdir()
    asked = questions(benchmark, tmp_path)
    assert asked[0].sample.media[0].uri == "val2014.zip#val2014/COCO_val2014_000000000042.jpg"
    assert Store(tmp_path).read(asked[0].sample.media[0].uri)


def test_words_of_an_ocr_engine_are_missed_where_they_are_shown_and_only_there(tmp_path):
    textvqa.draw(tmp_path, TextVqaQuestions())
    (tmp_path / "textvqa/TextVQA_Rosetta_OCR_v0.2_val.json").unlink()
    assert len(questions(TextVqaQuestions(), tmp_path)) == 6
    with pytest.raises(DataError, match="no words read in picture '003a8ae2ef43b901'.*take the suite textvqa"):
        questions(ReadTextVqaQuestions(), tmp_path)


def test_questions_too_hard_to_be_answered_directly_are_asked_by_choice_alone(tmp_path):
    a_okvqa.draw(tmp_path, AOkVqaQuestions())
    direct, choices = (questions(one, tmp_path) for one in (AOkVqaQuestions(), AOkVqaChoices()))
    assert [q.sample.id for q in direct] == ["q1", "q2", "q3", "q4", "q5", "q6"]
    assert [q.gold for q in choices] == ["A", "C", "C", "C", "B", "D", "B"]


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_a_limit_of_mme_draws_whole_pictures(limit, tmp_path):
    mme.draw(tmp_path, MmeQuestions())
    drawn = questions(MmeQuestions(limit=limit), tmp_path)
    assert len(drawn) == max(2, limit // 2 * 2)
    assert [q.sample.id.rpartition(":")[0] for q in drawn[::2]] == [q.sample.id.rpartition(":")[0] for q in drawn[1::2]]


@pytest.mark.parametrize(
    ("text", "message"),
    [("Is it red? Please answer yes or no.\tYes\n", "1 questions; expected two"), ("Is it red?\nIs it blue?\tNo\n", "no tab")],
)
def test_a_picture_of_mme_without_its_two_answered_questions_is_told(text, message, tmp_path):
    mme.draw(tmp_path, MmeQuestions())
    (tmp_path / "mme/existence/0001.txt").write_text(text)
    with pytest.raises(DataError, match=rf"existence/0001\.txt.*{message}"):
        questions(MmeQuestions(), tmp_path)


@pytest.mark.parametrize("benchmark", [VqaV2Questions(), OkVqaQuestions()], ids=lambda one: one.name)
def test_questions_whose_answers_are_kept_by_a_server_are_refused(benchmark, tmp_path):
    vqav2.draw(tmp_path, benchmark)
    (tmp_path / benchmark.path / benchmark.annotation_file).unlink()
    with pytest.raises(DataError, match="take val: the answers of test are kept by the benchmark's server"):
        questions(benchmark, tmp_path)


@pytest.mark.parametrize(
    ("benchmark", "fixture", "column"),
    [
        (AOkVqaQuestions(), a_okvqa, "direct_answers"),
        (AOkVqaChoices(), a_okvqa, "correct_choice_idx"),
        (VizWizQuestions(), vizwiz, "answers"),
        (GqaQuestions(), gqa, "answer"),
        (TextVqaQuestions(), textvqa, "answers"),
    ],
)
def test_rows_of_a_test_split_are_refused(benchmark, fixture, column, tmp_path):
    fixture.draw(tmp_path, benchmark)
    file = next(path for path in sorted((tmp_path / benchmark.path).glob("*.json")) if column in path.read_text())
    file.write_text(file.read_text().replace(f'"{column}":', '"hidden":'))
    with pytest.raises(DataError, match="take (val|testdev): the answers of test are kept by the benchmark's server"):
        questions(benchmark, tmp_path)


def test_right_answers_that_are_neither_yes_nor_no_are_told(tmp_path):
    mme.draw(tmp_path, MmeQuestions())
    (tmp_path / "mme/existence/0001.txt").write_text("Is it red?\tMaybe\nIs it blue?\tNo\n")
    hallusionbench.draw(tmp_path, HallusionBenchQuestions())
    file = tmp_path / "hallusionbench/HallusionBench.json"
    file.write_text(file.read_text().replace('"gt_answer": "1"', '"gt_answer": "2"', 1))
    for benchmark in (MmeQuestions(), HallusionBenchQuestions()):
        with pytest.raises(DataError, match="the right answer '(Maybe|2)'"):
            questions(benchmark, tmp_path)


def test_questions_of_a_picture_are_brought_together_and_keep_the_ids_of_their_table(tmp_path):
    rows = [
        {
            "index": i,
            "question": f"{i}?",
            "answer": answer,
            "category": "count",
            "image_path": f"count/{image}.jpg",
            "image": coded(),
        }
        for i, (image, answer) in enumerate((("a", "Yes"), ("b", "No"), ("a", "No"), ("b", "Yes")))
    ]
    tsv(tmp_path / "mme", "MME.tsv", rows)
    assert [(q.sample.id, q.facts["image"]) for q in questions(MmeQuestions(), tmp_path)] == [
        ("0", "a.jpg"),
        ("2", "a.jpg"),
        ("1", "b.jpg"),
        ("3", "b.jpg"),
    ]


def test_a_page_of_a_test_split_without_answers_is_refused(tmp_path):
    docvqa_hub(tmp_path / "docvqa")
    rows = [{"questionId": "1", "question": "What?", "image": PICTURE, "answers": None}]
    pq.write_table(
        pa.Table.from_pylist(rows, schema=pq.read_schema(tmp_path / "docvqa/validation-00000-of-00001.parquet")),
        tmp_path / "docvqa/validation-00000-of-00001.parquet",
    )
    with pytest.raises(DataError, match="no answers.*RRC server"):
        questions(DocVqaQuestions(), tmp_path)


@pytest.mark.parametrize(
    ("file", "benchmark", "row"),
    [
        ("ocrbench", OcrBenchQuestions(), {"dataset": "IIIT5K", "question_type": "Regular Text Recognition", "answer": ["a"]}),
        (
            "hallusion_bench_image",
            HallusionBenchQuestions(),
            {"category": "VD", "subcategory": "ocr", "set_id": "0", "figure_id": "0", "question_id": "0", "gt_answer": "1"},
        ),
    ],
)
def test_prompts_and_lengths_are_those_that_lmms_eval_recorded(file, benchmark, row, tmp_path):
    if not SNAPSHOTS.is_dir():
        pytest.skip(f"no recorded prompts at {SNAPSHOTS}")
    recorded = json.loads((SNAPSHOTS / f"{file}.json").read_text())
    rows = [
        row | {"question": f"{recorded['prompt_text']}{space}", "image": PICTURE} for space in ("", " ")[: 1 + (file == "ocrbench")]
    ]
    parquet(tmp_path / benchmark.path, {f"{split}.parquet": rows for split in ("test", "image")})
    asked = benchmark.questions(Supply(root=tmp_path))
    assert {question.sample.turns[-1].text for question in asked} == {recorded["prompt_text"]}
    assert benchmark.sampling.max_tokens == recorded["gen_kwargs"]["max_new_tokens"]
    assert benchmark.sampling.temperature == recorded["gen_kwargs"]["temperature"]
