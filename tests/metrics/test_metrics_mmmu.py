"""MMMU and MMMU-Pro: the figures that the makers' own scripts print on the makers' own example outputs."""

import ast
import json
import random
from pathlib import Path

import pytest

from omma.metrics.choice.mmmu import DOMAINS, LmmsEvalMmmu, Mmmu, MmmuSeeded, VlmEvalKitMmmu
from omma.metrics.choice.mmmu_pro import MmmuPro, pro_letter
from omma.metrics.choice.mmmu_reading import letter_of, open_forms, open_readings, open_right
from omma.metrics.metric import Marked, Metric

FOUR = {"A": "dog", "B": "cat", "C": "red fox", "D": "owl"}


@pytest.fixture(scope="module")
def golden() -> Path:
    """Folder of recorded answers with published scores, or a skip."""
    folder = (Path(__file__).parents[2] / "../shared/golden/mmmu").resolve()
    if not folder.is_dir():
        pytest.skip(f"no golden data at {folder}")
    return folder


@pytest.fixture(scope="module")
def expected(golden):
    return json.loads((golden / "expected.json").read_text())


@pytest.fixture(scope="module")
def answers(golden):
    """Function: a model's name → its 900 recorded answers as dictionaries."""

    def read(model: str) -> list[dict]:
        paths = sorted((golden / "example_outputs" / model).glob("*/output.json"))
        return [item | {"subject": path.parent.name} for path in paths for item in json.loads(path.read_text())]

    return read


def marked(metric: Metric, items: list[dict]) -> list[Marked]:
    found = []
    for item in items:
        facts = {"choices": list(item.get("index2ans", {}).values()), "subject": item["subject"]}
        found.append(Marked(item["id"], item["answer"], facts, metric.judge(item["response"], item["answer"], facts)))
    return found


@pytest.mark.parametrize("model", ["llava1.5_13b", "qwen_vl"])
def test_counts_without_guesses_are_those_of_the_official_parser(model, answers, expected):
    right, total, fallbacks = expected["mmmu_val_no_random"][model]
    overall, *_ = Mmmu().aggregate(marked(Mmmu(), answers(model)))
    assert (overall.count, overall.unparsed, overall.value) == (total, fallbacks, right / total)
    assert overall.low < overall.value < overall.high


@pytest.mark.parametrize("model", ["llava1.5_13b", "qwen_vl"])
def test_replaying_the_guesses_gives_the_printed_figure_in_whatever_order_the_marks_come(model, answers, expected):
    marks = marked(MmmuSeeded(), answers(model))
    (overall,) = MmmuSeeded().aggregate(marks)
    (shuffled,) = MmmuSeeded().aggregate(random.Random(7).sample(marks, len(marks)))
    assert round(overall.value, 3) == expected["mmmu_val_overall"][model]
    assert shuffled.value == overall.value


def test_overall_is_the_mean_of_domains_and_of_subjects_weighed_by_size(answers):
    overall, *parts = Mmmu().aggregate(marked(Mmmu(), answers("qwen_vl")))
    domains, subjects = parts[:6], parts[6:]
    assert {number.metric.split("/")[1] for number in domains} == set(DOMAINS)
    assert len(subjects) == 30
    for group in (domains, subjects):
        assert sum(number.value * number.count for number in group) == pytest.approx(overall.value * overall.count)


def test_vlmevalkit_reads_fewer_of_the_same_replies(answers):
    """25.74% with 312 unparsed against 35.77% on the 847 questions with options, and 38.49% against 38.61%."""
    for model, kit, official in (("qwen_vl", 0.2574, 0.3577), ("llava1.5_13b", 0.3849, 0.3861)):
        items = [item for item in answers(model) if item["question_type"] == "multiple-choice"]
        assert len(items) == 847
        assert round(VlmEvalKitMmmu().aggregate(marked(VlmEvalKitMmmu(), items))[0].value, 4) == kit
        assert round(Mmmu().aggregate(marked(Mmmu(), items))[0].value, 4) == official


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("gpt-4o_vision_direct", "vision_direct"),
        ("gpt-4o_vision_cot", "vision_cot"),
        ("gpt-4o_standard(10 options)_direct", "standard10_direct"),
        ("gpt-4o_standard(10 options)_cot", "standard10_cot"),
    ],
)
def test_mmmu_pro_counts_without_guesses_are_those_of_the_official_parser(name, key, golden, expected):
    right, total, fallbacks = expected["mmmu_pro_no_random"][key]
    text = (golden / "mmmu-pro-output" / f"{name}.jsonl").read_text(encoding="utf-8")
    marks = []
    for item in map(json.loads, text.split("\n")[:-1]):
        reply = item["response"] if isinstance(item["response"], str) else ""  # failed calls are stored as objects
        facts = {"choices": ast.literal_eval(item["options"])}
        marks.append(Marked(item["id"], item["answer"], facts, MmmuPro().judge(reply, item["answer"], facts)))
    (overall,) = MmmuPro().aggregate(marks)
    assert (overall.count, overall.unparsed, overall.value) == (total, fallbacks, right / total)


# What follows is worked by hand, and ours.


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"),
        ("B.", "B"),
        ("(A) or maybe (C)", "C"),
        ("It is B not A .", "A"),
        ("B is shown and (A) is right", "A"),  # brackets go first
        ("The animal in the picture is a cat", "B"),
        ("a cat", None),  # too short for texts of options
        ("The Red Fox ran after the owl today", "D"),
        ("b", None),
        ("", None),
    ],
)
def test_brackets_then_words_then_texts_and_of_several_the_last(reply, letter):
    assert letter_of(reply, FOUR) == letter


def test_an_open_answer_is_read_from_the_tails_of_its_lines():
    assert set(open_readings("So the answer is 3.5 cm")) == {"3.5 cm", 3.5}
    assert open_right(open_readings("x = 1,234.567"), ["1234.57"])
    assert open_right(open_readings("It is about 5.0 N"), ["5"])
    assert not open_right(open_readings("It is about 50 N"), ["5"])
    assert open_forms("A") == (" a", "a ")


def test_an_open_answer_is_right_if_any_accepted_text_is_within_a_tail():
    facts = {"choices": [], "subject": "Art"}
    assert Mmmu().judge("This is the Baroque style", ["baroque", "rococo"], facts).score == 1.0
    assert Mmmu().judge("This is modern", ["baroque", "rococo"], facts).score == 0.0
    assert not Mmmu().judge("  ", ["baroque"], facts).parsed


def test_an_open_question_becomes_one_of_two_options_in_vlmevalkit():
    facts = {"choices": [], "subject": "Art"}
    assert VlmEvalKitMmmu().judge("Baroque", "baroque", facts).score == 1.0
    assert VlmEvalKitMmmu().judge("Other Answers", "baroque", facts).score == 0.0


def test_pro_takes_the_only_letter_behind_the_last_cue():
    choices = [str(number) for number in range(10)]
    assert pro_letter("A is wrong.\nAnswer: B", choices) == "B"
    assert pro_letter("Answer: C\nAnswer: J", choices) == "J"
    assert pro_letter("Answer: none", choices) is None
    assert pro_letter("the option B fits", choices) == "B"


def test_lmms_eval_reads_a_letter_at_the_end_of_a_word():
    facts = {"choices": ["x", "y"], "subject": "Art"}
    assert LmmsEvalMmmu().judge("USA is", "A", facts).score == 1.0
    assert not Mmmu().judge("USA is", "A", facts).parsed


def test_numbers_are_found_fast_in_a_megabyte_of_digits():
    assert len(open_readings("1" * 1_000_000)) == 1
    assert open_readings("1e" + "1" * 1_000_000)[-1] == float("inf")
