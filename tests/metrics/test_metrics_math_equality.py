"""Expressions, equality and the library in a process of its own. All cases are worked by hand, and ours."""

import importlib.util
import sys
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.metrics.math import verify
from omma.metrics.math.equality import MathAnswer, MathVerify, final, math_equal
from omma.metrics.math.expression import close, value_of
from omma.metrics.math.verify import verified

needs_library = pytest.mark.skipif(
    importlib.util.find_spec("math_verify") is None, reason="math-verify (extra `math`) is not installed"
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/3", Fraction(1, 3)),
        ("-2^2", -4),
        ("2^-1", Fraction(1, 2)),
        ("2^3^2", 512),
        ("3(4+1)", 15),
        ("\\frac12", Fraction(1, 2)),
        ("\\frac{1}{2}\\cdot 4", 2),
        ("\\sqrt[3]{27}", 3),
        ("\\sqrt{16/9}", Fraction(4, 3)),
        ("50\\%", Fraction(1, 2)),
        ("5!", 120),
        ("--3", 3),
        ("2 × 3 ÷ 4", Fraction(3, 2)),
        (".5", Fraction(1, 2)),
    ],
)
def test_arithmetic_has_its_value(text, value):
    assert float(value_of(text)) == pytest.approx(float(value), abs=1e-15)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1/0",
        "5 cm",
        "1..2",
        "(1",
        "1)",
        "2^",
        "\\frac{1}",
        "(-8)^0.5",
        "171!",
        "(" * 300,
        "9^9^9^9^9",
        "1" * 500,
        "nan",
        "\\pi\\",
    ],
)
def test_what_is_no_arithmetic_has_no_value(text):
    assert value_of(text) is None


@given(st.fractions(max_denominator=999), st.fractions(max_denominator=999))
def test_sums_and_products_of_fractions_are_exact(a, b):
    assert value_of(f"({a})+({b})") == a + b
    assert value_of(f"({a})*({b})-\\frac{{{a.numerator}}}{{{a.denominator}}}") == a * b - a


@given(st.text(alphabet="0123456789+-*/^!%().{}[]\\fracsqtpi x", max_size=60))
def test_any_row_of_signs_is_a_finite_value_or_none(text):
    value = value_of(text)
    assert value is None or close(value, value, 2)


@pytest.mark.parametrize(
    ("said", "gold", "same"),
    [
        ("\\frac{1}{2}", "0.5", True),
        ("$1,000", "1000", True),
        ("2 1/2", "2.5", True),
        ("-1\\frac{1}{2}", "-1.5", True),
        ("x = 5", "5", True),
        ("1.2e3", "1200", True),
        ("50%", "0.5", True),
        ("50%", "50", True),
        ("50%", "5000%", False),
        ("5 cm", "5", True),
        ("5 cm", "5 m", False),
        ("3 hours", "3 hour", True),
        ("90°", "90 degrees", True),
        ("5x", "5", False),
        ("(1, 2.0)", "(1,2)", True),
        ("(1,2)", "(2,1)", False),
        ("(1,2)", "[1,2]", False),
        ("1/3", "0.333", False),
        ("\\text{Paris}", "paris.", True),
        ("", "", False),
    ],
)
def test_equal_values_are_equal_however_they_are_written(said, gold, same):
    assert math_equal(said, gold) is same
    assert math_equal(gold, said) is same


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Thus \\boxed{\\frac{1}{2}} and so on", "\\frac{1}{2}"),
        ("The answer is 5 cm. Because", "5 cm"),
        ("3 + 4 makes 7", "7"),
        ("2\\pi", "2\\pi"),
        ("\\boxed{1", "1"),
        (" ", None),
    ],
)
def test_the_final_answer_is_boxed_or_told_or_the_last_number(reply, answer):
    assert final(reply) == answer


def test_any_accepted_answer_is_enough_and_the_details_say_who_judged():
    mark = MathAnswer().judge("The answer is 1/2.", ["0.25", "0.5"], {})
    assert (mark.score, mark.details["judge"]) == (1.0, "own")


@needs_library
def test_math_verify_judges_in_its_own_process():
    mark = MathVerify().judge("so \\boxed{\\sqrt{8}}", "2\\sqrt{2}", {})
    assert (mark.score, mark.details["judge"]) == (1.0, "math-verify")
    assert verified("(x+1)^2", "x^2+2x+1", 20.0) is True


def test_a_process_that_takes_too_long_is_stopped_and_the_next_question_has_a_new_one(monkeypatch):
    slow = "import time; print('true', flush=True); time.sleep(60)"
    quick = "import sys; print('true', flush=True); [print('true', flush=True) for line in sys.stdin]"
    worker = verify._Worker()
    monkeypatch.setattr(verify, "COMMAND", (sys.executable, "-c", slow))
    began = time.monotonic()
    assert worker.ask("3", "3", 0.1) is None
    assert worker.process is None
    assert time.monotonic() - began < 30
    monkeypatch.setattr(verify, "COMMAND", (sys.executable, "-c", quick))
    assert worker.ask("3", "3", 30.0) is True
    worker.stop()


@pytest.mark.parametrize("said", ["print('false')", "pass", "import sys; sys.exit(3)"])
def test_a_process_without_the_library_is_asked_once(said, monkeypatch):
    worker = verify._Worker()
    monkeypatch.setattr(verify, "COMMAND", (sys.executable, "-c", said))
    assert worker.ask("3", "3", 5.0) is None
    assert worker.absent and worker.process is None


def test_without_the_library_our_own_rule_judges(monkeypatch):
    monkeypatch.setattr("omma.metrics.math.equality.verified", lambda said, gold, seconds: None)
    mark = MathVerify().judge("\\boxed{0.5}", "1/2", {})
    assert (mark.score, mark.details["judge"]) == (1.0, "own")
