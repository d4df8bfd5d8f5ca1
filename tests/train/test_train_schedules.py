"""Schedules: values computed by hand, bounds for every schedule there is, messages for bad settings."""

import importlib
import math
import pkgutil

import pytest

import omma.train.schedules
from omma.core.errors import ConfigError
from omma.train.schedules.constant import Constant
from omma.train.schedules.cosine import Cosine
from omma.train.schedules.schedule import Schedule
from omma.train.schedules.wsd import Wsd

FILES = [
    m.name for m in pkgutil.iter_modules(omma.train.schedules.__path__, "omma.train.schedules.") if not m.name.endswith(".schedule")
]


def schedules():
    found = [
        v for name in FILES for v in vars(importlib.import_module(name)).values() if isinstance(v, type) and v.__module__ == name
    ]
    return [kind for kind in found if issubclass(kind, Schedule)]


def test_every_file_holds_a_schedule():
    assert {kind.__module__ for kind in schedules()} == set(FILES)


@pytest.mark.parametrize("kind", schedules())
@pytest.mark.parametrize("warmup", [0.0, 0.1, 5.0, 1000.0])
def test_every_schedule_stays_within_bounds_and_wastes_no_step(kind, warmup):
    for steps in (1, 2, 7, 100):
        factors = [kind(warmup=warmup).factor(step, steps) for step in range(steps)]
        assert all(0 < factor <= 1 for factor in factors)
        assert kind(warmup=0).factor(0, steps) == 1.0 or steps <= 2


def test_constant_by_hand():
    assert [Constant(warmup=3).factor(s, 10) for s in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert [Constant(warmup=0.3).factor(s, 10) for s in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_cosine_by_hand():
    schedule = Cosine(warmup=0, floor=0.2)
    assert math.isclose(schedule.factor(0, 4), 1.0)
    assert math.isclose(schedule.factor(1, 4), 0.2 + 0.8 * (1 + math.sqrt(0.5)) / 2)
    assert math.isclose(schedule.factor(2, 4), 0.6)
    assert math.isclose(Cosine(warmup=2, floor=0.2).factor(4, 6), 0.6)


def test_wsd_by_hand():
    schedule = Wsd(warmup=1, decay=3, floor=0.0)
    assert [schedule.factor(s, 8) for s in range(8)] == [0.5, 1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25]
    assert Wsd(warmup=0, decay=0.5, floor=0.5).factor(9, 10) == 0.5 + 0.5 / 6


def test_bad_settings_are_told():
    with pytest.raises(ConfigError, match=r"Cosine.warmup: 2.5; expected a fraction below 1 or a whole number"):
        Cosine(warmup=2.5)
    with pytest.raises(ConfigError, match=r"Wsd.decay: -1"):
        Wsd(decay=-1.0)
    with pytest.raises(ConfigError, match=r"Cosine.floor: 1.5; expected a share"):
        Cosine(floor=1.5)
