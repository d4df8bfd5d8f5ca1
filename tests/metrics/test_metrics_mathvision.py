"""MATH-Vision: final answers and their equality, worked by hand from the script's rules, and ours."""

import pytest

from omma.metrics.math.mathvision import MathVision, VlmEvalKitMathVision, final_answer, latex_value, near_answer, same_answer


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("So we choose B.", "b"),
        ("(C)\nbecause", "c"),
        ("the area is 12.", "12"),
        ("first \\boxed{3}, then \\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
        ("The answer is $x = 3\\sqrt2$. Indeed.", "3\\sqrt{2}"),
        ("The correct answer is (D) 7", "d7"),
        ("\\boxed{45^{\\circ}}", "45"),
        ("\\boxed{12\\text{ km}}", "12"),
        ("\\boxed{3/4}", "\\frac{3}{4}"),
        ("\\boxed{.5}", "\\frac{1}{2}"),
        ("\\boxed{\\sqrt{2}\\frac12}", "\\sqrt{2}\\frac{1}{2}"),
        ("", ""),
    ],
)
def test_the_final_answer_is_cleaned_as_the_script_does(solution, answer):
    assert final_answer(solution) == answer


@pytest.mark.parametrize(
    ("said", "gold", "same"),
    [
        ("\\frac{1}{3}", "0.333", True),  # to two places
        ("\\frac{1}{3}", "0.34", False),
        ("2\\sqrt{3}", "3.4641", True),
        ("3\\pi", "9.42", True),
        ("1:4", "\\frac{1}{4}", True),
        ("\\frac{2}{3}}.so,thatisit", "0.67", True),  # read up to the brace too many
        ("(2*3,4)", "(6,8/2)", True),
        ("(1,2)", "[1,2]", False),
        ("b", "B", True),
        ("2π", "2\\pi", False),  # signs beyond ASCII are not read
        ("sqrt(4)", "2", False),
        ("x+1", "x+1", True),
        ("x+1", "1+x", False),
        ("", "", False),
        ("1/0", "1/0 ", True),
        ("1/0", "2/0", False),
    ],
)
def test_answers_are_the_same_text_or_pair_or_number_to_two_places(said, gold, same):
    assert same_answer(said, gold) is same


def test_a_question_with_options_takes_the_letter_or_the_text():
    facts = {"choices": ["$4$", "$\\frac{8}{3}$"]}
    assert MathVision().judge("\\boxed{B}", "B", facts).score == 1.0
    assert MathVision().judge("\\boxed{2.667}", "B", facts).score == 1.0
    assert MathVision().judge("\\boxed{4}", "B", facts).score == 0.0
    assert not MathVision().judge("   ", "B", facts).parsed


def test_vlmevalkit_wants_the_whole_reply_and_more_places():
    assert near_answer("1/3", "0.33333333") and not near_answer("1/3", "0.333")
    assert VlmEvalKitMathVision().judge("0.50", "1/2", {"choices": []}).score == 1.0
    assert not VlmEvalKitMathVision().judge("it is 0.50", "1/2", {"choices": []}).parsed
    assert VlmEvalKitMathVision().judge("The answer is A", "A", {"choices": ["1", "2"]}).score == 1.0


def test_what_the_model_writes_is_never_run():
    assert latex_value("__import__('os')") is None
    assert not same_answer("exec(1)", "1")
