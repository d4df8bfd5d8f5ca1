"""Template: the lines of a conversation → pieces. Which text is a mark and which is said is known by structure."""

from collections.abc import Sequence

from omma.core.config import Config, config
from omma.pack.pieces import Line, Piece
from omma.pack.words import Words


@config
class Template(Config):
    """One subclass per way to write a conversation."""

    @property
    def image(self) -> str:
        """The special token of a visual slot."""
        raise NotImplementedError(f"{type(self).__name__} has no image token")

    @property
    def specials(self) -> tuple[str, ...]:
        """Special tokens that the template needs besides `image`."""
        return ()

    def render(self, lines: Sequence[Line], words: Words, *, where: str) -> list[Piece]:
        """Lines → pieces in order; DataError (at `where`) for a conversation that the template cannot write."""
        raise NotImplementedError(f"{type(self).__name__} has no render")
