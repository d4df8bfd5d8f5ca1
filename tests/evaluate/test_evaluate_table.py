"""The table of scores: official numbers first, harness variants under their name, long lists folded, units written right."""

import io
import math

from rich.console import Console

from omma.evaluate.table import FOLDED, score_rows, score_table, with_interval, written
from omma.schema.verdict import Verdict


def verdict(metric="accuracy", value=0.5, subset="all", variant="official", low=None, high=None, name="mmx", **more):
    low, high = value - 0.02 if low is None else low, value + 0.02 if high is None else high
    return Verdict(name, metric, subset, value, 1200, 3, low, high, 0.25, variant=variant, **more)


def printed(*verdicts, whole=False, models=("llava",)):
    console = Console(width=110, record=True, file=io.StringIO())
    console.print(score_table(dict.fromkeys(models, verdicts), whole=whole))
    return [line.rstrip().removeprefix(" ") for line in console.export_text().splitlines() if line.strip()]


def test_other_harnesses_stand_indented_under_their_name_and_below_the_official_number():
    lines = printed(verdict(), verdict("score", 0.4, variant="vlmevalkit"), verdict("acc", 0.3, variant="lmms-eval"))
    assert lines[2].startswith("mmx accuracy")
    assert lines[3].startswith("  vlmevalkit: score") and lines[4].startswith("  lmms-eval: acc")


def test_the_same_number_of_two_harnesses_is_two_rows():
    rows = score_rows([[verdict(), verdict(value=0.4, variant="vlmevalkit")]])
    assert [(row.variant, row.main, row.last.value) for row in rows] == [("", True, 0.5), ("vlmevalkit", False, 0.4)]


def test_a_benchmark_without_an_official_rule_says_whose_rule_its_first_number_follows():
    assert printed(verdict(variant="judge-free"))[2].startswith("mmx judge-free: accuracy")


def test_an_interval_that_is_not_known_is_left_out():
    assert with_interval(verdict(low=math.nan, high=math.nan)) == "50.0%"
    assert "nan" not in "\n".join(printed(verdict(low=math.nan, high=math.nan))).lower()


def test_shares_are_per_cent_and_points_are_points_even_where_lower_is_better():
    assert with_interval(verdict(higher_is_better=False)) == "50.0% ±2.0"
    points = verdict("perception", 1531.32, unit="points", low=1501.12, high=1561.52)
    assert with_interval(points) == "1,531.3 ±30.2", "as many decimals as the number itself has"
    assert with_interval(verdict("CIDEr", 0.5998, unit="points")) == "0.600 ±0.020"
    assert written(points, math.nan) == "–"


def test_long_lists_of_subsets_are_folded_and_the_table_says_how_to_see_them():
    many = [verdict(subset=f"subject {n}") for n in range(30)]
    lines = printed(verdict(), *many)
    assert lines[3] == "  … 30 by subset"
    assert FOLDED in " ".join(lines)
    assert sum("subject" in line for line in printed(verdict(), *many, whole=True)) == 30
    few = printed(verdict(), *many[:8])
    assert sum("subject" in line for line in few) == 8 and FOLDED not in " ".join(few)


def test_of_harnesses_only_the_first_numbers_stand():
    lines = printed(verdict(), *[verdict(f"part {n}", variant="lmms-eval") for n in range(5)])
    assert lines[5] == "  … 3 more"


def test_models_that_were_asked_or_understood_differently_show_the_fewest_and_the_most():
    few = Verdict("mmx", "accuracy", "all", 0.5, 50, 0, 0.4, 0.6, None)
    (row,) = score_rows([[verdict()], [few]])
    assert (row.count, row.unparsed) == ("50–1,200", "0–3")
    (row,) = score_rows([[verdict()], [verdict(value=0.7)]])
    assert (row.count, row.unparsed) == ("1,200", "3")


def test_of_many_benchmarks_each_has_its_first_number_and_the_first_of_each_harness():
    def one(name):
        return (
            verdict(name=name),
            verdict("more", name=name),
            verdict(subset="a", name=name),
            verdict(variant="lmms-eval", name=name),
        )

    lines = printed(*[item for name in "abcdef" for item in one(name)])
    assert sum("accuracy" in line for line in lines) == 12 and not any("more  " in line for line in lines)
    assert f"… 12 more numbers: {FOLDED}" in " ".join(lines)


def test_many_columns_have_no_room_for_intervals_and_names_keep_theirs():
    lines = printed(verdict(), models=[f"model {n}" for n in range(7)])
    assert "±" not in " ".join(lines) and any(line.startswith("mmx accuracy ") for line in lines)
    assert "±" in " ".join(printed(verdict(), models=("a", "b")))
