"""Forecast: laws that made the numbers are found again, chosen by sizes they have not seen; doubling and worth by hand."""

import numpy as np
import pytest

from omma.core.errors import ConfigError
from omma.study.curves import Curve, fit, held_out_error
from omma.study.forecast import forecast
from omma.study.grid import DRAWS, Grid

SIZES = np.array([300.0, 1000.0, 3000.0, 10000.0, 30000.0])


def grid_from(lost, *, unit="points", higher=False, noise=0.0, seeds=3):
    """What is lost (variants, sizes) → grid of all arms with some noise of seeds."""
    rng = np.random.default_rng(0)
    flat = np.asarray(lost, float).reshape(-1, 1) + noise * rng.normal(size=(np.size(lost), seeds))
    values = (1 - flat if unit == "share" else -flat) if higher else flat
    drawn = np.repeat(values[..., None], DRAWS, 2)
    return Grid("test loss", unit, higher, 0, tuple(map(str, range(len(values)))), tuple(range(seeds)), values, drawn)


@pytest.mark.parametrize(("c", "a", "b"), [(0.5, 4.0, 0.3), (0.0, 2.0, 0.5), (1.5, 30.0, 0.8)])
def test_a_power_law_with_an_offset_is_found_again(c, a, b):
    lost = c + a * SIZES**-b
    (found,) = fit("power", SIZES, lost[None], 0.0).parameters
    assert found == pytest.approx([c, a, b], rel=0.1, abs=0.03)
    assert fit("power", SIZES, lost[None], 0.0).at(60000.0)[0] == pytest.approx(c + a * 60000.0**-b, rel=0.02)


def test_a_constant_gain_per_doubling_is_found_again():
    lost = 3.0 - 0.2 * np.log(SIZES)
    assert fit("loglinear", SIZES, lost[None], 0.0).parameters[0] == pytest.approx([3.0, 0.2])


@pytest.mark.parametrize("floor", [0.0, -np.inf])
def test_no_grid_point_beats_the_fit_of_a_power_law(floor):
    """The closed form within bounds is at least as good as every c and a of a fine grid at every power tried here."""
    rng = np.random.default_rng(4)
    for _ in range(5):
        lost = rng.random(4) * 2
        x = SIZES[:4]
        c, a, b = fit("power", x, lost[None], floor).parameters[0]
        assert c >= floor and a >= 0
        best = ((lost - c - a * x**-b) ** 2).sum()
        for power in (0.05, 0.3, 1.0, 2.0):
            base = x**-power
            for top in np.linspace(0, 3, 40) / base.max():
                free = max((lost - top * base).mean(), floor)
                assert best <= ((lost - free - top * base) ** 2).sum() + 1e-3


def test_curves_invert():
    power, line = Curve("power", np.array([[0.5, 4.0, 0.3]])), Curve("loglinear", np.array([[3.0, 0.2]]))
    for curve in (power, line):
        assert curve.size_for(curve.at(5000.0))[0] == pytest.approx(5000.0)
    assert power.size_for(0.4)[0] == np.inf, "it never loses less than its offset"
    assert Curve("loglinear", np.array([[3.0, -0.1]])).size_for(1.0)[0] == np.inf, "it gets worse with every row"


@pytest.mark.parametrize(
    ("lost", "law"), [(0.5 + 40 * SIZES**-0.7, "power"), (4.0 - 0.3 * np.log(SIZES), "loglinear")], ids=["power", "loglinear"]
)
def test_the_law_that_made_the_numbers_is_chosen(lost, law):
    found = forecast(grid_from([lost], noise=0.002), ["all"], tuple(SIZES.astype(int)))
    assert found.law == law and found.errors[law] == min(found.errors.values())


def test_held_out_error_needs_a_size_to_spare():
    lost = 4.0 - 0.3 * np.log(SIZES)
    assert np.isnan(held_out_error("power", SIZES[:3], lost[:3], 0.0))
    assert held_out_error("loglinear", SIZES[:3], lost[:3], 0.0) == pytest.approx(0, abs=1e-9)
    assert np.isnan(held_out_error("loglinear", SIZES[:2], lost[:2], 0.0))
    assert forecast(grid_from([lost[:2]]), ["all"], (300, 1000)).law == "loglinear"


def test_doubling_and_worth_by_hand():
    """Ours: a variant that needs a third of the rows everywhere gains as much by doubling, and is worth three times its rows."""
    gain = 0.2
    base = 3.0 - gain * np.log(SIZES)
    better = 3.0 - gain * np.log(3 * SIZES)
    found = forecast(grid_from([base, better], noise=0.001), ["all", "filtered"], tuple(SIZES.astype(int)))
    assert found.law == "loglinear"
    for one in found.fitted:
        assert one.doubling.value == pytest.approx(gain * np.log(2), rel=0.05)
        assert one.doubling.low < one.doubling.value < one.doubling.high
    whole, filtered = found.fitted
    assert (whole.worth.value, whole.worth.low, whole.worth.high) == (1.0, 1.0, 1.0)
    assert filtered.worth.value == pytest.approx(3.0, rel=0.1)
    assert filtered.worth.low < filtered.worth.value < filtered.worth.high < 3.3


def test_a_share_is_lost_as_its_rest_and_a_law_with_a_power_says_what_halves_it():
    lost = 0.1 + 8 * SIZES**-0.5
    found = forecast(grid_from([lost], unit="share", higher=True, noise=0.0005), ["all"], tuple(SIZES.astype(int)))
    assert found.law == "power" and found.lost[0] == pytest.approx(lost, abs=0.01)
    assert found.fitted[0].halving.value == pytest.approx(4.0, rel=0.1), (
        "with a power of a half, four times the rows halve the rest"
    )


def test_more_noise_of_seeds_widens_what_is_foretold():
    lost = 3.0 - 0.2 * np.log(SIZES)
    narrow, wide = (
        forecast(grid_from([lost], noise=noise), ["all"], tuple(SIZES.astype(int))).fitted[0] for noise in (0.002, 0.05)
    )
    assert wide.doubling.high - wide.doubling.low > 5 * (narrow.doubling.high - narrow.doubling.low)


def test_one_size_tells_no_curve():
    with pytest.raises(ConfigError, match=r"--sizes: 1 size; expected two or more"):
        forecast(grid_from([[1.0]]), ["all"], (300,))
