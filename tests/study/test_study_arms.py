"""Arms: what each mode trains on, which rows, in which mixture."""

import numpy as np
import pytest

from omma.study.arms import Arm, Portion, Trial, chosen, composition, joined, order, quick, sizes
from omma.study.mixing import mixture, unlike

ROWS = {"a": 100, "b": 40, "c": 60}


def shown(arms):
    return {arm.name: {portion.data: portion.rows for portion in arm.portions} for arm in arms}


def test_quick_trains_on_each_set_alone_cut_to_the_smallest():
    assert shown(quick(ROWS)) == {"a": {"a": 40}, "b": {"b": 40}, "c": {"c": 40}}
    assert shown(quick(ROWS, 25)) == {"a": {"a": 25}, "b": {"b": 25}, "c": {"c": 25}}
    assert shown(quick(ROWS, 50)) == shown(quick(ROWS)), "no set gives more than it has"


def test_composition_halves_each_set_in_turn():
    assert shown(composition(ROWS)) == {
        "all": ROWS,
        "half a": ROWS | {"a": 50},
        "half b": ROWS | {"b": 20},
        "half c": ROWS | {"c": 30},
    }


def test_joined_holds_the_sets_that_are_named():
    assert shown([joined(["a", "c"], ROWS, 70)]) == {"a+c": {"a": 70, "c": 60}}


def test_every_arm_of_an_order_has_the_same_rows_and_as_many_courses():
    mixed, forth, back = order(ROWS)
    assert mixed.portions == forth.portions == back.portions
    assert mixed.courses == (("a", "b", "c"),) * 3
    assert forth.courses == (("a",), ("b",), ("c",)) and back.courses == (("c",), ("b",), ("a",))


def test_sizes_are_variants_by_sizes():
    assert [arm.name for arm in sizes({"all": 9, "raw": 9}, (3, 9))] == ["all 3", "all 9", "raw 3", "raw 9"]


@pytest.mark.parametrize("seed", range(5))
def test_fewer_rows_are_always_among_more(seed):
    few, many = chosen(1000, 50, seed, "a"), chosen(1000, 400, seed, "a")
    assert len(set(few.tolist())) == 50 and set(few.tolist()) < set(many.tolist())
    assert (np.diff(many) > 0).all()


def test_another_seed_or_set_draws_other_rows():
    draws = {tuple(chosen(1000, 50, seed, name).tolist()) for seed in (0, 1) for name in ("a", "b")}
    assert len(draws) == 4
    assert chosen(50, 50, 7, "a").tolist() == list(range(50)), "all rows are all rows"


def test_a_trial_is_named_as_a_folder():
    assert Trial(Arm("half web data", (Portion("web", 3),)), 7).name == "half-web-data-s7"


def test_a_mixture_holds_within_each_set():
    rows = {"a": {"captions": 30, "questions": 10}, "b": {"captions": 5, "questions": 55}}
    found = mixture({"captions": 1.0, "questions": 3.0}, {"a": 40.0, "b": 60.0}, rows)
    assert found == pytest.approx({"a/captions": 0.1, "a/questions": 0.3, "b/captions": 0.15, "b/questions": 0.45})


def test_without_a_mixture_sets_are_read_by_their_rows():
    rows = {"a": {"captions": 30, "questions": 10}, "b": {"talks": 60}}
    found = mixture({}, {"a": 40.0, "b": 60.0}, rows)
    assert found == pytest.approx({"a/captions": 0.3, "a/questions": 0.1, "b/talks": 0.6})


def test_a_set_that_lacks_all_sources_is_read_in_its_natural_proportions_and_named():
    rows = {"a": {"captions": 30}, "b": {"talks": 60, "notes": 20}}
    found = mixture({"captions": 1.0}, {"a": 1.0, "b": 1.0}, rows)
    assert found == pytest.approx({"a/captions": 0.5, "b/talks": 0.375, "b/notes": 0.125})
    assert unlike({"captions": 1.0}, rows) == ("b",) and unlike({}, rows) == ()
