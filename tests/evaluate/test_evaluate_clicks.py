"""Clicks: the same points score the same however they are written, in files and in tables."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omma.cli.eval import recorded
from omma.core.errors import DataError
from omma.evaluate.job import evaluate
from omma.evaluate.question import Supply
from omma.metrics.boxes.click import ClickCalls, OwnPoints, ScreenSpot
from omma.metrics.boxes.click_lmms_eval import LmmsEvalPoints
from omma.metrics.boxes.written import Picture
from omma_recipes.suites import screenspot as suites
from tests.evaluate.drawing import png
from tests.evaluate.fixtures.screenspot import draw

NAMES = [name for name in vars(suites) if name.startswith("screenspot")]


def written(name, x, y, width, height):
    """A point in px as a suite wants it; ours, by hand."""
    u, v = x / width, y / height
    return {
        "screenspot": json.dumps([x, y]),
        "screenspot_v2": json.dumps([x - 1, y - 1, x + 1, y + 1]),
        "screenspot_pro": f"```json\n{json.dumps([x, y])}\n```",
        "screenspot_seeclick": f"({u}, {v})",
        "screenspot_vlmevalkit": f"I click: pyautogui.click(x={u}, y={v})",
        "screenspot_v2_lmms_eval": f"[{u}, {v}]",
        "screenspot_pro_lmms_eval": f"[{u}, {v}]",
    }[name]


@pytest.mark.parametrize("name", NAMES)
def test_points_in_and_beside_the_element_are_right_and_wrong_however_they_are_written(name, tmp_path):
    benchmark = getattr(suites, name)().benchmarks[0]
    draw(tmp_path, benchmark)
    supply = Supply(root=tmp_path)
    questions, rows = benchmark.questions(supply), []
    assert len(questions) == 6
    for number, question in enumerate(questions[:-1]):
        x0, y0, x1, y1 = question.gold
        x = (x0 + x1) / 2 if number % 2 else x1 + 3
        text = written(name, x, (y0 + y1) / 2, question.facts["width"], question.facts["height"])
        rows.append({"id": question.sample.id, "text": text})
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    verdicts = evaluate((benchmark,), recorded(tmp_path / "said.jsonl", benchmark, supply), supply, tmp_path / "scores")
    whole = verdicts[0]
    assert (whole.metric, whole.value, whole.count, whole.unparsed) == ("click accuracy", pytest.approx(2 / 6), 6, 1)
    assert len({verdict.subset for verdict in verdicts}) == (5 if "pro" in name else 7)


def test_a_platform_that_is_missing_is_told(tmp_path):
    benchmark = suites.screenspot().benchmarks[0]
    draw(tmp_path, benchmark)
    (tmp_path / "screenspot/screenspot_web.json").unlink()
    with pytest.raises(DataError, match=r"neither screenspot_web\.json nor ScreenSpot_Web\.tsv"):
        benchmark.questions(Supply(root=tmp_path))


def test_files_and_tables_say_the_same(tmp_path):
    benchmark = suites.screenspot().benchmarks[0]
    draw(tmp_path, benchmark)
    of = {question.sample.id: question for question in benchmark.questions(Supply(root=tmp_path))}
    table, file = of["desktop:1"], of["mobile:1"]
    assert (table.gold, file.gold) == ([10, 21, 30, 32], [10, 20, 30, 32])
    assert {key: table.facts[key] for key in ("width", "height")} == {"width": 80, "height": 60}
    assert (table.facts["group"], file.facts["group"]) == ("desktop icon", "mobile icon")


def test_boxes_of_the_hub_are_of_one_and_its_rows_tell_their_platform(tmp_path):
    benchmark = suites.screenspot().benchmarks[0]
    rows = [
        {
            "image": {"bytes": png("white", (80, 60))},
            "bbox": [0.25, 0.5, 0.5, 0.75],
            "instruction": f"do {source}",
            "data_type": "icon",
        }
        | {"data_source": source, "file_name": "a.png"}
        for source in ("ios", "macos", "gitlab")
    ]
    (tmp_path / "screenspot/data").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "screenspot/data/test-00000-of-00001.parquet")
    questions = benchmark.questions(Supply(root=tmp_path))
    assert [q.gold for q in questions] == [[20, 30, 40, 45]] * 3
    assert [q.facts for q in questions] == [
        {"group": f"{platform} icon", "width": 80, "height": 60} for platform in ("mobile", "desktop", "web")
    ]


FACTS = {"width": 100, "height": 50}


@pytest.mark.parametrize(
    ("raw", "facts", "point"),
    [
        ("[10, 20]", {}, (10, 20)),
        ("[10, 20, 30, 30]", {}, (20, 25)),
        ("[[10, 20, 30, 30], [0, 0, 1, 1]]", {}, (20, 25)),
        ("[10, 20]", {"boxes": [[0, 0, 4, 8]]}, (2, 4)),
        ("10, 20", {}, None),
        ("[10, NaN]", {}, None),
        ("[30, 20, 10, 30]", {}, None),
        ("", {}, None),
    ],
)
def test_own_points_are_markup_or_json(raw, facts, point):
    assert OwnPoints().of(raw, FACTS | facts) == point


def test_calls_of_pyautogui_are_read_and_nothing_else():
    metric = ScreenSpot(format=ClickCalls())
    assert metric.judge("pyautogui.click(x=0.5, y=0.5)", [49, 24, 51, 26], FACTS).score == 1.0
    assert not metric.judge("click at (0.5, 0.5)", [49, 24, 51, 26], FACTS).parsed


@pytest.mark.parametrize(
    ("raw", "point"),
    [
        ("[0.5, 0.2]", (50, 10)),
        ("(0.5 0.2)", (50, 10)),
        ("[50, 10]", (50, 10)),
        ("[1, 0.2]", (100, 10)),
        ("[50%, 20%]", (50, 10)),
        ("<bbox>0.4, 0.1, 0.6, 0.3</bbox>", (50, 10)),
        ("the box: 0.4 0.1 0.6 0.3", (50, 10)),
        ("0.5 and 0.2 and 0.6 and 0.3", (50, 10)),
        ("x=0.5, y=0.2", (50, 10)),
        ("y=0.5, x=0.2", (50, 10)),
        ("7", None),
        ("nowhere", None),
    ],
)
def test_lmms_eval_reads_many_ways_of_pointing(raw, point):
    """Worked by hand; 300,000 random texts were read as its own `_parse_point` reads them."""
    found = LmmsEvalPoints().read(raw, Picture(100, 50))
    assert found == (None if point is None else pytest.approx(point))
