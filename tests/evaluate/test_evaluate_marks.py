"""Marks, trivial guesses and verdicts, worked by hand; every benchmark of the folder obeys the same laws."""

import importlib
import json
import math
import pkgutil
from dataclasses import replace

import pytest

import omma.evaluate.benchmarks as folder
from omma.core.config import load, show
from omma.core.errors import ConfigError, DataError
from omma.evaluate.benchmarks.caption_loss import CaptionLoss
from omma.evaluate.benchmarks.easy_vqa import ANSWERS, EasyVqa
from omma.evaluate.benchmarks.reply_loss import ReplyLoss
from omma.evaluate.benchmarks.scenes import Scenes
from omma.evaluate.gold import gold, gold_box
from omma.evaluate.held_out import HeldOut
from omma.evaluate.known import CLOSED, Known, learn
from omma.evaluate.question import Supply
from omma.schema.sample import Answer, Part, Turn
from omma.schema.verdict import Record

KINDS = [CaptionLoss, EasyVqa, ReplyLoss, Scenes]
NOTHING = Known()


def text(raw, gold, task="read", name="a"):
    return Record(name, task, "?", [gold], raw)


def place(boxes, gold, name="a"):
    return Record(name, "point", "?", gold, "words", details={"boxes": boxes, "size": [100, 80]})


def test_this_list_covers_the_benchmarks_of_held_out_samples():
    found = []
    for module in pkgutil.iter_modules(folder.__path__):
        members = vars(importlib.import_module(f"{folder.__name__}.{module.name}")).values()
        found += [c for c in members if isinstance(c, type) and issubclass(c, HeldOut) and c.__module__.endswith(f".{module.name}")]
    assert sorted(found, key=lambda c: c.__name__) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_every_benchmark_round_trips_shrinks_and_refuses(kind):
    benchmark = kind()
    assert load(show(benchmark), where="test") == benchmark
    assert 0 < benchmark.tiny().limit <= 8
    assert type(benchmark.tiny()) is kind
    with pytest.raises(ConfigError, match=r"limit: -1; expected a number of samples; 0 asks all"):
        kind(limit=-1)
    for name in ("a/b", "", "Scenes", "../x"):
        with pytest.raises(ConfigError, match="it names a file"):
            kind(name=name)
    with pytest.raises(DataError, match=r"expected .*; run `omma eval` first"):
        benchmark.score([], NOTHING)


@pytest.mark.parametrize("kind", KINDS)
def test_every_benchmark_scores_records_that_went_through_a_file(kind, make):
    benchmark = kind(source="s")
    samples = [make.captioned(f"c{i}", "a red box", source="s") for i in range(5)]
    if kind is not CaptionLoss:
        samples = [make.question(f"q{i}", "yesno", "?", "yes", source="s") for i in range(5)]
    known = learn(samples)
    supply = Supply(samples)
    questions = benchmark.questions(supply)
    records = list(benchmark.records(make.talker(default="yes."), questions, supply, "picture"))
    marked = benchmark.mark(records, known)
    again = [Record(**json.loads(json.dumps(vars_of(record)))) for record in marked]
    assert benchmark.score(records, known) == benchmark.score(marked, known) == benchmark.score(again, known)
    assert benchmark.mark(again, known) == again, "marking twice is marking once"
    assert [v.benchmark for v in benchmark.score(records, known)] == [benchmark.name] * len(benchmark.score(records, known))
    assert list(benchmark.records(make.talker(default="yes."), questions, supply, "picture", start=3)) == records[3:]


def vars_of(record):
    return {name: getattr(record, name) for name in Record.__slots__}


@pytest.mark.parametrize(
    ("raw", "gold", "correct", "parsed"),
    [
        ("12", "12", 1.0, True),
        (" 12.\n", "12", 1.0, True),
        ("13", "12", 0.0, True),
        ("77", "12", 0.0, True),  # not seen in training, but a number where numbers are answers
        ("the number is 12", "12", 0.0, False),  # never searched for
        ("", "12", 0.0, False),
        ("red", "12", 0.0, False),
        ("99", "99", 1.0, True),  # right, though training holds no such answer
    ],
)
def test_numbers(raw, gold, correct, parsed):
    known = Known(guess={"read": "12"}, answers={"read": ("12", "13")})
    (marked,) = Scenes().mark([text(raw, gold)], known)
    assert (marked.correct, marked.parsed) == (correct, parsed)


@pytest.mark.parametrize(
    ("raw", "correct", "parsed"), [("Yes", 1.0, True), ("no", 0.0, True), ("yes no", 0.0, False), ("yes, it is", 0.0, False)]
)
def test_yes_and_no(raw, correct, parsed):
    known = Known(guess={"yesno": "no"}, answers={"yesno": ("no", "yes")})
    (marked,) = Scenes().mark([text(raw, "yes", "yesno")], known)
    assert (marked.correct, marked.parsed) == (correct, parsed)


def test_an_open_task_can_read_any_words():
    marked = Scenes().mark([text("whatever", "12"), text(" ", "12")], NOTHING)
    assert [record.parsed for record in marked] == [True, False]


def test_answers_of_a_megabyte_are_wrong_and_short_in_the_file():
    known = Known(answers={"read": ("12",)})
    (marked,) = Scenes().mark([text("12 " * 350_000, "12")], known)
    assert (marked.correct, marked.parsed) == (0.0, False)
    assert len(marked.extracted) == 200


@pytest.mark.parametrize(
    ("boxes", "correct", "parsed"),
    [
        ([[10, 10, 30, 30]], 1.0, True),
        ([[10, 10, 30, 20]], 1.0, True),  # half of it: IoU is exactly 0.5
        ([[10, 10, 30, 19]], 0.0, True),
        ([[10, 10, 30, 30], [0, 0, 1, 1]], 1.0, True),  # the first counts
        ([[0, 0, 1, 1], [10, 10, 30, 30]], 0.0, True),
        ([[30, 30, 10, 10]], 0.0, True),  # corners in the wrong order hold no area
        ([], 0.0, False),
        ([[math.nan, 10, 30, 30]], 0.0, False),
        ([[10, 10, math.inf, 30]], 0.0, False),
        ([[10, 10, 30]], 0.0, False),
    ],
)
def test_places(boxes, correct, parsed):
    (marked,) = Scenes().mark([place(boxes, [10.0, 10.0, 30.0, 30.0])], NOTHING)
    assert (marked.correct, marked.parsed) == (correct, parsed)
    assert marked.details.get("box") == (list(boxes[0]) if parsed else None)


def test_scenes_scored_by_hand():
    records = [
        text("yes", "yes", "yesno"), text("no", "yes", "yesno"), text("maybe", "no", "yesno"), text("no", "no", "yesno"),
        text("3", "3", "count"), text("3", "4", "count"),
        place([[0, 0, 10, 10]], [0, 0, 10, 10]), place([], [0, 0, 10, 10]), place([[50, 50, 60, 60]], [50, 50, 60, 60]),
    ]  # fmt: skip
    known = Known(
        guess={"yesno": "yes", "count": "4"},
        answers={"yesno": ("no", "yes"), "count": ("3", "4")},
        box={"point": (0.0, 0.0, 0.1, 0.125)},  # 10 x 10 px of 100 x 80
    )
    verdicts = {verdict.subset: verdict for verdict in Scenes().score(records, known)}
    assert list(verdicts) == ["all", "count", "point", "yesno"]
    summary = {name: (v.metric, v.value, v.count, v.unparsed, v.trivial) for name, v in verdicts.items()}
    assert summary == {
        "all": ("accuracy", 5 / 9, 9, 2, 5 / 9),
        "count": ("accuracy", 1 / 2, 2, 0, 1 / 2),
        "point": ("iou@0.5", 2 / 3, 3, 1, 2 / 3),
        "yesno": ("accuracy", 2 / 4, 4, 1, 2 / 4),
    }


def test_without_training_answers_there_is_no_trivial_guess():
    assert [verdict.trivial for verdict in Scenes().score([text("1", "1"), text("2", "1")], NOTHING)] == [None, None]
    half = Known(guess={"read": "1"})
    verdicts = Scenes().score([text("1", "1"), text("red", "red", "colour")], half)
    assert [(verdict.subset, verdict.trivial) for verdict in verdicts] == [("all", None), ("colour", None), ("read", 1.0)]


def test_intervals_hold_the_value_and_narrow_with_more_records():
    few = Scenes().score([text("1", "1" if i % 4 else "2") for i in range(40)], NOTHING)[0]
    many = Scenes().score([text("1", "1" if i % 4 else "2") for i in range(4000)], NOTHING)[0]
    for verdict in (few, many):
        assert 0 <= verdict.low < verdict.value == 0.75 < verdict.high <= 1
    # The normal interval of 3/4 over n records is ± 1.96 · √(3/16n): 0.134 and 0.0134.
    assert few.high - few.low == pytest.approx(0.268, rel=0.2)
    assert many.high - many.low == pytest.approx(0.0268, rel=0.2)


def test_easy_vqa_reads_its_thirteen_answers_and_nothing_else():
    records = [
        text("teal", "teal", "colour"),
        text("gray.", "gray", "colour"),
        text("grey", "gray", "colour"),
        text("No", "yes", "yesno"),
    ]
    known = Known(overall="yes", guess={"colour": "gray", "yesno": "yes"})
    whole, colour, yesno = EasyVqa().score(records, known)
    assert len(ANSWERS) == 13
    assert (whole.value, whole.unparsed, whole.trivial) == (0.5, 1, 0.25), "one constant answer to all questions"
    assert (colour.value, colour.unparsed, colour.trivial) == (2 / 3, 1, 2 / 3)
    assert (yesno.value, yesno.unparsed, yesno.trivial) == (0.0, 0, 1.0)


def test_caption_loss_is_all_loss_over_all_tokens():
    records = [
        Record("a", "caption", "", ["x"], "", details={"loss": 10.0, "supervised": 4}),
        Record("b", "caption", "", ["x"], "said", details={"loss": 2.0, "supervised": 2}),
    ]
    (verdict,) = CaptionLoss().score(records, NOTHING)
    assert (verdict.value, verdict.count, verdict.trivial, verdict.higher_is_better) == (2.0, 2, None, False)
    # Resamples of two: aa 2.5, bb 1.0 and ab 2.0; linearised around 2.0 they are 2.667, 1.333 and 2.0.
    assert (verdict.low, verdict.high) == pytest.approx((4 / 3, 8 / 3))


def answered(benchmark, talker, samples, sight="picture"):
    supply = Supply(samples)
    return list(benchmark.records(talker, benchmark.questions(supply), supply, sight))


def test_caption_loss_captions_the_first_pictures_only(make):
    samples = [make.captioned(f"c{i}", "a red box", "red") for i in range(5)]
    talker = make.talker(default="a box")
    records = answered(CaptionLoss(shown=2), talker, samples)
    assert talker.asked == ["c0", "c1"]
    assert [record.raw for record in records] == ["a box", "a box", "", "", ""]
    assert all(record.gold == ["a red box", "red"] and record.details["supervised"] == 4 for record in records)
    assert [record.correct for record in CaptionLoss().mark(records, NOTHING)] == [None] * 5


def test_the_blind_gap_shows_in_caption_loss(make):
    samples = [make.captioned(f"c{i}", "a red box") for i in range(5)]
    seen, blind = (CaptionLoss().score(answered(CaptionLoss(), make.talker(), samples, s), NOTHING)[0] for s in ("picture", "grey"))
    assert blind.value - seen.value == pytest.approx(1.0)


def test_reply_loss_measures_any_conversation_and_bare_captions(make):
    talk = make.question("q", "read", "what does it say?", "two words")
    talk = replace(talk, turns=(*talk.turns, Turn("user", (Part("text", "more?"),)), Turn("assistant", (Part("text", "no"),))))
    words_alone = replace(make.question("w", "", "?", "a b"), media=())
    samples = [talk, words_alone, make.captioned("c", "a red box", "red", source="questions")]
    records = answered(ReplyLoss(source="questions", shown=1), make.talker(default="yes"), samples)
    assert [record.gold for record in records] == [["no"], ["a b"], ["a red box", "red"]]
    assert [record.details["supervised"] for record in records] == [3, 2, 4], "every reply counts, and every caption"
    assert [(record.prompt, record.raw, record.picture) for record in records] == [
        ("more?", "yes", "q.png"), ("?", "", ""), ("", "", "c.png"),
    ]  # fmt: skip
    (verdict,) = ReplyLoss().score(records, NOTHING)
    # The talker asks 2 nats a word and 1 for each letter of a name.
    assert (verdict.metric, verdict.value, verdict.higher_is_better) == ("loss", pytest.approx((7 + 5 + 9) / 9), False)


def test_reply_loss_refuses_what_nobody_replied_to(make):
    asked = make.question("q", "read", "?", "12")
    with pytest.raises(DataError, match="q: no reply to measure; expected a conversation with a reply, or captions"):
        ReplyLoss().said(replace(asked, turns=asked.turns[:1]))


def test_what_training_answers_tell(make):
    samples = [make.question(f"q{i}", "yesno", "?", word) for i, word in enumerate(["Yes", "yes.", "no", "no", "no"])]
    samples += [make.question(f"n{i}", "read", "?", str(i)) for i in range(CLOSED + 1)]
    samples += [make.pointing(f"p{i}", (10.0, 8.0, 30.0, 24.0)) for i in range(3)] + [
        make.pointing("far", (80.0, 60.0, 90.0, 70.0))
    ]
    known = learn([*samples, make.captioned("c", "words")])
    assert known.guess == {"read": "0", "yesno": "no"}
    assert known.overall == "no"
    assert known.answers == {"yesno": ("no", "yes")}, "a task with very many answers is open"
    assert known.box == {"point": pytest.approx((0.1, 0.1, 0.3, 0.3))}
    assert Known.from_dict(json.loads(json.dumps(known.to_dict()))) == known
    assert learn([]) == Known()


def test_gold_boxes_come_in_any_order_and_frame(make):
    expected = pytest.approx((10.0, 8.0, 30.0, 24.0))
    assert gold_box(make.pointing("a", (10.0, 8.0, 20.0, 16.0), order="xywh")) == expected
    assert gold_box(make.pointing("a", (0.1, 0.1, 0.3, 0.3), frame="unit")) == expected
    assert gold_box(make.pointing("a", (200.0, 200.0, 200.0, 200.0), frame="k1000", order="cxcywh")) == expected
    assert gold(make.question("q", "read", "?", "12")) == ["12"]


def test_samples_without_a_usable_answer_are_refused(make):
    bare = replace(make.question("q", "read", "?", "12"), answer=Answer())
    cases = [
        (bare, "q: no answer to compare with; expected answer.texts or answer.region"),
        (make.pointing("p", (0.0, 0.0, 1.0, 1.0), frame="view_px"), "p: an answer in frame 'view_px'; expected px, unit or k1000"),
        (replace(make.pointing("p", (0.0, 0.0, 1.0, 1.0)), media=()), "p: a box in picture 0; expected one of its 0 pictures"),
        (make.pointing("p", (0.0, 0.0, 1.0, 1.0)), "p.png of unknown size; expected width and height in px; run `omma curate`"),
    ]
    blank = replace(cases[-1][0], media=(replace(cases[-1][0].media[0], width=0),))
    for sample, message in [*cases[:-1], (blank, cases[-1][1])]:
        with pytest.raises(DataError) as error:
            gold(sample)
        assert message in str(error.value)


def test_choice_of_samples_is_seeded_and_keeps_their_order(make):
    heldout = [make.question(f"q{i:03}", "read", "?", "1", source="ab"[i % 2]) for i in range(100)]
    supply = Supply(heldout)
    chosen = Scenes(source="a", limit=10).questions(supply)
    assert [question.sample.id for question in chosen] == sorted(question.sample.id for question in chosen)
    assert len(chosen) == 10
    assert {question.sample.source for question in chosen} == {"a"}
    assert Scenes(source="a", limit=10).questions(supply) == chosen != Scenes(source="a", limit=10, seed=1).questions(supply)
    assert len(Scenes(source="a").questions(supply)) == len(Scenes(source="a", limit=99).questions(supply)) == 50


def test_unknown_sources_and_empty_sets_are_refused(make):
    with pytest.raises(
        ConfigError, match=r"suite.scenes.source: no held-out samples of source 'question'; did you mean 'questions'\?"
    ):
        Scenes(source="question").questions(Supply([make.question("q", "read", "?", "1")]))
    with pytest.raises(DataError, match=r"suite.scenes: no held-out samples at all; expected at least one; raise data.holdout"):
        Scenes().questions(Supply())
    with pytest.raises(DataError, match="q: no captioned picture"):
        CaptionLoss().questions(Supply([make.question("q", "read", "?", "1", source="captions")]))
