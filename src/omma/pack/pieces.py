"""Piece: a rendered conversation cut by structure, before it becomes tokens. What a piece is decides what is supervised."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["mark", "tag", "words", "speech", "stop", "picture", "slots"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of one kind.

    `mark` template text, in which special tokens are special; `tag` the same, encoded by itself and found again; `words` what
    a user or system says, in which nothing is special; `speech` the assistant's words (supervised); `stop` template text that
    ends the assistant's turn (supervised); `picture` the place of media `number`; `slots` a run of `number` visual slots.
    """

    kind: Kind
    text: str = ""
    number: int = -1

    @property
    def supervised(self) -> bool:
        """Whether the model learns to write it."""
        return self.kind in ("speech", "stop")


@dataclass(frozen=True, slots=True)
class Line:
    """One turn ready for a template: its role and contents (`words`, `speech` and `picture` pieces) in reading order."""

    role: str
    pieces: tuple[Piece, ...]


def unsupervised(pieces: list[Piece]) -> list[Piece]:
    """Pieces → the same text with nothing to learn."""
    plain: dict[Kind, Kind] = {"speech": "words", "stop": "mark"}
    return [Piece(plain.get(piece.kind, piece.kind), piece.text, piece.number) for piece in pieces]
