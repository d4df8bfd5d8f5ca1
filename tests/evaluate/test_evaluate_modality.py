"""What seeing is worth, from stored records: MMStar's example, its formulas, any benchmark's main number, questions that differ."""

import math
from dataclasses import replace

import pytest

from omma.core.errors import DataError
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.evaluate.benchmarks.own_rows import OwnRows
from omma.evaluate.benchmarks.pope import PopeQuestions
from omma.evaluate.known import Known
from omma.evaluate.modality import gain
from omma.metrics import gain as formulas
from omma.metrics.metric import Mark, Marked
from omma.metrics.text import Exact
from omma.schema.verdict import Record

OWN = OwnRows(name="own", path="own.jsonl", metrics=(Exact(),))


def records(right, count=1000, start=0):
    return [Record(f"q{n}", "", "is it?", "yes", "yes" if n < right else "no") for n in range(start, count)]


def test_mmstar_s_own_example():
    """52.1 with pictures, 22.7 without, 20.3 for the language model: MG 29.4, ML 2.4 (MMStar, `eval/README.md`)."""
    found = gain(OWN, records(521), records(227), records(203), Known())
    assert (found.gain.value, found.leakage.value) == (pytest.approx(0.294), pytest.approx(0.024))
    assert found.gain.low < 0.294 < found.gain.high
    assert (found.seeing.value, found.blind.value, found.text.value) == (0.521, 0.227, 0.203)


def test_shares_agree_with_the_formulas_on_marked_replies():
    runs = [records(right)[::step] for right, step in ((521, 1), (227, -1), (300, 1))]
    marked = [[Marked(r.sample_id, r.gold, {}, Mark(r.raw, float(r.raw == r.gold))) for r in run] for run in runs]
    found = gain(OWN, *runs, Known())
    told = formulas.gain(marked[0], marked[1])
    assert (found.gain.value, found.leakage.value) == (pytest.approx(told.value), formulas.leakage(marked[1], marked[2]).value)
    assert (found.gain.low, found.gain.high) == pytest.approx((told.low, told.high), abs=0.01)


def test_leakage_is_never_below_nothing():
    found = gain(OWN, records(521), records(200), records(300), Known())
    assert (found.leakage.value, found.leakage.low, found.leakage.high) == (0.0, 0.0, 0.0)


def test_questions_that_one_run_lacks_are_left_out_of_all_and_counted():
    found = gain(OWN, records(521), records(227, count=600), records(0, start=100), Known())
    assert (found.seeing.count, found.left_out) == (500, 500)
    assert found.seeing.value == pytest.approx(421 / 500)
    with pytest.raises(DataError, match="own: 10 and 10 questions, none of them in all runs.*same split"):
        gain(OWN, records(5, count=10), records(5, count=20, start=10), None, Known())


def test_a_number_that_is_no_mean_is_that_number_s_difference():
    """POPE's F1: seeing is all right (F1 1), blind always says yes to as many absent as present things (F1 2/3); worked by hand."""
    facts = {"category": "random"}
    seeing = [Record(f"q{n}", "random", "", ("no", "yes")[n % 2], ("no", "yes")[n % 2], facts=facts) for n in range(40)]
    found = gain(PopeQuestions(), seeing, [replace(record, raw="yes") for record in seeing], None, Known())
    assert found.gain.value == pytest.approx(1 / 3)
    assert found.leakage is None and found.text is None


def test_where_lower_is_better_a_gain_is_a_fall():
    def losses(loss):
        return [Record(f"q{n}", "caption", "", ["a cat"], "", details={"loss": loss + n % 3, "supervised": 2}) for n in range(30)]

    found = gain(CaptionLoss(), losses(4.0), losses(6.0), None, Known())
    assert found.gain.value == pytest.approx(1.0)
    assert found.gain.low <= found.gain.value <= found.gain.high and not math.isnan(found.gain.low)
