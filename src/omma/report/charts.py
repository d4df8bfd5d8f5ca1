"""Charts: means per group of abilities → inline SVG, as bars and as a radar, readable without colour."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.projections.polar import PolarAxes

from omma.evaluate.taxonomy import Mean
from omma.report.curves import INK, STYLE, svg

# Okabe and Ito's palette (2008), which people with any colour vision tell apart, in an order that suits light and dark pages
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8a8a8a", "#b8ab16")
MARKERS, DASHES = ("o", "s", "^", "D", "v", "P", "X", "*"), ("-", "--", "-.", ":")
MODELS = len(COLOURS)  # more lines than this nobody reads
FEWEST = 3  # corners of a radar
NARROW = 18  # characters of a line beside it


def ability_bars(columns: Mapping[str, Sequence[Mean]]) -> str:
    """Model → its means, the same groups for each: a bar per group and model, the trivial guess as a mark across it."""
    models = list(columns)[:MODELS]
    groups = [mean.name for mean in columns[models[0]]]
    thick = 0.8 / len(models)
    with rc_context({**STYLE, "svg.hashsalt": "bars"}):
        figure = Figure(figsize=(6.4, 1.1 + len(groups) * max(0.36, 0.2 * len(models))), layout="constrained")
        axes = figure.add_subplot()
        for number, model in enumerate(models):
            at = np.arange(len(groups)) + (number - (len(models) - 1) / 2) * thick
            values = [100 * mean.value for mean in columns[model]]
            axes.barh(at, values, height=0.9 * thick, color=COLOURS[number], label=model)
            for place, value in zip(at, values, strict=True):
                axes.annotate(f"{value:.1f}", (value, place), (4, 0), textcoords="offset points", va="center", fontsize=8.5)
        _mark_guesses(axes, columns[models[0]])
        axes.set_yticks(range(len(groups)), [_counted(mean) for mean in columns[models[0]]])
        axes.invert_yaxis()
        axes.set_xlim(0, 108)
        axes.set_xticks(range(0, 101, 20))
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel("mean of main numbers (%)")
        figure.legend(ncols=3, fontsize=9, loc="outside upper left")
        return svg(figure)


def ability_radar(columns: Mapping[str, Sequence[Mean]]) -> str:
    """Model → its means, the same groups for each: a polygon per model, told apart by colour, dashes and marks.

    Empty for fewer than three groups.
    """
    models = list(columns)[:MODELS]
    means = columns[models[0]]
    if len(means) < FEWEST:
        return ""
    angles = np.linspace(0, 2 * np.pi, len(means), endpoint=False)
    with rc_context({**STYLE, "svg.hashsalt": "radar"}):
        figure = Figure(figsize=(6.4, 5.2), layout="constrained")
        axes = figure.add_subplot(projection="polar")
        assert isinstance(axes, PolarAxes)
        axes.set_theta_zero_location("N")
        axes.set_theta_direction(-1)
        for number, model in enumerate(models):
            values = [100 * mean.value for mean in columns[model]]
            look: Any = {"color": COLOURS[number], "linestyle": DASHES[number % len(DASHES)], "marker": MARKERS[number]}
            axes.plot(_closed(angles), _closed(values), linewidth=2, markersize=5, label=model, **look)
            if len(models) <= 3:
                axes.fill(angles, values, color=COLOURS[number], alpha=0.08)
        guesses = [mean.trivial for mean in means]
        if all(guess is not None for guess in guesses):
            values = [100 * guess for guess in guesses if guess is not None]
            axes.plot(_closed(angles), _closed(values), linewidth=1.2, linestyle=(0, (1, 1.5)), color=INK, label="trivial guess")
        axes.set_ylim(0, 100)
        axes.set_yticks([25, 50, 75, 100], ["25", "50", "75", ""], fontsize=8)
        axes.set_rlabel_position(180 / len(means))
        axes.set_xticks(angles, ["" for _ in means])
        axes.spines["polar"].set_alpha(0.3)
        _name_corners(axes, angles, means)
        figure.legend(ncols=3, fontsize=9, loc="outside lower center")
        return svg(figure)


def _name_corners(axes: PolarAxes, angles: np.ndarray, means: Sequence[Mean]) -> None:
    """Names outside the circle, set so that none of them runs into it."""
    for angle, mean in zip(angles, means, strict=True):
        side, height = np.sin(angle), np.cos(angle)
        across = "center" if abs(side) < 0.2 else "left" if side > 0 else "right"
        along = "center" if abs(height) < 0.9 else "bottom" if height > 0 else "top"
        axes.text(angle, 108, fill(_counted(mean), NARROW), ha=across, va=along, fontsize=10)


def _mark_guesses(axes: Axes, means: Sequence[Mean]) -> None:
    known = [(place, 100 * mean.trivial) for place, mean in enumerate(means) if mean.trivial is not None]
    for number, (place, value) in enumerate(known):
        label = "trivial guess" if not number else "_"
        axes.plot([value, value], [place - 0.45, place + 0.45], color=INK, linewidth=1.6, linestyle=(0, (1, 0.8)), label=label)


def _counted(mean: Mean) -> str:
    return f"{mean.name} ({len(mean.benchmarks)})"


def _closed(values: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.append(values, values[0])
