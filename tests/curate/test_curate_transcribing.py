"""Operators that let a model read the words in pictures: what is asked, what is read, and what is no reading."""

import json
import math

import pytest

from omma.core.errors import ConfigError
from omma.curate.operators.spelt_caption import SpeltCaption
from omma.curate.operators.words_in_picture import WordsInPicture
from omma.media.store import Store
from omma.schema.sample import Caption, Media, Sample
from tests.curate.scripted import Scripted, cut, lost, script, words

KINDS = (WordsInPicture, SpeltCaption)


def shown(*pictures, captions=("a shop",), kind="image"):
    return Sample("a", "s", media=tuple(Media(name, kind=kind) for name in pictures), captions=tuple(map(Caption, captions)))


def scored(operator, sample, tmp_path):
    (judged,) = operator.score([sample], Store(tmp_path))
    return judged


def test_words_of_all_pictures_are_counted(tmp_path):
    says = {"a.png": '["OPEN 24/7", "Fish & chips"]', "b.png": '```json\n["鱼店"]\n```', "c.png": "[]"}
    asked = script(says=lambda question, store: says[question.media[0].uri])
    judged = scored(WordsInPicture(model=Scripted()), shown("a.png", "b.png", "c.png"), tmp_path)
    assert (judged.score, judged.error) == (3 + 2 + 2, "")  # OPEN 24 7, Fish chips, two signs
    assert [[item.uri for item in question.media] for question in asked.asked] == [["a.png"], ["b.png"], ["c.png"]]
    assert words(asked.asked[0]) == WordsInPicture().prompt


@pytest.mark.parametrize(
    ("captions", "written", "share"),
    [
        (("Fresh FISH, chips",), ["fish & chips"], 2 / 3),
        (("a red house",), [], 0.0),
        (("Stop!",), ["STOP"], 1.0),
        (("Stop!", "a sign by a road"), ["STOP"], 0.0),  # of several the one that says most beside the writing
        (("stop stop go",), ["STOP"], 1 / 2),  # distinct words
        (("鱼店",), ["鱼"], 1 / 2),
    ],
)
def test_the_share_of_a_captions_words_by_hand(captions, written, share, tmp_path):
    script(says=lambda question, store: json.dumps(written))
    judged = scored(SpeltCaption(model=Scripted()), shown("a.png", captions=captions), tmp_path)
    assert judged.score == pytest.approx(share)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("The picture says OPEN.", "unread: 'The picture says OPEN.'"),
        ('{"lines": ["a"]}', "unread"),
        ('["a", 3]', "unread"),
        ('["a"] and more', "unread"),
        ("", "nothing was said"),
        (cut('["a", "b'), "cut off"),
        ("I'm sorry, I can't read that.", "a refusal"),
        (lost(), "no answer within 600 s"),
    ],
)
def test_what_is_no_list_of_lines_is_an_error_of_its_sample(kind, reply, message, tmp_path):
    script(says=lambda question, store: reply if question.id.startswith("a") else '["a shop"]')
    other = Sample("b", "s", media=(Media("b.png"),), captions=(Caption("a shop"),))
    bad, good = kind(model=Scripted()).score([shown("a.png"), other], Store(tmp_path))
    assert message in bad.error and math.isnan(bad.score)
    assert (good.error, good.score) == ("", 2.0 if kind is WordsInPicture else 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_without_a_picture_are_not_asked_about(kind, tmp_path):
    asked = script()
    for sample in (shown(), shown("a.mp4", kind="video")):
        assert math.isnan(scored(kind(model=Scripted()), sample, tmp_path).score)
    assert math.isnan(scored(SpeltCaption(model=Scripted()), shown("a.png", captions=("?!",)), tmp_path).score)
    assert not asked.asked and not asked.opened


def test_thresholds_decide_and_change_no_key():
    operator = WordsInPicture(min_words=2, max_words=5)
    assert [bool(operator.decide(score)) for score in (1, 2, 5, 6, math.nan)] == [True, False, False, True, False]
    assert operator.decide(6) == "6 words in the picture, more than 5"
    assert operator.decide(1) == "1 words in the picture, fewer than 2"
    assert SpeltCaption().decide(0.75) == "75% of its words are written in the picture, more than 50%"
    assert not SpeltCaption().decide(0.5)
    assert operator.key == WordsInPicture().key != WordsInPicture(prompt="Read.").key
    for make, message in (
        (lambda: WordsInPicture(min_words=9, max_words=3), "0 ≤ min_words ≤ max_words"),
        (lambda: SpeltCaption(max_share=2), "a share from 0 to 1"),
        (lambda: SpeltCaption(prompt=" "), "words for the model"),
    ):
        with pytest.raises(ConfigError, match=message):
            make()
