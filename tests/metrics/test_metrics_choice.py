"""Lettered questions, benchmark by benchmark. All cases are worked by hand from the scripts' rules, and ours."""

import json
import random

import pytest

from omma.metrics.choice.ai2d import LmmsEvalAi2d
from omma.metrics.choice.blink import Blink, LmmsEvalBlink
from omma.metrics.choice.lmms_eval import trusted_letter
from omma.metrics.choice.mmbench import LmmsEvalMmBench, MmBench, word_letter
from omma.metrics.choice.mmstar import LmmsEvalMmStar, MmStar
from omma.metrics.choice.mmvp import LmmsEvalMmvp, Mmvp, VlmEvalKitMmvp
from omma.metrics.choice.mvbench import LmmsEvalMvBench, MvBench, VlmEvalKitMvBench
from omma.metrics.choice.realworldqa import LmmsEvalRealWorldQa
from omma.metrics.choice.seedbench import LmmsEvalSeedBench, SeedBench
from omma.metrics.choice.videomme import LmmsEvalVideoMme, VideoMme, VlmEvalKitVideoMme
from omma.metrics.choice.visonlyqa import VisOnlyQa
from omma.metrics.choice.vlmevalkit import VlmEvalKitChoice, infer
from omma.metrics.metric import Marked, Metric, Number

PETS = {"choices": ["a dog", "a cat", "a red fox", "an owl"]}


def marked(metric: Metric, rows: list[tuple[str, str, dict]]) -> list[Marked]:
    return [Marked(str(i), gold, facts, metric.judge(raw, gold, facts)) for i, (raw, gold, facts) in enumerate(rows)]


def values(numbers: tuple[Number, ...]) -> dict[str, float]:
    return {number.metric: number.value for number in numbers}


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"),
        ("(B) a cat", "B"),
        ("The correct option is B.", "B"),
        ("B is what most people would say here", None),  # too far from the end
        ("The answer is **B**, because of its long tail and of its ears", "B"),
        ("A or B", None),
        ("I see a cat", "B"),
        ("Cannot determine the answer", "Z"),
        ("Failed to obtain answer via API. B", None),
        ("a cat " * 20, None),  # over twice as long as all options together
        ("a cat and a dog", None),
    ],
)
def test_vlmevalkit_infers_a_lone_letter_near_the_end_or_a_lone_text(reply, letter):
    assert infer(reply, dict(zip("ABCD", PETS["choices"], strict=True))) == letter
    assert VlmEvalKitChoice().judge(reply, "B", PETS).score == float(letter == "B")


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"),
        ("B. a cat, not A", "B"),  # the start is trusted more than the end
        ("It could be (A) but I take C", "C"),  # the end more than brackets
        ("Not (A), the answer is D here", "D"),  # a phrase more than brackets
        ("the answer is D, or (A) here", "A"),  # every letter behind it counts
        ("first (A) then (C) then words", "C"),  # of equals the last
        ("none of these", None),
        ("Dogs", "D"),  # nowhere else: inside words
        ("", None),
        ("...", None),
    ],
)
def test_lmms_eval_takes_the_letter_in_the_most_trusted_form(reply, letter):
    assert trusted_letter(reply, "ABCD") == letter


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("b", "B"),
        ("(C) fox", "C"),
        ("Option d", "D"),
        ("The answer is A.", "A"),
        ("Apples", "A"),
        ("It is B", None),
        ("e", None),
        ("", None),
    ],
)
def test_mmstar_reads_one_place(reply, letter):
    assert MmStar().extract(reply, {}) == letter


def test_mmstar_weighs_questions_and_lmms_eval_weighs_fine_categories():
    facts = [{"category": "math", "l2_category": name} for name in ("geometry", "geometry", "geometry", "statistics")]
    rows = [(reply, "A", fact) for reply, fact in zip("AAAB", facts, strict=True)]
    assert values(MmStar().aggregate(marked(MmStar(), rows))) == {"accuracy": 0.75, "accuracy/math": 0.75}
    macro = LmmsEvalMmStar().aggregate(marked(LmmsEvalMmStar(), rows))
    assert values(macro) == {"macro accuracy": 0.5, "macro accuracy/math": 0.5}
    assert macro[0].low <= 0.5 <= macro[0].high


@pytest.mark.parametrize("metric", [MmBench(), LmmsEvalMmBench()])
def test_a_circular_question_is_right_only_if_every_pass_is(metric):
    def rows(index: int, *replies: str) -> list[tuple[str, str, dict]]:
        facts = [{"index": index + turn * 1_000_000, **PETS} for turn in range(len(replies))]
        return [(reply, "ABCD"[turn], fact) for turn, (reply, fact) in enumerate(zip(replies, facts, strict=True))]

    passes = marked(metric, [*rows(7, "A", "B", "C", "D"), *rows(8, "A", "A", "A", "A"), *rows(9, "B", "B", "C", "D")])
    expected = {"circular accuracy": 1 / 3, "vanilla accuracy": 2 / 3, "accuracy of all passes": 8 / 12}
    for order in (passes, random.Random(1).sample(passes, len(passes))):
        found = metric.aggregate(order)
        assert values(found) == pytest.approx(expected)
        assert found[0].count == 3


def test_circular_accuracy_never_exceeds_vanilla_and_a_constant_answer_scores_nothing():
    generator = random.Random(2)
    rows = []
    for index in range(40):
        for turn in range(4):
            gold = "ABCD"[turn]
            reply = gold if generator.random() < 0.8 else "ABCD"[generator.randrange(4)]
            rows.append((reply, gold, {"index": index + turn * 1_000_000, **PETS}))
    found = values(MmBench().aggregate(marked(MmBench(), rows)))
    assert 0 < found["circular accuracy"] <= found["vanilla accuracy"]
    constant = values(MmBench().aggregate(marked(MmBench(), [("A", gold, facts) for _, gold, facts in rows])))
    assert constant["circular accuracy"] == 0 and constant["accuracy of all passes"] == 0.25


def test_a_lone_a_among_many_words_may_be_an_article():
    assert word_letter("A nice picture indeed") is None
    assert word_letter("B is the picture") == "B"
    assert word_letter("see A picture of (C)") == "C"


def test_seedbench_takes_the_likeliest_and_of_equals_the_first():
    assert SeedBench().judge(json.dumps([-2.0, -1.5, -9, -3]), "B", PETS).score == 1.0
    assert SeedBench().extract("[-1, -1, -1, -1]", PETS) == "A"
    assert SeedBench().extract("[-1, -Infinity, -3, -4]", PETS) == "A"


@pytest.mark.parametrize(
    "raw", ["", "B", "[1, 2, 3]", "[1, 2, 3, NaN]", '[1, 2, 3, "4"]', "[true, 1, 2, 3]", "[" * 100_000, "[1e999,,", "{}"]
)
def test_seedbench_does_not_read_what_is_no_list_of_as_many_numbers(raw):
    assert not SeedBench().judge(raw, "A", PETS).parsed


def test_seedbench_generation_reads_the_first_character():
    assert [LmmsEvalSeedBench().extract(reply, PETS) for reply in ("b", " Cats", "(A)", "E", "")] == ["B", "C", None, None, None]


@pytest.mark.parametrize(
    ("reply", "letter"),
    [("B. cat", "B"), ("b", "B"), ("(B)", "B"), ("B", "B"), ("b.", "B"), ("B cat", None), (" b", None), ("E", None), ("", None)],
)
def test_ai2d_forgives_case_and_marks_but_no_words(reply, letter):
    assert LmmsEvalAi2d().extract(reply, PETS) == letter


def test_visonlyqa_wants_exactly_one_option():
    facts = {"response_options": ["True", "False"], "question_type": "single_answer"}
    assert VisOnlyQa().judge("It is (True), not False", "True", facts).score == 1.0
    assert VisOnlyQa().judge("False.", "False", facts).score == 1.0
    assert not VisOnlyQa().judge("True or False", "True", facts).parsed


def test_visonlyqa_takes_recorded_extractions_where_its_rule_cannot_read():
    single = {"response_options": ["1", "2"], "question_type": "single_answer", "extraction": "(2)"}
    several = {"response_options": ["a", "b", "c"], "question_type": "multiple_answers"}
    assert VisOnlyQa().judge("1 or 2", "2", single).score == 1.0
    assert VisOnlyQa().judge("a, c", "a,c", several | {"extraction": "a, c"}).score == 1.0
    assert not VisOnlyQa().judge("a, c", "a,c", several).parsed


@pytest.mark.parametrize(
    ("reply", "gold", "score"),
    [
        ("(B) it is", "B", 1.0),
        ("2.", "2", 1.0),
        ("Downhill", "downhill", 1.0),
        ("It is downhill", "downhill", 0.0),
        ("none", "B", 0.0),
    ],
)
def test_realworldqa_compares_letters_or_whole_replies(reply, gold, score):
    assert LmmsEvalRealWorldQa().judge(reply, gold, {}).score == score


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"),
        ("(B)", "B"),
        ("I say (B) here", "B"),
        ("(A) or (B)\n\nso (B) it is", "B"),  # the last paragraph goes first
        ("(A) it is\n\nnone", "A"),
        ("(A) or (B)", None),
        ("(B).", None),
        ("b", None),
        ("", None),
    ],
)
def test_blink_wants_one_option_in_brackets_as_a_word(reply, letter):
    assert Blink().extract(reply, PETS) == letter
    assert Blink().judge(reply, "(B)", PETS | {"extraction": "(B)"}).score == float(letter in ("B", None))


def test_blink_weighs_tasks_alike_however_many_questions_they_have():
    """Worked by hand: 1 of 1 in one task and 1 of 3 in the other are 2/3; 2 of 4 questions are right."""
    said = [("Counting", "(A)", 1.0), ("Jigsaw", "(A)", 1.0), ("Jigsaw", "(B)", 0.0), ("Jigsaw", "none", 0.0)]
    marks = []
    for number, (task, reply, score) in enumerate(said):
        facts = PETS | {"sub_task": task}
        mark = Blink().judge(reply, "(A)", facts)
        assert mark.score == score
        marks.append(Marked(str(number), "(A)", facts, mark))
    tasks, overall = Blink().aggregate(marks)
    assert (tasks.value, overall.value) == (pytest.approx(2 / 3), 0.5)
    assert (tasks.count, tasks.unparsed) == (4, 1)


@pytest.mark.parametrize(("reply", "letter"), [("(B) cat", "B"), ("b", "B"), ("The answer is B", "T"), ("42", None), ("", None)])
def test_blink_reads_the_first_letter_whatever_word_it_begins(reply, letter):
    assert LmmsEvalBlink().extract(reply, {}) == letter
    assert LmmsEvalBlink().judge(reply, "(B)", {}).score == float(letter == "B")


@pytest.mark.parametrize(("metric", "right"), [(LmmsEvalMmvp(), "(a)"), (VlmEvalKitMmvp(), "A"), (Mmvp(), "yes")])
def test_a_pair_is_right_only_if_both_pictures_are(metric, right):
    def row(index: int, good: bool) -> tuple[str, str, dict]:
        return "A" if good else "B", right, {"index": index, "judge": "Yes" if good else "no", "choices": ["open", "closed"]}

    passes = marked(metric, [row(1, True), row(2, True), row(3, True), row(4, False), row(5, True)])
    pair, single = metric.aggregate(passes)
    assert (pair.metric, pair.value, pair.count) == ("pair accuracy", 0.5, 2)
    assert (single.metric, single.value, single.count) == ("accuracy", 0.8, 5)


def test_a_verdict_that_is_neither_yes_nor_no_is_unparsed():
    assert not Mmvp().judge("A", "(a)", {"index": 1, "judge": "Yes, it is."}).parsed
    assert not Mmvp().judge("A", "(a)", {"index": 1}).parsed


def test_video_mme_leaves_the_unread_out_officially_and_the_second_number_does_not():
    rows = [(reply, "B", {"duration": "short", **PETS}) for reply in ("B", "The answer is B.", "C", "no idea", "")]
    numbers = VideoMme().aggregate(marked(VideoMme(), rows))
    found = values(numbers)
    assert {(number.count, number.unparsed) for number in numbers} == {(5, 2)}
    assert found == pytest.approx({"accuracy of answered": 2 / 3, "accuracy": 0.4, "accuracy/short": 0.4})
    assert values(LmmsEvalVideoMme().aggregate(marked(LmmsEvalVideoMme(), rows)))["accuracy"] == 0.4


def test_video_mme_has_no_accuracy_of_answered_where_nothing_was_answered():
    rows = [("", "B", {"duration": "long"})]
    assert values(VideoMme().aggregate(marked(VideoMme(), rows))) == {"accuracy": 0.0, "accuracy/long": 0.0}


def test_video_mme_removes_phrases_but_not_those_with_a_missing_comma():
    assert VideoMme().extract("Best option: C", {}) == "B"
    assert VideoMme().extract("The best answer is: C", {}) == "C"
    assert VlmEvalKitVideoMme().extract("it is a cat", PETS) == "B"


@pytest.mark.parametrize(
    ("reply", "score"), [("A", 1.0), ("(A) walk", 1.0), ("a. walk", 1.0), ("(a)walk", 1.0), ("The answer is A", 0.0), ("B", 0.0)]
)
def test_mvbench_compares_the_first_word_with_the_option(reply, score):
    assert MvBench().judge(reply, "A", {}).score == score


@pytest.mark.parametrize("reply", ["", ".", "(", ") A", "..."])
def test_mvbench_does_not_count_what_fits_every_option(reply):
    mark = MvBench().judge(reply, "A", {})
    assert (mark.parsed, mark.score) == (False, 0.0)


def test_mvbench_harnesses_read_more():
    assert VlmEvalKitMvBench().judge("Surely the answer is A", "A", PETS).score == 1.0
    rows = [("the letter is b", "B", {}), ("", "B", {}), ("words", "B", {}), ("b. walk", "B", {})]
    found = values(LmmsEvalMvBench().aggregate(marked(LmmsEvalMvBench(), rows)))
    assert found == pytest.approx({"accuracy": 2 / 3, "accuracy of all": 0.5})
