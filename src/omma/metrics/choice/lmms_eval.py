"""lmms-eval's reading of lettered questions: reply + letters → the letter found in the most trusted form, or nothing.

Source: EvolvingLMMs-Lab/lmms-eval at 75571cf, `lmms_eval/tasks/_task_utils/mcq_extract.py`.
"""

from collections.abc import Iterator, Sequence

PHRASES = (
    "the answer is",
    "answer is",
    "the correct answer is",
    "correct answer is",
    "the best answer is",
    "best answer is",
    "the correct option is",
    "correct option is",
    "the best option is",
    "best option is",
    "the choice is",
    "choice is",
    "the correct choice is",
    "correct choice is",
    "i choose",
    "i select",
    "i pick",
    "my answer is",
    "my choice is",
    "옵션",
    "정답은",
    "답은",
    "답:",
    "答案是",
    "答案为",
    "选",
    "答えは",
)
START, END, PHRASE, IN_BRACKETS, PERIOD, COLON, BRACKET, SPACE = 10, 9, 7, 6, 5, 4, 3, 2
FORMS = ((IN_BRACKETS, "({})"), (PERIOD, "{}."), (COLON, "{}:"), (BRACKET, "{})"), (SPACE, "{} "))
ENDS = ",.!?;:'\""


def trusted_letter(reply: str, letters: Sequence[str]) -> str | None:
    """Reply → the letter in the most trusted form, of equals the last one; of still equals the first of `letters`.

    From most to least trusted: at the start, at the end, behind a phrase such as "the answer is", "(A)", "A.", "A:",
    "A)", "A ", and the letter anywhere, inside words too. Case matters. None if no letter occurs at all.
    """
    text = reply.strip()
    if not text:
        return None
    for mark in ENDS:
        text = text.strip(mark)
    text = f" {text} "
    found = [*_formed(text, letters), *_behind_phrases(text, letters), *_at_the_ends(text, letters)]
    found = found or [(0, text.rfind(letter), letter) for letter in letters if letter in text]
    return max(found, key=lambda one: one[:2])[2] if found else None


def _formed(text: str, letters: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    for trust, form in FORMS:
        for letter in letters:
            place = text.rfind(form.format(letter))
            if place >= 0:
                yield trust, place, letter


def _behind_phrases(text: str, letters: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Behind the first mention of each phrase, the first of each letter."""
    lowered = text.lower()
    for phrase in PHRASES:
        place = lowered.find(phrase)
        if place >= 0:
            for letter in letters:
                behind = text.find(letter, place + len(phrase))
                if behind >= 0:
                    yield PHRASE, behind, letter


def _at_the_ends(text: str, letters: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    bare = text.strip()
    for letter in letters:
        if bare.startswith(letter) and not bare[1:2].isalpha():
            yield START, 0, letter
        if bare.endswith(letter) and not bare[-2:-1].isalpha():
            yield END, len(text) - 1, letter
