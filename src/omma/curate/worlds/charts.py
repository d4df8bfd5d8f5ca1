"""Charts: numbers of a small table as bars, a line, a pie or points → questions of values, comparison, trend and the table.

The table itself is a task: its rows in order, as a model that reads charts writes them.
"""

from random import Random

from omma.core.config import config
from omma.core.errors import ConfigError
from omma.curate.scenery.album import Album, Asked, Page
from omma.curate.scenery.chart import Chart, draw_bars, draw_line, draw_pie, draw_points

NAMES = (
    ("January", "February", "March", "April", "May", "June"),
    ("Oslo", "Lima", "Cairo", "Delhi", "Rome", "Kyoto", "Quito", "Accra"),
    ("apples", "pears", "plums", "figs", "dates", "limes", "kiwis"),
    ("bus", "train", "tram", "car", "bike", "ferry", "walk"),
)
TITLES = ("Visitors", "Sales", "Rainfall", "Orders", "Output", "Members")
KINDS = ("bar", "line", "pie", "scatter")
TRENDS = ("rising", "falling", "level")


@config
class Charts(Album):
    """One chart a page, `width` x `height` px.

    Tasks: kind, value, table, highest, lowest, compare, difference, trend, correlation.
    """

    folder: str = "charts"
    width: int = 400
    height: int = 320

    def check(self) -> None:
        Album.check(self)
        if not (280 <= self.width <= 1600 and 240 <= self.height <= 1600):
            raise ConfigError(
                "Charts.width", f"{self.width} x {self.height} px", "280 x 240 to 1600 px: small words cannot be read"
            )

    def page(self, random: Random, number: int) -> Page:
        """The kind of chart, and the trend, whose turn it is."""
        kind, trend = KINDS[number % 4], TRENDS[number // 4 % 3]
        title = random.choice(TITLES)
        asked = Asked("kind", "What kind of chart is this?", kind, kind, choices=KINDS)
        size = (self.width, self.height)
        if kind == "scatter":
            points = _cloud(random, trend)
            told = dict(zip(TRENDS, ("positive", "negative", "none"), strict=True))
            words = "How are the two quantities correlated?"
            choices = tuple(told.values())
            return Page(draw_points(points, title, size), (asked, Asked("correlation", words, told[trend], trend, choices=choices)))
        chart = _table(random, kind, title, trend)
        picture = {"bar": draw_bars, "line": draw_line, "pie": draw_pie}[kind](chart, size)
        return Page(picture, (asked, *_ask(chart, kind, trend, random)), caption=_told(chart, kind))


def _table(random: Random, kind: str, title: str, trend: str) -> Chart:
    """Names and values. Values differ, by 5 where they are read on an axis; slices of a pie add up to 100."""
    if kind == "line":
        return Chart(title, NAMES[0], _course(random, trend))
    names = tuple(random.sample(random.choice(NAMES[1:]), random.randint(3, 6) if kind == "bar" else random.randint(3, 5)))
    if kind == "bar":
        return Chart(title, names, tuple(5 * value for value in random.sample(range(1, 20), len(names))))
    while True:
        cuts = sorted(random.sample(range(1, 20), len(names) - 1))
        shares = [5 * (b - a) for a, b in zip([0, *cuts], [*cuts, 20], strict=True)]
        if len(set(shares)) == len(shares):
            return Chart(title, names, tuple(shares))


def _course(random: Random, trend: str) -> tuple[int, ...]:
    """Six values that rise or fall from month to month by 5 to 20, or stay within 5 of their first."""
    if trend == "level":
        start = random.randrange(20, 85, 5)
        values = [start + random.choice((-5, 0, 5)) for _ in range(4)]
        return (start, *values, start)
    rises = [5 * random.randint(1, 4) for _ in range(5)]
    values = [random.randrange(0, 101 - sum(rises), 5)]
    for rise in rises:
        values.append(values[-1] + rise)
    return tuple(values if trend == "rising" else values[::-1])


def _cloud(random: Random, trend: str) -> list[tuple[float, float]]:
    """Twenty-four points of 0 to 100 whose correlation is beyond 0.85, or within 0.15 of none."""
    slope = {"rising": 1, "falling": -1, "level": 0}[trend]
    while True:
        xs = [random.uniform(5, 95) for _ in range(24)]
        ys = [50 + slope * 0.75 * (x - 50) + random.uniform(-15, 15) * (1 if slope else 2.8) for x in xs]
        r = correlation(xs, ys)
        if (r * slope >= 0.85) if slope else (abs(r) <= 0.15):
            return list(zip(xs, ys, strict=True))


def correlation(xs: list[float], ys: list[float]) -> float:
    """Pearson's r."""
    mx, my = sum(xs) / len(xs), sum(ys) / len(ys)
    both = sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True))
    return float(both / (sum((x - mx) ** 2 for x in xs) * sum((y - my) ** 2 for y in ys)) ** 0.5)


def _ask(chart: Chart, kind: str, trend: str, random: Random) -> list[Asked]:
    values = dict(zip(chart.names, chart.values, strict=True))
    name = random.choice(chart.names)
    asked = [
        Asked("value", f"What is the value of {name}?", str(values[name])),
        Asked("table", "Write the table behind the chart, a row a line.", "\n".join(f"{n} | {v}" for n, v in values.items())),
    ]
    if kind == "line":
        answer = dict(zip(TRENDS, ("It rises.", "It falls.", "It stays about level."), strict=True))
        words = f"What is the course of {chart.title.lower()} over the months?"
        asked.append(Asked("trend", words, answer[trend], trend, choices=tuple(answer.values())))
    else:
        order = sorted(values, key=lambda key: values[key])
        asked.append(Asked("highest", "Which has the highest value?", order[-1], choices=chart.names))
        asked.append(Asked("lowest", "Which has the lowest value?", order[0], choices=chart.names))
        a, b = random.sample(chart.names, 2)
        answer_ = "yes" if values[a] > values[b] else "no"
        asked.append(Asked("compare", f"Is the value of {a} higher than that of {b}?", answer_, answer_))
        gap = abs(values[a] - values[b])
        asked.append(Asked("difference", f"By how much do the values of {a} and {b} differ?", str(gap)))
    return asked


def _told(chart: Chart, kind: str) -> str:
    pairs = ", ".join(f"{name} {value}" for name, value in zip(chart.names, chart.values, strict=True))
    return f"A {kind} chart titled {chart.title}: {pairs}."
