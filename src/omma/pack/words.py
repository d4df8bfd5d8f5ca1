"""Words: pieces ↔ token ids. A tokenizer in which only template text can hold special tokens.

Equal to encoding the whole string at once, but for one thing: text that merely looks like a special token stays text.
The string is cut at the special tokens of template pieces; each maximal run of ordinary text between two cuts is
encoded as one segment with special-token matching switched off.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from tokenizers import AddedToken, Tokenizer

from omma.core.errors import CheckpointError, ConfigError, DataError
from omma.core.files import write_text
from omma.pack.pieces import Piece

# Stands before a run that does not begin the string, so that tokenizers which treat a string's start otherwise (a
# prefix space) see the middle of one. Noncharacters: no valid text interchange holds them.
GUARD = "\ufdd0\ufdd1\ufdd0"
SHORT = 2048  # characters in all that are encoded one text after the other: to hand them to threads takes longer
FILES = ("tokenizer.json", "chat.json")


@dataclass(frozen=True, slots=True)
class Tokens:
    """Ids (T,) int32, which are supervised (T,) bool, where visual slots (N,) int64 and tags [a, b) (K, 2) stand, in order."""

    ids: np.ndarray
    supervised: np.ndarray
    slots: np.ndarray
    tags: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64))


@dataclass(slots=True)
class _Run:
    """Ordinary text between two special tokens, as (text, supervised) stretches; `first` begins the string."""

    first: bool
    stretches: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.stretches)

    @property
    def pure(self) -> bool:
        return len({flag for text, flag in self.stretches if text}) <= 1


_Atom = _Run | tuple[int, int, bool] | None  # a run of text, or (id, times, supervised), or the edge of a tag


class Words:
    """A tokenizer with its names for special tokens (`bos_token`, ...), its chat template, and `image`, the slot token."""

    def __init__(self, tokenizer: Tokenizer, *, image: str, names: dict[str, str], chat_template: str) -> None:
        self.names, self.chat_template, self.image = names, chat_template, image
        self.json = tokenizer.to_str()
        self.plain = Tokenizer.from_str(self.json)
        self.plain.no_truncation()
        self.plain.no_padding()
        self.guarded = Tokenizer.from_str(self.plain.to_str())
        self.guarded.add_tokens([AddedToken(GUARD, normalized=False, special=False)])
        self.plain.encode_special_tokens = self.guarded.encode_special_tokens = True
        added = self.plain.get_added_tokens_decoder()
        self.specials = {token.content: (number, token) for number, token in sorted(added.items()) if token.special}
        if image not in self.specials:
            raise ConfigError("image", f"{image!r} is no special token", f"one of {', '.join(self.specials) or '(none)'}")
        longest_first = sorted(self.specials, key=len, reverse=True)
        self.pattern = re.compile("|".join(map(re.escape, longest_first)))

    def __reduce__(self) -> tuple[object, tuple[str, str, dict[str, str], str]]:
        return _restore, (self.json, self.image, self.names, self.chat_template)

    @property
    def size(self) -> int:
        """Ids that the tokenizer knows."""
        return self.plain.get_vocab_size(with_added_tokens=True)

    def special(self, token: str) -> int:
        """Special token → its id. KeyError if it is none."""
        return self.specials[token][0]

    def encode(self, documents: Sequence[Sequence[Piece]]) -> list[Tokens]:
        """Pieces of each document (no `picture` pieces left) → tokens. Runs of all documents are encoded in one batch."""
        cut = [self._cut(pieces) for pieces in documents]
        runs = [atom for atoms in cut for atom in atoms if isinstance(atom, _Run)]
        encoded = self._encode_runs(runs)
        return [self._join(atoms, encoded) for atoms in cut]

    def decode(self, ids: Iterable[int]) -> str:
        """Ids → text without special tokens."""
        return self.plain.decode([int(i) for i in ids], skip_special_tokens=True)

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json` (the format of the tokenizers library) and `chat.json`."""
        write_text(folder / FILES[0], self.json)
        facts = {"image": self.image, "names": self.names, "chat_template": self.chat_template}
        write_text(folder / FILES[1], json.dumps(facts, indent=1, ensure_ascii=False))

    @staticmethod
    def load(folder: Path) -> "Words":
        """Inverse of `save`; CheckpointError if the folder holds no tokenizer."""
        try:
            facts = json.loads((folder / FILES[1]).read_text(encoding="utf-8"))
            text = (folder / FILES[0]).read_text(encoding="utf-8")
            return _restore(text, facts["image"], facts["names"], facts["chat_template"])
        except OSError as error:
            raise CheckpointError(str(folder), f"no tokenizer: {error.strerror}", " and ".join(FILES)) from None
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(str(folder), f"a broken tokenizer: {error}", "files that omma wrote") from None

    def _cut(self, pieces: Sequence[Piece]) -> list[_Atom]:
        atoms: list[_Atom] = []
        for piece in pieces:
            if piece.kind == "slots":
                atoms.append((self.special(self.image), piece.number, False))
            elif piece.kind in ("mark", "stop"):
                self._cut_mark(atoms, piece)
            elif piece.kind == "tag":
                atoms.append(None)
                self._cut_mark(atoms, piece)
                atoms.append(None)
            else:
                _append(atoms, piece.text, piece.supervised)
        return self._stripped(atoms)

    def _cut_mark(self, atoms: list[_Atom], piece: Piece) -> None:
        if piece.text in self.specials:  # most marks are one token
            atoms.append((self.special(piece.text), 1, piece.supervised))
            return
        end = 0
        for found in self.pattern.finditer(piece.text):
            _append(atoms, piece.text[end : found.start()], piece.supervised)
            atoms.append((self.special(found[0]), 1, piece.supervised))
            end = found.end()
        _append(atoms, piece.text[end:], piece.supervised)

    def _stripped(self, atoms: list[_Atom]) -> list[_Atom]:
        """Special tokens that swallow the spaces around them (`lstrip`, `rstrip`) do so."""
        tokens = {number: token for number, token in self.specials.values()}
        if not any(token.lstrip or token.rstrip for token in tokens.values()):
            return atoms
        for before, after in pairwise(atoms):
            if isinstance(before, _Run) and isinstance(after, tuple) and tokens[after[0]].lstrip:
                _strip(before.stretches, -1)
            if isinstance(before, tuple) and isinstance(after, _Run) and tokens[before[0]].rstrip:
                _strip(after.stretches, 0)
        return [atom for atom in atoms if not isinstance(atom, _Run) or atom.text]

    def _encode_runs(self, runs: list[_Run]) -> dict[int, tuple[list[int], list[bool]]]:
        """Runs → ids and flags by `id(run)`. Equal pure runs are encoded once."""
        found: dict[int, tuple[list[int], list[bool]]] = {}
        pure: dict[tuple[bool, str], list[int]] = {(run.first, run.text): [] for run in runs if run.pure}
        for first in (True, False):
            texts = [text for begins, text in pure if begins == first]
            encoder, lead = (self.plain, "") if first else (self.guarded, GUARD)
            for text, encoding in zip(texts, _batch(encoder, lead, texts), strict=True):
                pure[first, text] = encoding
        for run in runs:
            if run.pure:
                ids = pure[run.first, run.text]
                found[id(run)] = ids, [run.stretches[0][1]] * len(ids)
            else:
                found[id(run)] = self._encode_mixed(run)
        return found

    def _encode_mixed(self, run: _Run) -> tuple[list[int], list[bool]]:
        """A run of several stretches → ids and flags; a token that holds any supervised character is supervised."""
        lead = "" if run.first else GUARD
        _refuse_guard(run.text)
        encoding = (self.plain if run.first else self.guarded).encode(lead + run.text, add_special_tokens=False)
        flags = np.concatenate([np.full(len(text), flag) for text, flag in run.stretches])
        skip = int(bool(lead))
        spans = [(max(start - len(lead), 0), stop - len(lead)) for start, stop in encoding.offsets[skip:]]
        return encoding.ids[skip:], [bool(flags[start : max(stop, start + 1)].any()) for start, stop in spans]

    def _join(self, atoms: list[_Atom], encoded: dict[int, tuple[list[int], list[bool]]]) -> Tokens:
        ids: list[int] = []
        flags: list[bool] = []
        slots: list[np.ndarray] = [np.zeros(0, np.int64)]
        edges: list[int] = []
        image = self.special(self.image)
        for atom in atoms:
            if atom is None:
                edges.append(len(ids))
                continue
            if isinstance(atom, _Run):
                ids += encoded[id(atom)][0]
                flags += encoded[id(atom)][1]
                continue
            number, times, supervised = atom
            if number == image:
                slots.append(np.arange(len(ids), len(ids) + times))
            ids += [number] * times
            flags += [supervised] * times
        tags = np.array(edges, np.int64).reshape(-1, 2)
        return Tokens(np.array(ids, np.int32), np.array(flags, bool), np.concatenate(slots), tags)


def _restore(text: str, image: str, names: dict[str, str], chat_template: str) -> Words:
    return Words(Tokenizer.from_str(text), image=image, names=names, chat_template=chat_template)


def _append(atoms: list[_Atom], text: str, supervised: bool) -> None:
    if not text:
        return
    if not atoms or not isinstance(atoms[-1], _Run):
        atoms.append(_Run(first=all(atom is None for atom in atoms)))
    run = atoms[-1]
    assert isinstance(run, _Run)
    run.stretches.append((text, supervised))


def _strip(stretches: list[tuple[str, bool]], side: int) -> None:
    """Take white space off one end (0 or -1) of a run."""
    while stretches:
        text, flag = stretches[side]
        rest = text.rstrip() if side else text.lstrip()
        if rest:
            stretches[side] = (rest, flag)
            return
        stretches.pop(side)


def _batch(encoder: Tokenizer, lead: str, texts: list[str]) -> list[list[int]]:
    for text in texts:
        _refuse_guard(text)
    whole = [lead + text for text in texts]
    if sum(map(len, whole)) <= SHORT:
        encodings = [encoder.encode(text, add_special_tokens=False) for text in whole]
    else:
        encodings = encoder.encode_batch_fast(whole, add_special_tokens=False)
    return [encoding.ids[1:] if lead else encoding.ids for encoding in encodings]


def _refuse_guard(text: str) -> None:
    if GUARD in text:
        raise DataError("text", f"holds the reserved noncharacters {GUARD!a}", "text without them")
