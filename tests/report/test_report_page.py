"""The report of a hand-filled run: everything in it is told, escaped, self-contained, and partial runs say what is missing."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest

from omma.core.errors import CheckpointError, DataError
from omma.core.files import write_text
from omma.core.runs import RunFolder
from omma.report.write import seconds, write_report

VOID = {"meta", "br", "image", "rect", "img", "path", "use"}


class Balance(HTMLParser):
    """Counts open tags; a page that closes in another order than it opened raises."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def page(run: RunFolder) -> str:
    return write_report(run).read_text(encoding="utf-8")


def test_whole_run_tells_everything(whole_run: RunFolder) -> None:
    text = page(whole_run)
    for told in ("93.0%", "35.0%", "30.0%", "exact_hash", "swapped caption", "75.0%", "omma run hand run.seed=1", "an abacus"):
        assert told in text
    assert "Missing:" not in text
    assert "110 samples were read; 90 are trained on, 10 held out, 10 dropped" in text


def test_headline_tells_what_looking_is_worth(whole_run: RunFolder) -> None:
    assert "<dt>better for looking</dt><dd>58.0%</dd>" in page(whole_run)  # 93% seeing, 35% blind


def test_page_is_one_file_without_foreign_addresses_or_scripts(whole_run: RunFolder) -> None:
    text = page(whole_run)
    assert "<script" not in text
    addresses = re.findall(r'(?:href|src)="([^"]+)"', text)
    assert addresses and all(address.startswith(("#", "data:image/")) for address in addresses)
    assert "@import" not in text and "url(http" not in text


def test_page_is_balanced_and_escapes_what_data_says(whole_run: RunFolder) -> None:
    text = page(whole_run)
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    assert "&lt;b&gt;blue&lt;/b&gt;" in text and "<b>blue</b>" not in text
    assert "Scenes &lt;made by hand&gt;" in text


def test_boxes_stand_at_their_place_in_the_picture(whole_run: RunFolder) -> None:
    text = page(whole_run)
    assert re.search(r'class="box-gold" x="\d+\.\d+" y="\d+\.\d+" width="28.0" height="28.0"', text)
    assert re.search(r'class="box-wrong" x="1.0" y="1.0" width="19.0" height="19.0"', text)


def test_unreadable_picture_is_told_instead_of_shown(whole_run: RunFolder) -> None:
    assert "PNG ends after 60 bytes" in page(whole_run)


def test_same_run_gives_the_same_page(whole_run: RunFolder) -> None:
    assert page(whole_run) == page(whole_run)


def test_partial_runs_say_what_is_missing(tmp_path: Path, hand: SimpleNamespace) -> None:
    run = hand.begun_run(tmp_path / "partial")
    assert "Missing: curation, training of stage align, training of stage instruct, scores before training" in page(run)
    hand.add_curation(run)
    hand.add_training(run, ("align",))
    text = page(run)
    assert "Missing: training of stage instruct, scores before training, scores after stage align" in text
    assert 'id="data"' in text and 'id="learning"' in text and 'id="scores"' not in text


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"no config.yaml and no eval/…/verdicts.json; expected a run folder or scores; make one with `omma run RECIPE` or",
    ):
        write_report(RunFolder(tmp_path))


def test_broken_verdicts_name_the_way_out(whole_run: RunFolder) -> None:
    write_text(whole_run / "eval/blind/verdicts.json", json.dumps([{"benchmark": "x"}]))
    with pytest.raises(CheckpointError, match="no scores.*omma eval"):
        write_report(whole_run)


@pytest.mark.parametrize(("value", "words"), [(0.44, "0.4 s"), (12.4, "12 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")])
def test_seconds_in_words(value: float, words: str) -> None:
    assert seconds(value) == words
