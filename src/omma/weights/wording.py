"""Wording: our tokenizer and chat template → the files that transformers, vLLM and SGLang read (tokenizer, chat_template.jinja).

Servers hand a template messages whose content is a list of parts, {type: image} or {type: text}. A template of ours that
takes text alone gets a head that joins the parts as `pack` does; one that ends no reply, a head that ends them.
"""

import json
from pathlib import Path
from typing import Any

from omma.core.errors import CheckpointError
from omma.core.files import write_text
from omma.pack.codec import Codec
from omma.pack.templates.chat_marks import END, ROLES, ChatMarks
from omma.pack.templates.jinja import Jinja, takes_parts

JOINED = """\
{%- set joined = namespace(messages=[]) -%}
{%- for message in messages -%}
{%- set said = namespace(text='') -%}
{%- if message['content'] is string -%}
{%- set said.text = message['content'] -%}
{%- else -%}
{%- for part in message['content'] -%}
{%- set said.text = said.text + (PICTURE if part['type'] == 'image' else part['text']) -%}
{%- endfor -%}
{%- endif -%}
{%- if message['role'] == 'assistant' -%}{%- set said.text = said.text + END -%}{%- endif -%}
{%- set joined.messages = joined.messages + [{'role': message['role'], 'content': said.text}] -%}
{%- endfor -%}
{%- set messages = joined.messages -%}
"""
ENDED = """\
{%- set ended = namespace(messages=[]) -%}
{%- for message in messages -%}
{%- set content = message['content'] -%}
{%- if message['role'] == 'assistant' and content is string -%}
{%- set content = content + END -%}
{%- elif message['role'] == 'assistant' and content -%}
{%- set content = content[:-1] + [{'type': 'text', 'text': content[-1]['text'] + END}] -%}
{%- endif -%}
{%- set ended.messages = ended.messages + [{'role': message['role'], 'content': content}] -%}
{%- endfor -%}
{%- set messages = ended.messages -%}
"""


def write_wording(folder: Path, codec: Codec) -> dict[str, int]:
    """Codec → tokenizer.json, tokenizer_config.json, special_tokens_map.json, chat_template.jinja; ids of the named tokens.

    CheckpointError for a template that has no such form.
    """
    words = codec.words
    stop = _contents(codec)[0]
    names = {"eos_token": stop} | words.names
    names = {name: token for name, token in names.items() if token in words.specials and name.endswith("_token")}
    names.setdefault("pad_token", names["eos_token"])
    others = [token for token in words.specials if token not in names.values()]
    settings: dict[str, Any] = {
        # the class that transformers 4 and 5 both know; 5 would write one that 4 refuses
        "tokenizer_class": "PreTrainedTokenizerFast",
        "processor_class": None,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1_000_000,
        "additional_special_tokens": others,
        "added_tokens_decoder": {
            str(number): {"content": token, "special": True, "lstrip": added.lstrip, "rstrip": added.rstrip,
                          "normalized": added.normalized, "single_word": added.single_word}
            for token, (number, added) in words.specials.items()
        },
    }  # fmt: skip
    write_text(folder / "tokenizer.json", words.json)
    write_text(folder / "tokenizer_config.json", _pretty({k: v for k, v in settings.items() if v is not None} | names))
    write_text(folder / "special_tokens_map.json", _pretty(names | {"additional_special_tokens": others}))
    write_text(folder / "chat_template.jinja", chat_template(codec))
    return {name: words.special(token) for name, token in names.items()}


def chat_template(codec: Codec) -> str:
    """Codec → a chat template for messages of parts. CheckpointError for templates of a kind that has none."""
    template = codec.template
    if isinstance(template, ChatMarks):
        return _marks(template)
    if not isinstance(template, Jinja):
        got = f"a template {type(template).__name__}"
        raise CheckpointError("model.text.template", got, "a Jinja or ChatMarks", "no other program could write its conversations")
    source = template.source or codec.words.chat_template
    if takes_parts(source, template, codec.words.names):
        return ENDED.replace("END", repr(template.end)) + source if template.end else source
    head = JOINED.replace("PICTURE", repr(template.picture)).replace("END", repr(template.end))
    return head + source


def _marks(template: ChatMarks) -> str:
    roles = " or ".join(f"message['role'] == '{role}'" for role in ROLES)
    return (
        "{%- for message in messages -%}"
        f"{{%- if not ({roles}) -%}}{{{{ raise_exception('no role ' + message['role']) }}}}{{%- endif -%}}"
        "{{ '<|' + message['role'] + '|>' }}"
        "{%- if message['content'] is string -%}{{ message['content'] }}{%- else -%}"
        "{%- for part in message['content'] -%}"
        f"{{{{ '{template.image}' if part['type'] == 'image' else part['text'] }}}}"
        "{%- endfor -%}{%- endif -%}"
        f"{{{{ '{END}' }}}}"
        "{%- endfor -%}"
        "{%- if add_generation_prompt -%}{{ '<|assistant|>' }}{%- endif -%}"
    )


def _contents(codec: Codec) -> list[str]:
    """Tokens that end a reply, the template's own first."""
    numbers = {number: token for token, (number, _) in codec.words.specials.items()}
    return [numbers[stop] for stop in codec.stop_ids]


def _pretty(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
