"""PTB tokens: equal to Stanford's tokenizer 3.4.1 token for token, and to the tokens that coco-caption compares."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omma.metrics.captions.longest import Longest
from omma.metrics.captions.ptb import tokens, words

GOLDEN = Path(__file__).parents[2] / "../shared/golden/coco-caption-fakecap"
golden = pytest.mark.skipif(not GOLDEN.is_dir(), reason="../shared/golden/coco-caption-fakecap is not there")

# Lines of our own with what stanford-corenlp 3.4.1 (PTBTokenizer -preserveLines) made of them, read as one file.
RECORDED = [
    ("A man can't ride his dog's bike; he'll fall.", "A man ca n't ride his dog 's bike ; he 'll fall ."),
    ('"Look," she said, "it\'s a 1/2 price sale!"', "`` Look , '' she said , `` it 's a 1/2 price sale ! ''"),
    ("I cannot. You gonna? Gimme that, wanna 'tis 'twas", "I can not . You gon na ? Gim me that , wan na 't is 't was"),
    (
        "Don'T shout at O'Neil's c'mon rock 'n' roll in the '90s and '05",
        "Do n'T shout at O'Neil 's c'mon rock 'n' roll in the '90s and '05",
    ),
    ("U.S. and U.K. planes at 5:30 p.m. near St. Mary's Ave.", "U.S. and U.K. planes at 5:30 p.m. near St. Mary 's Ave."),
    ("The U.S. The flag. Vitamin A. He eats.", "The U.S. . The flag . Vitamin A . He eats ."),
    ("Mr. Smith, Jr., of Acme Inc. Sold 3 ft. of rope etc.", "Mr. Smith , Jr. , of Acme Inc. . Sold 3 ft. of rope etc."),
    ("etc. and so on, Jan. 5th, fig. 3, no. 7 and no. Thanks", "etc. and so on , Jan. 5th , fig. 3 , no. 7 and no . Thanks"),
    ("pty. ltd. and co. ltd. vs. Ph.D. a.k.a. B.B.C. news", "pty. ltd. and co. ltd. vs. Ph.D. a.k.a. B.B.C. news"),
    (
        "a close-up of a black-and-white, well-known 50-50 half-eaten T-shirt-",
        "a close-up of a black-and-white , well-known 50-50 half-eaten T-shirt -",
    ),
    (
        "black/white and/or his/her w/ 24/7 12/25/2014 1 1/2 3-1/2 cups ½ ¼",
        "black/white and/or his/her w / 24/7 12/25/2014 1\xa01/2 3-1/2 cups 1/2 1/4",
    ),
    ("call 555-1234 or (555) 555-1234 or 1.800.555.1234", "call 555-1234 or -LRB-555-RRB-\xa0555-1234 or 1.800.555.1234"),
    (
        "costs $5.00, US$ 10, us$ 10, £3, €4, ¥5 and 6¢ 50% #1 #tag @name",
        "costs $ 5.00 , US$ 10 , us $ 10 , # 3 , $ 4 , ¥ 5 and 6 cents 50 % # 1 #tag @name",
    ),
    (
        "see http://x.org/a?b=1. www.foo.com, foo.org/bar me@b.com report.pdf x.y",
        "see http://x.org/a?b=1 . www.foo.com , foo.org/bar me@b.com report.pdf x.y",
    ),
    (
        '( ) [ ] { } < > << >> <b>bold</b> <a href="x y">link</a>',
        '-LRB- -RRB- -LSB- -RSB- -LCB- -RCB- < > << >> <b> bold </b> <a\xa0href="x\xa0y"> link </a>',
    ),
    (
        "wait... what?! no -- really --- yes ---- a - b – c — d . . . e",
        "wait ... what ?! no -- really -- yes -- a - b -- c -- d ... e",
    ),
    (
        ":) :-) ;P =D ^_^ (^_^) 8) C++ C# AT&T S&P-500 R&D &amp; &quot;hi&quot; &lt;",
        ":-RRB- :--RRB- ;P =D ^_^ -LRB-^_^-RRB- 8 -RRB- C++ C# AT&T S&P-500 R&D & `` hi '' <",
    ),
    (
        "‘single’ “double” «guillemets» it’s isn’t `back' ``tick''",
        "` single ' `` double '' `` guillemets '' it 's is n't ` back ' `` tick ''",
    ),
    (
        "café ñandú naïve ﬁne Ünïcode русский 中文 日本 العربية ²x³ H₂O 30°",
        "café ñandú naïve ﬁne Ünïcode русский 中文 日本 العربية ² x ³ H ₂ O 30 °",
    ),
    ("smile \U0001f600 two \U0001f44d\U0001f3fd ok soft\xadhyphen zero\u200bwidth a b", "smile two ok softhyphen zero width a b"),
    ("end.Next end!Next 3.5 1,000 1:30 x.1 a.b.c -5 +7 5-", "end.Next end!Next 3.5 1,000 1:30 x. 1 a.b.c -5 +7 5 -"),
    ("snow_board __init__ a*b **bold** = / \\ | ~ ^ +", "snow_board __ init __ a * b ** bold ** = / \\ | ~ ^ +"),
    (
        "1980s' boys' Cap'n Ahab's y'all ol' 'em s'mores li'l o'clock d'Or l'homme",
        "1980s ' boys ' Cap'n Ahab 's y' all ol' 'em s'mores li'l o'clock d'Or l'homme",
    ),
    (
        "Canada-U.S. U.S.-based non-U.S. Sino-U.S A-1 F-16. M&Ms Q&A; 7-Up's",
        "Canada-U.S. U.S.-based non-U.S. Sino-U.S A-1 F-16 . M&M s Q&A ; 7-Up 's",
    ),
]
SIGNS = "abINOt9 .,'`\"!?-/_&@#$%()[]{}<>=:;*+\\~|\n\t\r\u00a0\u00ad\u2019\u2014é中\U0001f600\ud83d\x00"


def load(name: str):
    return json.loads((GOLDEN / name).read_text(encoding="utf-8"))


@golden
@pytest.mark.parametrize(
    ("raw", "tokenised", "count"),
    [
        ("captions_val2014_fakecap_results.json", "results_after_ptb.json", 1000),
        ("en_captions_val2014.json", "references_after_ptb.json", 5005),
    ],
)
def test_every_golden_caption_has_the_official_words(raw, tokenised, count):
    rows = load(raw)
    captions = {}
    for row in rows if isinstance(rows, list) else rows["annotations"]:
        captions.setdefault(str(row["image_id"]), []).append(row["caption"])
    expected = load(tokenised)
    assert {key: [words(text) for text in texts] for key, texts in captions.items()} == expected
    assert sum(map(len, expected.values())) == count


def test_tokens_equal_what_the_original_program_printed():
    text = "".join(line + "\n" for line, _ in RECORDED)
    found = " ".join(tokens(text)).replace(" \n ", "\n").removesuffix(" \n").split("\n")
    assert found == [expected for _, expected in RECORDED]


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A man's (old) dog -- isn't it?", "a man 's -lrb- old -rrb- dog is n't it"),  # brackets stay, in small letters
        ("Two dogs.\nOne cat", "two dogs one cat"),
        ("", ""),
        (" . , ! ", ""),
    ],
)
def test_marks_are_dropped_and_brackets_stay_as_officially(caption, expected):
    assert words(caption) == expected


def test_a_caption_does_not_depend_on_its_neighbours():
    assert words("near the U.S.") == words("near the U.S.\n") == "near the u.s."


@given(st.text(alphabet=SIGNS, max_size=60) | st.text(max_size=30))
def test_any_text_has_words_without_spaces_around(text):
    found = words(text)
    assert found == found.strip(" ")
    assert "  " not in found


@pytest.mark.parametrize("piece", ["a", "a:", "<!a", "<a b='", "a@", "1/2 ", "A. ", "'", "-", "a-", "a.b", "(555) 5"])
def test_long_texts_are_read_in_linear_time(piece):
    start = time.process_time()
    small = len(words(piece * (10_000 // len(piece))))
    middle = time.process_time()
    large = len(words(piece * (40_000 // len(piece))))
    assert large >= small
    assert time.process_time() - middle < 12 * (middle - start) + 0.3


def test_the_longest_match_wins_and_of_equals_the_first_rule():
    machine = Longest(["ab|abc", "a[bc]+", "x{2,3}", "{vowel}+z?"], {"vowel": "[aeiou]"})
    assert machine.match("abcb!", 0, set()) == (4, 1)  # Python's `re` would stop after "ab"
    assert machine.match("ABC", 0, set()) == (3, 0)  # letters outside brackets have no case, those in brackets do
    assert machine.match("xxxx", 0, set()) == (3, 2)
    assert machine.match("x", 0, set()) is None
    assert machine.match("eiz", 0, set()) == (3, 3)
    assert machine.ends("abc") == [3, 2, 1]
