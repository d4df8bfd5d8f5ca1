"""Hard negatives: a true caption → captions of nearly the same words that are false, each with the rule that made it.

Word swaps as in NegCLIP (vinid/neg_clip: swapped nouns, adjectives, word order), by short lists of words instead of a part-of-
speech tagger. Nouns are swapped only about a relation that has a direction: "a cat and a dog" stays true when turned.
"""

import re
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from random import Random

from omma.curate.synthesis.lexicon import ATTRIBUTES, DIRECTED, KINDS, NUMBERS, OPPOSITES, family
from omma.schema.sample import Part, Sample, Turn

VERSION = "1"
WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?|\s+|.")


@dataclass(frozen=True, slots=True)
class Negative:
    """A false caption. `rule` is swap_noun, swap_attribute, replace_noun, replace_attribute, replace_relation or replace_number."""

    text: str
    rule: str


def hard_negatives(caption: str, random: Random) -> tuple[Negative, ...]:
    """Caption → at most one negative for each rule that applies, none of them the caption itself."""
    pieces = WORD.findall(caption)
    made = {
        "swap_noun": _swap(pieces, _swappable_nouns(pieces), random),
        "swap_attribute": _swap(pieces, _swappable_attributes(pieces), random),
        "replace_noun": _other(pieces, KINDS, random),
        "replace_attribute": _other(pieces, ATTRIBUTES, random),
        "replace_relation": _opposite(caption, random),
        "replace_number": _other(pieces, NUMBERS, random),
    }
    return tuple(Negative(text, rule) for rule, text in made.items() if text and text.lower() != caption.lower())


def with_negatives(sample: Sample, random: Random, prompt: str = "Which description fits the picture?") -> tuple[Sample, ...]:
    """Sample with captions → a preference sample for each negative: the caption chosen, the negative rejected.

    `meta` says where it comes from: `origin`, `rule` and `parent` (the id of the sample).
    """
    made: list[Sample] = []
    for caption in sample.captions:
        for negative in hard_negatives(caption.text, random):
            question = Turn("user", (*(Part("image", index=i) for i in range(len(sample.media))), Part("text", prompt)))
            chosen, rejected = (Turn("assistant", (Part("text", text),)) for text in (caption.text, negative.text))
            meta = sample.meta | {"origin": f"hard_negatives-{VERSION}", "rule": negative.rule, "parent": sample.id}
            id = f"{sample.id}#{negative.rule}:{len(made)}"
            turns = (question, chosen)
            pair = replace(
                sample, id=id, task="preference", captions=(), turns=turns, chosen=(chosen,), rejected=(rejected,), meta=meta
            )
            made.append(pair)
    return tuple(made)


def _swappable_nouns(pieces: list[str]) -> list[tuple[int, int]]:
    """Pairs of different nouns of one number, with a directed relation between them and no other noun."""
    places = [i for i, piece in enumerate(pieces) if family(piece, KINDS)]
    pairs = []
    for i, j in pairwise(places):
        between = " ".join("".join(pieces[i + 1 : j]).lower().split())
        directed = any(f" {word} " in f" {between} " for word in DIRECTED)
        if directed and pieces[i].lower() != pieces[j].lower() and pieces[i].endswith("s") == pieces[j].endswith("s"):
            pairs.append((i, j))
    return pairs


def _swappable_attributes(pieces: list[str]) -> list[tuple[int, int]]:
    """Pairs of different words of one family of attributes, each right before a word of its own, different from the other's."""
    places = [i for i, piece in enumerate(pieces[:-2]) if family(piece, ATTRIBUTES) and pieces[i + 1].isspace()]
    places = [i for i in places if pieces[i + 2].isalpha() and pieces[i + 2].lower() not in ("and", "or")]
    return [
        (i, j)
        for i, j in combinations(places, 2)
        if pieces[i].lower() != pieces[j].lower()
        and family(pieces[i], ATTRIBUTES) == family(pieces[j], ATTRIBUTES)
        and pieces[i + 2].lower() != pieces[j + 2].lower()
    ]


def _swap(pieces: list[str], pairs: list[tuple[int, int]], random: Random) -> str:
    if not pairs:
        return ""
    i, j = random.choice(pairs)
    turned = list(pieces)
    turned[i], turned[j] = _cased(pieces[j], pieces[i]), _cased(pieces[i], pieces[j])
    return _told(turned)


def _other(pieces: list[str], families: tuple[tuple[str, ...], ...], random: Random) -> str:
    """Another word of the same family in the place of one, unless the caption says that word as well."""
    said = {piece.lower() for piece in pieces}
    places = [(i, family(piece, families)) for i, piece in enumerate(pieces)]
    choices = [(i, [word for word in kin if word not in said]) for i, kin in places if kin]
    choices = [(i, kin) for i, kin in choices if kin]
    if not choices:
        return ""
    i, kin = random.choice(choices)
    return _told([*pieces[:i], _cased(random.choice(kin), pieces[i]), *pieces[i + 1 :]])


def _opposite(caption: str, random: Random) -> str:
    """One relation turned into its opposite."""
    found = [(match, other) for one, other in OPPOSITES for match in re.finditer(rf"\b{one}\b", caption, re.IGNORECASE)]
    if not found:
        return ""
    match, other = random.choice(found)
    return caption[: match.start()] + _cased(other, match[0]) + caption[match.end() :]


def _cased(word: str, like: str) -> str:
    return word.capitalize() if like[:1].isupper() else word.lower()


def _told(pieces: list[str]) -> str:
    """Pieces → text in which "a" and "an" fit the words behind them."""
    told = list(pieces)
    for i, piece in enumerate(told[:-2]):
        if piece.lower() in ("a", "an") and told[i + 1].isspace():
            told[i] = _cased("an" if told[i + 2][:1].lower() in "aeio" else "a", piece)
    return "".join(told)
