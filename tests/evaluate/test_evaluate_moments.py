"""Moments: every layout gives the same questions, right stretches score one in the words of every suite."""

import json
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omma.cli.eval import recorded
from omma.core.errors import DataError
from omma.evaluate.benchmarks.moments import MomentQuestions, TimedMoments
from omma.evaluate.job import evaluate
from omma.evaluate.question import Supply
from omma.metrics.video.moments import LmmsEvalSpans
from omma_recipes.suites import moments as suites
from tests.evaluate.fixtures.moments import LENGTH, ROWS, draw

PLAIN = MomentQuestions(name="m", path="charades_sta_test.txt")


def asked(root, benchmark):
    return benchmark.questions(Supply(root=root))


def said_of(questions):
    return [(q.sample.turns[0].text, q.sample.media[0].uri, q.gold) for q in questions]


def test_four_layouts_give_the_same_questions(tmp_path):
    draw(tmp_path, PLAIN)
    plain = asked(tmp_path, PLAIN)
    assert plain[1].gold == [1.0, 3.0] and plain[1].sample.media[0].uri == "Charades_v1_480/3AAAA"
    assert "sentence: somebody turns it blue. Please return" in plain[1].sample.turns[0].text
    for path in ("charades_sta_test.jsonl", "val_2.json"):
        other = replace(PLAIN, path=path)
        draw(tmp_path, other)
        assert said_of(asked(tmp_path, other)) == said_of(plain)
        assert {q.facts["duration"] for q in asked(tmp_path, other)} == {LENGTH}
    cells = [{"video": name, "caption": words, "timestamp": [begin, end]} for name, begin, end, words in ROWS]
    pq.write_table(pa.Table.from_pylist(cells), tmp_path / "test-00000-of-00001.parquet")
    assert said_of(asked(tmp_path, replace(PLAIN, path="test-00000-of-00001.parquet"))) == said_of(plain)


@pytest.mark.parametrize("name", [name for name in vars(suites) if name.startswith(("charades", "activitynet"))])
def test_right_stretches_score_one_and_others_what_they_share(name, tmp_path):
    """The first sentence gets a stretch that shares 1/2 of the joint time; ours, by hand."""
    benchmark = getattr(suites, name)().benchmarks[0]
    draw(tmp_path, benchmark)
    supply, timed = Supply(root=tmp_path), isinstance(benchmark, TimedMoments)
    rows = []
    for number, (_, begin, end, _) in enumerate(ROWS):
        first, last = (0.0, 1.25) if number == 0 else (begin, end)
        hundredths = [min(99, round(100 * t / LENGTH)) for t in (first, last)]
        text = "From {:02} to {:02}.".format(*hundredths) if timed else f"The event happens in the {first} - {last} seconds."
        rows.append({"id": str(number), "text": text})
    (tmp_path / "said.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    verdicts = evaluate((benchmark,), recorded(tmp_path / "said.jsonl", benchmark, supply), supply, tmp_path / "scores")
    values = {verdict.metric: verdict.value for verdict in verdicts}
    assert values["R@1 IoU=0.7"] == pytest.approx(5 / 6)
    assert values["mIoU"] == pytest.approx(5.5 / 6, abs=0.02)
    assert all(verdict.unparsed == 0 for verdict in verdicts)
    assert verdicts[0].trivial is not None and 0 < verdicts[0].trivial < 1


def test_hundredths_need_a_duration(tmp_path):
    draw(tmp_path, PLAIN)
    with pytest.raises(DataError, match="no duration"):
        asked(tmp_path, TimedMoments(name="m", path=PLAIN.path))


@pytest.mark.parametrize("line", ["3AAAA 1.0##it moves", "3AAAA 1.0 2.0 it moves", "3AAAA a b##it"])
def test_a_line_of_another_layout_is_told(line, tmp_path):
    draw(tmp_path, PLAIN)
    (tmp_path / PLAIN.path).write_text(line + "\n")
    with pytest.raises(DataError, match="begin and end in seconds"):
        asked(tmp_path, PLAIN)


def test_films_are_found_by_their_ending(tmp_path):
    draw(tmp_path, PLAIN)
    (tmp_path / "Charades_v1_480/9C.mkv").write_bytes(b"film")
    (tmp_path / PLAIN.path).write_text("9C 0.0 1.0##it\n8D 0.0 1.0##it\n")
    assert [q.sample.media[0].uri for q in asked(tmp_path, PLAIN)] == ["Charades_v1_480/9C.mkv", "Charades_v1_480/8D.mp4"]


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("The event happens in the 24.3 - 30.4 seconds.", (24.3, 30.4)),
        ("It starts at 2.\nIt ends at 7.5.", (2.0, 7.5)),
        ("from 9 to 4", (4.0, 9.0)),
        ("start time 0:12, end time 1:05", (12.0, 65.0)),
        ("0:12 to 0:20, that is 3 - 4", (12.0, 20.0)),
        ("5 - 6\nthe event happens in 7 - 8", (7.0, 8.0)),
        ("9 s - 12 s", (9.0, 12.0)),
        ("A specific example is : 20.8 - 30.0 seconds", None),
        ("soon", None),
    ],
)
def test_lmms_eval_reads_more_than_a_range(text, span):
    """Worked by hand; 200,000 random texts were read as its own `extract_time` reads them."""
    assert LmmsEvalSpans().read(text, {}) == span


def test_any_text_is_read_in_time():
    for text in ("1" * 200_000, "1:" * 100_000, "1 - " * 50_000, "start " * 40_000, "\n1" * 100_000):
        LmmsEvalSpans().read(text, {})
