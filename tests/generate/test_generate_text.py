"""Growing text: pieces joined equal the whole, stop texts are found across tokens, half characters wait."""

from hypothesis import given
from hypothesis import strategies as st

from omma.generate.text import GrowingText, cut, waiting


def byte_decode(ids):
    """A tokenizer of single bytes: the hardest case for half characters."""
    return bytes(ids).decode("utf-8", errors="replace")


WORDS = ["▁the", "▁red", "box", "▁", "es", "."]


def word_decode(ids):
    """A tokenizer in the manner of SentencePiece: the first space of a text is swallowed."""
    return "".join(WORDS[i] for i in ids).replace("▁", " ").removeprefix(" ")


def grow(decode, ids, stop=()):
    text, pieces = GrowingText(decode, stop), []
    for token_id in ids:
        stopped = text.push(token_id)
        pieces.append(text.take())
        if stopped:
            break
    return text, pieces + [text.finish()]


@given(st.text(max_size=30))
def test_pieces_join_to_the_text_for_bytes(words):
    assert "".join(grow(byte_decode, words.encode())[1]) == words


@given(st.lists(st.integers(0, 5), max_size=20))
def test_pieces_join_to_the_text_for_words(ids):
    assert "".join(grow(word_decode, ids)[1]) == word_decode(ids)


def test_half_a_character_waits_for_its_rest():
    assert grow(byte_decode, "né".encode())[1] == ["n", "", "é", ""]


def test_broken_bytes_come_out_in_the_end():
    assert "".join(grow(byte_decode, [65, 0xE2, 0x82])[1]) == byte_decode([65, 0xE2, 0x82])
    many = [0xFF] * 40 + [66]
    assert "".join(grow(byte_decode, many)[1]) == byte_decode(many)


@given(st.text(alphabet="abé\n", max_size=30), st.lists(st.text(alphabet="abé\n", min_size=1, max_size=3), max_size=3))
def test_stop_texts_are_found_whatever_the_token_borders(words, stop):
    text, pieces = grow(byte_decode, words.encode(), tuple(stop))
    assert "".join(pieces) == cut(words, stop)
    assert text.stopped == any(word in words for word in stop)


def test_the_beginning_of_a_stop_text_is_held_back():
    _, pieces = grow(byte_decode, b"yes\nUser: no", ("\nUser:",))
    assert pieces == ["y", "e", "s", "", "", "", "", "", "", ""]
    _, pieces = grow(byte_decode, b"a\nb", ("\nUser:",))
    assert pieces == ["a", "", "\nb", ""]


def test_cut_takes_the_first_of_several():
    assert cut("one two three", ("three", "two")) == "one "
    assert cut("axb", ("xb", "x", "axbc")) == "a"  # complete first, as a reader of single characters would see it
    assert cut("axb", ("b", "xb")) == "a"  # complete together
    assert cut("one", ()) == "one"


def test_waiting_counts_the_longest_beginning():
    assert waiting("ab\n\n", ("\n\n\n", "b\n\nc")) == 3
    assert waiting("ab", ("x",)) == 0
