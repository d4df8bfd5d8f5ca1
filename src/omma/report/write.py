"""Write: run folder, or folder of scores → `report.html` in it, one file with everything inside that opens without a network."""

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from omma.core.config import HOUSE
from omma.core.files import write_text
from omma.core.runs import ANNEX, RunFolder
from omma.report.abilities import abilities
from omma.report.answers import answers
from omma.report.counted import STATES, counted
from omma.report.curves import loss_curve, rate_curve, source_curve
from omma.report.facts import Facts, read_facts
from omma.report.funnel import funnel
from omma.report.gallery import Gallery
from omma.report.scores import headlines, moment_words, score_table
from omma.report.seeing import seen
from omma.report.timing import timing

SECTIONS = {
    "scores": "Scores",
    "abilities": "Abilities",
    "seeing": "Seeing",
    "answers": "Answers",
    "captions": "Captions",
    "counted": "Every row counted",
    "data": "Data",
    "learning": "Learning",
    "time": "Time",
    "again": "Command and recipe",
}


def write_report(run: RunFolder, data: Path | None = None, trusted: Sequence[str] = HOUSE) -> Path:
    """Run folder, whole or not, or folder of scores → the path of its report; `data` and errors as `read_facts`."""
    facts = read_facts(run, data, trusted)
    write_text(run / "report.html", render(facts))
    return run / "report.html"


def render(facts: Facts) -> str:
    """Facts → HTML text."""
    place = Environment(loader=PackageLoader("omma", "report"), autoescape=True, undefined=StrictUndefined)
    place.globals |= {"seconds": seconds, "states": STATES, "moment_words": moment_words}
    loader = place.loader
    assert loader is not None
    style = Markup(loader.get_source(place, "style.css")[0])  # our own file, the only text that is not escaped
    return place.get_template("page.html").render(style=style, facts=facts, **_content(facts))


def seconds(value: float) -> str:
    """Seconds → words: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if value < 10:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _content(facts: Facts) -> dict[str, Any]:
    galleries = cache(Gallery)
    content = {
        "title": facts.config.get("title") or facts.folder.name,
        "id": facts.config.get("id", ""),
        "headlines": headlines(facts),
        "scores": score_table(facts),
        "abilities": abilities(facts),
        "seen": seen(facts),
        "counted": counted(facts),
        "answers": [answers(facts, moment, galleries) for moment in facts.shown if facts.benchmarks(moment)],
        "funnel": funnel(facts, Gallery(facts.data_root, facts.folder / ANNEX)),
        "loss_curve": loss_curve(facts),
        "source_curve": source_curve(facts),
        "rate_curve": rate_curve(facts),
        "skipped": sum(1 for _ in facts.events("skipped")),
        "timing": timing(facts),
        "commands": list(dict.fromkeys(line["command"] for line in facts.events("command"))),
        "machine": next(reversed([line["facts"] for line in facts.events("machine")]), {}),
    }
    return content | {"sections": tuple(_present(facts, content))}


def _present(facts: Facts, content: dict[str, Any]) -> Iterable[tuple[str, str]]:
    there = {
        "scores": content["scores"].rows,
        "abilities": content["abilities"],
        "seeing": content["seen"],
        "counted": content["counted"],
        "answers": any(one.right or one.wrong or one.unread for one in content["answers"]),
        "captions": any(one.captions for one in content["answers"]),
        "data": content["funnel"],
        "learning": content["loss_curve"],
        "time": content["timing"].parts or content["timing"].stages,
        "again": facts.is_run or content["commands"],
    }
    return ((anchor, name) for anchor, name in SECTIONS.items() if there[anchor])
