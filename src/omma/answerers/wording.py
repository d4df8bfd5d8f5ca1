"""Wording: a sample → the text that a released folder reads, by its own chat template; pictures stay where they stand."""

from collections.abc import Sequence
from typing import Any

from PIL import Image

from omma.answerers.loading import Loaded, chat_template
from omma.core.errors import DataError
from omma.schema.sample import Sample, Turn

PROBE = "a word to be looked for"
SIDE = 64  # px of a picture that shows nothing
REFUSALS = (ValueError, RuntimeError, TypeError, KeyError, IndexError, DataError)  # what processors and models raise


class Wording:
    """One folder's way to write a conversation: its template, with contents as parts or, where it takes no parts, as text.

    Without a template (a base model) the words stand as they are, with the processor's image token where a picture is, or
    none for processors that put pictures in front by themselves.
    """

    def __init__(self, loaded: Loaded) -> None:
        self.tokenizer, self.template = loaded.tokenizer, chat_template(loaded)
        self.image_token = _image_token(loaded.processor)
        self.parts = bool(self.template) and self._takes_parts()
        if not self.template and self.image_token and not _takes_token(loaded.processor, self.image_token):
            self.image_token = ""

    def prompt(self, sample: Sample) -> str:
        """Sample → all that is said before the reply: replies behind the last question are left out. DataError if it cannot be."""
        turns = sample.turns
        while turns and turns[-1].role == "assistant":
            turns = turns[:-1]
        return self._written(turns, sample.id, begin=True)

    def whole(self, sample: Sample) -> str:
        """Sample with its reply → both. Without a template a space stands between them."""
        if not sample.turns or sample.turns[-1].role != "assistant":
            raise DataError(sample.id, "no reply to measure", "a conversation that ends with the assistant's words")
        if self.template:
            return self._written(sample.turns, sample.id, begin=False)
        return f"{self.prompt(sample)} {sample.turns[-1].text}"

    def begun(self, sample: Sample) -> str:
        """Sample with its reply → the part of `whole` in front of the reply; a space that leads to it is the reply's own."""
        whole, reply = self.whole(sample), sample.turns[-1].text.strip()
        at = whole.rfind(reply)
        return whole[:at].rstrip(" ") if reply and at >= 0 else self.prompt(sample)

    def adds_special(self, text: str) -> bool:
        """Whether the tokenizer is to begin the text: not where the template has done so."""
        begin = self.tokenizer.bos_token
        return not self.template or not (begin and text.startswith(begin))

    def _written(self, turns: Sequence[Turn], where: str, *, begin: bool) -> str:
        if not turns:
            raise DataError(where, "nothing that is asked", "a turn of the user")
        if not self.template:
            return "".join(part.get("text", self.image_token) for turn in turns for part in _parts(turn, where))
        messages: list[dict[str, Any]] = []
        for turn in turns:
            parts = _parts(turn, where)
            joined = "".join(part.get("text", self.image_token) for part in parts)
            messages.append({"role": turn.role, "content": parts if self.parts else joined})
        return self._rendered(messages, begin)

    def _rendered(self, messages: list[dict[str, Any]], begin: bool) -> str:
        return str(
            self.tokenizer.apply_chat_template(messages, chat_template=self.template, tokenize=False, add_generation_prompt=begin)
        )

    def _takes_parts(self) -> bool:
        """Whether the template walks over parts; one that takes text alone fails at them or prints the list."""
        parts = [{"type": "text", "text": PROBE}]
        try:
            said = self._rendered([{"role": "user", "content": parts}], False)
        except Exception:  # whatever a template raises, it does not take parts
            return False
        return PROBE in said and "'type'" not in said


def _image_token(processor: Any) -> str:
    return str(vars(processor).get("image_token") or "")


def _takes_token(processor: Any, token: str) -> bool:
    """Whether a text may say where its picture stands; some processors count such tokens as one picture too many."""
    try:
        processor(text=[f"{token}{PROBE}"], images=[[Image.new("RGB", (SIDE, SIDE))]], return_tensors="pt")
    except REFUSALS:
        return False
    return True


def _parts(turn: Turn, where: str) -> list[dict[str, str]]:
    """A turn → parts as chat templates name them. DataError for videos and regions."""
    other = sorted({part.kind for part in turn.parts} - {"text", "image"})
    if other:
        fix = "`omma import` the folder: omma's own model sees them"
        raise DataError(where, f"a {' and a '.join(other)}", "words and pictures, which is what released folders are asked", fix)
    return [{"type": "text", "text": part.text} if part.kind == "text" else {"type": "image"} for part in turn.parts]
