"""Preview: what a person sees of a row."""

from omma.pack.preview import LEARNT, LEARNT_MARK, MARK, SLOTS, preview


def test_preview_text_and_colours(codec, eye, make):
    text = preview(codec.row(make.dialogue(words=1), eye), codec)
    assert text.plain == "<|user|>‹<|image|> × 4›how many 0?<|end|><|assistant|>there are two<|end|>"
    parts = [(text.plain[span.start : span.end], span.style) for span in text.spans]
    assert parts == [
        ("<|user|>", MARK),
        ("‹<|image|> × 4›", SLOTS),
        ("<|end|>", MARK),
        ("<|assistant|>", MARK),
        ("there are two", LEARNT),
        ("<|end|>", LEARNT_MARK),
    ]


def test_a_prompt_shows_nothing_green(codec, eye, make):
    text = preview(codec.prompt(make.dialogue(), eye), codec)
    assert not {LEARNT, LEARNT_MARK} & {span.style for span in text.spans}
