"""Operators on texts: cases worked by hand, what they say of real captions and documents, and that no text breaks one."""

import importlib
import json
import math
import pkgutil
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import omma.curate.operators
from omma.core.errors import ConfigError, DataError
from omma.curate.operator import TextOperator, texts_of
from omma.curate.operators.alt_junk import KINDS, AltJunk, kind_of
from omma.curate.operators.capitals import Capitals
from omma.curate.operators.contamination import Contamination
from omma.curate.operators.flagged_words import FlaggedWords
from omma.curate.operators.language import Language
from omma.curate.operators.letter_repetition import LetterRepetition
from omma.curate.operators.personal_data import PersonalData, find, luhn, mask
from omma.curate.operators.special_share import SpecialShare
from omma.curate.operators.symbol_share import SymbolShare
from omma.curate.operators.word_repetition import WordRepetition
from omma.curate.texts.language_profiles import GROUPS, SMALL_WORDS
from omma.curate.texts.languages import likeness
from omma.schema.sample import Answer, Caption, Part, Sample, Turn

REAL = Path(__file__).parents[2] / "../shared/real"


def said(*texts: str) -> Sample:
    return Sample("x", "s", captions=tuple(Caption(text) for text in texts))


def reason(operator: TextOperator, *texts: str) -> str:
    return operator.decide(operator.score(said(*texts)))


@pytest.fixture
def captions() -> list[str]:
    file = REAL / "coco-ccby-dev/captions.jsonl"
    if not file.is_file():
        pytest.skip(f"no real captions at {file.resolve()}")
    return [text for line in file.read_text().splitlines() for text in json.loads(line)["captions"]]


@pytest.fixture
def word_list(tmp_path) -> str:
    path = tmp_path / "words.txt"
    path.write_text("# ours\nDarn\n\nholy  smoke\n糟糕\nc++\n", encoding="utf-8")
    return str(path)


@pytest.fixture
def benchmark(tmp_path) -> str:
    path = tmp_path / "benchmark.txt"
    path.write_text("What colour is the big bus that stands behind the house?\nHow many red dogs?\nwhat is it\n图中有几只猫\n")
    return str(path)


def every_text_operator(word_list: str, benchmark: str) -> list[TextOperator]:
    """One of each in the folder; those that need the user's file have one."""
    given = {"FlaggedWords": {"path": word_list}, "Contamination": {"path": benchmark}}
    modules = [
        importlib.import_module(f"omma.curate.operators.{m.name}") for m in pkgutil.iter_modules(omma.curate.operators.__path__)
    ]
    found = [(module, kind) for module in modules for kind in vars(module).values() if isinstance(kind, type)]
    kinds = {kind for module, kind in found if issubclass(kind, TextOperator) and kind.__module__ == module.__name__}
    return [kind(**given.get(kind.__name__, {})) for kind in sorted(kinds, key=lambda kind: kind.__name__)]


def test_texts_are_captions_and_replies():
    turns = (Turn("user", (Part("text", "what?"),)), Turn("assistant", (Part("text", "a dog"),)))
    assert texts_of(Sample("x", "s", captions=(Caption("a"), Caption("b")), turns=turns)) == ("a", "b", "a dog")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A man in a red hat is riding a horse on the beach.", "en"),
        ("Ein Mann mit einem roten Hut reitet auf einem Pferd am Strand.", "de"),
        ("Un homme avec un chapeau rouge monte un cheval sur la plage.", "fr"),
        ("Un hombre con un sombrero rojo monta a caballo en la playa.", "es"),
        ("Um homem com um chapéu vermelho está montado em um cavalo na praia.", "pt"),
        ("Un uomo con un cappello rosso cavalca sulla spiaggia con il cane.", "it"),
        ("Een man met een rode hoed rijdt op een paard op het strand.", "nl"),
        ("Mężczyzna w czerwonym kapeluszu jedzie na koniu po plaży.", "pl"),
        ("Мужчина в красной шляпе едет на лошади, и это его собака рядом.", "ru"),
        ("Чоловік у червоному капелюсі їде на коні по пляжу, і це його собака.", "uk"),
        ("رجل يرتدي قبعة حمراء ويركب حصانا على الشاطئ", "ar"),
        ("मैदान में एक आदमी घोड़े पर बैठा है", "hi"),
        ("海辺で馬に乗っている男性", "ja"),
        ("一个戴红帽子的男人在海滩上骑马", "zh"),
        ("빨간 모자를 쓴 남자가 해변에서 말을 타고 있다", "ko"),
        ("Ένας άντρας με κόκκινο καπέλο", "el"),
        ("ชายสวมหมวกสีแดงขี่ม้าบนชายหาด", "th"),
        ("Bir adam sahilde kırmızı şapka ile ata biniyor ve çok mutlu", "tr"),
        ("Một người đàn ông đội mũ đỏ cưỡi ngựa trên bãi biển", "vi"),
    ],
)
def test_language_of_captions_we_wrote(text, language):
    found = likeness(text)
    assert max(found, key=lambda code: found[code]) == language
    assert Language(languages=(language,)).score(said(text)) == 1.0
    assert (reason(Language(), text) == "") == (language == "en")


def test_language_of_english_photo_captions(captions):
    """At least 99% of real captions stay."""
    stay = sum(reason(Language(), text) == "" for text in captions[:400])
    assert stay >= 396


def test_language_says_nothing_of_numbers_and_marks():
    assert math.isnan(Language().score(said("12:30 — 4 × 5!")))
    assert reason(Language(), "12:30") == ""


def test_language_names_the_language_of_a_text_that_goes():
    text = said("Ein alter Mann sitzt mit seinem Hund auf einer Bank und liest die Zeitung")
    assert Language().decide(Language().score(text)).startswith("more like another language")
    assert Language().note(text) == "de"
    assert TextOperator().note(text) == ""


def test_language_profiles_are_whole():
    assert set(GROUPS) == set(SMALL_WORDS)
    for code, line in GROUPS.items():
        groups = [line[i : i + 3] for i in range(0, len(line), 3)]
        assert len(groups) == len(set(groups)) == 300, code


def test_letter_repetition_by_hand():
    # "abcabcabc", runs of 3: abc bca cab abc bca cab abc: 3 of 7 are new.
    assert LetterRepetition(run=3).score(said("abcabcabc")) == pytest.approx(4 / 7)
    assert LetterRepetition(run=3).score(said("ab")) == 0
    assert reason(LetterRepetition(), "a" * 60) == "98% of its runs of 10 letters are repetitions"
    assert reason(LetterRepetition(), "A dog and a cat lie on a bed and look at a bird.") == ""


def test_word_repetition_by_hand():
    # buy now, now buy, buy now, now buy, buy now: 2 of 5 are new.
    assert WordRepetition(run=2).score(said("Buy now buy now BUY now")) == pytest.approx(3 / 5)
    assert WordRepetition(run=3).score(said("a dog", "a dog", "a dog")) == 0  # each caption alone
    assert reason(WordRepetition(), "cheap red shoes " * 9).endswith("repetitions")


def test_real_captions_pass_the_plain_rules(captions):
    """Of 1,196 real captions the rules take out none, but 8 that are written in capitals."""
    for operator in (LetterRepetition(), WordRepetition(), SpecialShare(), SymbolShare(), PersonalData(), AltJunk()):
        gone = [text for text in captions if reason(operator, text)]
        assert not gone, (operator.name, gone)
    shouted = [text for text in captions if reason(Capitals(), text)]
    assert len(shouted) == 8
    assert all(text.isupper() for text in shouted)


def test_special_share_by_hand():
    assert SpecialShare().score(said("ab!?")) == 0.5
    assert SpecialShare().score(said("a b\t1")) == 0
    assert SpecialShare().score(said("हिन्दी é ไทย")) == 0  # marks on letters are letters
    assert SpecialShare().score(said("")) == 0
    assert reason(SpecialShare(), "★★★ sale ★★★") == "50% of it are marks and symbols"


def test_symbol_share_by_hand():
    assert SymbolShare().score(said("#a #b c d")) == 0.5
    assert SymbolShare().score(said("wait... what…")) == 1.0
    assert reason(SymbolShare(), "#cat #dog #love") == "1.00 number signs or ellipses a word"
    assert reason(SymbolShare(), "my cat #cute") == ""


def test_capitals_by_hand():
    assert Capitals().score(said("A" * 15 + "b" * 5)) == 0.75
    assert math.isnan(Capitals().score(said("NASA HQ")))
    assert math.isnan(Capitals().score(said("一个戴红帽子的男人在海滩上骑马一个戴红帽子的男人")))
    assert reason(Capitals(), "BIG SALE ON ALL RED SHOES TODAY") == "100% capitals"
    assert reason(Capitals(), "NASA HQ") == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("!!! …", "marks alone"),
        ("https://example.org/a.png?x=1", "an address"),
        ("www.example.org", "an address"),
        ("holiday photos (2).JPG", "a file name"),
        ("images/a/b.png", "a file name"),
        ("IMG_2034", "a camera's name for it"),
        ("DSC01234", "a camera's name for it"),
        ("20190304_123456", "a camera's name for it"),
        ("Screenshot 2021-03-04 at 10.11.12", "a camera's name for it"),
        ("2021-03-04 10:11", "a date"),
        ("March 4th, 2019", "a date"),
        ("4 March 2019", "a date"),
        ("image", "a placeholder"),
        ("Fig. 3", "a placeholder"),
        ("photo 3 of 10", "a placeholder"),
        ("Alt text", "a placeholder"),
        ("Click here!", "words of a button"),
        ("» Read more", "words of a button"),
        ("123 456", "a number or code"),
        ("d41d8cd98f00b204e9800998ecf8427e", "a number or code"),
        ("header_logo_small", "a slug"),
        ("best-red-shoes-2019", "a slug"),
    ],
)
def test_alt_junk(text, kind):
    assert KINDS[kind_of(text) - 1] == kind
    assert reason(AltJunk(), text) == f"no description but {kind}"
    assert reason(AltJunk(stay=(kind,)), text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "cat", "t-shirt", "x-ray", "图片里有一只猫", "image of a cat", "Fig tree", "May flowers", "Room 101",
        "A bird, links to larger version of the image", "Su-Do-Ku puzzle", "Boeing 747", "Image of 8", "St. Mary's, 4 March 2019",
    ],
)  # fmt: skip
def test_alt_junk_leaves_descriptions(text):
    assert kind_of(text) == 0


def test_alt_junk_goes_only_where_no_text_says_anything():
    assert AltJunk().score(said("IMG_1234.jpg", "a red bus")) == 0
    assert AltJunk().score(said("", "IMG_1234.jpg")) == KINDS.index("a file name") + 1
    assert AltJunk().score(said("", " ")) == 0  # the operator of captions judges those


def test_alt_junk_shows_the_text_that_goes():
    assert AltJunk().note(said(" ", "IMG_0412.jpg\n", "x")) == "IMG_0412.jpg"
    assert AltJunk().note(said("_" * 400)) == "_" * 60 + " …"


def test_alt_junk_of_documents():
    """Of 269 distinct texts by authors of documents, three are junk to these rules, and to us."""
    file = REAL / "weblike-docs/alt_text.jsonl"
    if not file.is_file():
        pytest.skip(f"no real documents at {file.resolve()}")
    texts = {json.loads(line)["alt"].strip() for line in file.read_text().splitlines()} - {""}
    assert len(texts) == 269
    assert {text for text in texts if kind_of(text)} == {"placeholder", "alt text", "ssh_optionalfeature"}
    missed = {"container-feature", "Learn more about Mozilla", "Download Firefox"}  # what we call junk, too
    assert missed <= texts


def test_flagged_words_match_whole_words_of_the_users_list(word_list):
    operator = FlaggedWords(path=word_list)
    assert operator.score(said("darn it, DARN!")) == pytest.approx(2 / 3)
    assert operator.score(said("darning a sock, undarned")) == 0
    assert operator.score(said("Holy\nsmoke over there")) == 1 / 4
    assert operator.score(said("ｄａｒｎ good")) == 1 / 2
    assert operator.score(said("这真糟糕啊")) == 1
    assert operator.score(said("I like c++.")) == pytest.approx(1 / 3)
    assert FlaggedWords(path=word_list, max_share=0.5).decide(0.5) == ""
    assert operator.decide(0.25) == "25.0% of its words are on the list"


def test_flagged_words_without_a_list(tmp_path):
    with pytest.raises(DataError, match="FlaggedWords.path: no list of words; expected a file of one word a line"):
        FlaggedWords().score(said("a"))
    with pytest.raises(DataError, match="cannot be read"):
        FlaggedWords(path=str(tmp_path / "none.txt")).score(said("a"))
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(DataError, match="a list without words"):
        FlaggedWords(path=str(tmp_path / "empty.txt")).score(said("a"))


def test_another_list_is_another_key(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("darn\n")
    first = FlaggedWords(path=str(path)).key
    path.write_text("darn\nheck\n")
    assert FlaggedWords(path=str(path)).key != first


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mail jane.doe+x@mail.example.co.uk now", "mail <email> now"),
        ("(jane@example.org)", "(<email>)"),
        ("call +49 30 1234567 or (415) 555-2671.", "call <phone> or <phone>."),
        ("call 415-555-2671 or 020 7946 0958", "call <phone> or <phone>"),
        ("host 192.168.10.1 and 2001:db8::ff00:42:8329", "host <ip> and <ip>"),
        ("card 4111 1111 1111 1111 or 5500-0000-0000-0004", "card <card> or <card>"),
    ],
)
def test_personal_data_is_found_and_masked(text, masked):
    assert mask(text) == masked
    assert PersonalData().score(said(text)) == masked.count("<")
    assert reason(PersonalData(), text).endswith("of persons")


@pytest.mark.parametrize(
    "text",
    [
        "in 2019-03-04 at 12:30:45", "999.1.2.3 is no address", "4111 1111 1111 1112", "a @ b", "@home on 5th Ave", "1920x1080 px",
        "ISBN 978-3-16-148410-0", "pages 100-200", "$1,000,000.00", "std::vector ::1", "0.5 to 0.75", "user@host",
    ],
)  # fmt: skip
def test_other_numbers_are_no_personal_data(text):
    assert mask(text) == text


def test_luhn_by_hand():
    # 79927398713: from the right 3 + 2 + 7 + 7 + 9 + 6 + 7 + 4 + 9 + 9 + 7 = 70, doubled ones being 1→2, 8→7, 3→6, 2→4, 9→9.
    assert luhn("79927398713")
    assert not any(luhn(f"7992739871{digit}") for digit in "012456789")


def test_contamination_by_hand(benchmark):
    operator = Contamination(path=benchmark)
    # Runs of 8 of 11 words: 4 of them; the copy holds 9 words of it, so 2 runs.
    assert operator.score(said("Tell me: what COLOUR is the big bus that stands behind, please")) == 2
    assert operator.score(said("what colour is the big bus that")) == 0
    assert operator.score(said("Look. How many red dogs")) == 1  # shorter than a run: whole
    assert operator.score(said("so what is it then")) == 0  # three words are no evidence
    assert operator.score(said("请问图中有几只猫？")) == 1
    assert operator.decide(2) == "2 runs of words stand in a benchmark, too"


def test_contamination_looks_at_questions_answers_and_preferences(benchmark):
    turn = Turn("user", (Part("text", "How many red dogs?"),))
    for row in (
        Sample("x", "s", turns=(turn,)),
        Sample("x", "s", chosen=(turn,)),
        Sample("x", "s", answer=Answer(("How many red dogs",))),
    ):
        assert Contamination(path=benchmark).score(row) == 1


def test_contamination_without_texts(tmp_path):
    with pytest.raises(DataError, match="no benchmark texts"):
        Contamination().score(said("a"))
    (tmp_path / "short.txt").write_text("what is it\n")
    with pytest.raises(DataError, match="no text of 4 words or more"):
        Contamination(path=str(tmp_path / "short.txt")).score(said("a"))


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=300))
def test_no_text_breaks_an_operator_or_its_mask(text, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    words, questions = folder / "any_words.txt", folder / "any_questions.txt"
    words.write_text("darn\n")
    questions.write_text("how many dogs are there\n")
    for operator in every_text_operator(str(words), str(questions)):
        score = operator.score(said(text))
        assert isinstance(score, float)
        assert score >= 0 or math.isnan(score)
        assert isinstance(operator.decide(score), str)
        assert operator.score(said(text)) == score or math.isnan(score)
    spans = find(text)
    assert all(0 <= item.start < item.end <= len(text) for item in spans)
    assert all(first.end <= second.start for first, second in pairwise(spans))


HUGE = {
    "one letter": "a" * 1_000_000,
    "one digit": "4" * 1_000_000,
    "digits apart": "4 " * 500_000,
    "dots": "a." * 500_000,
    "at signs": "a@" * 500_000,
    "colons": "1:" * 500_000,
    "control characters": "\0\x01\x1b\u202e" * 250_000,
    "every script": "".join(map(chr, range(0x20, 0xD800))) * 18,
    "words": "the dog and a cat " * 55_000,
}


@pytest.mark.parametrize("name", HUGE)
def test_a_megabyte_takes_no_operator_long(name, word_list, benchmark):
    for operator in every_text_operator(word_list, benchmark):
        begun = time.process_time()
        score = operator.score(said(HUGE[name]))
        seconds = time.process_time() - begun
        assert score >= 0 or math.isnan(score)
        assert seconds < 8, f"{operator.name}: {seconds:.1f} s"  # some 1 s at most on an idle machine


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Language(languages=("xx",)), "Language.languages: xx; expected some of am, ar"),
        (lambda: Language(min_score=2), "Language.min_score: 2"),
        (lambda: LetterRepetition(run=0), "LetterRepetition.run: 0; expected at least 1 of its letters"),
        (lambda: WordRepetition(max_share=2), "WordRepetition.max_share: 2.0; expected a share from 0 to 1"),
        (lambda: SpecialShare(max_share=-1), "SpecialShare.max_share: -1.0; expected a share from 0 to 1"),
        (lambda: SymbolShare(max_ratio=-1), "SymbolShare.max_ratio: -1.0; expected 0 or more symbols a word"),
        (lambda: Capitals(min_letters=0), "Capitals.min_letters: 0; expected 1 or more"),
        (lambda: AltJunk(stay=("jokes",)), "AltJunk.stay: jokes; expected some of: marks alone"),
        (lambda: FlaggedWords(max_share=2), "FlaggedWords.max_share: 2.0; expected a share from 0 to 1"),
        (lambda: PersonalData(max_found=-1), "PersonalData.max_found: -1; expected 0 or more"),
        (lambda: Contamination(run=2), "Contamination.run: 2; expected 4 words or more"),
    ],
)
def test_text_thresholds_out_of_range(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert message in str(caught.value)
