"""Longest match: patterns + a text → the longest match of any of them at a place, in linear time (Aho, Sethi, Ullman, §3.7–3.8).

A scanner made by a generator such as JFlex takes the longest match and, of equals, the first rule; Python's `re` takes
the first alternative. Patterns are compiled to one non-deterministic automaton (Thompson) whose deterministic states are
made when a text first needs them.

Syntax: `ab|c`, `(…)`, `*`, `+`, `?`, `{m,n}`, `[a-z]`, `[^…]`, `\\` before a sign, `{name}` for a named pattern. A letter
outside brackets stands for both its cases. Inside brackets `\\l`, `\\d` and `\\u` are any letter, digit and capital.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence

Test = Callable[[str], bool]
Piece = tuple[int, int]  # first and last node of a part of the automaton

DEAD = -1
FAR = 64  # characters read in vain before they are remembered

KINDS: dict[str, Test] = {
    "l": lambda char: unicodedata.category(char)[0] == "L",
    "d": lambda char: unicodedata.category(char) == "Nd",
    "u": str.isupper,
}
CASES = {"s": "ſ", "k": "\N{KELVIN SIGN}", "i": "ıİ"}  # letters whose other case is one of these
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "f": "\f"}


class Longest:
    """Patterns in the order of their rank → a matcher. `names` are patterns that others may name in braces."""

    def __init__(self, patterns: Sequence[str], names: Mapping[str, str]) -> None:
        self._names = names
        self._free: list[list[int]] = []  # node → nodes reached without reading
        self._edges: list[list[tuple[Test, int]]] = []
        self._goal: dict[int, int] = {}  # last node of a pattern → its rank
        start = self._node()
        for rank, pattern in enumerate(patterns):
            first, last = _Parser(self, pattern).whole()
            self._free[start].append(first)
            self._goal[last] = rank
        self._numbers: dict[frozenset[int], int] = {}
        self._states: list[frozenset[int]] = []
        self._accepts: list[int] = []
        self._rows: list[dict[str, int]] = []
        self._number(self._closure({start}))

    def match(self, text: str, start: int, vain: set[tuple[int, int]]) -> tuple[int, int] | None:
        """Text + place → (end, rank) of the longest match, or None.

        `vain` is an empty set at the start of a text and the same set from then on: places with states from which nothing
        more is matched, so that no stretch is read again and again.
        """
        state, found, at = 0, None, start
        rows, accepts = self._rows, self._accepts
        for at in range(start, len(text)):
            following = rows[state].get(text[at])
            state = self._step(state, text[at]) if following is None else following
            if state == DEAD or (vain and (at, state) in vain):
                break
            if accepts[state] >= 0:
                found = (at + 1, accepts[state])
        if at - (found[0] if found else start) > FAR:
            self._remember(text, start, found[0] if found else start, at, vain)
        return found

    def ends(self, text: str) -> list[int]:
        """Text → the lengths of all its beginnings that a pattern matches, longest first."""
        state, ends = 0, [0] if self._accepts[0] >= 0 else []
        for at, char in enumerate(text):
            following = self._rows[state].get(char)
            state = self._step(state, char) if following is None else following
            if state == DEAD:
                break
            if self._accepts[state] >= 0:
                ends.append(at + 1)
        return ends[::-1]

    def _remember(self, text: str, start: int, matched: int, stop: int, vain: set[tuple[int, int]]) -> None:
        state = 0
        for at in range(start, stop):
            state = self._rows[state][text[at]]
            if at >= matched:
                vain.add((at, state))

    def _step(self, state: int, char: str) -> int:
        reached = {target for node in self._states[state] for test, target in self._edges[node] if test(char)}
        following = self._rows[state][char] = self._number(self._closure(reached)) if reached else DEAD
        return following

    def _closure(self, nodes: set[int]) -> frozenset[int]:
        waiting = list(nodes)
        while waiting:
            for target in self._free[waiting.pop()]:
                if target not in nodes:
                    nodes.add(target)
                    waiting.append(target)
        return frozenset(node for node in nodes if self._edges[node] or node in self._goal)

    def _number(self, nodes: frozenset[int]) -> int:
        if nodes not in self._numbers:
            self._numbers[nodes] = len(self._states)
            self._states.append(nodes)
            self._rows.append({})
            self._accepts.append(min((self._goal[node] for node in nodes if node in self._goal), default=-1))
        return self._numbers[nodes]

    def _node(self) -> int:
        self._free.append([])
        self._edges.append([])
        return len(self._free) - 1

    def join(self, first: int, last: int) -> None:
        """Let `last` be reached from `first` without reading."""
        self._free[first].append(last)

    def read(self, test: Test) -> Piece:
        """A piece that reads one character that passes the test."""
        first, last = self._node(), self._node()
        self._edges[first].append((test, last))
        return first, last

    def empty(self) -> Piece:
        """A piece that reads nothing: two nodes, not yet joined."""
        return self._node(), self._node()

    def named(self, name: str) -> str:
        """Name in braces → its pattern."""
        return self._names[name]


class _Parser:
    """One pattern → its piece of the automaton, by recursive descent."""

    def __init__(self, machine: Longest, pattern: str) -> None:
        self.machine, self.pattern, self.at = machine, pattern, 0

    def whole(self) -> Piece:
        piece = self.either()
        assert self.at == len(self.pattern), f"{self.pattern!r} ends at {self.at}"
        return piece

    def peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def take(self) -> str:
        self.at += 1
        return self.pattern[self.at - 1]

    def either(self) -> Piece:
        first, last = self.machine.empty()
        while True:
            inner = self.sequence()
            self.machine.join(first, inner[0])
            self.machine.join(inner[1], last)
            if self.peek() != "|":
                return first, last
            self.take()

    def sequence(self) -> Piece:
        first, last = self.machine.empty()
        self.machine.join(first, last)
        while self.peek() not in ("", "|", ")"):
            piece = self.repeated()
            self.machine.join(last, piece[0])
            last = piece[1]
        return first, last

    def repeated(self) -> Piece:
        begin = self.at
        piece = self.atom()
        sign = self.peek()
        if sign and sign in "*+?":
            self.take()
            return self.looped(piece, at_least_once=sign == "+", more=sign != "?")
        if sign == "{" and self.pattern[self.at + 1].isdigit():
            end = self.pattern.index("}", self.at)
            low, _, high = self.pattern[self.at + 1 : end].partition(",")
            return self.counted(begin, piece, int(low), int(high or low), end + 1)
        return piece

    def looped(self, piece: Piece, *, at_least_once: bool, more: bool) -> Piece:
        first, last = self.machine.empty()
        self.machine.join(first, piece[0])
        self.machine.join(piece[1], last)
        if not at_least_once:
            self.machine.join(first, last)
        if more:
            self.machine.join(piece[1], piece[0])
        return first, last

    def counted(self, begin: int, piece: Piece, low: int, high: int, end: int) -> Piece:
        first, last = piece
        done = self.machine.empty()[0]
        if low == 0:
            self.machine.join(first, done)
        for count in range(1, high + 1):
            if count > 1:
                self.at = begin
                again = self.atom()
                self.machine.join(last, again[0])
                last = again[1]
            if count >= low:
                self.machine.join(last, done)
        self.at = end
        return first, done

    def atom(self) -> Piece:
        char = self.take()
        if char == "(":
            piece = self.either()
            assert self.take() == ")", self.pattern
            return piece
        if char == "{":
            end = self.pattern.index("}", self.at)
            name, self.at = self.pattern[self.at : end], end + 1
            return _Parser(self.machine, self.machine.named(name)).whole()
        if char == "[":
            return self.machine.read(self.bracket())
        if char == "\\":
            char = self.take()
            char = ESCAPES.get(char, char)
        return self.machine.read({char, char.lower(), char.upper(), *CASES.get(char.lower(), "")}.__contains__)

    def bracket(self) -> Test:
        refuse = self.peek() == "^"
        self.at += refuse
        kinds: list[Test] = []
        single: set[str] = set()
        ranges: list[tuple[str, str]] = []
        while (char := self.take()) != "]":
            if char == "\\":
                char = self.take()
                if char in KINDS:
                    kinds.append(KINDS[char])
                    continue
                char = ESCAPES.get(char, char)
            if self.peek() == "-" and self.pattern[self.at + 1] != "]":
                self.take()
                ranges.append((char, self.take()))
            else:
                single.add(char)
        return lambda char: (
            (char in single or any(low <= char <= high for low, high in ranges) or any(kind(char) for kind in kinds)) != refuse
        )
