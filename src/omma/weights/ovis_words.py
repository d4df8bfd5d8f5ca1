"""Conversations of Ovis's own code by their class in config.json → chat templates; and the token that stands at visual slots.

AIDC-AI/Ovis `ovis/model/conversation_formatter.py`: a picture is its tokens and a line break, as `OvisRunner` writes it. The
release has no token there (a negative id); as vLLM's `model_executor/models/ovis.py` does, one is taken that the tokenizer has to
spare.
"""

from omma.core.config import did_you_mean
from omma.core.errors import CheckpointError
from omma.weights.internvl_words import CONTENT, Conversation
from omma.weights.released import Released

SPARE = ("<|image_pad|>", "<|reserved_special_token_0|>")  # of Qwen, Llama 3
NEW = "<image>"
ROLES = ("system", "user", "assistant")
STRIPPED = ("Llama3ConversationFormatter",)  # white space around what a turn says


def _llama(role: str) -> str:
    return f"<|start_header_id|>{role}<|end_header_id|>\n\n"


FORMATTERS = {
    "QwenConversationFormatter": Conversation(
        "You are a helpful assistant.",
        {role: f"<|im_start|>{role}\n" for role in ROLES},
        dict.fromkeys(ROLES, "<|im_end|>\n"),
    ),
    "Llama3ConversationFormatter": Conversation(
        "You are a helpful and honest multimodal assistant.",
        {role: _llama(role) for role in ROLES},
        dict.fromkeys(ROLES, "<|eot_id|>"),
        prelude="<|begin_of_text|>",
    ),
}


def conversation(name: object, slot: str, *, where: str) -> str:
    """`conversation_formatter_class` and the slot token → the chat template."""
    if name not in FORMATTERS:
        fix = did_you_mean(str(name), sorted(FORMATTERS))
        raise CheckpointError(where, f"conversation_formatter_class is {name!r}", f"one of {', '.join(FORMATTERS)}", fix)
    template, said = FORMATTERS[str(name)].jinja(slot), CONTENT.replace("SLOT", slot)
    if name not in STRIPPED:
        return template
    return template.replace(said, "{% set said %}" + said + "{% endset %}{{ said | trim }}")


def slot_token(released: Released) -> str:
    """Folder → a special token of its tokenizer that no text uses, or a new one."""
    return next((token for token in SPARE if token in released.vocabulary), NEW)
