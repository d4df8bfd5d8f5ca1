"""Jinja: a chat template as released with a tokenizer, rendered in jinja2's sandbox, cut into marks and contents by structure.

Each content is rendered twice: as it is, and as a unique sentinel. The sentinels say where the contents stand; the
plain rendering says what the template made of them (many strip outer white space). Nothing is found by token search.
"""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from omma.core.config import config
from omma.core.errors import ConfigError, DataError
from omma.pack.pieces import Line, Piece
from omma.pack.templates.chat_marks import ChatMarks
from omma.pack.templates.template import Template
from omma.pack.words import Words

OPEN, CLOSE = "\ufdd2", "\ufdd3"  # noncharacters around a sentinel's number
SENTINEL = re.compile(f"{OPEN}(\\d+){CLOSE}")
Form = Literal["parts", "mixed", "text"]


@config
class Jinja(Template):
    """`source` is the template's text (empty: the tokenizer's own), `image_token` stands for one visual slot.

    `picture` is what a picture writes where the template takes plain text only. `marks` are special tokens that the
    template writes and a trained tokenizer must be given. `end` is written after the assistant's words where the
    template itself ends them with no special token: without one a model never learns to stop.
    """

    source: str = ""
    image_token: str = "<image>"
    picture: str = "<image>\n"
    marks: tuple[str, ...] = ()
    end: str = ""

    def check(self) -> None:
        if self.image_token not in self.picture:
            raise ConfigError("Jinja.picture", repr(self.picture), f"text that holds image_token {self.image_token!r}")

    def tiny(self) -> Template:  # type: ignore[override]
        """A published template goes with the released tokenizer whose names (`eos_token`, ...) it writes."""
        return ChatMarks()

    @property
    def image(self) -> str:
        return self.image_token

    @property
    def specials(self) -> tuple[str, ...]:
        return (*self.marks, self.end) if self.end else self.marks

    def render(self, lines: Sequence[Line], words: Words, *, where: str) -> list[Piece]:
        source = self.source or words.chat_template
        if not source:
            raise ConfigError("Jinja.source", "no template, and the tokenizer has none", "a chat template", "use ChatMarks")
        _refuse_sentinels(lines, where)
        form = _form(source, self, tuple(sorted(words.names.items())))
        spoken = [piece for line in lines for piece in line.pieces if piece.kind in ("words", "speech")]
        hidden = self._print(source, lines, words.names, form, where, plain=False)
        plain = self._print(source, lines, words.names, form, where, plain=True)
        pieces = _asked_for(
            self._cut(hidden, plain, spoken, where), _header(source, self, tuple(sorted(words.names.items())), form)
        )
        pieces = self._with_pictures(pieces, [p.number for line in lines for p in line.pieces if p.kind == "picture"], where)
        return _with_stops(_with_spaces(pieces), words, self.image_token)

    def _print(
        self,
        source: str,
        lines: Sequence[Line],
        names: dict[str, str],
        form: Form,
        where: str,
        *,
        plain: bool,
        header: bool = False,
    ) -> str:
        """Lines → the rendered string, contents as they are (`plain`) or as sentinels; with a `header` a reply may follow."""
        messages: list[dict[str, Any]] = []
        number = 0
        for line in lines:
            parts: list[dict[str, str]] = []
            for piece in line.pieces:
                if piece.kind == "picture":
                    parts.append({"type": "image"})
                    continue
                parts.append({"type": "text", "text": piece.text if plain else f"{OPEN}{number}{CLOSE}"})
                number += 1
            if self.end and line.role == "assistant":
                parts = [*parts[:-1], {"type": "text", "text": parts[-1]["text"] + self.end}] if parts else parts
            messages.append({"role": line.role, "content": self._content(parts, form)})
        try:
            return _compiled(source).render(messages=messages, add_generation_prompt=header, **names)
        except (jinja2.TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise DataError(where, f"the chat template refuses it: {' '.join(str(error).split())}") from None

    def _content(self, parts: list[dict[str, str]], form: Form) -> Any:
        pictures = any(part["type"] == "image" for part in parts)
        if form == "parts" or (form == "mixed" and pictures):
            return parts
        return "".join(part.get("text", self.picture) for part in parts)

    def _cut(self, hidden: str, plain: str, spoken: list[Piece], where: str) -> list[Piece]:
        """Sentinel rendering + plain rendering → marks and contents, in the order of the rendering."""
        order = [int(number) for number in SENTINEL.findall(hidden)]
        if sorted(order) != list(range(len(spoken))):
            got = f"the chat template writes {len(order)} of {len(spoken)} contents"
            raise DataError(where, got, "each once", "this template leaves out or repeats what is said")
        marks = SENTINEL.split(hidden)[::2]
        pieces = [Piece("mark", marks[0])]
        if not plain.startswith(marks[0]):
            raise _altered(where)
        at = len(marks[0])
        for number, mark, last in zip(order, marks[1:], [False] * (len(order) - 1) + [True], strict=True):
            said = _as_written(spoken[number].text, mark, plain, at, last)
            if said is None:
                raise _altered(where)
            pieces += [Piece(spoken[number].kind, said), Piece("mark", mark)]
            at += len(said) + len(mark)
        return pieces

    def _with_pictures(self, pieces: list[Piece], media: list[int], where: str) -> list[Piece]:
        """Image tokens in marks become the pictures, in order."""
        places = sum(piece.text.count(self.image_token) for piece in pieces if piece.kind == "mark")
        if places != len(media):
            fix = f"set template.image_token (now {self.image_token!r}) to the one that the template writes"
            raise DataError(where, f"the chat template makes {places} places for {len(media)} pictures", "", fix)
        left = iter(media)
        out: list[Piece] = []
        for piece in pieces:
            if piece.kind != "mark" or self.image_token not in piece.text:
                out.append(piece)
                continue
            for i, text in enumerate(piece.text.split(self.image_token)):
                out += [Piece("picture", number=next(left))] if i else []
                out += [Piece("mark", text)] if text else []
        return out


def takes_parts(source: str, template: Jinja, names: dict[str, str]) -> bool:
    """Whether a template's text takes contents as lists of parts wherever there is a picture, as servers hand them over."""
    return _form(source, template, tuple(sorted(names.items()))) != "text"


def _asked_for(pieces: list[Piece], header: str) -> list[Piece]:
    """White space before the assistant's words, where the header of a reply to come (`header`) has another: that one counts.

    Some released templates write `assistant ` or `assistant \\n` before a reply that is there and `assistant\\n` before one to
    come, and only the latter is how the model was trained.
    """
    out = pieces[:1]
    for piece in pieces[1:]:
        before = out[-1].text
        disagree = not before.rstrip(" ").endswith(header.rstrip(" ")) and before.rstrip().endswith(header.rstrip())
        if piece.kind == "speech" and out[-1].kind == "mark" and header.strip() and disagree:
            out[-1] = Piece("mark", before.rstrip() + header[len(header.rstrip()) :])
        out.append(piece)
    return out


def _with_spaces(pieces: list[Piece]) -> list[Piece]:
    """Spaces that the template writes in front of the assistant's words become part of them.

    Most tokenizers join a space with the word behind it. A prompt that ended with one could not be continued as learnt.
    """
    out = pieces[:1]
    for piece in pieces[1:]:
        spaces = len(out[-1].text) - len(out[-1].text.rstrip(" "))
        if piece.kind == "speech" and out[-1].kind == "mark" and spaces:
            out[-1] = Piece("mark", out[-1].text[:-spaces])
            out.append(Piece("speech", " " * spaces + piece.text))
        else:
            out.append(piece)
    return out


def _with_stops(pieces: list[Piece], words: Words, image: str) -> list[Piece]:
    """The special token (and white space before it) that follows the assistant's words becomes a `stop` piece."""
    closers = "|".join(re.escape(token) for token in sorted(words.specials, key=len, reverse=True) if token != image)
    ending = re.compile(rf"\s*(?:{closers})") if closers else re.compile("(?!)")
    out = pieces[:1]
    for before, piece in pairwise(pieces):
        found = ending.match(piece.text) if before.kind == "speech" and piece.kind == "mark" else None
        if found is None:
            out.append(piece)
        else:
            out += [Piece("stop", found[0]), Piece("mark", piece.text[found.end() :])]
    return [piece for piece in out if piece.text or piece.kind == "picture"]


def _as_written(text: str, mark: str, plain: str, at: int, last: bool) -> str | None:
    """A content + the mark behind it → the content as the template wrote it at `at`: whole, or without outer white space."""
    for said in dict.fromkeys((text, text.strip(), text.rstrip(), text.lstrip(), text.strip("\n"), text.lstrip("\n"))):
        end = at + len(said) + len(mark)
        if plain.startswith(said + mark, at) and (not last or end == len(plain)):
            return said
    return None


def _altered(where: str) -> DataError:
    fix = "use a template that writes contents as they are, such as ChatMarks"
    return DataError(where, "the chat template changes the words of a turn", "contents as they are, or stripped", fix)


def _refuse_sentinels(lines: Sequence[Line], where: str) -> None:
    if any(mark in piece.text for line in lines for piece in line.pieces for mark in (OPEN, CLOSE)):
        raise DataError(where, f"text holds the reserved noncharacters {OPEN!a} or {CLOSE!a}", "text without them")


@lru_cache(maxsize=64)
def _form(source: str, template: Jinja, names: tuple[tuple[str, str], ...]) -> Form:
    """How the template takes contents: always as lists of parts, as lists where there are pictures, or as text.

    The first form in which a probe conversation comes out whole, with one place for its picture.
    """
    user = Line("user", (Piece("picture", number=0), Piece("words", "a")))
    talk = (user, Line("assistant", (Piece("speech", "b"),)), Line("user", (Piece("words", "c"),)))
    forms: tuple[Form, ...] = ("parts", "mixed", "text")
    for lines in ((Line("system", (Piece("words", "d"),)), *talk), talk):
        for form in forms:
            if _holds(source, template, dict(names), form, lines):
                return form
    got = "no form of a conversation with a picture comes out whole"
    fix = f"set template.image_token (now {template.image_token!r}) to the one that the template writes"
    raise ConfigError("Jinja", got, "a template that writes each turn once", fix)


@lru_cache(maxsize=64)
def _header(source: str, template: Jinja, names: tuple[tuple[str, str], ...], form: Form) -> str:
    """What a template writes so that a reply may follow; "" if it does not, or refuses a question by itself."""
    lines = (Line("user", (Piece("words", "a"),)),)
    try:
        without, within = (template._print(source, lines, dict(names), form, "", plain=True, header=on) for on in (False, True))
    except DataError:
        return ""
    return within.removeprefix(without) if within.startswith(without) else ""


def _holds(source: str, template: Jinja, names: dict[str, str], form: Form, lines: Sequence[Line]) -> bool:
    try:
        text = template._print(source, lines, names, form, "probe", plain=False)
    except DataError:
        return False
    count = sum(piece.kind != "picture" for line in lines for piece in line.pieces)
    whole = [int(number) for number in SENTINEL.findall(text)] == list(range(count))
    return whole and text.count(template.image_token) == 1 and "'type'" not in text


class _Generation(Extension):
    """`{% generation %} … {% endgeneration %}`, which some templates hold, renders as what stands in it."""

    tags = {"generation"}

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


@lru_cache(maxsize=64)
def _compiled(source: str) -> jinja2.Template:
    """Template text → compiled, with the globals that released templates expect.

    `strftime_now` is left undefined: templates then write their fixed date, and a plan stays a function of its data.
    """
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols])
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _refuse
    try:
        return environment.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError("Jinja.source", f"line {error.lineno}: {error.message}", "a jinja2 chat template") from None


def _tojson(
    value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _refuse(message: str) -> None:
    raise jinja2.TemplateError(message)
