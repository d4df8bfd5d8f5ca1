"""Text of a growing reply: token ids one by one → the text that is certain, and whether a stop text has appeared.

A token may hold half a character or depend on its left neighbour for a space, so a piece is decoded together with
the piece before it and only the difference is taken; what ends in half a character, or might be the beginning of a
stop text, waits.
"""

from collections.abc import Callable, Iterable, Sequence

Decode = Callable[[Sequence[int]], str]
HALF_CHARACTER = "�"
PATIENCE = 8  # tokens that a half character may wait for its rest; after that it is broken for good


class GrowingText:
    """The text of one reply while it is generated. `stopped` is true once a stop text stands in it."""

    def __init__(self, decode: Decode, stop: tuple[str, ...] = ()) -> None:
        self.decode, self.stop = decode, stop
        self.ids: list[int] = []
        self.before = self.read = 0  # ids[before:read] is the piece decoded last, the left context of the next one
        self.certain = ""
        self.given = 0  # characters that `take` has handed out
        self.stopped = False

    def push(self, token_id: int) -> bool:
        """Add one token; true if the reply is complete because a stop text has appeared."""
        self.ids.append(token_id)
        context = self.decode(self.ids[self.before : self.read])
        piece = self.decode(self.ids[self.before :])
        if piece.endswith(HALF_CHARACTER) and len(self.ids) - self.read < PATIENCE:
            return self._settle(piece[len(context) :].rstrip(HALF_CHARACTER))
        if len(piece) > len(context):
            self.certain += piece[len(context) :]
            self.before, self.read = self.read, len(self.ids)
        return self._settle("")

    def take(self) -> str:
        """Text that no later token can take back and that was not handed out yet."""
        last = len(self.certain) if self.stopped else len(self.certain) - waiting(self.certain, self.stop)
        text, self.given = self.certain[self.given : last], max(self.given, last)
        return text

    def finish(self) -> str:
        """No token will follow: all that is left to hand out."""
        if not self.stopped and self.read < len(self.ids):
            context = self.decode(self.ids[self.before : self.read])
            self.certain += self.decode(self.ids[self.before :])[len(context) :]
            self._settle("")
        text, self.given = self.certain[self.given :], len(self.certain)
        return text

    def _settle(self, uncertain: str) -> bool:
        whole = cut(self.certain + uncertain, self.stop)
        if len(whole) < len(self.certain + uncertain):
            self.certain, self.stopped = whole, True
        return self.stopped


def cut(text: str, stop: Iterable[str]) -> str:
    """Text → its part before the stop text that is complete first; of two that end together, the longer one."""
    places = [(place + len(word), place) for word in stop if (place := text.find(word)) >= 0]
    return text[: min(places)[1]] if places else text


def waiting(text: str, stop: Iterable[str]) -> int:
    """Text → characters at its end that may be the beginning of a stop text."""
    return max((n for word in stop for n in range(1, len(word)) if text.endswith(word[:n])), default=0)
