"""Words: a script and random numbers → words of its letters that mean nothing, so that they can be read but not guessed."""

from random import Random

# consonants and vowels, or whatever alternates as they do
SCRIPTS: dict[str, tuple[str, str]] = {
    "Latin": ("bcdfghklmnprstvz", "aeiou"),
    "Greek": ("βγδζθκλμνξπρτφχψ", "αεηιου"),
    "Cyrillic": ("бвгджзклмнпрстфхцчш", "аеиоуяю"),
    "Armenian": ("բգդզթլխծկմնշպսվր", "աեիու"),
    "Georgian": ("ბგდვზთკლმნპრსტქშ", "აეიოუ"),
}


def word(random: Random, script: str) -> str:
    """A word of two or three syllables of the script."""
    consonants, vowels = SCRIPTS[script]
    return "".join(random.choice(letters) for _ in range(random.randint(2, 3)) for letters in (consonants, vowels))


def words(random: Random, script: str, count: int) -> list[str]:
    """That many different words."""
    found: dict[str, None] = {}
    while len(found) < count:
        found[word(random, script)] = None
    return list(found)
