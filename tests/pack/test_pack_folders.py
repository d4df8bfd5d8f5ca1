"""Folders: every tokenizer and template file is known to these tests, survives YAML and shrinks to something that runs."""

import importlib
import pkgutil

import pytest

import omma.pack.templates
import omma.pack.tokenizers
from omma.core.config import load, show
from omma.core.errors import ConfigError
from omma.pack.chat import Chat
from omma.pack.templates.chat_marks import ChatMarks
from omma.pack.templates.jinja import Jinja
from omma.pack.templates.template import Template
from omma.pack.tokenizers.released import Released
from omma.pack.tokenizers.tokenizer import Tokenizer
from omma.pack.tokenizers.trained_bpe import TrainedBpe

CHATS = [
    Chat(tokenizer=TrainedBpe(vocab_size=4096)),
    Chat(tokenizer=Released(path="/nowhere", vocab_size=150_000), template=Jinja(), caption_prompts=("Describe it.", "")),
    Chat(
        tokenizer=TrainedBpe(),
        template=Jinja(
            source="{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}",
            picture="<image>",
            marks=("<user>", "<assistant>", "<end>"),
        ),
    ),
]


def kinds_of(package, base):
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    kinds = {kind for module in modules for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, base)}
    return kinds - {base}


def test_every_file_of_both_folders_is_tried():
    assert kinds_of(omma.pack.templates, Template) == {ChatMarks, Jinja} == {type(chat.template) for chat in CHATS}
    assert kinds_of(omma.pack.tokenizers, Tokenizer) == {TrainedBpe, Released} == {type(chat.tokenizer) for chat in CHATS}


@pytest.mark.parametrize("chat", CHATS, ids=lambda chat: type(chat.tokenizer).__name__)
def test_chats_survive_yaml_and_shrink_to_something_that_runs(chat, eye, make, tmp_path):
    assert load(show(chat), where="text") == chat
    small = chat.tiny()
    assert small.vocab_size <= 512
    codec = small.fit([make.dialogue()], tmp_path)
    row = codec.row(make.dialogue(words=1), eye)
    assert codec.decode(row.token_ids[row.supervised]) == "there are two"
    assert codec.prompt(make.dialogue(), eye).token_ids[-1] != codec.stop_ids[0]
    assert small.load(tmp_path).row(make.dialogue(words=1), eye).token_ids.tolist() == row.token_ids.tolist()


def test_bases_say_what_is_missing():
    with pytest.raises(NotImplementedError, match="Template has no render"):
        Template().render([], None, where="x")
    with pytest.raises(NotImplementedError, match="Tokenizer has no make"):
        Tokenizer(vocab_size=9).make([], image="", specials=(), ordinary=())
    with pytest.raises(ConfigError, match=r"TrainedBpe\.vocab_size"):
        TrainedBpe(vocab_size="many")
