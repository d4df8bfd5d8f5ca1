"""Published answers go through whole suites, from question files in their layout to the published figures."""

import json
import re
import zipfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from omma.cli.eval import recorded
from omma.evaluate.benchmarks.mmmu import SUBJECT
from omma.evaluate.job import evaluate, rescore
from omma.evaluate.judges.judge import judge_records
from omma.evaluate.judges.recorded import RecordedJudge
from omma.evaluate.question import Supply
from omma.metrics.choice.mmmu import Mmmu, MmmuSeeded
from omma.metrics.choice.scienceqa import ScienceQa
from omma.metrics.math.mathvista import JudgeFreeMathVista, MathVista
from omma_recipes.suites.blink import blink_lmms_eval
from omma_recipes.suites.mathematics import mathvista
from omma_recipes.suites.mmmu import mmmu, mmmu_llava, mmmu_pro, mmmu_pro_cot
from omma_recipes.suites.mmvp import mmvp_llava
from omma_recipes.suites.scienceqa import scienceqa
from tests.evaluate.drawing import png
from tests.evaluate.tabling import delimited, lines, parquet

GOLDEN = (Path(__file__).parents[2] / "../shared/golden").resolve()
SUFFIX = "\nAnswer with the option's letter from the given choices directly."
PRO = "mmmu/mmmu-pro-output/gpt-4o_{}.jsonl"


def golden(name):
    """A file of recorded answers with published scores, or a skip."""
    if not (GOLDEN / name).exists():
        pytest.skip(f"no golden data at {GOLDEN / name}")
    return GOLDEN / name


@cache
def read(name):
    file = golden(name)
    text = file.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()] if file.suffix == ".jsonl" else json.loads(text)


def scored(root, benchmark, rows, metrics=1):
    """Rows of id and answer → {(variant, metric, subset): verdict} of that benchmark's first metrics, below `root`."""
    benchmark = replace(benchmark, metrics=benchmark.metrics[:metrics])
    lines(root / "answers.jsonl", rows)
    supply = Supply(root=root)
    found = evaluate((benchmark,), recorded(root / "answers.jsonl", benchmark, supply), supply, root / "scores")
    return {(verdict.variant, verdict.metric, verdict.subset): verdict for verdict in found}


@pytest.mark.parametrize("model", ["llava1.5_13b", "qwen_vl"])
def test_mmmu_gives_the_published_figure_of_the_makers_own_answers(model, tmp_path):
    expected, key = read("mmmu/expected.json"), read("mmmu/answer_dict_val.json")
    answers = [
        one
        for path in sorted(golden(f"mmmu/example_outputs/{model}").glob("*/output.json"))
        for one in json.loads(path.read_text())
    ]
    subjects = {}
    for one in answers:
        options = list(one.get("index2ans", {}).values())
        row = {"id": one["id"], "question": "?", "options": str(options), "answer": str(key[one["id"]]["ground_truth"])}
        subjects.setdefault(SUBJECT.fullmatch(one["id"])[1], []).append(row)
    for subject, rows in subjects.items():
        parquet(tmp_path / f"mmmu/{subject}/validation-00000-of-00001.parquet", rows)
    found = scored(tmp_path, mmmu().benchmarks[0], [{"id": one["id"], "response": one["response"]} for one in answers], metrics=2)
    right, count, fallbacks = expected["mmmu_val_no_random"][model]
    overall = found["official", "accuracy", "all"]
    assert (overall.value, overall.count, overall.unparsed) == (right / count, count, fallbacks)
    seeded = found[MmmuSeeded.variant, "accuracy", "all"]
    assert round(seeded.value, 3) == expected["mmmu_val_overall"][model]
    assert sum(metric.startswith("accuracy/") for variant, metric, _ in found if variant == Mmmu.variant) == 36


@pytest.mark.parametrize(
    ("benchmark", "file"),
    [
        (mmmu_pro().benchmarks[0], "standard(10 options)_direct"),
        (mmmu_pro().benchmarks[1], "vision_direct"),
        (mmmu_pro_cot().benchmarks[0], "standard(10 options)_cot"),
        (mmmu_pro_cot().benchmarks[1], "vision_cot"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_mmmu_pro_gives_the_count_of_the_official_reading(benchmark, file, tmp_path):
    rows = read(PRO.format(file))
    named = [{name: row[name] for name in ("id", "question", "options", "answer", "subject")} for row in rows]
    asked = [{name: value for name, value in row.items() if name != "question"} for row in named] if "vision" in file else named
    parquet(tmp_path / benchmark.path / "test-00000-of-00001.parquet", asked)
    found = scored(tmp_path, benchmark, [{"id": row["id"], "response": row["response"]} for row in rows])
    right, count, fallbacks = read("mmmu/expected.json")["mmmu_pro_no_random"][file.replace("(10 options)", "10")]
    overall = found["official", "accuracy", "all"]
    assert (round(overall.value * count), overall.count, overall.unparsed) == (right, count, fallbacks)


def problems():
    """LLaVA's recorded prompts and the key → the rows of problems.json from which they were made."""
    key = {one["question_id"]: one for part in read("scienceqa/llava-v1.5-13b_output.json").values() for one in part}
    rows = {}
    for line in read("scienceqa/llava-v1.5-13b.jsonl"):
        told = key[line["question_id"]]
        words = line["prompt"].removeprefix("<image>\n").removesuffix(SUFFIX)
        before, _, listed = words.rpartition("\nA. ")
        hint, _, asked = before.rpartition("\n") if before.startswith("Context: ") else ("", "", before)
        rows[line["question_id"]] = {
            "question": asked,
            "hint": hint.removeprefix("Context: "),
            "choices": re.split(r"\n[B-E]\. ", listed),
            "answer": "ABCDE".index(told["ground_truth"]),
            "image": "image.png" if told["is_multimodal"] else None,
            "split": "test",
        }
    return rows


@pytest.fixture(scope="module")
def science(tmp_path_factory):
    """ScienceQA test as released, its pictures (drawn) in test.zip."""
    root = tmp_path_factory.mktemp("science")
    rows = problems()
    (root / "scienceqa").mkdir()
    (root / "scienceqa/problems.json").write_text(json.dumps(rows), encoding="utf-8")
    with zipfile.ZipFile(root / "scienceqa/test.zip", "w") as pictures:
        shown = png(size=(4, 4))
        for name, row in rows.items():
            if row["image"]:
                pictures.writestr(f"test/{name}/image.png", shown)
    return root


def test_scienceqa_asks_what_llava_was_asked_4241_times(science):
    asked = {line["question_id"]: line["prompt"] for line in read("scienceqa/llava-v1.5-13b.jsonl")}
    questions = scienceqa().benchmarks[0].questions(Supply(root=science))
    said = {one.sample.id: "".join(part.text or "<image>\n" for part in one.sample.turns[-1].parts) for one in questions}
    assert said == asked


def test_scienceqa_gives_the_published_figures(science):
    rows = [{"question_id": line["question_id"], "text": line["text"]} for line in read("scienceqa/llava-v1.5-13b.jsonl")]
    found = scored(science, scienceqa().benchmarks[0], rows)
    expected = read("scienceqa/expected.json")["llava-v1.5-13b"]
    whole, pictured = (found[ScienceQa.variant, metric, "all"] for metric in ("accuracy", "accuracy/image"))
    assert (whole.value * 100, whole.count) == (pytest.approx(expected["acc"]), 4241)
    assert (pictured.value * 100, pictured.count) == (pytest.approx(expected["img_acc"]), 2017)


@pytest.fixture(scope="module")
def pictured_mathvista(tmp_path_factory):
    """Testmini as in the repository, its pictures (drawn) in images.zip."""
    root = tmp_path_factory.mktemp("mathvista")
    rows = read("mathvista/testmini.json")
    (root / "mathvista").mkdir()
    (root / "mathvista/testmini.json").write_text(json.dumps(rows), encoding="utf-8")
    with zipfile.ZipFile(root / "mathvista/images.zip", "w") as pictures:
        for row in rows.values():
            pictures.writestr(row["image"], png(size=(4, 4)))
    return root


def test_mathvista_builds_the_query_that_models_were_given(pictured_mathvista):
    """990 of Bard's 1,000 recorded queries; the other ten have a blank more or less at their ends."""
    asked = {key: row["query"] for key, row in read("mathvista/output_bard.json").items()}
    questions = mathvista().benchmarks[0].questions(Supply(root=pictured_mathvista))
    said = {one.sample.id: one.sample.turns[-1].text for one in questions}
    assert said.keys() == asked.keys()
    assert sum(said[key] == asked[key] for key in asked) == 990


@pytest.mark.parametrize("name", ["bard", "llava_llama_2_13b"])
def test_mathvista_gives_the_published_figure_with_the_recorded_extractions_as_a_judges(name, pictured_mathvista, tmp_path):
    rows = read(f"mathvista/output_{name}.json")
    benchmark = replace(mathvista().benchmarks[0], metrics=(JudgeFreeMathVista(), MathVista()))
    lines(tmp_path / "answers.jsonl", [{"pid": key, "response": row["response"]} for key, row in rows.items()])
    lines(tmp_path / "extractions.jsonl", [{"pid": key, "verdict": row["extraction"]} for key, row in rows.items()])
    supply = Supply(root=pictured_mathvista)
    evaluate((benchmark,), recorded(tmp_path / "answers.jsonl", benchmark, supply), supply, tmp_path / "scores")
    judge_records(tmp_path / "scores", (benchmark,), lambda _, ids: RecordedJudge(tmp_path / "extractions.jsonl", ids))
    found = {(one.variant, one.subset): one for one in rescore((benchmark,), tmp_path / "scores")}
    expected = read("mathvista/expected.json")[name]
    official = found[MathVista.variant, "all"]
    assert (round(official.value * 1000), official.count) == (expected["correct"], expected["total"])
    ours = found[JudgeFreeMathVista.variant, "all"]
    assert ours.value == pytest.approx(official.value, abs=0.15)


def worded(sample):
    return "".join(part.text for part in sample.turns[-1].parts)


def test_prompts_are_those_that_lmms_eval_recorded(tmp_path):
    """Its invented MMMU questions, lettered and open, and those of MMVP and BLINK."""
    for number, variant in enumerate(("mc", "open")):
        snapshot = read(f"lmms-eval-prompt-snapshots/mmmu_val__{variant}.json")
        question, options = _unpacked(snapshot["prompt_text"])
        row = {"id": snapshot["doc_id"], "question": question, "options": str(options), "answer": "B"}
        parquet(tmp_path / f"{number}/mmmu/validation-0.parquet", [row])
        (asked,) = mmmu_llava().benchmarks[0].questions(Supply(root=tmp_path / str(number)))
        assert worded(asked.sample) == snapshot["prompt_text"]
        assert mmmu_llava().benchmarks[0].sampling.max_tokens == snapshot["gen_kwargs"]["max_new_tokens"]
    snapshot = read("lmms-eval-prompt-snapshots/mmvp.json")
    question, options = _unpacked(snapshot["prompt_text"])
    listed = " ".join(f"({letter}) {text}" for letter, text in zip("ab", options, strict=True))
    delimited(tmp_path / "mmvp/Questions.csv", [{"Question": question, "Options": listed, "Correct Answer": "(a)"}], delimiter=",")
    (tmp_path / "mmvp/MMVP Images").mkdir()
    (asked,) = mmvp_llava().benchmarks[0].questions(Supply(root=tmp_path))
    assert worded(asked.sample) == snapshot["prompt_text"]
    assert mmvp_llava().benchmarks[0].sampling.max_tokens == snapshot["gen_kwargs"]["max_new_tokens"]
    snapshot = read("lmms-eval-prompt-snapshots/blink__art_style.json")
    stored = snapshot["prompt_text"].partition("\n")[2]
    row = {"idx": "1", "sub_task": "Art_Style", "prompt": stored, "choices": list("wxyz"), "answer": "(A)"}
    parquet(tmp_path / "blink/Art_Style/val-0.parquet", [row])
    (asked,) = blink_lmms_eval().benchmarks[0].questions(Supply(root=tmp_path))
    assert worded(asked.sample) == snapshot["prompt_text"]
    assert blink_lmms_eval().benchmarks[0].sampling.max_tokens == snapshot["gen_kwargs"]["max_new_tokens"]


def _unpacked(text):
    """A recorded prompt → its question and its options, which stand a line each between question and suffix."""
    body = re.split(r"\n+Answer ", text)[0]
    question, *options = re.split(r"\n[A-H]\. ", body)
    return question, options
