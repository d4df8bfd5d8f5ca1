"""Rewriters and judges that ask a model: what is asked, how replies are read, and that failures are rows of their own."""

import json
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest

from omma.answerers import service as opening
from omma.answerers.services.endpoint import Endpoint
from omma.answerers.services.released import Released
from omma.answerers.services.saved import Saved
from omma.core.errors import CheckpointError, ConfigError, DataError
from omma.curate.models.replies import Pair, pairs, rating, said, whole
from omma.curate.operator import Judged
from omma.curate.operators.alignment import Alignment
from omma.curate.operators.answer_agreement import AnswerAgreement
from omma.curate.operators.difficulty import Difficulty
from omma.curate.operators.richness import Richness
from omma.curate.rewriters.append_caption import AppendCaption
from omma.curate.rewriters.caption_filter import CaptionFilter
from omma.curate.rewriters.caption_questions import CaptionQuestions
from omma.curate.rewriters.collages import Collages
from omma.curate.rewriters.dialogue import Dialogue
from omma.curate.rewriters.merge_annotations import MergeAnnotations
from omma.curate.rewriters.own_mistakes import OwnMistakes
from omma.curate.rewriters.recaption import Recaption
from omma.curate.rewriters.synthetic_caption import SyntheticCaption
from omma.curate.rewriters.worse_sight import WorseSight
from omma.generate.reply import Reply
from omma.generate.sampling import Sampling
from omma.media.decode import decode
from omma.media.draw import to_png
from omma.media.store import Store
from omma.metrics.text import Contains
from omma.metrics.vqa import Vqa
from omma.schema.sample import Answer, Caption, Media, Part, Region, Sample, Turn
from tests.answerers.folders import blip, checkpoint
from tests.curate.scripted import Scripted, cut, lost, script, unreadable, words
from tests.evaluate.serving import Served

HASH = "{:064d}".format


@pytest.fixture
def store(tmp_path):
    """Six pictures of noise, 48 x 40 px, and an annex."""
    root = tmp_path / "raw"
    root.mkdir()
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 256, (40, 48, 3), dtype=np.uint8)
        (root / f"{number}.png").write_bytes(to_png(noise))
    return Store(root, tmp_path / "annex")


def shows(number: int) -> tuple[Media, ...]:
    return (Media(f"{number}.png", sha256=HASH(number), width=48, height=40),)


def captioned(number: int, *texts: str, origin: str = "alt") -> Sample:
    captions = tuple(Caption(text, origin) for text in texts)
    return Sample(f"web/{number}:0", "web", "caption", shows(number), captions=captions, meta={"page": number})


def asked(number: int, reply: str, words: str = "what is it?") -> Sample:
    turns = (Turn("user", (Part("image", index=0), Part("text", words))), Turn("assistant", (Part("text", reply),)))
    return Sample(f"qa/{number}:0", "qa", "what", shows(number), turns, answer=Answer((reply,)))


def only(found):
    assert len(found) == 1
    return found[0]


# Asking


def test_a_question_that_fails_costs_no_other_its_reply(store):
    """The model raises for a whole call: all others are answered, each once in the end, and the failure is a row of its own."""
    asking = script(says=lambda q, s: unreadable(q, s) if q.media[0].uri == "3.png" else f"picture {q.media[0].uri}")
    samples = [captioned(number, "alt") for number in range(6)]
    found = SyntheticCaption(model=Scripted()).rewrite(samples, store)
    assert [bool(item.error) for item in found] == [False] * 3 + [True] + [False] * 2
    assert "no picture" in found[3].error and found[3].samples == ()
    assert [item.samples[0].captions[1].text for item in found if item.samples] == [f"picture {n}.png" for n in (0, 1, 2, 4, 5)]
    assert asking.opened <= 2
    uris = [question.media[0].uri for question in asking.asked]
    assert sorted(uris) == [f"{n}.png" for n in (0, 1, 2, 4, 5)]  # what was said before the failure is not asked again


@pytest.mark.parametrize("error", [ConfigError("model", "gone"), CheckpointError("model", "none")])
def test_without_a_model_nothing_is_a_row(store, error):
    def gone(question, store):
        raise error

    script(says=gone)
    with pytest.raises(type(error)):
        SyntheticCaption(model=Scripted()).rewrite([captioned(0, "alt")], store)
    with pytest.raises(type(error)):
        Richness(model=Scripted()).score([captioned(0, "alt")], store)


def test_no_model_is_opened_where_nothing_is_asked(store):
    asking = script()
    talking = asked(0, "a cat")
    assert SyntheticCaption(model=Scripted()).rewrite([talking], store)[0].samples == (talking,)
    assert CaptionFilter(model=Scripted()).rewrite([talking], store)[0].samples == (talking,)
    assert asking.opened == 0


def test_a_service_that_names_nothing_is_refused_by_its_name(store):
    with pytest.raises(ConfigError, match=r"Saved\.folder"):
        SyntheticCaption().rewrite([captioned(0, "alt")], store)


def test_another_model_or_prompt_is_another_key():
    plain = Recaption(model=Scripted())
    others = (
        replace(plain, model=Scripted(name="other")), replace(plain, prompt="{caption}?"), replace(plain, signature="me"),
        replace(plain, sampling=Sampling(max_tokens=9)),
    )  # fmt: skip
    assert len({plain.key, *(other.key for other in others)}) == 5
    assert plain.key.endswith("mark of plain")
    assert Difficulty(model=Scripted(), above=0.2).key == Difficulty(model=Scripted()).key  # thresholds are no part of scores


# Replies


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("4", 4),
        (" 3.\n", 3),
        ("**5**", 5),
        ("4/5", 4),
        ("2 out of 5", 2),
        ("Score: 4", 4),
        ("rating = 1", 1),
        ("3.0", 3),
        ("No.", 0),
        ("yes", 5),
    ],
)
def test_ratings_that_are_nothing_else_are_read(text, score):
    assert rating(Reply(text, (), (), "length")) == score


@pytest.mark.parametrize(
    "text",
    ["6", "0", "45", "4.5", "4 or 5", "four", "I would say 4", "4. The text is right.", "no idea", "1-5", "", "nan", "3 / 10"],
)
def test_other_replies_are_no_ratings(text):
    with pytest.raises(DataError, match="expected"):
        rating(Reply(text, (), (), "stop"))


GOOD = '[{"question": "What is it?", "answer": "A cat."}, {"question": " Where? ", "answer": "Here", "x": 1}]'


@pytest.mark.parametrize(
    "text", [GOOD, f"```json\n{GOOD}\n```", GOOD.replace("]", ', {"question": "what  IS it?", "answer": "no"}]')]
)
def test_pairs_are_read_bare_or_fenced_and_questions_stand_once(text):
    assert pairs(Reply(text, (), (), "stop")) == (Pair("What is it?", "A cat."), Pair("Where?", "Here"))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "Q: what? A: a cat", GOOD[:-1], f"Here you are: {GOOD}", '[{"question": "What?"}]', '[["What?", "A cat"]]',
     '[{"question": "What?", "answer": ""}]', '[{"question": "What?", "answer": 3}]', "[" * 3000, '["a"]', "null"],
)  # fmt: skip
def test_what_is_no_list_of_pairs_is_never_guessed(text):
    with pytest.raises(DataError):
        pairs(Reply(text, (), (), "stop"))


@pytest.mark.parametrize(
    "text",
    ["I'm sorry, but I cannot help.", "Sorry, no.", "I cannot see the picture.", "I can’t do that.", "I am unable to tell.",
     "As an AI language model, I", "Unfortunately, I can't see it", "I'm unable to view images", "很抱歉，我看不到", "作为一个AI"],
)  # fmt: skip
def test_refusals_are_no_descriptions(text):
    with pytest.raises(DataError, match="refusal"):
        whole(Reply(text, (), (), "stop"))


@pytest.mark.parametrize(
    "text", ["An icy road.", "Sorry-looking dogs", "I Can Fly, a poster", 'A sign says "I\'m sorry"', "As an aircraft lands"]
)
def test_descriptions_are_no_refusals(text):
    assert whole(Reply(text, (), (), "stop")) == text


def test_cut_and_lost_replies_say_so():
    with pytest.raises(DataError, match="cut off"):
        whole(cut("A long desc"))
    with pytest.raises(DataError, match="600 s"):
        said(lost())
    with pytest.raises(DataError, match="nothing was said"):
        said(Reply(" \n", (), (), "stop"))


# CapFilt


def test_capfilt_keeps_what_belongs_of_the_web_s_and_the_model_s_captions(store):
    """By hand: the captioner is wrong about picture 2, the web about 1 and 2; what is left without captions is dropped."""
    wrote = {0: "a cat", 1: "a dog", 2: "a house"}
    script("captioner", says=lambda q, s: wrote[int(q.media[0].uri[0])])
    true = {"cat": 0, "dog": 1, "tree": 2}
    script("filter", matches=lambda q, s: 0.9 if true.get(words(q).split()[-1]) == int(q.media[0].uri[0]) else 0.1)
    samples = [captioned(0, "my cat"), captioned(1, "buy now"), captioned(2, "click here")]
    captioner = SyntheticCaption(model=Scripted(name="captioner"), signature="cap-1")
    more = [only(item.samples) for item in captioner.rewrite(samples, store)]
    assert more[0].captions == (Caption("my cat", "alt"), Caption("a cat", "cap-1"))
    found = CaptionFilter(model=Scripted(name="filter")).rewrite(more, store)
    assert only(found[0].samples).captions == more[0].captions and found[0].reason == "captions matched"
    assert only(found[1].samples).captions == (Caption("a dog", "cap-1"),)
    assert found[1].reason == "1 of 2 captions gone: 0.100 below 0.5"
    assert found[1].samples[0].meta["matches"] == "0.900000"
    assert (found[2].samples, found[2].error) == ((), "") and "no caption belongs" in found[2].reason


def test_the_captioner_draws_from_the_nucleus_and_signs_with_its_fingerprint(store):
    asking = script()
    found = only(SyntheticCaption(model=Scripted()).rewrite([captioned(0, "x")], store))
    assert (only(asking.samplings).temperature, asking.samplings[0].top_p) == (1.0, 0.9)
    assert found.samples[0].captions[-1] == Caption("a reply", "fingerprint of plain")
    again = only(SyntheticCaption(model=Scripted()).rewrite([captioned(0, " A Reply")], store))
    assert again.samples == (captioned(0, " A Reply"),) and not again.reason


@pytest.mark.parametrize("bad", ["", "  ", lost(), cut("a ca"), "I'm sorry, I cannot see it."])
@pytest.mark.parametrize("kind", [SyntheticCaption, Recaption, CaptionQuestions, Dialogue, WorseSight])
def test_replies_that_are_no_use_are_errors_of_their_sample_alone(store, kind, bad):
    good = GOOD if kind in (CaptionQuestions, Dialogue) else "a long description"
    script(says=lambda q, s: bad if q.id.startswith("web/1") else good + q.id * (kind is WorseSight))
    found = kind(model=Scripted()).rewrite([captioned(n, "a cat") for n in range(3)], store)
    assert [bool(item.error) for item in found] == [False, True, False]
    assert found[1].samples == () and all(item.samples for item in found[::2])


def test_spared_origins_are_not_asked_about_and_failures_fail_the_sample(store):
    script("filter", matches=lambda q, s: unreadable(q, s) if q.media[0].uri == "2.png" else 0.2)
    spared = CaptionFilter(model=Scripted(name="filter"), spared=("human",))
    mixed = replace(captioned(0, "a"), captions=(Caption("a", "human"), Caption("b", "alt")))
    people = captioned(1, "a", origin="human")
    found = spared.rewrite([mixed, people, captioned(2, "c"), asked(3, "d")], store)
    assert only(found[0].samples).captions == (Caption("a", "human"),)
    assert (found[1].samples, found[1].reason) == ((people,), "")
    assert "no picture" in found[2].error
    talking = replace(asked(4, "d"), captions=(Caption("wrong"),))
    kept = only(spared.rewrite([replace(talking, captions=(Caption("wrong", "alt"),))], store)[0].samples)
    assert (kept.captions, kept.turns) == ((), talking.turns)
    with pytest.raises(ConfigError, match="probability"):
        CaptionFilter(least=1.5)


def test_a_model_that_does_not_match_is_refused(store, tmp_path):
    with pytest.raises(ConfigError, match="head for matching"):
        CaptionFilter(model=Saved(folder=str(checkpoint(tmp_path / "c")))).rewrite([captioned(0, "a")], store)


# Recaption, TL;DR, questions and dialogues


def test_the_words_of_the_page_are_told_to_who_describes_it(store):
    asking = script(says=lambda q, s: "A tabby called Tom.")
    alone = replace(captioned(1), captions=())
    found = Recaption(model=Scripted(), signature="sail-captioner").rewrite(
        [captioned(0, "Tom {caption}", "my\ncat"), alone], store
    )
    told, blind = (words(question) for question in asking.asked)
    assert "Tom {caption}\nmy cat" in told and "{caption}" not in blind
    assert [part.kind for part in asking.asked[0].turns[0].parts] == ["image", "text"]
    one = only(found[0].samples)
    assert one.captions == (Caption("A tabby called Tom.", "sail-captioner"),)
    assert one.meta == {"page": 0, "captions": "Tom {caption}\nmy cat"} and one.id == "web/0:0"
    assert only(found[1].samples).meta == {"page": 1}
    with pytest.raises(ConfigError, match=r"no \{caption\}"):
        Recaption(prompt="describe it")


def test_what_the_captioner_writes_stands_behind_the_original(store):
    """TL;DR's two steps."""
    script(says=lambda q, s: "a cat on a mat")
    one = only(only(SyntheticCaption(model=Scripted(), signature="m").rewrite([captioned(0, "Tom")], store)).samples)
    assert only(only(AppendCaption().rewrite([one], store)).samples).captions[0].text == "Tom; a cat on a mat"


def test_questions_of_a_description_are_children_with_the_picture(store):
    asking = script(says=lambda q, s: GOOD)
    sample = captioned(0, "short", "a long description of a cat")
    found = only(CaptionQuestions(model=Scripted(), signature="llm", count=1).rewrite([sample], store))
    parent, child = found.samples
    assert "a long description of a cat" in words(asking.asked[0]) and "up to 1 " in words(asking.asked[0])
    assert asking.asked[0].media == ()  # who asks reads the description alone
    assert parent == sample and child.id == "web/0:0~caption_questions:0"
    assert (child.turns[0].text, child.turns[1].text, child.answer.texts) == ("What is it?", "A cat.", ("A cat.",))
    assert child.turns[0].parts[0] == Part("image", index=0) and child.media == sample.media and not child.captions
    assert child.meta == {"page": 0, "author": "llm", "origin": "caption_questions-1", "parent": "web/0:0"}


def test_a_dialogue_is_asked_for_with_all_that_is_known(store):
    """UniMM-Chat: caption, box and question of three sources, merged; places in thousandths."""
    asking = script(says=lambda q, s: GOOD)
    box = Region(0, (12, 10, 24, 20), label="cat")
    where = (Turn("user", (Part("image", index=0), Part("text", "where?"))), Turn("assistant", (Part("region", index=0),)))
    boxes = Sample("b", "boxes", media=shows(0), turns=where, regions=(box,), meta={"crowds": "[0]"})
    merged = next(MergeAnnotations().rewrite([captioned(0, "A cat sleeps."), boxes, asked(0, "a tabby", "what kind?")], store))
    found = only(Dialogue(model=Scripted(), signature="llm").rewrite(merged.samples, store))
    told = words(asking.asked[0])
    for fact in (
        "Caption: A cat sleeps.", "Object: cat at [250, 250, 500, 500]", "Question: where?", "Answer: [250, 250, 500, 500]",
        "Question: what kind?", "Answer: a tabby",
    ):  # fmt: skip
        assert fact in told.split("\n")
    parent, child = found.samples
    assert parent == merged.samples[0]
    assert [turn.text for turn in child.turns] == ["What is it?", "A cat.", "Where?", "Here"]
    assert [part.kind for turn in child.turns for part in turn.parts].count("image") == 1
    assert (child.regions, child.answer, child.captions) == ((), None, ()) and "crowds" not in child.meta
    nothing = Sample("e", "web", media=shows(1))
    assert only(Dialogue(model=Scripted()).rewrite([nothing], store)).samples == (nothing,)


# Judges


@pytest.mark.parametrize("kind", [Richness, Alignment])
def test_the_worst_text_counts_and_below_three_goes(store, kind):
    """SAIL-VL2: below 3, or "No", is dropped."""
    rated = {"a cat": "4", "a dog": "2", "a hen": "3", "a cow": "No", "a pig": "Yes"}
    asking = script(says=lambda q, s: next(said for text, said in rated.items() if text in words(q)))
    samples = [
        captioned(0, "a cat"),
        captioned(1, "a cat", "a dog"),
        asked(2, "a hen"),
        captioned(3, "a cow"),
        captioned(4, "a pig"),
    ]
    judge = kind(model=Scripted())
    found = judge.score([*samples, Sample("t", "text", turns=asked(0, "a dog").turns[1:])], store)
    assert [one.score for one in found[:5]] == [4, 2, 3, 0, 5] and not any(one.error for one in found)
    assert np.isnan(found[5].score)
    assert [judge.decide(one.score) for one in found] == ["", "rated 2, below 3", "", "the judge says no", "", ""]
    assert all(question.media for question in asking.asked)
    assert judge.threshold == 3.0


@pytest.mark.parametrize("nonsense", ["It is fine.", "", "4 5", lost(), "-1"])
def test_a_judge_that_says_nothing_readable_is_an_error_of_the_sample(store, nonsense):
    script(says=lambda q, s: nonsense if "dog" in words(q) else "5")
    found = Alignment(model=Scripted()).score([captioned(0, "a cat"), captioned(1, "a dog"), captioned(2, "a cat", "a dog")], store)
    assert found[0] == Judged(5.0)
    assert all(one.error and np.isnan(one.score) for one in found[1:])


def answering(*said):
    """A script whose answers to the k-th asking of any question are given."""
    return script(says=lambda q, s: said[int(q.id.rpartition(":")[2])])


@pytest.mark.parametrize(
    ("said", "share", "reason"),
    [
        (["A cat.", "a cat", "dog", "hen"], 0.5, ""),
        (["a cat"] * 4, 1.0, "not below 100%"),
        (["dog"] * 4, 0.0, "not above 0%"),
        (["", "a cat", "", ""], 0.25, ""),
    ],
)
def test_difficulty_is_the_share_of_right_answers(store, said, share, reason):
    """By hand. An answer that says nothing is wrong."""
    asking = answering(*said)
    judge = Difficulty(model=Scripted(), num_answers=4)
    one = only(judge.score([asked(0, "a cat")], store))
    assert one == Judged(share)
    assert reason in judge.decide(one.score) and bool(reason) == bool(judge.decide(one.score))
    assert len({question.id for question in asking.asked}) == 4
    assert all([turn.role for turn in question.turns] == ["user"] and question.answer is None for question in asking.asked)


def test_answers_are_marked_by_the_metric_that_is_named(store):
    """VQA's ten people: an answer that two of them gave is two thirds right. `Contains` reads a sentence."""
    answering("red", "It is blue.")
    people = replace(asked(0, "x"), answer=Answer(("red",) * 2 + ("blue",) * 8))
    assert only(Difficulty(model=Scripted(), num_answers=2, metric=Contains()).score([people], store)).score == 1.0
    answering("red", "green")
    expected = Vqa().judge("red", list(people.answer.texts), {}).score / 2
    assert 0.2 < expected < 0.4
    assert only(Difficulty(model=Scripted(), num_answers=2, metric=Vqa()).score([people], store)).score == pytest.approx(expected)


@pytest.mark.parametrize(
    ("said", "lead"),
    [
        (["cat", "Cat", "dog", "hen"], 0.25),
        (["dog", "dog", "cat", "hen"], -0.25),
        (["dog", "cat", "hen", "cow"], 0.0),
        (["cat", "", "", ""], 0.25),
        (["", "", "", ""], 0.0),
    ],
)
def test_an_answer_stays_if_more_answers_agree_with_it_than_with_any_other(store, said, lead):
    """By hand: the share that agrees less that of the most frequent other answer; nothing said agrees with nothing."""
    answering(*said)
    judge = AnswerAgreement(model=Scripted(), num_answers=4)
    one = only(judge.score([asked(0, "cat")], store))
    assert one == Judged(lead)
    assert bool(judge.decide(one.score)) == (lead <= 0)


def test_questions_without_accepted_words_are_not_judged_and_failures_are_rows(store):
    script(says=lambda q, s: lost() if q.media[0].uri == "1.png" and q.id.endswith(":2") else "cat")
    box = replace(asked(2, "x"), answer=Answer(region=Region(0, (0, 0, 1, 1))))
    found = Difficulty(model=Scripted(), num_answers=4).score([asked(0, "cat"), asked(1, "cat"), box, captioned(3, "a")], store)
    assert found[0] == Judged(1.0) and "600 s" in found[1].error
    assert [np.isnan(one.score) and not one.error for one in found[2:]] == [True, True]
    assert not Difficulty().decide(float("nan")) and not AnswerAgreement().decide(float("nan"))


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Difficulty(num_answers=0),
        lambda: Difficulty(sampling=Sampling()),
        lambda: Difficulty(above=0.5, below=0.5),
        lambda: AnswerAgreement(lead=1.0),
        lambda: Richness(least=6.0),
        lambda: Alignment(prompt="rate it"),
        lambda: CaptionQuestions(count=0),
        lambda: Dialogue(prompt="{facts}"),
        lambda: OwnMistakes(grid_noise=-1.0),
        lambda: OwnMistakes(longest=0),
        lambda: SyntheticCaption(prompt=" "),
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ConfigError):
        wrong()


# Preferences


def test_descriptions_of_spoilt_requests_are_rejected(store):
    """STIC: half of the requests show a worse picture, which the model reads from the annex; half mislead."""
    looked = []

    def says(question, store):
        looked.append(decode(store.read(question.media[0].uri), name="seen"))
        return f"{question.meta['spoilt']}: {words(question)}"

    script(says=says)
    samples = [replace(captioned(n % 6, "x"), id=f"web/{n}") for n in range(60)]
    found = WorseSight(model=Scripted(), signature="m").rewrite(samples, store)
    spoilt = []
    for sample, item in zip(samples, found, strict=True):
        parent, child = item.samples
        assert parent == sample and child.id == f"{sample.id}~worse_sight:0" and child.media == sample.media
        assert child.chosen[0].text.startswith("fair: ") and child.turns[-1] == child.chosen[0]
        assert child.rejected[0].text.startswith(child.meta["spoilt"])
        assert (child.meta["parent"], child.meta["author"], child.meta["origin"]) == (sample.id, "m", "worse_sight-1")
        spoilt.append(child.meta["spoilt"])
    assert 18 <= spoilt.count("worse picture") <= 42  # of 60 at a half: within three standard deviations
    assert {image.shape for image in looked} == {(40, 48, 3)}
    files = [path for path in store.annex.rglob("*") if path.is_file()]
    assert 6 < len(files) <= spoilt.count("worse picture")
    with pytest.raises(ConfigError, match="annex"):
        WorseSight(model=Scripted()).rewrite(samples, Store(store.root))


def test_two_descriptions_that_say_the_same_make_no_pair(store):
    script(says=lambda q, s: "a cat")
    assert only(WorseSight(model=Scripted()).rewrite([captioned(0, "x")], store)).samples == (captioned(0, "x"),)


@pytest.mark.parametrize("kind", ["sequence", "grid", "inset"])
def test_a_models_own_mistakes_are_rejected_and_what_it_knows_is_dropped(store, kind):
    """MIA-DPO: noise lies on the picture in question (on all of an inset), and only on what the model is shown."""
    weights = {name: float(name == kind) for name in ("sequence", "grid", "inset")}
    drawn = list(Collages(share=1.0, cell=40, **weights).rewrite([asked(n, f"thing {n}") for n in range(6)], store))
    for item in drawn:
        for uri, data in item.pictures.items():
            place = store.annex / f"made/{uri[7:9]}/{uri[7:]}"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
    children = [item.samples[1] for item in drawn]
    seen = {}

    def says(question, store):
        seen[question.id.partition("~own")[0]] = question.media
        return "Thing 0." if question.id.startswith("qa/0") else "nonsense"

    script(says=says)
    found = OwnMistakes(model=Scripted(), signature="m").rewrite([*children, asked(0, "plain")], store)
    assert (found[0].samples, found[0].reason) == ((), "m answers rightly")
    assert only(found[-1].samples) == asked(0, "plain")
    for child, item in zip(children[1:], found[1:-1], strict=True):
        one = only(item.samples)
        assert (one.rejected[0].text, one.chosen, one.media, one.turns) == ("nonsense", child.chosen, child.media, child.turns)
        assert one.meta["rejected_by"] == "m"
        if kind == "sequence":
            assert seen[child.id] == child.media
            continue
        clean, noisy = (decode(store.read(m.uri), name="x").astype(int) for m in (child.media[0], seen[child.id][0]))
        box = child.regions[0].box if kind == "grid" else (0, 0, clean.shape[1], clean.shape[0])
        x0, y0, x1, y1 = (round(value) for value in box)
        inside = np.zeros(clean.shape[:2], bool)
        inside[y0:y1, x0:x1] = True
        assert (clean == noisy)[~inside].all()
        spread = (noisy - clean)[inside].std()
        assert spread > (80 if kind == "grid" else 25)  # clipped to what pixels can hold


def test_long_replies_stay_as_they_are(store):
    asking = script()
    samples = [asked(number, f"{number}" * 512) for number in range(2)]
    child = next(Collages(share=1.0, sequence=0.0, grid=0.0).rewrite(samples, store)).samples[1]
    assert only(OwnMistakes(model=Scripted()).rewrite([child], store)).samples == (child,)
    assert not asking.asked


# Real models, with random weights


@pytest.fixture
def fresh():
    opening._opened.cache_clear()
    yield
    opening._opened.cache_clear()


def test_a_checkpoint_captions_and_answers_the_same_in_any_company(store, tmp_path, fresh):
    """A model with random weights writes nonsense: whole replies become captions, cut ones errors, all the same in any company."""
    model = Saved(folder=str(checkpoint(tmp_path / "c", seed=3)))
    samples = [captioned(number, "alt") for number in range(6)]
    captioner = SyntheticCaption(model=model, sampling=Sampling(temperature=1.0, top_p=0.9, max_tokens=24, stop=("e",)))
    found = captioner.rewrite(samples, store)
    assert [captioner.rewrite([sample], store)[0] for sample in samples] == found
    texts = [item.samples[0].captions[-1].text for item in found if item.samples]
    assert len(set(texts)) > 1 and all(item.samples or "cut off" in item.error or "nothing" in item.error for item in found)
    (tmp_path / "raw/none.png").write_bytes(b"no picture")
    gone = replace(samples[0], id="gone", media=(Media("none.png", sha256=HASH(9), width=48, height=40),))
    among = captioner.rewrite([*samples[:2], gone, *samples[2:]], store)
    assert "none.png" in among.pop(2).error and among == found
    judged = Difficulty(model=model, num_answers=2, sampling=Sampling(temperature=1.0, max_tokens=6)).score(
        [asked(0, "cat")], store
    )
    assert judged == [Judged(0.0)]


def test_a_server_that_fails_once_is_asked_again_for_that_picture_alone(store, fresh):
    """The picture's bytes travel as they are; a second run pays for what failed in the first, and for nothing else."""
    refused = (400, b'{"error": {"message": "this picture is too large"}}')
    with Served(says=lambda payload: "described" + str(len(json.dumps(payload)) % 7)) as served:
        served.plan.append(refused)
        rewriter = Recaption(model=Endpoint(address=served.address, workers=1), signature="captioner")
        samples = [captioned(number, "alt") for number in range(3)]
        first = rewriter.rewrite(samples, store)
        assert ["too large" in item.error for item in first] == [True, False, False] and len(served.got) == 3
        second = rewriter.rewrite(samples, store)
        assert not any(item.error for item in second) and second[1:] == first[1:] and len(served.got) == 4
        assert served.got[-1]["messages"] == served.got[0]["messages"]
        shown = served.got[-1]["messages"][0]["content"][0]["image_url"]["url"]
        assert b64decode(shown.partition(",")[2]) == store.read("0.png")


def test_a_head_for_matching_filters_captions(store, tmp_path, fresh):
    """BlipForImageTextRetrieval with random weights: kept are exactly the captions that it scores at `least` and above."""
    model = Released(folder=str(blip(tmp_path / "blip")))
    samples = [captioned(number, "a red box", "words that are many", "two dots") for number in range(3)]
    every = CaptionFilter(model=model, least=0.0).rewrite(samples, store)
    scores = [float(score) for item in every for score in item.samples[0].meta["matches"].split()]
    middle = sum(sorted(scores)[3:5]) / 2
    kept = CaptionFilter(model=model, least=middle).rewrite(samples, store)
    got = [len(item.samples[0].captions) if item.samples else 0 for item in kept]
    assert got == [sum(score >= middle for score in scores[3 * n : 3 * n + 3]) for n in range(3)]
    assert sum(got) == 5


def test_what_models_wrote_is_plain_json(store):
    script(says=lambda q, s: GOOD)
    found = CaptionQuestions(model=Scripted()).rewrite([captioned(0, "a ☺ cat")], store)
    for one in found[0].samples:
        assert Sample.from_dict(json.loads(json.dumps(one.to_dict()))) == one
