"""Operators: hand-made cases for each, and the exactness of the Hamming search."""

import math
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from omma.core.errors import ConfigError, DataError
from omma.curate.operator import Candidate, Scores
from omma.curate.operators.agreement import Agreement, features
from omma.curate.operators.aspect import Aspect
from omma.curate.operators.caption import Caption
from omma.curate.operators.decode import Decode
from omma.curate.operators.exact_hash import ExactHash
from omma.curate.operators.perceptual_hash import PerceptualHash, fingerprint
from omma.curate.operators.size import Size
from omma.curate.picture import Picture
from omma.curate.sets.hamming import crossing_pairs, cut, near_pairs
from omma.curate.sets.lookalikes import differences
from omma.curate.sets.probe import Probe, words_and_pairs
from omma.schema.sample import Caption as Words
from omma.schema.sample import Media, Part, Sample, Turn


def png(array) -> bytes:
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def noise(seed, size=64):
    coarse = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC))


def sample(key, uri="a.png", sha="", text="", size=(64, 64)) -> Sample:
    return Sample(key, "s", media=(Media(uri, sha256=sha, width=size[0], height=size[1]),), captions=(Words(text),))


def test_decode_raises_what_is_wrong():
    whole = png(noise(0))
    assert Decode().score(Picture("a.png", whole)) == 1.0
    with pytest.raises(DataError, match=r"a.png: PNG ends after 200 bytes"):
        Decode().score(Picture("a.png", whole[:200]))
    with pytest.raises(DataError, match="not a picture"):
        Decode().score(Picture("a.png", b"<html>"))


def test_size_and_aspect():
    strip = Picture("a.png", png(np.zeros((10, 400, 3), np.uint8)))
    assert Size().score(strip) == 10
    assert Aspect().score(strip) == 40
    assert (Size(min_side=10).decide(10), Size(min_side=11).decide(10)) == ("", "shorter side 10 px, below 11")
    assert (Aspect(max_ratio=40).decide(40), Aspect().decide(40)) == ("", "sides 1:40.0, beyond 1:5")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no words"),
        (" \n", "no words"),
        ("one", "1 words, fewer than 2"),
        ("one two", ""),
        ("a b c d e", "5 words, more than 4"),
    ],
)
def test_caption(text, reason):
    operator = Caption(min_words=2, max_words=4)
    assert operator.decide(operator.score(sample("x", text=text))) == reason


def test_a_megabyte_without_spaces_is_no_short_caption():
    assert "50,000 words, more than 2,000" in Caption().decide(Caption().score(sample("x", text="x" * 1_000_000)))


def test_a_region_is_something_said():
    turns = (Turn("user", (Part("text", "where?"),)), Turn("assistant", (Part("region", index=0),)))
    assert Caption().score(Sample("x", "s", turns=turns)) == 1
    assert Caption().score(Sample("x", "s", turns=turns[:1])) == 0


def test_exact_hash_keeps_the_first_and_the_held_out():
    rows = [
        ("a", "1", "cat", False),
        ("b", "1", "cat", False),
        ("c", "1", "dog", False),
        ("d", "2", "ox", False),
        ("e", "2", "ox", True),
    ]
    candidates = tuple(Candidate(sample(key, uri=f"{key}.png", sha=sha, text=text), held) for key, sha, text, held in rows)
    scores = ExactHash().score(candidates)
    assert scores.values.tolist() == [0, 1, 0, 1, 0]
    assert ExactHash().decide(scores) == ["", "same picture and words as a", "", "same picture and words as e", ""]


def clustered(seed, count):
    rng = np.random.default_rng(seed)
    centres = rng.integers(0, 2**63, 40, dtype=np.uint64)
    flips = np.array(
        [sum(1 << int(b) for b in rng.choice(64, rng.integers(0, 16), replace=False)) for _ in range(count)], np.uint64
    )
    return np.unique(rng.choice(centres, count) ^ flips)


def gathered(blocks):
    """Blocks of pairs → their rows in order, each as often as it was given."""
    found = np.concatenate([np.zeros((0, 2), np.int64), *(np.stack(block, 1) for block in blocks)])
    return found[np.lexsort(found.T[::-1])]


@pytest.mark.parametrize("radius", [0, 1, 2, 4, 8, 13])
def test_hamming_search_is_exact(radius):
    hashes = clustered(radius, 600)
    distance = np.bitwise_count(hashes[:, None] ^ hashes[None])
    wanted = np.argwhere(np.triu(distance <= radius, 1))
    assert np.array_equal(gathered(near_pairs(hashes, radius)), wanted)
    assert radius < 4 or len(wanted) > 100


@pytest.mark.parametrize(("few", "many"), [(20, 900), (900, 20)])
def test_hamming_search_between_two_sets_is_exact(few, many):
    left, right = clustered(3, few), np.concatenate([clustered(3, many), clustered(3, 20)])
    wanted = np.argwhere(np.bitwise_count(left[:, None] ^ right[None]) <= 6)
    assert np.array_equal(gathered(crossing_pairs(left, right, 6)), wanted)
    assert len(wanted) > 40


@pytest.mark.parametrize("radius", [0, 1, 3, 6, 8, 10, 20])
@pytest.mark.parametrize("size", [1, 1000, 10**6, 10**8])
def test_bands_of_every_size_leave_no_pair_out(radius, size):
    bands = cut(size, size, radius)
    assert sum(width for _, width, _ in bands) == 64
    assert sum(reach + 1 for *_, reach in bands) == radius + 1


def test_large_sets_are_searched_in_few_wide_bands():
    assert cut(10**6, 10**6, 8) == ((0, 21, 2), (21, 22, 2), (43, 21, 2))
    assert len(cut(500, 500, 8)) > 4


def test_hamming_of_nothing():
    none = np.zeros(0, np.uint64)
    assert len(gathered(near_pairs(none, 8))) == 0
    assert len(gathered(crossing_pairs(none, np.ones(3, np.uint64), 8))) == 0


def looked(key, array, heldout=False, uri=""):
    data = Picture(uri or f"{key}.png", png(array))
    size = array.shape[1], array.shape[0]
    return Candidate(sample(key, uri=data.uri, sha=data.sha256, size=size), heldout, (PerceptualHash().look(data),))


def test_fingerprint_survives_scaling_and_light_but_not_another_picture():
    one = Image.fromarray(noise(1))
    bits = fingerprint(one)
    for copy in (one.resize((50, 50)), one.point(lambda v: v * 0.9), Image.fromarray(noise(1, 128))):
        assert np.bitwise_count(bits ^ fingerprint(copy)) <= 6
    assert np.bitwise_count(bits ^ fingerprint(Image.fromarray(noise(2)))) > 15


def test_differences_ignore_gain_and_offset():
    cells = np.array([10.0, 50.0, 90.0, 30.0])
    assert differences(cells, np.stack([cells * 0.8 + 5, cells[::-1]])).round(6).tolist()[0] == 0
    # By hand: the reversed cells less their mean are (-15, 45, 5, -35), the others (-35, 5, 45, -15); the best gain is below
    # the least that counts as a copy's, 0.5, so that (-7.5, 22.5, 2.5, -17.5) is compared: 42.5 apart in the third.
    assert differences(cells, cells[None, ::-1])[0] == 42.5


def test_perceptual_hash_keeps_the_largest_and_says_of_which():
    small, large = noise(3, 40), noise(3, 80)
    candidates = (looked("a", small), looked("b", noise(4)), looked("c", large), looked("d", small, uri="a.png"))
    scores = PerceptualHash().score(candidates)
    reasons = PerceptualHash().decide(scores)
    assert reasons == ["looks like c.png", "", "", "looks like c.png"]
    assert scores.values[0] <= 4
    assert math.isnan(scores.values[1])


def test_many_questions_about_one_picture_are_no_duplicates():
    picture = looked("a", noise(5))
    again = Candidate(sample("b", uri="a.png", sha=picture.sample.media[0].sha256), False, picture.looks)
    assert PerceptualHash().decide(PerceptualHash().score((picture, again))) == ["", ""]


def test_held_out_pictures_stay_and_their_copies_in_train_go():
    candidates = (looked("a", noise(6, 90)), looked("b", noise(6, 60), heldout=True), looked("c", noise(6, 60), uri="b.png"))
    assert PerceptualHash().decide(PerceptualHash().score(candidates)) == ["looks like b.png", "", "looks like b.png (held out)"]


def test_a_recoloured_object_is_another_picture():
    one = np.full((64, 64, 3), 245, np.uint8)
    one[10:26, 12:28] = (214, 39, 40)
    other = one.copy()
    other[10:26, 12:28] = (40, 90, 220)
    candidates = (looked("a", one), looked("b", other))
    assert PerceptualHash().decide(PerceptualHash().score(candidates)) == ["", ""]


def test_words_and_pairs():
    assert words_and_pairs("A red, red box") == {"a", "red", "box", "a red", "red red", "red box"}


def test_probe_finds_the_texts_that_went_astray():
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 2, (400, 6))
    table = (kinds + rng.normal(0, 0.1, (400, 6))).astype(np.float32)
    names = ["red", "blue", "green", "round", "square", "tall"]
    texts = [" ".join(name for name, there in zip(names, row, strict=True) if there) for row in kinds]
    texts[0], texts[1] = "red blue green", "round square tall"
    table[:2] = [[0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0]]
    folds = np.arange(400) % 5
    scores = Probe.fit(table, texts, folds).scores(table, texts, folds)
    assert scores[:2].max() < -1 < 0.5 < np.quantile(scores[2:], 0.05)


def test_probe_without_frequent_words_knows_nothing():
    texts = [f"word{i}" for i in range(120)]
    given = np.ones((120, 3), np.float32), texts, np.arange(120) % 5
    assert not Probe.fit(*given).scores(*given).any()


def test_agreement_abstains_when_pictures_tell_nothing(capsys):
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, 500)
    assert not any(Agreement().decide(Scores(values, ("",) * 500)))
    assert "agreement abstains: features tell 2% of 500 texts from others', 80% are asked" in capsys.readouterr().err
    values[:450] = 4
    assert sum(map(bool, Agreement().decide(Scores(values, ("",) * 500)))) == (values < 2).sum()


def test_agreement_leaves_short_texts_and_text_alone_unjudged():
    look = features(noise(0))
    short = Candidate(sample("a", text="yes"), False, (look,))
    alone = Candidate(Sample("b", "s", captions=(Words("one two three four five"),)), False)
    scores = Agreement().score((short, alone))
    assert np.isnan(scores.values).all()
    assert Agreement().decide(scores) == ["", ""]


def test_features_see_colour_and_place():
    left = np.full((64, 64, 3), 245, np.uint8)
    left[8:24, 8:24] = (214, 39, 40)
    blue = left.copy()
    blue[8:24, 8:24] = (40, 90, 220)
    a, b, c = features(left), features(left[:, ::-1].copy()), features(blue)
    assert a.dtype == np.float32
    assert np.isfinite(a).all()
    assert np.abs(a - b).max() > 0.3
    assert np.abs(a - c).max() > 0.3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Size(min_side=0), "Size.min_side: 0; expected 1 or more"),
        (lambda: Aspect(max_ratio=0.5), "Aspect.max_ratio: 0.5; expected 1 or more"),
        (lambda: Caption(min_words=3, max_words=2), "Caption.min_words: 3, max_words 2; expected 0 ≤ min_words ≤ max_words"),
        (lambda: PerceptualHash(max_distance=40), "PerceptualHash.max_distance: 40; expected 0 to 20 of 64 bits"),
        (lambda: Agreement(min_power=2.0), "Agreement.min_power: 2.0; expected a share from 0 to 1"),
    ],
)
def test_thresholds_out_of_range(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert message in str(caught.value)
