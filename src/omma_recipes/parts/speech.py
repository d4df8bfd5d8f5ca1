"""Published chat formats as parts: tokenizer sizes and templates. `path` of a released tokenizer is the user's to give."""

from omma.pack.chat import Chat
from omma.pack.templates.jinja import Jinja
from omma.pack.tokenizers.released import Released

# the "v1" conversation of lm-sys/FastChat that Vicuna 1.5 and the LLaVA line were trained with
VICUNA_V1 = (
    "{{ bos_token }}A chat between a curious user and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the user's questions."
    "{% for message in messages %}"
    "{% if message['role'] == 'user' %}{{ ' USER: ' + message['content'] + ' ASSISTANT:' }}"
    "{% else %}{{ ' ' + message['content'] + eos_token }}{% endif %}"
    "{% endfor %}"
)


def vicuna(vocab_size: int) -> Chat:
    """Vicuna's conversation over a Llama tokenizer; the template asks for the answer inside the user's turn."""
    template = Jinja(source=VICUNA_V1, end="</s>")
    return Chat(tokenizer=Released(path="", vocab_size=vocab_size), template=template, caption_prompts=("",))
