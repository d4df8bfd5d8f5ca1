"""Curves: log lines → inline SVG of losses and learning rates, drawn to suit light and dark pages."""

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from omma.report.facts import Facts

INK = "#123456"  # stands for the page's own text colour until the SVG is written
COLOURS = ("#3b7dd8", "#e07a2d", "#2fa36b", "#b455c7", "#d1495b", "#8a8f2a", "#17a2b8", "#7a6ff0")
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "axes.grid": True,
    "legend.frameon": False,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One named curve."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    style: str = "-"


def loss_curve(facts: Facts) -> str:
    """Training loss and validation loss over all stages, one after the other; empty before the first log line."""
    offsets = _offsets(facts)
    train = _over_stages(facts, "step", offsets, "loss")
    validation = _over_stages(facts, "validation", offsets, "token_loss")
    lines = [Line("training", *train, COLOURS[0])] if train[0] else []
    if validation[0]:
        lines.append(Line("held out, per token", *validation, COLOURS[1], "o--"))
    return _draw(lines, "loss (nats)", tuple(offsets.items()), log=_spread(train[1]) > 12)


def source_curve(facts: Facts) -> str:
    """Training loss of each source, if there is more than one."""
    offsets = _offsets(facts)
    names = sorted({name for line in facts.events("step") for name in line.get("loss_by_source", {})})
    lines = []
    for name, colour in zip(names, COLOURS, strict=False):
        rows = [line for line in facts.events("step") if name in line.get("loss_by_source", {})]
        x = [offsets[line["stage"]] + line["step"] for line in rows]
        lines.append(Line(name, x, [line["loss_by_source"][name] for line in rows], colour))
    return _draw(lines, "loss (nats per token)", tuple(offsets.items()), log=False) if len(names) > 1 else ""


def rate_curve(facts: Facts) -> str:
    """Learning rate of each group."""
    offsets = _offsets(facts)
    groups = list(dict.fromkeys(name for line in facts.events("step") for name in line.get("lr", {})))
    lines = []
    for name, colour in zip(groups, COLOURS, strict=False):
        rows = [line for line in facts.events("step") if name in line.get("lr", {})]
        x = [offsets[line["stage"]] + line["step"] for line in rows]
        lines.append(Line(name, x, [line["lr"][name] for line in rows], colour))
    return _draw(lines, "learning rate", tuple(offsets.items()), log=False)


def _offsets(facts: Facts) -> dict[str, int]:
    """Stage → number of steps before it, for the stages that have log lines."""
    offsets, before = {}, 0
    for stage in dict.fromkeys(line["stage"] for line in facts.events("step")):
        offsets[stage] = before
        before += max(line["step"] for line in facts.events("step") if line["stage"] == stage)
    return offsets


def _over_stages(facts: Facts, event: str, offsets: dict[str, int], key: str) -> tuple[list[float], list[float]]:
    rows = [line for line in facts.events(event) if line["stage"] in offsets and isinstance(line.get(key), int | float)]
    return [offsets[line["stage"]] + line["step"] for line in rows], [line[key] for line in rows]


def _spread(values: Iterable[float]) -> float:
    positive = [value for value in values if value > 0]
    return max(positive) / min(positive) if positive else 1.0


def _draw(lines: Sequence[Line], label: str, borders: Sequence[tuple[str, int]], log: bool) -> str:
    if not lines:
        return ""
    with rc_context({**STYLE, "svg.hashsalt": label}):
        figure = Figure(figsize=(10.5, 3.6), layout="constrained")
        axes = figure.add_subplot()
        for line in lines:
            axes.plot(line.x, line.y, line.style, color=line.colour, label=line.label, linewidth=1.8, markersize=4)
        if log:
            axes.set_yscale("log", subs=(2, 5))
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_formatter("{x:g}")
        axes.set_xlabel("step")
        axes.set_ylabel(label)
        _mark(axes, borders)
        axes.legend(ncols=4, fontsize=9, loc="upper right")
        return svg(figure)


def _mark(axes: Axes, borders: Sequence[tuple[str, int]]) -> None:
    for name, at in borders:
        axes.axvline(at, color=INK, alpha=0.35, linewidth=1, linestyle=":")
        axes.annotate(f" {name}", (at, 1.0), xycoords=("data", "axes fraction"), va="bottom", fontsize=9, color=INK)


def svg(figure: Figure) -> str:
    """Figure → SVG element for an HTML page, in the page's ink and without a background or fixed size."""
    file = io.StringIO()
    figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text: Any = file.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    return re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1), count=1)
