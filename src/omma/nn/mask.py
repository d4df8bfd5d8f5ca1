"""Mask algebra: rules over packed documents, in as tensors of token indices, out as who may see whom.

A rule says which key a query may attend to inside its own document; `Packed` adds the documents. Rules combine:
`Causal() & Window(128)` is a sliding window, `Causal() | Spans(ids)` is causal text with bidirectional picture spans.
A query that may attend to nothing reads zeros, in every back end.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from omma.core.errors import ShapeError

Made = TypeVar("Made")


@dataclass(frozen=True)
class Rule:
    """Who may attend to whom inside a document. Combine with `&` (both rules) and `|` (either)."""

    def allows(self, query: Int[Tensor, "*q"], key: Int[Tensor, "*k"]) -> Bool[Tensor, "*qk"]:
        """Stream indices of queries and keys (broadcast against each other) → allowed or not."""
        raise NotImplementedError(f"{type(self).__name__} allows nothing yet")

    def fit(self, num_tokens: int) -> None:
        """Raise ShapeError if the rule was made for a stream of another length."""

    def __and__(self, other: "Rule") -> "Rule":
        return Both(self, other)

    def __or__(self, other: "Rule") -> "Rule":
        return Either(self, other)


@dataclass(frozen=True)
class Causal(Rule):
    """A token sees itself and what came before it."""

    def allows(self, query: Int[Tensor, "*q"], key: Int[Tensor, "*k"]) -> Bool[Tensor, "*qk"]:
        return query >= key


@dataclass(frozen=True)
class Full(Rule):
    """Every token of a document sees every other."""

    def allows(self, query: Int[Tensor, "*q"], key: Int[Tensor, "*k"]) -> Bool[Tensor, "*qk"]:
        return (query >= 0) & (key >= 0)


@dataclass(frozen=True)
class Window(Rule):
    """Tokens less than `size` apart see each other, so size 1 is the token itself."""

    size: int

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ShapeError("nn.attention.Window", f"size {self.size}", "at least 1, the token itself")

    def allows(self, query: Int[Tensor, "*q"], key: Int[Tensor, "*k"]) -> Bool[Tensor, "*qk"]:
        return (query - key).abs() < self.size


@dataclass(frozen=True, eq=False)
class Spans(Rule):
    """Tokens with the same non-negative id see each other in both directions; tokens with a negative id see nobody."""

    ids: Int[Tensor, "T"]

    def allows(self, query: Int[Tensor, "*q"], key: Int[Tensor, "*k"]) -> Bool[Tensor, "*qk"]:
        return (self.ids[query] == self.ids[key]) & (self.ids[query] >= 0)

    def fit(self, num_tokens: int) -> None:
        if len(self.ids) != num_tokens:
            raise ShapeError("nn.attention.Spans", f"{len(self.ids)} span ids", f"{num_tokens}, one per token of the stream")


@dataclass(frozen=True)
class Both(Rule):
    """What both rules allow."""

    left: Rule
    right: Rule

    def allows(self, query: Int[Tensor, "*q"], key: Int[Tensor, "*k"]) -> Bool[Tensor, "*qk"]:
        return self.left.allows(query, key) & self.right.allows(query, key)

    def fit(self, num_tokens: int) -> None:
        self.left.fit(num_tokens)
        self.right.fit(num_tokens)


@dataclass(frozen=True)
class Either(Rule):
    """What at least one of two rules allows."""

    left: Rule
    right: Rule

    def allows(self, query: Int[Tensor, "*q"], key: Int[Tensor, "*k"]) -> Bool[Tensor, "*qk"]:
        return self.left.allows(query, key) | self.right.allows(query, key)

    def fit(self, num_tokens: int) -> None:
        self.left.fit(num_tokens)
        self.right.fit(num_tokens)


@dataclass(frozen=True, eq=False)
class Packed:
    """Documents of a packed stream, [cu_seqlens[s], cu_seqlens[s+1]) each, and the rule inside them. Nobody sees across.

    One object serves all layers of a forward pass: what a back end derives from it (`once`) is computed one time.
    """

    cu_seqlens: Int[Tensor, "S1"]
    rule: Rule = Causal()
    _made: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        borders = self.borders
        if not borders or borders[0] != 0 or any(length < 0 for length in self.lengths):
            raise ShapeError("nn.attention.Packed", f"cu_seqlens {borders}", "ascending document borders that begin with 0")
        self.rule.fit(self.num_tokens)

    @cached_property
    def borders(self) -> list[int]:
        """`cu_seqlens` on the host."""
        return self.cu_seqlens.tolist()

    @cached_property
    def lengths(self) -> list[int]:
        """Tokens per document."""
        return [last - first for first, last in zip(self.borders, self.borders[1:], strict=False)]

    @property
    def num_tokens(self) -> int:
        """Tokens of the stream."""
        return self.borders[-1]

    @cached_property
    def documents(self) -> Int[Tensor, "T"]:
        """Number of each token's document."""
        lengths = self.cu_seqlens.diff().long()
        numbers = torch.arange(len(lengths), device=lengths.device)
        return torch.repeat_interleave(numbers, lengths, output_size=self.num_tokens)

    def allows(self, query: Int[Tensor, "*q"], key: Int[Tensor, "*k"]) -> Bool[Tensor, "*qk"]:
        """Stream indices → allowed: the same document and the rule."""
        return (self.documents[query] == self.documents[key]) & self.rule.allows(query, key)

    def dense(self) -> Bool[Tensor, "T T"]:
        """The whole mask as booleans; for reading, tests and short streams."""
        index = torch.arange(self.num_tokens, device=self.cu_seqlens.device)
        return self.allows(index[:, None], index[None, :])

    def once(self, name: str, make: Callable[[], Made]) -> Made:
        """What `make` returned when it was first asked for under this name."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]
