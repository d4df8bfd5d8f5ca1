"""Speech: the tokenizer and chat template of a released folder → Chat, so that its ids equal those of its own processor."""

from dataclasses import replace

from omma.core.errors import CheckpointError
from omma.pack.chat import Chat
from omma.pack.codec import PROBE
from omma.pack.markup.box_text import BoxText
from omma.pack.markup.markup import Markup
from omma.pack.templates.chat_marks import ChatMarks
from omma.pack.templates.jinja import Jinja
from omma.pack.templates.template import Template
from omma.pack.tokenizers import released as tokenizer
from omma.pack.words import Words
from omma.weights.released import Released

MARKS, BOXES = ChatMarks(), BoxText()
NO_LIMIT = 2**31  # rows, while the tokens of a folder are counted


def chat_from(
    released: Released,
    *,
    image_token: str,
    vocab_size: int,
    template: Template = MARKS,
    markup: Markup = BOXES,
    caption_prompts: tuple[str, ...] = ("",),
) -> Chat:
    """Folder + the token of a visual slot + rows of its embedding → text slot. CheckpointError without a fast tokenizer.

    `template` is for a folder without one. `vocab_size` of the result is larger than the rows if the tokenizer must be
    given tokens for which there is none: the image token of a model that never saw pictures, marks of `template`,
    tokens of `markup`.
    """
    if not released.has_tokenizer:
        fix = "take the folder of the whole model, with tokenizer.json and tokenizer_config.json"
        raise CheckpointError(str(released.folder), "no tokenizer.json", "a fast tokenizer", fix)
    path = str(released.folder)
    if released.chat_template:
        theirs = Jinja(image_token=image_token, picture=f"{image_token}\n")
        template = _completed(theirs, released, _words(path, theirs, markup))
    size = max(vocab_size, _words(path, template, markup).size)
    source = tokenizer.Released(path=path, vocab_size=size)
    return Chat(tokenizer=source, template=template, markup=markup, caption_prompts=caption_prompts)


def _completed(template: Jinja, released: Released, words: Words) -> Jinja:
    """The template with what a processor adds to it: a beginning of text; and an end of turn, without which a model never stops."""
    source = released.chat_template
    names = released.special_tokens
    pieces = replace(template, source=source).render(PROBE, words, where=released.where)
    begins = names.get("bos_token", "")
    if begins and _adds(words, begins) and not pieces[0].text.startswith(begins):
        source = "{{ bos_token }}" + source
    end = "" if any(piece.kind == "stop" for piece in pieces) else names.get("eos_token", "")
    return replace(template, source="" if source == words.chat_template else source, end=end)


def _adds(words: Words, begins: str) -> bool:
    """Whether the tokenizer itself puts its beginning of text before a text."""
    plain = words.plain.encode("a", add_special_tokens=True).ids
    return bool(plain) and words.plain.id_to_token(plain[0]) == begins


def _words(path: str, template: Template, markup: Markup) -> Words:
    source = tokenizer.Released(path=path, vocab_size=NO_LIMIT)
    return source.make((), image=template.image, specials=template.specials, ordinary=markup.tokens)
