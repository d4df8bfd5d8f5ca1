"""Scores of captions: equal to coco-caption's to the last digit, without a tokenizer to VLMEvalKit's; laws of all of them."""

import json
import math
import random
import stat
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omma.core.errors import ConfigError, DataError
from omma.metrics.captions.bleu import Bleu, RawBleu, bleu, bleu_sums
from omma.metrics.captions.cider import Cider, NoCapsCider, PlainCider, RawCider, cider_d, cider_plain, frequencies
from omma.metrics.captions.jars import Meteor, Spice
from omma.metrics.captions.rouge import RawRougeL, RougeL, longest_common, rouge_l
from omma.metrics.metric import Marked

GOLDEN = Path(__file__).parents[2] / "../shared/golden"
golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="../shared/golden is not there")
RULERS = (Bleu(), RawBleu(), RougeL(), RawRougeL(), Cider(), PlainCider(), RawCider())
EACH = pytest.mark.parametrize("rule", RULERS, ids=lambda rule: type(rule).__name__)


def marked(rule, replies, golds, facts=None):
    """Replies by id + references by id → marked replies."""
    return [Marked(key, golds[key], facts or {}, rule.judge(raw, golds[key], facts or {})) for key, raw in replies.items()]


@pytest.fixture(scope="module")
def fakecap():
    """The demonstration's captions and references by picture."""
    folder = GOLDEN / "coco-caption-fakecap"
    results = json.loads((folder / "captions_val2014_fakecap_results.json").read_text(encoding="utf-8"))
    notes = json.loads((folder / "en_captions_val2014.json").read_text(encoding="utf-8"))["annotations"]
    references = {}
    for note in notes:
        references.setdefault(str(note["image_id"]), []).append(note["caption"])
    return {str(row["image_id"]): row["caption"] for row in results}, references


def expected_of(name):
    return json.loads((GOLDEN / name / "expected.json").read_text(encoding="utf-8"))


@golden
def test_bleu_of_the_demonstration_is_official_to_the_last_digit(fakecap):
    rows = marked(Bleu(), *fakecap)
    found = {number.metric: number for number in Bleu().aggregate(rows)}
    expected = expected_of("coco-caption-fakecap")
    assert {n: found[f"BLEU-{n}"].value for n in (1, 2, 3, 4)} == {n: expected[f"Bleu_{n}"] for n in (1, 2, 3, 4)}
    sums = [sum(column) for column in zip(*(row.mark.details["sums"] for row in rows), strict=True)]
    assert sums == [9893, 9855, 5732, 2510, 1043, 423, 9893, 8893, 7893, 6893]  # as the authors' notebook prints them
    assert found["BLEU-4"].low < found["BLEU-4"].value < found["BLEU-4"].high


@golden
def test_rouge_and_cider_of_the_demonstration_are_official_to_the_last_digit(fakecap):
    expected = expected_of("coco-caption-fakecap")
    rouge = marked(RougeL(), *fakecap)
    assert np.mean([row.mark.score for row in rouge]) == expected["ROUGE_L"]
    assert RougeL().aggregate(rouge)[0].value == pytest.approx(expected["ROUGE_L"], rel=1e-14)
    cider = marked(Cider(), *fakecap)
    assert np.mean(Cider().scores(cider)) == expected["CIDEr"]
    (number,) = Cider().aggregate(cider)
    assert number.value == pytest.approx(expected["CIDEr"], rel=1e-14)
    assert number.low < number.value < number.high


@golden
def test_without_a_tokenizer_the_scores_are_those_of_vlmevalkit(fakecap):
    found = {
        number.metric: number.value
        for rule in (RawBleu(), RawRougeL(), RawCider())
        for number in rule.aggregate(marked(rule, *fakecap))
    }
    assert {name: round(found[name], 4) for name in ("BLEU-4", "ROUGE-L", "CIDEr")} == {
        "BLEU-4": 0.1718,
        "ROUGE-L": 0.3640,
        "CIDEr": 0.4772,
    }


@golden
def test_cider_of_pix2struct_is_what_its_authors_print():
    pairs = json.loads((GOLDEN / "docvqa-chartqa-small/pix2struct_pairs.json").read_text(encoding="utf-8"))
    names = [str(i) for i in range(len(pairs["predictions"]))]
    rows = marked(Cider(), dict(zip(names, pairs["predictions"], strict=True)), dict(zip(names, pairs["targets"], strict=True)))
    assert round(100 * Cider().aggregate(rows)[0].value, 1) == expected_of("docvqa-chartqa-small")["pix2struct"]["cider"]


def test_bleu_by_hand():
    """Ours: "the the cat" against two references; "the" counts at most twice, the closest length of 2 and 4 is the shorter."""
    sums = bleu_sums("the the cat", ["the cat", "the dog the cow"])
    assert sums == (3, 2, 3, 1, 0, 0, 3, 2, 1, 0)
    assert bleu(np.array(sums), 1) == pytest.approx(1.0)
    assert bleu(np.array(sums), 2) == pytest.approx(math.sqrt(1 / 2))
    short = bleu_sums("a b", ["a b c d"])
    assert bleu(np.array(short), 1) == pytest.approx(math.exp(1 - 4 / 2))


def test_rouge_takes_precision_and_recall_from_different_references_by_hand():
    """Ours: precision 1 comes from the long reference, recall 1 from the short one."""
    assert rouge_l("a b c d", ["a b", "x a b y c d z"]) == pytest.approx(1.0)
    precision, recall = 2 / 3, 2 / 4
    assert rouge_l("a x b", ["a q r b"]) == pytest.approx((1 + 1.44) * precision * recall / (recall + 1.44 * precision))
    assert rouge_l("a", ["b"]) == rouge_l("", ["b"]) == 0.0


@given(st.lists(st.integers(0, 4), max_size=12), st.lists(st.integers(0, 4), max_size=70))
def test_the_longest_common_subsequence_is_that_of_the_table(a, b):
    row = [0] * (len(b) + 1)
    for word in a:
        diagonal = 0
        for at, other in enumerate(b, 1):
            diagonal, row[at] = row[at], diagonal + 1 if word == other else max(row[at], row[at - 1])
    assert longest_common([*map(str, a)], [*map(str, b)]) == row[-1] == longest_common([*map(str, b)], [*map(str, a)])


def test_cider_by_hand():
    """Ours: two pictures; "a" is in both references and weighs nothing, every other n-gram log 2."""
    golds = [["a red cat"], ["a dog"]]
    known = frequencies(golds)
    assert cider_d("a red cat", golds[0], known) == pytest.approx(10 * 3 / 4)  # there are no 4-grams
    # Of "a red dog": unigrams red, dog share "red" (1/2), bigrams share "a red" (1/2), trigrams nothing, lengths are equal.
    assert cider_d("a red dog", golds[0], known) == pytest.approx(10 * (1 / 2 + 1 / 2) / 4)
    # Twice as many words: two bigrams against five, so a penalty of exp(-9 / 72); clipping counts the repeated words once.
    twice = cider_d("a red cat a red cat", golds[0], known)
    assert twice < cider_plain("a red cat a red cat", golds[0], known)
    one = (2 / (math.sqrt(8) * math.sqrt(2)), 2 / (math.sqrt(4 + 4 + 1) * math.sqrt(2)), 1 / math.sqrt(4 + 1 + 1))
    assert twice == pytest.approx(10 * sum(one) / 4 * math.exp(-9 / 72))


def test_a_caption_alone_is_marked_with_all_its_ngrams_alike():
    """Ours: two of three words and one of two bigrams in common; one trigram differs, there are no 4-grams."""
    assert Cider().judge("A red dog.", ["a red cat"], {}).score == pytest.approx((2 / 3 + 1 / 2) / 4)
    assert Cider().judge("a big red bus", ["a big red bus", "cows"], {}).score == pytest.approx((1 + 0) / 2)
    assert Cider().judge("", ["a red cat"], {}).score == 0.0


def test_domains_are_scored_by_themselves():
    golds = {"1": ["a red cat"], "2": ["a dog"], "3": ["two cows"]}
    replies = {"1": "a red cat", "2": "the dog", "3": "two cows"}
    domains = {"1": "in-domain", "2": "in-domain", "3": "out-domain"}
    rule = NoCapsCider()
    rows = [Marked(key, golds[key], {"domain": domains[key]}, rule.judge(replies[key], golds[key], {})) for key in golds]
    found = {number.metric: number for number in rule.aggregate(rows)}
    assert list(found) == ["CIDEr", "CIDEr in-domain", "CIDEr out-domain"]
    assert found["CIDEr in-domain"].value == Cider().aggregate(rows[:2])[0].value
    assert found["CIDEr out-domain"].value == 0.0  # of one picture every n-gram is in every document


@EACH
def test_order_and_identity_laws(rule):
    golds = {
        str(i): [f"a {word} on a {other}", f"one {word} sits"]
        for i, (word, other) in enumerate([("cat", "mat"), ("dog", "log"), ("cow", "row")])
    }
    replies = {"0": "a cat on a mat", "1": "a dog sits on a log", "2": ""}
    rows = marked(rule, replies, golds)
    numbers = rule.aggregate(rows)
    assert numbers == rule.aggregate(random.Random(1).sample(rows, len(rows)))
    assert all(number.count == 3 and number.unparsed == 1 and number.value >= 0 for number in numbers)
    perfect = rule.aggregate(marked(rule, {key: texts[0] for key, texts in golds.items()}, golds))
    assert all(best.value > number.value for best, number in zip(perfect, numbers, strict=True))
    with pytest.raises(DataError, match="no answers to score"):
        rule.aggregate([])
    with pytest.raises(DataError, match="without references"):
        rule.aggregate([Marked("0", [], {}, rule.judge("a", [], {}))])


@EACH
@settings(max_examples=40, deadline=None)
@given(raw=st.text(max_size=40), gold=st.lists(st.text(max_size=20), min_size=1, max_size=3))
def test_no_reply_raises_and_scores_keep_their_bounds(rule, raw, gold):
    rows = [Marked("0", gold, {}, rule.judge(raw, gold, {})), Marked("1", ["a cat"], {}, rule.judge("a cat", ["a cat"], {}))]
    for number in rule.aggregate(rows):
        assert 0 <= number.value <= (10.0 + 1e-9 if "CIDEr" in number.metric else 1.0 + 1e-9)
    assert rows[0].mark.parsed == bool(rule.words(raw))
    assert all(0 <= row.mark.score <= 1 + 1e-9 for row in rows)


def test_a_very_long_reply_is_scored_in_seconds():
    start = time.process_time()
    for rule in (Bleu(), RougeL(), Cider()):
        reply = "a cat and a dog. " * 15_000
        rule.aggregate([Marked("0", ["a cat"], {}, rule.judge(reply, ["a cat"], {}))])
    assert time.process_time() - start < 8


def fake_java(folder: Path, body: str) -> str:
    """A program that stands in for Java."""
    path = folder / "java"
    path.write_text(f"#!/usr/bin/env python3\nimport json, sys\n{body}", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (folder / "scorer.jar").write_text("", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("rule", [Meteor(), Spice(), Meteor(jar="/nowhere.jar"), Spice(java="no-such-java")])
def test_without_a_jar_there_is_no_number_and_a_reason(rule):
    rows = [Marked("0", ["a cat"], {}, rule.judge("a cat", ["a cat"], {}))]
    assert rule.aggregate(rows) == ()
    assert "Java program" in rule.missing()


def test_meteor_is_called_as_the_official_wrapper_does(tmp_path):
    body = """
assert sys.argv[1:3] == ["-Xmx2G", "-jar"] and sys.argv[4:] == ["-", "-", "-stdio", "-l", "en", "-norm"]
for line in sys.stdin:
    parts = line.rstrip("\\n").split(" ||| ")
    print(len(parts[-1].split()) if parts[0] == "SCORE" else "\\n".join(["0.5"] * (len(parts) - 1) + ["0.25"]))
"""
    rule = Meteor(jar=str(tmp_path / "scorer.jar"), java=fake_java(tmp_path, body))
    rows = marked(rule, {"0": "A cat.", "1": ""}, {"0": ["a cat", "the cat"], "1": ["a dog"]})
    (number,) = rule.aggregate(rows)
    assert (number.value, number.count, number.unparsed) == (0.25, 2, 1)
    assert math.isnan(number.low)


def test_spice_is_the_mean_over_pictures(tmp_path):
    body = """
rows = json.load(open(sys.argv[4]))
scores = [{"image_id": row["image_id"], "scores": {"All": {"f": 0.5 * row["image_id"]}}} for row in rows]
assert rows[0] == {"image_id": 0, "test": "a cat", "refs": ["a cat", "the cat"]}
json.dump(scores, open(sys.argv[6], "w"))
"""
    rule = Spice(jar=str(tmp_path / "scorer.jar"), java=fake_java(tmp_path, body))
    (number,) = rule.aggregate(marked(rule, {"0": "A cat.", "1": "A dog"}, {"0": ["a cat", "the cat"], "1": ["a dog"]}))
    assert number.value == 0.25


def test_a_jar_that_fails_is_told_with_its_last_words(tmp_path):
    rule = Meteor(jar=str(tmp_path / "scorer.jar"), java=fake_java(tmp_path, "sys.exit('no data beside the jar')"))
    with pytest.raises(ConfigError, match="no data beside the jar"):
        rule.aggregate(marked(rule, {"0": "a"}, {"0": ["a"]}))
