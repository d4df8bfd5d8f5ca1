"""Chart: a table of names and values from 0 to 100 → bars, a line or a pie; pairs → points."""

from dataclasses import dataclass

from PIL import Image

from omma.curate.scenery.pen import BLACK, WHITE, Colour, Pen, Point

INKS: tuple[Colour, ...] = ((31, 90, 200), (214, 39, 40), (44, 160, 44), (250, 130, 20), (130, 60, 170), (0, 150, 160))
RULE: Colour = (215, 215, 215)
WORD = 12  # px, the least that is read with ease


@dataclass(frozen=True, slots=True)
class Chart:
    """What a chart says: one value from 0 to 100 for each name."""

    title: str
    names: tuple[str, ...]
    values: tuple[int, ...]


def draw_bars(chart: Chart, size: tuple[int, int]) -> Image.Image:
    """One bar a name, in the colour of its place."""
    pen, (x0, y0, x1, y1) = _frame(chart.title, size)
    step = (x1 - x0) / len(chart.names)
    for i, (name, value) in enumerate(zip(chart.names, chart.values, strict=True)):
        left = x0 + (i + 0.2) * step
        pen.box((left, y1 - (y1 - y0) * value / 100, left + 0.6 * step, y1), INKS[i % len(INKS)])
        pen.text((left + 0.3 * step, y1 + 6), name, _fitting(pen, chart.names, step), anchor="ma")
    pen.line([(x0, y1), (x1, y1)], BLACK, 1.5)
    return pen.picture()


def draw_line(chart: Chart, size: tuple[int, int]) -> Image.Image:
    """Values in order, joined."""
    pen, (x0, y0, x1, y1) = _frame(chart.title, size)
    step = (x1 - x0) / len(chart.names)
    points = [(x0 + (i + 0.5) * step, y1 - (y1 - y0) * value / 100) for i, value in enumerate(chart.values)]
    pen.line(points, INKS[0], 2.5)
    for point, name in zip(points, chart.names, strict=True):
        pen.circle(point, 4, INKS[0])
        pen.text((point[0], y1 + 6), name, _fitting(pen, chart.names, step), anchor="ma")
    pen.line([(x0, y1), (x1, y1)], BLACK, 1.5)
    return pen.picture()


def draw_pie(chart: Chart, size: tuple[int, int]) -> Image.Image:
    """Slices from noon on, clockwise, with a legend that names shares."""
    width, height = size
    pen = Pen(width, height)
    pen.text((width / 2, 18), chart.title, 16, font="DejaVuSans-Bold")
    radius = min(0.28 * width, 0.4 * (height - 36))
    centre = (0.34 * width, (height + 36) / 2 - 4)
    turn = -90.0
    for i, (name, value) in enumerate(zip(chart.names, chart.values, strict=True)):
        pen.slice(centre, radius, turn, turn + 3.6 * value, INKS[i % len(INKS)])
        turn += 3.6 * value
        at = (0.68 * width, centre[1] + (i - (len(chart.names) - 1) / 2) * 28)
        pen.box((at[0], at[1] - 7, at[0] + 14, at[1] + 7), INKS[i % len(INKS)])
        pen.text((at[0] + 22, at[1]), f"{name} {value}%", WORD + 1, anchor="lm")
    return pen.picture()


def draw_points(points: list[Point], title: str, size: tuple[int, int]) -> Image.Image:
    """Pairs of 0 to 100 as dots."""
    pen, (x0, y0, x1, y1) = _frame(title, size)
    for x, y in points:
        pen.circle((x0 + (x1 - x0) * x / 100, y1 - (y1 - y0) * y / 100), 4, INKS[0])
    for value in range(0, 101, 20):
        pen.text((x0 + (x1 - x0) * value / 100, y1 + 6), str(value), WORD, anchor="ma")
    return pen.picture()


def _frame(title: str, size: tuple[int, int]) -> tuple[Pen, tuple[float, float, float, float]]:
    """Title, and an axis of 0 to 100 with a rule every 10 → pen, and the area for data."""
    width, height = size
    pen = Pen(width, height, WHITE)
    pen.text((width / 2, 18), title, 16, font="DejaVuSans-Bold")
    x0, y0, x1, y1 = 40.0, 40.0, width - 14.0, height - 30.0
    for value in range(0, 101, 10):
        y = y1 - (y1 - y0) * value / 100
        pen.line([(x0, y), (x1, y)], RULE, 1)
        pen.text((x0 - 6, y), str(value), WORD, anchor="rm")
    return pen, (x0, y0, x1, y1)


def _fitting(pen: Pen, names: tuple[str, ...], step: float) -> int:
    """The largest size of letters, up to `WORD`, at which every name fits its place."""
    return next((size for size in range(WORD, 7, -1) if max(pen.span(name, size) for name in names) <= 0.98 * step), 7)
