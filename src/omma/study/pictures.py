"""Pictures: scores of arms, curves over sizes → SVG text, the same bytes for the same numbers."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omma.study.differences import Estimate
from omma.study.forecast import Forecast
from omma.study.grid import Grid

# Okabe and Ito's palette (2008), which people with any colour vision tell apart; marks and dashes tell lines apart without it
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8a8a8a", "#b8ab16")
MARKERS, DASHES = ("o", "s", "^", "D", "v", "P", "X", "*"), ("-", "--", "-.", ":")
STYLE: dict[Any, Any] = {"svg.fonttype": "none", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False}
BEYOND = 4.0  # how far beyond the largest size curves are drawn


def standing_picture(grids: Sequence[Grid], ranked: Sequence[Estimate], estimates: Sequence[Sequence[Estimate]]) -> str:
    """Grids with their estimates, arms ranked by the first → a panel a grid: each arm's mean, interval and seeds."""
    names = [one.arm for one in ranked]
    with rc_context({**STYLE, "svg.hashsalt": "standing"}):
        figure = Figure(figsize=(1.6 + 3.4 * len(grids), 1.3 + 0.42 * len(names)), layout="constrained")
        panels = figure.subplots(1, len(grids), sharey=True, squeeze=False)[0]
        for axes, grid, found in zip(panels, grids, estimates, strict=True):
            _standing(axes, grid, {one.arm: one for one in found}, names)
        panels[0].set_yticks(range(len(names)), names)
        panels[0].set_ylim(len(names) - 0.5, -0.5)
        return _svg(figure)


def forecast_picture(forecasts: Sequence[Forecast]) -> str:
    """Forecasts → a panel each: means over seeds, the curve of each variant with its 95% band, dashed where it foretells."""
    with rc_context({**STYLE, "svg.hashsalt": "forecast"}):
        figure = Figure(figsize=(0.6 + 4.6 * len(forecasts), 3.8), layout="constrained")
        panels = figure.subplots(1, len(forecasts), squeeze=False)[0]
        for axes, found in zip(panels, forecasts, strict=True):
            _forecast(axes, found)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, ncols=3, frameon=False, loc="outside upper left")
        return _svg(figure)


def _standing(axes: Axes, grid: Grid, found: dict[str, Estimate], names: Sequence[str]) -> None:
    scale = 100 if grid.unit == "share" and grid.higher_is_better else 1
    for place, name in enumerate(names):
        one, colour = found[name], COLOURS[0]
        axes.plot([scale * one.low, scale * one.high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
        axes.plot(scale * grid.values[grid.row(name)], [place] * len(grid.seeds), "o", color=colour, alpha=0.35, markersize=4)
        axes.plot([scale * one.value], [place], "D", color=colour, markersize=7)
    arrow = "" if grid.higher_is_better else " (lower is better)"
    axes.set_xlabel(grid.name + (" (%)" if scale == 100 else "") + arrow)
    axes.grid(visible=True, axis="x", alpha=0.2)


def _forecast(axes: Axes, found: Forecast) -> None:
    sizes, largest = np.array(found.sizes, float), float(found.sizes[-1])
    line = np.geomspace(sizes[0], largest * BEYOND, 80)
    for number, one in enumerate(found.fitted):
        look: Any = {"color": COLOURS[number % len(COLOURS)]}
        shown = [_score(found, one.best.at(x)[0]) for x in line]
        low, high = np.array([np.quantile(_score(found, one.drawn.at(x)), [0.025, 0.975]) for x in line]).T
        seen = line <= largest
        axes.plot(line[seen], np.array(shown)[seen], DASHES[0], **look, linewidth=1.8)
        axes.plot(line[~seen], np.array(shown)[~seen], DASHES[3], **look, linewidth=1.8)
        axes.fill_between(line, low, high, alpha=0.12, linewidth=0, **look)
        mean = _score(found, found.lost[number])
        axes.plot(sizes, mean, MARKERS[number % len(MARKERS)], label=one.variant, **look)
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(sizes, [f"{size:,}" for size in found.sizes])
    axes.set_xlabel("rows of data")
    grid = found.grid
    unit = " (%)" if grid.unit == "share" and grid.higher_is_better else "" if grid.higher_is_better else " (lower is better)"
    axes.set_ylabel(grid.name + unit)
    axes.grid(visible=True, alpha=0.2)


def _score(found: Forecast, lost: Any) -> Any:
    """What is lost → the score, as it is written on the axis."""
    grid = found.grid
    if not grid.higher_is_better:
        return lost
    return 100 * (1 - lost) if grid.unit == "share" else -lost


def _svg(figure: Figure) -> str:
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
