"""Shapes: samples → batches that always have one shape, so that what a model computes of one does not depend on the others.

A batch that is not full is filled with its last member; words are filled up to a power of two that their own length chooses.
Sums of equal shape are made in equal order: values agree to the last digit in any company (asserted on the CPU).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")
SHORTEST = 8  # tokens of the smallest batch of words
UNLIMITED = 100_000  # tokenizers without a limit name a number far above this one


def batches(kinds: Sequence[int], rows: int) -> Iterator[list[int]]:
    """Kind of each item → places of each batch: at most `rows`, all of one kind."""
    for kind in sorted(set(kinds)):
        places = [place for place, one in enumerate(kinds) if one == kind]
        yield from (places[i : i + rows] for i in range(0, len(places), rows))


def filled(items: Sequence[Item], rows: int) -> list[Item]:
    """Items of a batch → `rows` of them, the last one repeated."""
    return [*items, *[items[-1]] * (rows - len(items))]


def lengths(tokenizer: Any, words: Sequence[str], limit: int) -> list[int]:
    """Texts → for each the power of two that its tokens are filled up to, at most `limit`, where longer ones are cut off."""
    counts = map(len, tokenizer(list(words), truncation=True, max_length=limit)["input_ids"])
    return [min(max(SHORTEST, 1 << (count - 1).bit_length()), limit) for count in counts]


def read_words(tokenizer: Any, words: Sequence[str], length: int) -> Mapping[str, Any]:
    """Texts of one batch → tensors, filled up on the right, since encoders count places from the left."""
    tokenizer.padding_side = "right"
    found: Mapping[str, Any] = tokenizer(list(words), padding="max_length", truncation=True, max_length=length, return_tensors="pt")
    return found


def longest(tokenizer: Any, text_config: Any) -> int:
    """The most tokens that an encoder of words takes: what its tokenizer says, or its number of places."""
    said = int(tokenizer.model_max_length)
    return said if said < UNLIMITED else int(text_config.max_position_embeddings)
