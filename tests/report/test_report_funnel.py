"""The funnel of curation: counts add up operator by operator, histograms hold every score, both sides of a threshold are shown."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.core.files import write_bytes, write_text
from omma.core.runs import ANNEX, RunFolder
from omma.media.store import annexed, made
from omma.report.facts import read_facts
from omma.report.funnel import Funnel, funnel
from omma.report.gallery import Gallery
from omma.report.histogram import FOOT, HIGH, WIDE, histogram
from omma.report.write import write_report


def told(run: RunFolder) -> Funnel:
    facts = read_facts(run)
    found = funnel(facts, Gallery(facts.data_root, run / ANNEX))
    assert found is not None
    return found


def test_every_operator_says_what_came_what_went_and_what_was_left(curated_run: RunFolder) -> None:
    found = told(curated_run)
    assert (found.seen, found.kept, found.heldout) == (40, 22, 5)
    assert [(step.operator, step.came, step.count, step.errors, step.left) for step in found.taken] == [
        ("read", 40, 1, 1, 39),
        ("size", 39, 4, 0, 35),
        ("perceptual_hash", 35, 6, 0, 29),
        ("clip", 29, 2, 0, 27),
    ]
    assert [step.operator for step in found.idle] == ["masking"] and found.rewritten == (("masking", 1),)
    assert found.steps[-1].left == found.kept + found.heldout
    assert found.by_source == (("web", 27, 13),)


def test_reasons_are_counted_by_kind(curated_run: RunFolder) -> None:
    reasons = {step.operator: step.reasons for step in told(curated_run).taken}
    assert reasons["size"] == (("shorter side # px, below #", 4),)
    assert reasons["perceptual_hash"] == (("looks like …", 6),)


def test_both_sides_of_a_threshold_are_shown_with_scores_and_pictures(curated_run: RunFolder) -> None:
    clip = told(curated_run).taken[-1]
    assert [(one.sample_id, one.score) for one in clip.near_out] == [("web/14.png:0", 0.1), ("web/15.png:0", 0.1)]
    assert [(one.sample_id, one.score) for one in clip.near_in] == [("web/16.png:0", pytest.approx(0.66)), ("web/39.png:0", 0.1)]
    assert all(one.picture.source.startswith("data:image/png") for one in (*clip.near_out, *clip.near_in, *clip.examples))


class Tags(HTMLParser):
    """Tags in the order in which they open, and whether they close in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_tells_the_funnel_and_escapes_what_data_says(curated_run: RunFolder) -> None:
    text = write_report(curated_run).read_text(encoding="utf-8")
    for words in ("clip: 2 of 29 taken out", "Nearest to the threshold, in", "Rewritten: 1 by masking", "&lt;i&gt;14&lt;/i&gt;"):
        assert words in text, words
    assert "<i>14</i>" not in text and "Nothing was taken out by masking." in text
    tags = Tags()
    tags.feed(text)
    assert tags.open == [] and "script" not in tags.seen and tags.seen.count("line") == 3  # a threshold each


def test_runs_that_tell_less_are_told_with_what_they_have(curated_run: RunFolder) -> None:
    write_text(curated_run / "done/curate.json", json.dumps({"seen": 40}))
    found = told(curated_run)
    assert [(step.operator, step.count, step.left) for step in found.steps] == [
        ("size", 4, 36),
        ("perceptual_hash", 6, 30),
        ("clip", 2, 28),
        ("read", 1, 27),
    ]
    assert all(step.scores is None and not step.near_in for step in found.steps)
    assert 'class="hist"' not in write_report(curated_run).read_text(encoding="utf-8")


def test_a_picture_that_curation_made_is_shown_from_the_annex(curated_run: RunFolder, tmp_path: Path) -> None:
    data = (tmp_path / "pictures/3.png").read_bytes()
    uri = made(data)
    write_bytes(curated_run / ANNEX / annexed(uri), data)
    done = json.loads((curated_run / "done/curate.json").read_text())
    done["examples"] = [done["examples"][0] | {"uri": uri}]
    write_text(curated_run / "done/curate.json", json.dumps(done))
    assert told(curated_run).taken[1].examples[0].picture.source.startswith("data:image/")


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=24).filter(any),
    st.floats(-1e6, 1e6),
    st.floats(0.001, 1e6),
    st.none() | st.floats(-1e7, 1e7),
)
def test_a_histogram_draws_every_bin_that_holds_a_score_inside_its_frame(
    counts: list[int], start: float, step: float, threshold: float | None
) -> None:
    edges = [start + step * number for number in range(len(counts) + 1)]
    drawn = histogram(edges, counts, threshold)
    assert drawn is not None and len(drawn.bars) == sum(count > 0 for count in counts)
    tall = [bar.height for bar in drawn.bars]
    full = [count for count in counts if count]
    assert all((a <= b) for (_, a), (_, b) in zip(*[sorted(zip(full, tall, strict=True))[i:] for i in (0, 1)], strict=False))
    assert all(bar.y >= 0 and bar.y + bar.height <= HIGH - FOOT + 0.01 and 0 <= bar.x <= WIDE for bar in drawn.bars)
    assert (drawn.threshold is None) == (threshold is None)
    assert drawn.threshold is None or 0 <= drawn.threshold <= WIDE
    assert [bar.words.rpartition(": ")[2] for bar in drawn.bars] == [f"{count:,}" for count in full]


def test_where_nothing_was_scored_nothing_is_drawn() -> None:
    assert histogram([], [], 0.5) is None and histogram([0.0, 1.0], [3], None) is not None
