"""ChatMarks: a small template for models trained from scratch. <|user|> words <|end|> <|assistant|> words <|end|>"""

from collections.abc import Sequence

from omma.core.config import config
from omma.core.errors import DataError
from omma.pack.pieces import Line, Piece
from omma.pack.templates.template import Template
from omma.pack.words import Words

ROLES = ("system", "user", "assistant", "tool")
END = "<|end|>"


@config
class ChatMarks(Template):
    """Every turn is a role mark, its contents without added spaces, and an end mark. Each mark is one special token."""

    @property
    def image(self) -> str:
        return "<|image|>"

    @property
    def specials(self) -> tuple[str, ...]:
        return (END, *(f"<|{role}|>" for role in ROLES))

    def render(self, lines: Sequence[Line], words: Words, *, where: str) -> list[Piece]:
        pieces: list[Piece] = []
        for line in lines:
            if line.role not in ROLES:
                raise DataError(where, f"a turn of role {line.role!r}", ", ".join(ROLES))
            ending = Piece("stop" if line.role == "assistant" else "mark", END)
            pieces += [Piece("mark", f"<|{line.role}|>"), *line.pieces, ending]
        return pieces
