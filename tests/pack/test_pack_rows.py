"""Rows: long conversations are split between turns, pictures are shown again and never cut, and the ledger is told."""

from dataclasses import replace

import pytest

from omma.pack.lengths import lengths
from omma.pack.rows import fit, fitted_lengths
from omma.schema.sample import Caption, Media, Part, Region, Sample, Turn

WIDE = 10_000


def learnt(rows, codec):
    return [codec.decode(row.token_ids[row.supervised]) for row in rows]


def test_what_fits_stays_whole(codec, eye, make):
    sample = make.dialogue(exchanges=3)
    fitted = fit(sample, codec, eye, WIDE, WIDE)
    assert [row.token_ids.tolist() for row in fitted.rows] == [codec.row(sample, eye).token_ids.tolist()]
    assert fitted.entries == ()


@pytest.mark.parametrize("exchanges", [2, 3, 7])
@pytest.mark.parametrize("pictures", [0, 1, 2])
def test_splits_keep_every_reply_and_show_pictures_again(codec, eye, make, exchanges, pictures):
    sample = make.dialogue(exchanges=exchanges, pictures=pictures)
    full = codec.row(sample, eye)
    budget = full.num_tokens - 1
    fitted = fit(sample, codec, eye, budget, WIDE)
    assert len(fitted.rows) > 1
    assert "".join(learnt(fitted.rows, codec)) == learnt([full], codec)[0]
    for row in fitted.rows:
        assert row.num_tokens <= budget and len(row.pictures) == pictures
        assert all(len(picture.slots) == 4 for picture in row.pictures)
        assert (row.token_ids == codec.image_id).sum() == 4 * pictures
        assert row.sample_id == sample.id
    [entry] = fitted.entries
    assert (entry.verdict, entry.operator, entry.threshold) == ("split", "pack.fit", budget)
    assert f"{exchanges} exchanges in {len(fitted.rows)} pieces, 0 exchanges lost" in entry.reason


def test_pieces_begin_with_the_system_turn(codec, eye, make):
    sample = make.dialogue(exchanges=3)
    sample = replace(sample, turns=(make.said("system", "be brief"), *sample.turns))
    rows = fit(sample, codec, eye, codec.row(sample, eye).num_tokens - 1, WIDE).rows
    assert len(rows) == 2
    assert all(codec.decode(row.token_ids).startswith("be brief") for row in rows)


def test_an_exchange_that_shows_its_own_picture_needs_no_other(codec, eye, make):
    media = tuple(Media(name, width=20, height=12) for name in ("a.png", "b.png"))
    turns = [make.said("user", 0, "one"), make.said("assistant", "x"), make.said("user", 1, "two"), make.said("assistant", "y")]
    turns += [make.said("user", "three"), make.said("assistant", "z")]
    sample = Sample(id="s", source="t", media=media, turns=tuple(turns))
    rows = fit(sample, codec, eye, WIDE, 4).rows  # one picture of 4 patches a piece
    assert [[p.media.uri for p in row.pictures] for row in rows] == [["a.png"], ["b.png"]]
    rows = fit(sample, codec, eye, 14, WIDE).rows
    assert [[p.media.uri for p in row.pictures] for row in rows] == [["a.png"], ["b.png"], ["b.png"]]


def test_the_picture_of_a_region_is_shown_again(codec, eye, make):
    media = tuple(Media(name, width=20, height=12) for name in ("a.png", "b.png"))
    turns = [make.said("user", 0, "one"), make.said("assistant", "x"), make.said("user", 1, "two"), make.said("assistant", "y")]
    turns += [Turn("user", (Part("text", "where is "),)), Turn("assistant", (Part("region", index=0),))]
    sample = Sample(id="s", source="t", media=media, turns=tuple(turns), regions=(Region(media=0, box=(0, 0, 9, 9)),))
    longest = codec.row(replace(sample, turns=(make.said("user", 0, 1, "where is "), turns[-1])), eye).num_tokens
    rows = fit(sample, codec, eye, longest, WIDE).rows
    assert [p.media.uri for p in rows[-1].pictures] == ["a.png", "b.png"]


def test_what_never_fits_is_dropped_and_told(codec, eye, make):
    long = make.dialogue(exchanges=2, words=40)
    [entry] = fit(long, codec, eye, 30, WIDE).entries
    assert entry.verdict == "drop" and "no single exchange fits" in entry.reason and "budget 30 tokens" in entry.reason
    [entry] = fit(make.dialogue(), codec, eye, WIDE, 3).entries
    assert entry.verdict == "drop" and "4 patches; budget 10,000 tokens, 3 patches" in entry.reason
    [entry] = fit(make.captioned(texts=("a red square " * 50,)), codec, eye, 30, WIDE).entries
    assert entry.verdict == "drop" and "a caption is not split" in entry.reason
    [entry] = fit(replace(make.captioned(), captions=(Caption(None),)), codec, eye, WIDE, WIDE).entries
    assert entry.verdict == "error" and "a caption is null" in entry.reason


def test_a_long_exchange_between_short_ones_is_lost_alone(codec, eye, make):
    turns = []
    for words in (1, 60, 1):
        turns += [make.said("user", "how many"), make.said("assistant", "there are two" * words)]
    fitted = fit(Sample(id="s", source="t", turns=tuple(turns)), codec, eye, 40, WIDE)
    assert learnt(fitted.rows, codec) == ["there are two"] * 2
    assert fitted.entries[0].verdict == "truncate" and "3 exchanges in 2 pieces, 1 exchanges lost" in fitted.entries[0].reason


def test_a_piece_without_a_reply_is_no_row(codec, eye, make):
    sample = make.dialogue(exchanges=2)
    sample = replace(sample, turns=(*sample.turns, make.said("user", "and now? " * 10)))
    fitted = fit(sample, codec, eye, codec.row(sample, eye).num_tokens - 1, WIDE)
    assert all(row.supervised.any() for row in fitted.rows)


def test_lengths_count_what_rows_hold(codec, eye, make):
    samples = [make.dialogue("a", exchanges=2), make.captioned("b"), replace(make.captioned("c"), captions=(Caption(None),)),
               make.dialogue("d", pictures=0), make.captioned("e", texts=("one", "two", "a red square"))]  # fmt: skip
    found = lengths(samples, codec, eye)
    assert found.sample.tolist() == [0, 1, 3, 4] and found.first.tolist() == [0, 1, 3, 4, 7]
    owner = found.sample.repeat(found.first[1:] - found.first[:-1])
    for sample, variant, tokens, patches in zip(owner, found.variant, found.tokens, found.patches, strict=True):
        row = codec.row(samples[sample], eye, int(variant))
        assert (row.num_tokens, row.num_patches(eye.patch)) == (tokens, patches)
    assert [(entry.sample_id, entry.verdict) for entry in found.entries] == [("c", "error")]


def test_fitted_lengths_are_those_of_the_pieces(codec, eye, make):
    samples = [make.dialogue("a", exchanges=4), make.dialogue("b"), make.dialogue("c", words=60)]
    found = fitted_lengths(samples, codec, eye, 50, WIDE)
    pieces = [fit(sample, codec, eye, 50, WIDE).rows for sample in samples]
    assert len(pieces[0]) > 1 and pieces[2] == ()
    assert found.sample.tolist() == [0] * len(pieces[0]) + [1]
    assert found.variant.tolist() == [*range(len(pieces[0])), 0]
    assert found.tokens.tolist() == [row.num_tokens for rows in pieces for row in rows]
    assert [entry.verdict for entry in found.entries] == ["split", "drop"]
