"""Joining questions about one picture: every question and answer is still there, once, and told."""

from omma.curate.joining import join_turns
from omma.schema.sample import Answer, Caption, Media, Part, Region, Sample, Turn


def question(number: int, picture: str, source: str = "qa") -> Sample:
    asked = Turn("user", (Part("image", index=0), Part("text", f"where is {number}?")))
    told = Turn("assistant", (Part("text", f"{number}"), Part("region", index=0)))
    region = Region(0, (number, 0, 9, 9))
    return Sample(f"q{number}", source, "point", (Media(picture),), (asked, told), regions=(region,), answer=Answer((f"{number}",)))


SAMPLES = [question(0, "a"), question(1, "b"), question(2, "a"), question(3, "a"), question(4, "a", "other")]


def test_joined_turns_keep_every_pair_and_its_region() -> None:
    joined = join_turns(SAMPLES, 4, seed=0)
    assert sorted(len(sample.turns) for sample in joined.samples) == [2, 2, 6]
    long = max(joined.samples, key=lambda sample: len(sample.turns))
    pairs = [
        (ask.text, told.text, long.regions[told.parts[1].index].box[0]) for ask, told in zip(*[iter(long.turns)] * 2, strict=True)
    ]
    assert sorted(pairs) == [(f"where is {n}?", f"{n}", float(n)) for n in (0, 2, 3)]
    assert [part.kind for turn in long.turns for part in turn.parts].count("image") == 1 and long.turns[0].parts[0].kind == "image"
    told = {(entry.sample_id, entry.verdict) for entry in joined.entries}
    assert (
        len(told) == 2
        and {name for name, _ in told} | {long.id} == {"q0", "q2", "q3"}
        and joined.entries[0].reason == f"now a turn of {long.id}"
    )


def test_conversations_are_no_longer_than_asked_and_nothing_else_is_touched() -> None:
    caption = Sample("c", "captions", media=(Media("a"),), captions=(Caption("x"),))
    assert join_turns([*SAMPLES, caption], 1, seed=0).samples == [*SAMPLES, caption]
    joined = join_turns([*SAMPLES, caption], 2, seed=0).samples
    assert max(len(sample.turns) for sample in joined) == 4 and caption in joined
    assert sum(len(sample.turns) for sample in joined) == 2 * len(SAMPLES)
    assert join_turns(SAMPLES, 4, seed=0) == join_turns(SAMPLES, 4, seed=0)
