"""The report of scores alone: models side by side, abilities, what seeing adds, mistakes with their pictures, every row."""

import importlib
import json
import re
import tarfile
import zipfile
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from omma.core.files import write_text
from omma.core.runs import RunFolder
from omma.evaluate.benchmarks.ai2d import Ai2dQuestions
from omma.evaluate.benchmarks.docvqa import DocVqaQuestions
from omma.evaluate.benchmarks.mme import MmeQuestions
from omma.evaluate.benchmarks.own_rows import OwnRows
from omma.evaluate.benchmarks.pope import PopeQuestions
from omma.evaluate.job import evaluate, read_roots
from omma.evaluate.question import Supply
from omma.generate.reply import Reply
from omma.metrics.text import Exact
from omma.report.counted import counted
from omma.report.facts import read_facts
from omma.report.scores import score_table
from omma.report.write import write_report
from tests.evaluate.drawing import coded, film, png
from tests.evaluate.tabling import delimited, lines, parquet

SUITE = (PopeQuestions(), DocVqaQuestions(), Ai2dQuestions(name="ai2d", path="ai2d"), MmeQuestions())
VOID = {"meta", "br", "image", "rect", "img", "path", "use"}


class Says:
    """Answers rightly where `right(number of the question)`, else in `wrong` words; the later the question, the surer."""

    def __init__(self, name, golds, right, wrong):
        self.name, self.golds, self.right, self.wrong = name, golds, right, wrong

    def ask(self, samples, sampling, sight="picture", start=0):
        for number, sample in enumerate(samples[start:], start):
            text = self.golds[sample.id] if self.right(number) else self.wrong
            yield Reply(text, (1,), (-0.9 / (number + 1),), "stop")

    def prompt_hash(self, sample):
        return "prompt"

    def fingerprint(self):
        return self.name


def answered(one, root, folder, right, sight="picture", wrong="I cannot <b>tell</b>"):
    supply = Supply(root=root)
    golds = {q.sample.id: q.gold if isinstance(q.gold, str) else q.gold[0] for q in one.questions(supply)}
    evaluate((one,), Says(folder.name, golds, right, wrong), supply, folder, sight)


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Two models on four benchmarks, one of them blind as well; a third benchmark only one model has."""
    root = tmp_path_factory.mktemp("scored")
    for one in SUITE:
        name = type(one).__module__.rpartition(".")[2]
        importlib.import_module(f"tests.evaluate.fixtures.{name}").draw(root / "data" / one.name, one)
        place = root / "data" / one.name
        answered(one, place, root / "scores/eval/apple", lambda n: n != 1)
        answered(one, place, root / "scores/eval/apple-blind", lambda n: n == 0, "grey")
        if one.name != "docvqa":
            answered(one, place, root / "scores/eval/pear", lambda n: n % 2 == 0, wrong="no")
    return RunFolder(root / "scores")


class Balance(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(scored):
    return write_report(scored).read_text(encoding="utf-8")


def test_models_stand_side_by_side_with_no_recipe_to_speak_of(page):
    assert "Scores of 2 models in" in page and "The whole recipe" not in page and "Missing:" not in page
    head = re.search(r'<table class="scores">\s*<tr>(.*?)</tr>', page, re.S)[1]
    assert head.index("apple") < head.index("pear") and "apple-blind" not in head


def test_the_page_is_balanced_needs_no_network_and_escapes_replies(page):
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert all(address.startswith(("#", "data:image/")) for address in re.findall(r'(?:href|src)="([^"]+)"', page))
    assert "I cannot &lt;b&gt;tell&lt;/b&gt;" in page and "<b>tell</b>" not in page


def test_the_same_scores_give_the_same_page(scored, page):
    assert write_report(scored).read_text(encoding="utf-8") == page


def test_the_first_number_is_official_and_harnesses_follow_under_their_name(scored):
    rows = [row for row in score_table(read_facts(scored)).rows if row.benchmark == "pope"]
    assert [row.variant for row in rows if row.kind == "main"] == [""]
    assert {row.variant for row in rows if row.kind == "harness"} == {"lmms-eval", "vlmevalkit"}
    assert len(rows[0].cells) == 2


def test_abilities_are_compared_on_what_every_model_has(page):
    section = page[page.index('id="abilities"') : page.index('id="seeing"')]
    assert "Left out, as not every model has them: docvqa" in section
    assert "Not counted: mme" in section, "points are no share"
    assert section.count("<svg") == 2, "three groups make a radar"
    assert "faithfulness (1)" in section


def test_seeing_stands_beside_blind_with_its_gain(page):
    section = page[page.index('id="seeing"') : page.index('id="answers"')]
    row = re.search(r"<tr><td>ai2d.*?</tr>", section, re.S)[0]
    assert ">83.3%<" in row and ">16.7%<" in row and ">+66.7<" in row and "to +100.0" in row
    assert "pear" not in section


def test_every_row_is_in_exactly_one_state(scored):
    for one in counted(read_facts(scored)):
        assert sum(one.counts) == one.total == len(read_facts(scored).records(one.model, one.benchmark))


def test_a_subset_that_was_asked_says_so(scored, tmp_path):
    """Three of POPE's 9,000 questions are no POPE."""
    few = replace(SUITE[0], limit=3)
    answered(few, scored.path.parent / "data/pope", tmp_path / "eval/apple", lambda n: True)
    (row, *_) = score_table(read_facts(RunFolder(tmp_path))).rows
    assert row.asked == "3 of 9,000"
    (one,) = counted(read_facts(RunFolder(tmp_path)))
    assert (one.total, one.published) == (3, 9000)


@pytest.fixture
def everywhere(tmp_path):
    """Wrong answers about pictures in files, tars, zips, tables and a film, and about pictures that are broken or not there."""
    (tmp_path / "plain.png").write_bytes(png("red"))
    (tmp_path / "cut.png").write_bytes(png("red")[:60])
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        tar.add(tmp_path / "plain.png", "a.png")
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as pack:
        pack.writestr("a.png", png("blue"))
    parquet(tmp_path / "part.parquet", [{"image": png("green")}])
    delimited(tmp_path / "table.tsv", [{"index": 0, "image": coded("white")}])
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nothing")
    (tmp_path / "bad.tar").write_bytes(b"nothing")
    (tmp_path / "bad.zip").write_bytes(b"PK nothing")
    film(tmp_path / "film")
    sound = ["plain.png", "shard.tar#a.png", "pack.zip#a.png", "part.parquet#0:image", "table.tsv#0:image"]
    broken = ["cut.png", "gone.png", "bad.parquet#0:image", "bad.tar#a.png", "bad.zip#a.png", "../out.png"]
    rows = [{"id": f"q{n}", "image": uri, "question": "what?", "answer": "red"} for n, uri in enumerate([*sound, *broken])]
    lines(tmp_path / "own.jsonl", rows)
    own = OwnRows(name="own", path="own.jsonl", metrics=(Exact(),))
    answered(own, tmp_path, tmp_path / "scores/eval/apple", lambda n: False, wrong="blue")
    return RunFolder(tmp_path / "scores"), len(sound), len(broken)


def test_pictures_are_shown_from_wherever_they_lie_and_broken_ones_break_nothing(everywhere):
    run, sound, broken = everywhere
    text = write_report(run).read_text(encoding="utf-8")
    section = text[text.index('id="answers"') :]
    assert section.count('<image href="data:image/') == sound
    assert section.count('<span class="none">') == broken
    assert f"Replies that could not be read: {broken}" in section
    assert section.count("its picture cannot be read") >= broken


def test_pictures_that_moved_are_found_again_with_data(everywhere, tmp_path):
    run, sound, _ = everywhere
    roots = {name: str(tmp_path / "elsewhere") for name in read_roots(run / "eval/apple")}
    write_text(run / "eval/apple/roots.json", json.dumps(roots))
    assert '<image href="data:image/' not in write_report(run).read_text(encoding="utf-8")
    assert write_report(run, tmp_path).read_text(encoding="utf-8").count('<image href="data:image/') == sound


def test_a_film_is_shown_by_a_frame(tmp_path):
    from omma.report.gallery import Gallery

    film(tmp_path / "film")
    assert Gallery(tmp_path).show("film").source.startswith("data:image/")


def test_the_surest_mistake_comes_first(everywhere):
    text = write_report(everywhere[0]).read_text(encoding="utf-8")
    shots = re.findall(r'<figcaption title="own (q\d+)">', text)
    assert shots[0] == "q4", "the fifth question was answered with the highest likelihood"


def test_boxes_are_drawn_as_the_metric_reads_them(tmp_path):
    from omma.evaluate.benchmarks.refcoco import RefCocoQuestions, box_metrics
    from omma.metrics.boxes.written import PlainPixels
    from tests.evaluate.fixtures import refcoco

    one = RefCocoQuestions(metrics=box_metrics(PlainPixels()))
    refcoco.draw(tmp_path, one)
    supply = Supply(root=tmp_path)
    golds = {q.sample.id: json.dumps(q.gold) for q in one.questions(supply)}
    evaluate((one,), Says("apple", golds, lambda n: n > 0, "[1, 2, 21, 12]"), supply, tmp_path / "scores/eval/apple")
    text = write_report(RunFolder(tmp_path / "scores")).read_text(encoding="utf-8")
    assert re.search(r'class="box-wrong" x="1.0" y="2.0" width="20.0" height="10.0"', text)
    assert 'class="box-gold"' in text and 'class="box-right"' in text


def test_a_suite_that_cannot_be_read_costs_the_page_only_what_needs_it(everywhere):
    run, sound, _ = everywhere
    write_text(run / "eval/apple/suite.yaml", "class: omma.evaluate.suite.Suite\nid: <b>\nmore: 1\n")
    text = write_report(run).read_text(encoding="utf-8")
    assert "What was asked cannot be read" in text and "Suite has no field" in text
    assert text.count('<image href="data:image/') == sound, "roots.json still says where the pictures lie"


def test_captions_are_neither_right_nor_wrong(tmp_path):
    from omma_recipes.suites.captions import coco_caption
    from tests.evaluate.fixtures import captions

    (one,) = coco_caption().benchmarks
    captions.draw(tmp_path, one)
    answered(one, tmp_path, tmp_path / "scores/eval/apple", lambda n: n % 2 == 0, wrong="a tree")
    run = RunFolder(tmp_path / "scores")
    (row,) = counted(read_facts(run))
    assert row.parts == (("scored together", row.total, 100.0),)
    text = write_report(run).read_text(encoding="utf-8")
    assert 'id="captions"' in text and 'id="answers"' not in text and 'class="wrong"' not in text
